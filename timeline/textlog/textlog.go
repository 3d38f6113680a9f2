// Package textlog makes events of text logs. A kind of log is a Dialect, a value of a few lines: how an entry begins, and
// what its words mean. What all of them need is here once: lines joined to entries, years and zones inferred and marked,
// damage that costs one line, bounds, and the speed.
package textlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/lines"
)

// A Dialect is one kind of text log.
type Dialect struct {
	Name string // of the Format
	Type string // data_type of its events, unless Read says another
	Desc string // what its times mean, unless Read says another; empty: timeline.DescModified
	// Names tells whether a file may be of the dialect by its name, in lower case and without folders; nil: any may.
	Names func(base string) bool
	// Begin reads the date that begins an entry and says where the words begin; false: the line goes on the one before.
	// The stamp may be zero: an entry without a date.
	Begin func(line string) (dates.Stamp, int, bool)
	// Sure tells a line that begins an entry of this dialect and hardly of another; nil: Begin is sure enough.
	Sure func(line string) bool
	// Cut tells a first line that is longer than what a format is shown of a file; nil: such a file is not known.
	Cut func(beginning string) bool
	// Single: an entry is one line, and a line that begins none is damaged. Such lines are errors.
	Single bool
	// Long: entries go over any number of lines, so that the first line alone tells the dialect.
	Long bool
	// Comment begins lines that are no entries; empty: there are none.
	Comment string
	// Read reads the entry's words. nil: the words are the message.
	Read func(*Entry)
	// New gives a Read that remembers what it saw before in the same file; nil: Read is all.
	New func() func(*Entry)
	// Whole gives a reader of lines for a Single dialect, in place of Begin and Read where the file is parsed: it reads the
	// date into the stamp and the words into the fields at once; false: the line is no entry. nil: there is none.
	Whole func() func(*Entry) bool
}

// maxEntry bounds an entry that goes over several lines; what is over begins a new one.
const maxEntry = 256 << 10

// Format is the parser of a dialect.
func (d *Dialect) Format() *timeline.Format {
	return &timeline.Format{Name: d.Name, Sniff: d.sniff, Parse: d.parse}
}

// sniff asks that the first line of the head begins an entry, and at least half of all do, or a tenth where entries may go over
// several lines, or none where they are long. Each dialect is asked of nearly every file of a host: it rules one out by its
// first line, and makes nothing for it that would have to be collected as garbage.
func (d *Dialect) sniff(name string, head []byte) bool {
	if d.Names != nil && !d.Names(strings.ToLower(timeline.Base(name))) {
		return false
	}
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	for len(head) > 0 && (head[0] == 0 || head[0] == '\r' || head[0] == '\n') {
		head = head[1:]
	}
	if d.Cut != nil && len(head) >= timeline.HeadSize && bytes.IndexByte(head, '\n') < 0 {
		return d.Cut(string(head))
	}
	if wide := isWide(head); len(head) == 0 || !wide && (bytes.IndexByte(head, 0) >= 0 || !d.begins(head)) {
		return false
	}
	return d.fits(head)
}

// begins tells whether the first line of the head that says something begins an entry.
func (d *Dialect) begins(head []byte) bool {
	rest := unsafe.String(unsafe.SliceData(head), len(head)) // nothing of it is kept
	for rest != "" {
		var text string
		text, rest, _ = strings.Cut(rest, "\n")
		text = strings.TrimSuffix(text, "\r")
		if text != "" && (d.Comment == "" || !strings.HasPrefix(text, d.Comment)) {
			return d.isEntry(text)
		}
	}
	return false
}

// fits looks at all lines of the head.
func (d *Dialect) fits(head []byte) bool {
	good, all := 0, 0
	for line, err := range lines.Read(bytes.NewReader(head)) {
		if err != nil || line.Text == "" || d.Comment != "" && strings.HasPrefix(line.Text, d.Comment) {
			continue
		}
		ok := d.isEntry(line.Text)
		if !ok && all == 0 {
			return false
		}
		if ok {
			good++
		}
		if all++; all == 32 || d.Long {
			break
		}
	}
	if !d.Single {
		return good > 0 && 10*good >= all // entries may go over many lines
	}
	return good > 0 && 2*good >= all
}

func (d *Dialect) isEntry(line string) bool {
	_, _, ok := d.Begin(line)
	return ok && (d.Sure == nil || d.Sure(line))
}

func isWide(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff})
}

