package fat

import (
	"errors"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"spor/artifacts"
)

// Attributes of a file; those of Windows.
const (
	attrLabel     = 0x08
	attrDirectory = 0x10
	attrLong      = 0x0f // of an entry that holds a part of a long name
)

// Bounds of a folder.
const (
	maxFolder  = 16 << 20 // bytes
	maxEntries = maxFolder / 32
)

// An entry is a name in a folder, or one that was there.
type entry struct {
	*node
	name  string
	alias string // the short name beside a long one
	gone  bool   // it was deleted
}

// A folder is what was read of one.
type folder struct {
	node  *node
	list  []entry
	size  int64            // bytes that were read
	label string           // of the volume, in its root
	bad   int              // entries that contradict themselves
	names map[string]*node // that were not deleted, as they are spelled
}

// read reads a folder. What was read before an error is given with it.
func (n *node) read() (*folder, error) {
	d := &folder{node: n}
	c, err := n.open(maxFolder)
	if err != nil && c == nil {
		return d, err
	}
	if c.size > maxFolder {
		err = errors.Join(err, damaged("a folder of %d bytes", c.size))
	}
	b := make([]byte, min(c.size, maxFolder, c.covered()))
	m, bad := c.ReadAt(b, 0)
	d.size = int64(m)
	if bad != nil && !errors.Is(bad, io.EOF) {
		err = errors.Join(err, bad)
	}
	at := func(i int) int64 {
		k, _ := slices.BinarySearchFunc(c.runs, int64(i), func(r run, i int64) int {
			if r.from+r.length <= i {
				return -1
			}
			return 1
		})
		if k == len(c.runs) {
			return 0
		}
		return c.runs[k].at + int64(i) - c.runs[k].from
	}
	if n.v.Type == "exFAT" {
		d.parseEx(b[:m], at)
	} else {
		d.parse(b[:m], at)
	}
	if d.bad > 0 {
		err = errors.Join(err, damaged("%d entries", d.bad))
	}
	return d, err
}

func (d *folder) add(e entry) {
	if e.name == "" || strings.ContainsAny(e.name, "/\\\x00") {
		if !e.gone {
			d.bad++
		}
		return
	}
	if len(d.list) < maxEntries {
		d.list = append(d.list, e)
	}
}

// parse reads entries of FAT. Parts of a long name come before the short one, the last first.
func (d *folder) parse(b []byte, at func(int) int64) {
	var long longName
	for i := 0; i+32 <= len(b) && b[i] != 0; i += 32 {
		e := b[i : i+32]
		gone := e[0] == 0xe5
		switch {
		case e[11]&0x3f == attrLong:
			long.part(e, gone)
			continue
		case e[11]&attrLabel != 0:
			if !gone && d.node.root {
				d.label = trimmed(e[:11])
			}
		case e[0] == '.' && (e[1] == ' ' || e[1] == '.' && e[2] == ' '):
		default:
			alias := shortName(e)
			if gone { // its first letter is lost
				alias = "_" + alias[1:]
			}
			name := long.whole(e, gone)
			if name == "" {
				name = alias
			}
			d.add(entry{node: d.newNode(e, at(i)), name: name, alias: alias, gone: gone})
		}
		long = longName{}
	}
}

func (d *folder) newNode(e []byte, at int64) *node {
	n := &node{
		v: d.node.v, at: at, attributes: uint32(e[11] & 0x3f), first: uint32(le.Uint16(e[26:])), size: int64(le.Uint32(e[28:])), dir: e[11]&attrDirectory != 0,
		times: artifacts.Times{
			Born:     stampTime(le.Uint16(e[16:]), le.Uint16(e[14:]), e[13]),
			Modified: stampTime(le.Uint16(e[24:]), le.Uint16(e[22:]), 0),
			Accessed: stampTime(le.Uint16(e[18:]), 0, 0),
		},
	}
	if n.v.Type == "FAT32" {
		n.first |= uint32(le.Uint16(e[20:])) << 16
	}
	n.valid = n.size
	return n
}

// stampTime reads a date, a time in steps of two seconds, and hundredths of a second up to 199. Zero: there is none.
func stampTime(date, clock uint16, hundredths byte) time.Time {
	month, day := time.Month(date>>5&15), int(date&31)
	if date == 0 || month < 1 || month > 12 || day == 0 {
		return time.Time{}
	}
	t := time.Date(1980+int(date>>9), month, day, int(clock>>11), int(clock>>5&63), int(clock&31)*2, 0, time.UTC)
	return t.Add(time.Duration(hundredths) * 10 * time.Millisecond)
}

func trimmed(b []byte) string { return strings.TrimRight(string(b), " \x00") }

// shortName gives a name of eight and three letters, in the case that Windows NT notes. Its bytes are of a code page that
// is not told, and are given as they are.
func shortName(e []byte) string {
	base, ext := trimmed(e[:8]), trimmed(e[8:11])
	if base != "" && base[0] == 0x05 {
		base = "\xe5" + base[1:]
	}
	if e[12]&0x08 != 0 {
		base = lower(base)
	}
	if e[12]&0x10 != 0 {
		ext = lower(ext)
	}
	if ext != "" {
		base += "." + ext
	}
	if base == "" {
		return " "
	}
	return base
}

// lower turns letters of ASCII into small ones, and leaves other bytes.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// A longName collects the parts of one.
type longName struct {
	units []uint16
	sum   byte
	next  int // number of the part that must come now
	gone  bool
	parts int
}

// maxParts is how many a name of 255 letters has.
const maxParts = 20

// part adds a part in front of those before.
func (l *longName) part(e []byte, gone bool) {
	number := int(e[0] & 0x3f)
	fits := l.parts > 0 && l.sum == e[13] && l.gone == gone && l.parts < maxParts && (gone || number == l.next)
	if !fits {
		*l = longName{sum: e[13], gone: gone}
		if !gone && (e[0]&0x40 == 0 || number == 0) { // not the last part, which comes first
			return
		}
	}
	var units []uint16
	for _, from := range [][2]int{{1, 11}, {14, 26}, {28, 32}} {
		for i := from[0]; i < from[1]; i += 2 {
			units = append(units, le.Uint16(e[i:]))
		}
	}
	if end := slices.Index(units, 0); end >= 0 {
		units = units[:end]
	}
	l.units = append(units, l.units...)
	l.next = number - 1
	l.parts++
}

// whole gives the name where it belongs to a short one; empty where it does not.
func (l *longName) whole(e []byte, gone bool) string {
	if l.parts == 0 || l.gone != gone || !gone && (l.next != 0 || l.sum != shortSum(e)) {
		return ""
	}
	return string(utf16.Decode(l.units))
}

// shortSum is the checksum of a short name that the parts of its long one hold.
func shortSum(e []byte) (sum byte) {
	for _, c := range e[:11] {
		sum = sum>>1 | sum<<7
		sum += c
	}
	return sum
}

// readLabel takes the label of the volume from its root, where it is what people see.
func (v *Volume) readLabel() {
	if d, _ := v.top.read(); d.label != "" {
		v.Label = d.label
	}
	if v.Label == "NO NAME" {
		v.Label = ""
	}
}
