package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// The archive is POSIX ustar with pax headers (IEEE 1003.1-2001, pax) where a name or size asks for one, and GNU's
// sparse format 1.0 (GNU tar manual, "Storing Sparse Files"). The standard library's Writer drops the records of sparse
// files without a word, and its Reader gives their holes out as zeros: hence our own of both.

const block = 512

// The types of members that a bundle holds.
const (
	typeFile = '0'
	typeLink = '1' // a hard link to an earlier member
	typePax  = 'x'
)

// The pax records of GNU's sparse format 1.0.
const (
	sparseMajor = "GNU.sparse.major"
	sparseMinor = "GNU.sparse.minor"
	sparseName  = "GNU.sparse.name"
	sparseSize  = "GNU.sparse.realsize"
)

// errArchive is in the chain of errors about an archive that is not made as ours are.
var errArchive = errors.New("archive is damaged")

// A member is one file of the archive.
type member struct {
	name   string
	kind   byte
	link   string // of typeLink
	size   int64  // as stored
	sparse int64  // of a sparse file: its size with the holes; what is stored is a map and the runs. Else 0
	mod    time.Time
}

// archiver writes an archive.
type archiver struct {
	w     io.Writer
	left  int64 // of the member being written
	pad   int   // after it
	block [block]byte
}

var noBytes [block]byte

// begin ends the member before and writes the header of the next.
func (a *archiver) begin(m member) error {
	if err := a.end(); err != nil {
		return err
	}
	name, prefix, fits := split(m.name)
	var pax []byte
	if m.sparse > 0 {
		pax = paxRecord(pax, sparseMajor, "1")
		pax = paxRecord(pax, sparseMinor, "0")
		pax = paxRecord(pax, sparseName, m.name)
		pax = paxRecord(pax, sparseSize, strconv.FormatInt(m.sparse, 10))
		name, prefix = "GNUSparseFile.0/"+m.name[max(0, len(m.name)-80):], ""
	} else if !fits {
		pax = paxRecord(pax, "path", m.name)
		name, prefix = strings.TrimLeft(m.name[len(m.name)-100:], "/"), ""
	}
	if m.size > maxOctal {
		pax = paxRecord(pax, "size", strconv.FormatInt(m.size, 10))
	}
	if len(m.link) > 100 {
		pax = paxRecord(pax, "linkpath", m.link)
	}
	if len(pax) > 0 {
		a.header("pax", "", member{kind: typePax, size: int64(len(pax)), mod: m.mod})
		if _, err := a.w.Write(a.block[:]); err != nil {
			return err
		}
		pax = append(pax, noBytes[:(block-len(pax)%block)%block]...)
		if _, err := a.w.Write(pax); err != nil {
			return err
		}
	}
	a.header(name, prefix, m)
	a.left, a.pad = m.size, int((block-m.size%block)%block)
	_, err := a.w.Write(a.block[:])
	return err
}

// maxOctal is the largest number in a field of eleven octal digits.
const maxOctal = 1<<33 - 1

// header makes a ustar header: name 100 bytes, mode, uid, gid 8, size, mtime 12, checksum 8, type, link 100, magic 8,
// names of owner and group 32, device 16, prefix 155.
func (a *archiver) header(name, prefix string, m member) {
	b := &a.block
	*b = [block]byte{}
	copy(b[:100], name)
	copy(b[100:], "0000600\x000000000\x000000000\x00")
	size := m.size
	if size > maxOctal {
		size = 0 // the pax header has it
	}
	octal(b[124:135], size)
	octal(b[136:147], min(max(m.mod.Unix(), 0), maxOctal))
	copy(b[148:], "        ")
	b[156] = m.kind
	copy(b[157:257], m.link)
	copy(b[257:], "ustar\x0000")
	copy(b[329:], "0000000\x000000000\x00")
	copy(b[345:500], prefix)
	octal(b[148:154], checksum(b))
	b[154] = 0
}

func octal(b []byte, n int64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = '0' + byte(n&7)
		n >>= 3
	}
}

// checksum is the sum of a header's bytes, those of the checksum itself taken as spaces.
func checksum(b *[block]byte) (sum int64) {
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int64(c)
	}
	return sum
}

// split puts a long name into the two fields that ustar has for it.
func split(s string) (name, prefix string, fits bool) {
	if len(s) <= 100 {
		return s, "", true
	}
	i := strings.LastIndexByte(s[:min(len(s), 156)], '/')
	if i <= 0 || len(s)-i-1 > 100 || i == len(s)-1 {
		return "", "", false
	}
	return s[i+1:], s[:i], true
}

// paxRecord appends "LENGTH KEY=VALUE\n", whose length counts itself.
func paxRecord(b []byte, key, value string) []byte {
	n := len(key) + len(value) + 3
	size := n + len(strconv.Itoa(n))
	size = n + len(strconv.Itoa(size))
	return fmt.Appendf(b, "%d %s=%s\n", size, key, value)
}

// Write takes the content of the member.
func (a *archiver) Write(b []byte) (int, error) {
	if int64(len(b)) > a.left {
		return 0, fmt.Errorf("%d bytes more than the member's size", int64(len(b))-a.left)
	}
	n, err := a.w.Write(b)
	a.left -= int64(n)
	return n, err
}