// parse gives one event per entry. Text before the first entry is an event without a time.
func (d *Dialect) parse(in timeline.Input) iter.Seq2[timeline.Event, error] {
	return func(yield func(timeline.Event, error) bool) {
		p := parser{Dialect: d, years: dates.Years{Zone: dates.Zone{Location: in.Zone}}, since: in.Since, yield: yield, read: d.Read}
		if d.New != nil {
			p.read = d.New()
		}
		if d.Whole != nil {
			p.whole = d.Whole()
		}
		p.zone, p.zoneless = "UTC", in.Zone == nil
		if in.Zone != nil {
			p.zone = in.Zone.String()
		}
		r, err := p.guess(in)
		if err != nil {
			yield(timeline.Event{}, err)
			return
		}
		p.run(r)
	}
}

// A parser is one reading of a file.
type parser struct {
	*Dialect
	read     func(*Entry)
	whole    func(*Entry) bool // nil: read is told where an entry begins
	years    dates.Years
	zone     string // of the host, by name
	zoneless bool   // nothing tells it: UTC stands in
	since    time.Time
	yield    func(timeline.Event, error) bool

	entry Entry // the one that is read
	open  bool  // there is one
	bare  bool  // it is text before the first entry, or behind one that grew too long
	more  []byte
}

func (p *parser) run(r io.Reader) {
	for line, err := range lines.Read(r) {
		if err != nil {
			if !p.flush() || !p.yield(timeline.Event{}, err) {
				return
			}
			continue
		}
		if p.whole != nil {
			if !p.line(&line) {
				return
			}
			continue
		}
		stamp, at, ok := p.Begin(line.Text)
		switch {
		case ok:
			if !p.flush() {
				return
			}
			p.start(&line, stamp, at)
			p.bare = false
		case p.Comment != "" && strings.HasPrefix(line.Text, p.Comment):
		case p.Single:
			if !p.flush() || !p.foreign(&line) {
				return
			}
		case p.open && len(p.more)+len(line.Text) < maxEntry:
			if len(p.more) == 0 {
				p.more = append(p.more, p.entry.Text...)
			}
			p.more = append(append(p.more, '\n'), line.Text...)
			p.entry.Cut += line.Cut
		case line.Text != "" || p.open:
			if !p.flush() {
				return
			}
			p.start(&line, dates.Stamp{}, 0)
			p.bare = true
		}
	}
	p.flush()
}

// foreign tells of a line that is no entry. An empty one is nothing.
func (p *parser) foreign(line *lines.Line) bool {
	return line.Text == "" || p.yield(timeline.Event{}, &foreignLine{p.Name, line.Offset, line.Text})
}

// A foreignLine is the error of a line that is no entry. Its words are made when they are asked for: of most, which are
// counted alone, they never are.
type foreignLine struct {
	dialect string
	offset  int64
	text    string
}

func (l *foreignLine) Error() string {
	return fmt.Sprintf("line at offset %d is no entry of %s: %s", l.offset, l.dialect, Shorten(l.text))
}

// line gives the entry that a line is.
func (p *parser) line(line *lines.Line) bool {
	p.start(line, dates.Stamp{}, 0)
	p.open = false
	e := &p.entry
	p.clear(e)
	if !p.whole(e) {
		return p.Comment != "" && strings.HasPrefix(line.Text, p.Comment) || p.foreign(line)
	}
	return p.old(e) || p.give(e)
}

// Shorten keeps the beginning of a text that goes into an error.
func Shorten(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return strconv.Quote(s)
}

func (p *parser) start(line *lines.Line, stamp dates.Stamp, at int) {
	e := &p.entry
	e.Stamp, e.Text, e.At, e.Offset, e.Cut = stamp, line.Text, at, line.Offset, line.Cut
	p.open = true
}

// old tells whether an entry is so far before what is wanted that its words need not be read: they may know a better date
// than the one that begins it, but not by days.
func (p *parser) old(e *Entry) bool {
	if p.since.IsZero() || p.New != nil || e.Stamp.IsZero() {
		return false
	}
	at, _ := p.years.Time(&e.Stamp)
	return !at.IsZero() && at.Before(p.since.Add(-48*time.Hour))
}

// flush gives the entry that is open.
func (p *parser) flush() bool {
	if !p.open {
		return true
	}
	p.open = false
	e := &p.entry
	if len(p.more) > 0 {
		e.Text = string(bytes.TrimRight(p.more, "\n")) // empty lines behind an entry are not its last value's
		p.more = p.more[:0]
	}
	if p.old(e) {
		return true
	}
	p.clear(e)
	switch {
	case p.bare:
		e.Add("body", e.Text)
	case p.read != nil:
		p.read(e)
	}
	return p.give(e)
}

