// Package lastlog reads the small tables in which Linux remembers of each user the last login, or the failed ones: lastlog
// (glibc, bits/types/struct_lastlog.h and utmp.h: 292 bytes, or 296 where the time has 64 bits), faillog (shadow 4.13,
// lib/faillog.h), tallylog (Linux-PAM 1.3, pam_tally2/tallylog.h) and the files of faillock (Linux-PAM 1.6,
// pam_faillock/faillock.h), one for each user. In the first three a record stands at the place of its uid; the files are
// as large as the highest uid asks for, and hold hardly anything: what was never written is passed over unread where the
// system tells.
package lastlog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"time"

	"spor/timeline"
	"spor/timeline/textlog"
)

// Formats are the parsers of the four.
var Formats = func() (all timeline.Formats) {
	for _, k := range kinds {
		all = append(all, &timeline.Format{Name: k.name, Sniff: k.sniff, Parse: k.parse})
	}
	return all
}()

// A kind is one of the tables.
type kind struct {
	name    string
	named   func(name string) bool // tells a file by its name
	layouts []layout
	read    func(layout, []byte) record
	event   func(*record, *textlog.Fields) (words, desc string)
}

// A layout is one of a kind.
type layout struct {
	size  int
	order binary.ByteOrder
	wide  bool // times have 64 bits
}

// both are the layouts of a size in both byte orders.
func both(size int, wide bool) []layout {
	return []layout{{size, binary.LittleEndian, wide}, {size, binary.BigEndian, wide}}
}

var kinds = []*kind{
	{name: "lastlog", named: base("lastlog"), layouts: append(both(292, false), both(296, true)...), read: readLast, event: last},
	{name: "faillog", named: base("faillog"), layouts: append(both(32, true), both(24, false)...), read: readFaillog, event: failed},
	{name: "tallylog", named: base("tallylog"), layouts: both(64, true), read: readTally, event: failed},
	{name: "faillock", named: func(name string) bool { return strings.Contains(name, "faillock") }, layouts: both(64, true), read: readTally, event: locked},
}

// base tells a file and its rotated ones by their last name.
func base(want string) func(string) bool {
	return func(name string) bool {
		rest, ok := strings.CutPrefix(timeline.Base(name), want)
		return ok && (rest == "" || strings.Contains(".-_~", rest[:1]))
	}
}

// A record is one of any kind.
type record struct {
	uid     int64  // negative: the file is of one user
	user    string // of a file of one user
	seconds int64
	line    []byte // parts of what was read
	host    []byte
	count   int64
	most    int64 // failures that lock the account; zero: any number is borne
	lock    int64 // seconds that a lock lasts
	status  uint16
}

const lastSecond = 1 << 33 // the year 2242: no record of a running system is later

// plausible tells whether bytes can be a record.
func (r *record) plausible() bool {
	return 0 <= r.seconds && r.seconds < lastSecond && r.count >= 0 && r.most >= 0 && r.lock >= 0 && printable(r.line) && printable(r.host)
}

// certain tells whether they hardly are anything else: it has a time since 1985.
func (r *record) certain() bool { return r.plausible() && r.seconds > 15*365*86400 }

// sniff knows a file by its name, and by records that make sense. The head may be nothing but zeros: the lowest uids never
// log in. One without any is a text: the manual page of faillog bears its name.
func (k *kind) sniff(name string, head []byte) bool {
	if !k.named(name) || bytes.IndexByte(head, 0) < 0 {
		return false
	}
	zeros := leadingZeros(head)
	if zeros == len(head) {
		return true
	}
	_, score := k.choose(head, 0, -1)
	return score > 0
}

// choose finds the layout that makes most sense of bytes that begin at an offset, and says how much: the records it is
// certain of less those it cannot read. A file has a whole number of records.
func (k *kind) choose(b []byte, offset, size int64) (best layout, most int) {
	for i, l := range k.layouts {
		score := 0
		if size > 0 && size%int64(l.size) == 0 {
			score = 1
		}
		for at := int((int64(l.size) - offset%int64(l.size)) % int64(l.size)); at+l.size <= len(b); at += l.size {
			r := k.read(l, b[at:at+l.size])
			switch {
			case isZero(b[at : at+l.size]):
			case r.certain():
				score += 2
			case !r.plausible():
				score -= 2
			}
		}
		if i == 0 || score > most {
			best, most = l, score
		}
	}
	return best, most
}

// window is how much of a file is looked at at once.
const window = 64 << 10