func (a *archiver) end() error {
	if a.left > 0 {
		return fmt.Errorf("member lacks %d bytes", a.left)
	}
	_, err := a.w.Write(noBytes[:a.pad])
	a.pad = 0
	return err
}

// Close writes the end of the archive: two blocks of zeros.
func (a *archiver) Close() error {
	if err := a.end(); err != nil {
		return err
	}
	_, err := a.w.Write(make([]byte, 2*block))
	return err
}

// unarchiver reads an archive. Of a sparse file it gives what is stored, the map and the runs.
type unarchiver struct {
	r     io.Reader
	left  int64
	pad   int64
	block [block]byte
}

// maxPax bounds a pax header, in bytes; ours have a few names.
const maxPax = 64 << 10

// next goes to the next member. io.EOF is the proper end of the archive; an end before it is io.ErrUnexpectedEOF.
func (u *unarchiver) next() (member, error) {
	if _, err := io.CopyN(io.Discard, u.r, u.left+u.pad); err != nil {
		return member{}, unexpected(err)
	}
	u.left, u.pad = 0, 0
	m, err := u.header()
	if err != nil || m.kind != typePax {
		return m, err
	}
	if m.size > maxPax {
		return m, fmt.Errorf("%w: a pax header of %d bytes", errArchive, m.size)
	}
	data, err := io.ReadAll(u)
	if err != nil {
		return m, err
	}
	if _, err := io.CopyN(io.Discard, u.r, u.pad); err != nil {
		return m, unexpected(err)
	}
	if m, err = u.header(); err != nil {
		return m, unexpected(err)
	}
	if m.kind == typePax {
		return m, fmt.Errorf("%w: two pax headers for one member", errArchive)
	}
	if err := m.extend(data); err != nil {
		return m, err
	}
	u.left, u.pad = m.size, (block-m.size%block)%block
	return m, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (u *unarchiver) header() (member, error) {
	b := &u.block
	if _, err := io.ReadFull(u.r, b[:]); err != nil {
		return member{}, unexpected(err)
	}
	if *b == noBytes {
		return member{}, io.EOF
	}
	sum, err := number(b[148:156])
	if err != nil || sum != checksum(b) || string(b[257:262]) != "ustar" {
		return member{}, fmt.Errorf("%w: no header where one belongs", errArchive)
	}
	m := member{name: text(b[:100]), kind: b[156], link: text(b[157:257])}
	if prefix := text(b[345:500]); prefix != "" {
		m.name = prefix + "/" + m.name
	}
	if m.size, err = number(b[124:136]); err != nil {
		return m, fmt.Errorf("%w: %s: size %q", errArchive, m.name, b[124:136])
	}
	if m.kind != typeFile && m.kind != typePax {
		m.size = 0
	}
	u.left, u.pad = m.size, (block-m.size%block)%block
	return m, nil
}

func text(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

func number(b []byte) (int64, error) {
	return strconv.ParseInt(strings.Trim(string(b), " \x00"), 8, 64)
}

// extend puts the records of a pax header into the member they are for.
func (m *member) extend(data []byte) error {
	records, err := paxRecords(data)
	if err != nil {
		return err
	}
	if name, ok := records["path"]; ok {
		m.name = name
	}
	if link, ok := records["linkpath"]; ok {
		m.link = link
	}
	if size, ok := records["size"]; ok {
		if m.size, err = strconv.ParseInt(size, 10, 64); err != nil || m.size < 0 {
			return fmt.Errorf("%w: size %q", errArchive, size)
		}
	}
	if name, ok := records[sparseName]; ok {
		if records[sparseMajor] != "1" || records[sparseMinor] != "0" {
			return fmt.Errorf("%w: %s: sparse in a format that no bundle has", errArchive, name)
		}
		m.name = name
		if m.sparse, err = strconv.ParseInt(records[sparseSize], 10, 64); err != nil || m.sparse <= 0 {
			return fmt.Errorf("%w: %s: sparse of size %q", errArchive, name, records[sparseSize])
		}
	}
	return nil
}

func paxRecords(data []byte) (map[string]string, error) {
	records := map[string]string{}
	for len(data) > 0 {
		digits, rest, ok := bytes.Cut(data, []byte(" "))
		n, err := strconv.Atoi(string(digits))
		if !ok || err != nil || n <= len(digits)+1 || n > len(data) || data[n-1] != '\n' {
			return nil, fmt.Errorf("%w: a pax record that is none", errArchive)
		}
		key, value, ok := strings.Cut(string(rest[:n-len(digits)-2]), "=")
		if !ok {
			return nil, fmt.Errorf("%w: a pax record without a value", errArchive)
		}
		records[key] = value
		data = data[n:]
	}
	return records, nil
}

// Read reads the member's content as it is stored.
func (u *unarchiver) Read(b []byte) (int, error) {
	if u.left == 0 {
		return 0, io.EOF
	}
	n, err := u.r.Read(b[:min(int64(len(b)), u.left)])
	u.left -= int64(n)
	if errors.Is(err, io.EOF) && u.left > 0 {
		return n, io.ErrUnexpectedEOF
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