// clear forgets what was read of the entry before.
func (p *parser) clear(e *Entry) {
	e.Type, e.Desc, e.Message, e.Damage, e.Skip, e.Fields = p.Type, p.Desc, "", nil, false, e.Fields[:0]
}

// give gives an entry that was read.
func (p *parser) give(e *Entry) bool {
	if e.Damage != nil {
		return p.yield(timeline.Event{}, fmt.Errorf("entry at offset %d: %w", e.Offset, e.Damage))
	}
	if e.Skip {
		return true
	}
	at, inferred := p.years.Time(&e.Stamp)
	if e.Message == "" {
		e.Message = strings.TrimSpace(e.Text[min(e.At, len(e.Text)):])
		if e.Message == "" {
			e.Message = "(empty line)"
		}
	}
	if e.Desc == "" {
		e.Desc = timeline.DescModified
	}
	switch {
	case at.IsZero():
		e.Desc = timeline.DescNone
		if !e.Stamp.IsZero() { // a date whose year nothing tells
			e.Add("time_text", strings.TrimSpace(e.Text[:min(e.At, len(e.Text))]))
		}
	case !e.Stamp.Zoned:
		if inferred {
			e.Flag("year_inferred")
		}
		e.Add("zone_assumed", p.zone)
		if p.zoneless {
			e.Flag("zone_unknown")
		}
	case inferred:
		e.Flag("year_inferred")
	}
	if e.Cut > 0 {
		e.Number("bytes_left_out", e.Cut)
	}
	e.Once()
	return p.yield(timeline.Event{Time: at, Desc: e.Desc, Type: e.Type, Message: e.Message, Offset: e.Offset, Fields: e.Fields}, nil)
}

// maxHeld is how much of a file that cannot be read twice is looked at to find the year of its first entry.
const maxHeld = 8 << 20

// guess finds the year in which the file begins, where its first entry leaves it out, and gives a reader at its beginning.
func (p *parser) guess(in timeline.Input) (io.Reader, error) {
	head := make([]byte, timeline.HeadSize)
	n, err := io.ReadFull(in.R, head)
	head = head[:n]
	rest := in.R
	if err != nil {
		rest = failing{err}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			rest = failing{io.EOF}
		}
	}
	if !p.yearless(head) {
		return io.MultiReader(bytes.NewReader(head), rest), nil
	}
	if r, ok := in.R.(io.ReadSeeker); ok && err == nil {
		if at, err := r.Seek(0, io.SeekCurrent); err == nil {
			p.firstYear(io.MultiReader(bytes.NewReader(head), r), in.ModTime, true)
			_, err := r.Seek(at-int64(n), io.SeekStart)
			return r, err
		}
	}
	held := bytes.NewBuffer(head)
	if err == nil {
		if _, err = io.CopyN(held, in.R, maxHeld); err != nil {
			rest = failing{err}
		}
	}
	p.firstYear(bytes.NewReader(held.Bytes()), in.ModTime, err != nil) // the error is the end, or a fault that reading on meets again
	return io.MultiReader(held, rest), nil
}

// yearless tells whether the first dated entry of a head has no year. One that does not fit in the head counts as such,
// unless entries before it show that Begin reads no dates: Read does.
func (p *parser) yearless(head []byte) bool {
	begun := false
	for line, err := range lines.Read(bytes.NewReader(head)) {
		if err != nil {
			continue
		}
		s, _, ok := p.Begin(line.Text)
		if ok && !s.IsZero() {
			return s.Year == 0
		}
		begun = begun || ok
	}
	return !begun
}

// failing is a reader of nothing but an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// firstYear sets the year of the first entry.
func (p *parser) firstYear(r io.Reader, modified time.Time, whole bool) {
	const same = 12 // as many bytes as hold day and month, behind a priority
	const most = 256
	var g dates.Guess
	var last [same]byte
	for head := range lines.Heads(r, most) {
		if len(head) < same || [same]byte(head) == last {
			continue
		}
		if s, _, ok := p.Begin(string(bytes.TrimLeft(head, "\x00"))); ok && !s.IsZero() {
			if g.Add(&s) {
				break
			}
			last = [same]byte(head)
		}
	}
	p.years.Year = g.Year(modified, &p.years.Zone, whole)
}