// parse gives an event for each record that was ever written.
func (k *kind) parse(in timeline.Input) iter.Seq2[timeline.Event, error] {
	return func(yield func(timeline.Event, error) bool) {
		s := &slots{in: in.R, r: bufio.NewReaderSize(in.R, window)}
		if err := s.pass(1); err != nil {
			if !errors.Is(err, io.EOF) {
				yield(timeline.Event{}, err)
			}
			return
		}
		head, _ := s.r.Peek(window - 512)
		skew := min(s.off, 512) // so that the first record is whole
		l, _ := k.choose(append(make([]byte, skew), head...), s.off-skew, in.Size)
		s.align(int64(l.size))
		user := ""
		if k.name == "faillock" {
			user = timeline.Base(in.Name)
		}
		k.records(l, s, user, yield)
	}
}

// records goes through the file.
func (k *kind) records(l layout, s *slots, user string, yield func(timeline.Event, error) bool) {
	for {
		b, err := s.r.Peek(l.size)
		if len(b) < l.size {
			if !errors.Is(err, io.EOF) {
				yield(timeline.Event{}, fmt.Errorf("after offset %d: %w", s.off, err))
			} else if !isZero(b) {
				yield(timeline.Event{}, fmt.Errorf("%d bytes at offset %d are less than a record of %d", len(b), s.off, l.size))
			}
			return
		}
		if isZero(b) {
			if err := s.pass(int64(l.size)); err != nil && !errors.Is(err, io.EOF) {
				yield(timeline.Event{}, fmt.Errorf("after offset %d: %w", s.off, err))
				return
			}
			continue
		}
		r := k.read(l, b)
		if r.uid, r.user = s.off/int64(l.size), user; user != "" {
			r.uid = -1
		}
		if !r.plausible() {
			if !yield(timeline.Event{}, fmt.Errorf("no record of %s at offset %d", k.name, s.off)) {
				return
			}
		} else if !yield(k.make(&r, s.off), nil) {
			return
		}
		s.skip(int64(l.size))
	}
}

// make makes the event of a record.
func (k *kind) make(r *record, offset int64) timeline.Event {
	var f textlog.Fields
	if r.uid >= 0 {
		f.Number("user_identifier", r.uid)
	}
	f.Add("username", r.user)
	e := timeline.Event{Type: "linux:" + k.name + ":entry", Offset: offset}
	e.Message, e.Desc = k.event(r, &f)
	if e.Fields = f; r.seconds > 0 {
		e.Time = time.Unix(r.seconds, 0).UTC()
	} else {
		e.Desc = timeline.DescNone
	}
	return e
}

// slots reads a file of records, most of which were never written.
type slots struct {
	in  io.Reader
	r   *bufio.Reader
	off int64
}

func (s *slots) skip(n int64) {
	k, _ := s.r.Discard(int(n))
	s.off += int64(k)
}

// align steps back to the beginning of a record. All bytes before are zeros.
func (s *slots) align(size int64) {
	back := s.off % size
	s.r = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(make([]byte, back)), s.r), window)
	s.off -= back
}

// pass goes over zeros, by a multiple of step bytes.
func (s *slots) pass(step int64) error {
	for {
		b, err := s.r.Peek(window)
		zeros := int64(leadingZeros(b))
		n := zeros - zeros%step
		if s.skip(n); zeros < int64(len(b)) {
			return nil
		}
		if err != nil {
			return err
		}
		s.jump(step)
	}
}

// jump goes to where the next data are in the file, if it has holes and the system knows them.
func (s *slots) jump(step int64) {
	const seekData = 3 // of lseek(2)
	f, ok := s.in.(io.Seeker)
	if !ok || runtime.GOOS != "linux" {
		return
	}
	next, err := f.Seek(s.off, seekData)
	if err != nil { // a reader that is no file, or nothing more but holes
		f.Seek(s.off, io.SeekStart)
		next = s.off
		if end, ok := hole(f, s.off); ok {
			next = end
		}
	}
	next -= next % step
	if next = max(next, s.off); next > s.off || err == nil {
		if _, err := f.Seek(next, io.SeekStart); err != nil {
			return
		}
	}
	s.r.Reset(s.in)
	s.off = next
}

// hole tells whether there is nothing but a hole behind an offset, and where it ends.
func hole(f io.Seeker, off int64) (end int64, ok bool) {
	const seekHole = 4
	at, err := f.Seek(off, seekHole)
	if err != nil || at != off {
		f.Seek(off, io.SeekStart)
		return 0, false
	}
	end, err = f.Seek(0, io.SeekEnd)
	return end, err == nil
}

func isZero(b []byte) bool { return leadingZeros(b) == len(b) }

func leadingZeros(b []byte) int {
	n := 0
	for ; n+8 <= len(b) && binary.LittleEndian.Uint64(b[n:]) == 0; n += 8 {
	}
	for n < len(b) && b[n] == 0 {
		n++
	}
	return n
}
