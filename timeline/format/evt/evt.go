// Package evt reads the event logs of Windows NT to 2003, as libevt's "Windows Event Log (EVT) format" (libyal) and the
// EVENTLOGRECORD of Microsoft's documentation describe them. The file is a ring: a header of 48 bytes, records one behind
// the other, the last of them going on behind the header, and an end record where the next one will be written. What
// lies outside of first record and end is older and marked Recovered, and so is a record of which only a part is left. Of
// the texts of a message only the inserted strings are in the file; the rest is in programs of the host, and in the table of
// package eventlog for those that are met often.
package evt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"spor/timeline"
	"spor/timeline/format/eventlog"
)

// Format is the parser of .evt files.
var Format = &timeline.Format{
	Name:  "winevt",
	Sniff: func(_ string, head []byte) bool { return len(head) >= headerSize && bytes.HasPrefix(head, headerMagic) },
	Parse: parse,
}

var (
	headerMagic = []byte("\x30\x00\x00\x00LfLe\x01\x00\x00\x00\x01\x00\x00\x00")
	magic       = []byte("LfLe")
	endMagic    = []byte("\x28\x00\x00\x00\x11\x11\x11\x11\x22\x22\x22\x22\x33\x33\x33\x33\x44\x44\x44\x44")
)

const (
	headerSize = 48
	endSize    = 40
	recordHead = 56
	maxFile    = 128 << 20 // Windows warns of logs larger than 300 MB in all, and few are above 16
)

var le = binary.LittleEndian

// errLarge says that a file is no event log a system could have written.
var errLarge = fmt.Errorf("only the first %d bytes were read", maxFile)

// parse gives one event per record, and a second one where it was made at another time than it was written. What is
// between records is an error if it should be one.
func parse(in timeline.Input) iter.Seq2[timeline.Event, error] {
	return func(yield func(timeline.Event, error) bool) {
		b, err := io.ReadAll(io.LimitReader(in.R, maxFile+1))
		if len(b) > maxFile {
			b, err = b[:maxFile], errors.Join(err, errLarge)
		}
		if len(b) >= headerSize {
			l := log{b: b, since: in.Since, yield: yield}
			l.bounds()
			l.records()
			if l.done {
				return
			}
		}
		if err != nil {
			yield(timeline.Event{}, err)
		}
	}
}

// log is a file and where in it the records are that the system would show.
type log struct {
	b          []byte
	since      time.Time
	first, end int
	yield      func(timeline.Event, error) bool
	done       bool // the consumer had enough
}

// bounds takes first record and end from the end record, which is newer than the header in a file that was in use.
func (l *log) bounds() {
	l.first, l.end = int(le.Uint32(l.b[16:])), int(le.Uint32(l.b[20:]))
	for at := headerSize; ; {
		i := bytes.Index(l.b[at:], endMagic)
		if i < 0 {
			return
		}
		at += i
		if e := l.piece(at, endSize); e != nil && int(le.Uint32(e[24:])) == at && le.Uint32(e[36:]) == endSize {
			l.first, l.end = int(le.Uint32(e[20:])), at
			return
		}
		at++
	}
}

// live tells whether a record at an offset is one that the system would show.
func (l *log) live(at int) bool {
	if l.first <= l.end {
		return l.first <= at && at < l.end
	}
	return at >= l.first || at < l.end
}

// piece is a stretch of the file; one that goes over its end goes on behind the header.
func (l *log) piece(at, size int) []byte {
	if at+size <= len(l.b) {
		return l.b[at : at+size]
	}
	over := at + size - len(l.b)
	if headerSize+over > at {
		return nil
	}
	return append(l.b[at:len(l.b):len(l.b)], l.b[headerSize:headerSize+over]...)
}

// records goes through the file from one record to the next.
func (l *log) records() {
	for at := headerSize; at+4 <= len(l.b) && !l.done; {
		if r := l.record(at); r != nil {
			l.event(at, r)
			at += len(r)
			continue
		}
		next := l.next(at + 1)
		if r := l.torn(at, next); r != nil {
			l.event(at, r)
		} else if l.live(at) && next < l.end && at != headerSize && !isEnd(l.b[at:]) {
			l.done = !l.yield(timeline.Event{}, fmt.Errorf("damaged record at offset %d, went on %d bytes later", at, next-at))
		}
		at = next
	}
}

func isEnd(b []byte) bool { return bytes.HasPrefix(b, endMagic) }

// next finds the next record from an offset on.
func (l *log) next(at int) int {
	for at < len(l.b) {
		i := bytes.Index(l.b[at:], magic)
		if i < 0 {
			return len(l.b)
		}
		if at += i; at >= 4+headerSize && l.record(at-4) != nil {
			return at - 4
		}
		at++
	}
	return len(l.b)
}

// record gives the bytes of the record at an offset, or nil.
func (l *log) record(at int) []byte {
	b := l.piece(at, 8)
	if b == nil || !bytes.Equal(b[4:], magic) {
		return nil
	}
	size := int(le.Uint32(b))
	if size < recordHead+4 || size > 1<<18 {
		return nil
	}
	r := l.piece(at, size)
	if r == nil || int(le.Uint32(r[size-4:])) != size {
		return nil
	}
	return r
}

// torn gives the head of a record whose end is overwritten, or beyond the end of the file: it cannot be told which of its
// strings are still its own. Of a record that should be live that is a damage.
func (l *log) torn(at, next int) []byte {
	r := l.b[at:next]
	if len(r) < recordHead+4 || !bytes.Equal(r[4:8], magic) || le.Uint32(r) > 1<<18 || le.Uint32(r) < recordHead {
		return nil
	}
	if l.live(at) && at+int(le.Uint32(r)) <= len(l.b) {
		return nil
	}
	return r[:recordHead]
}

// types are the values of EventType.
var types = map[uint16]string{0: "success", 1: "error", 2: "warning", 4: "information", 8: "success audit", 16: "failure audit"}

// event gives the event of a record.
func (l *log) event(at int, r []byte) {
	created, written := time.Unix(int64(le.Uint32(r[12:])), 0).UTC(), time.Unix(int64(le.Uint32(r[16:])), 0).UTC()
	torn := len(r) == recordHead
	live := l.live(at) && !torn
	if live && !l.since.IsZero() && written.Before(l.since) && created.Before(l.since) {
		return
	}
	message, kind := le.Uint32(r[20:]), le.Uint16(r[24:])
	names := r[recordHead:]
	if torn {
		names = l.b[at+recordHead : min(len(l.b), at+int(le.Uint32(r)))]
	}
	source, names := text(names)
	host, _ := text(names)
	list := texts(r, int(le.Uint32(r[36:])), int(le.Uint16(r[26:])))
	e := timeline.Event{
		Time: written, Desc: timeline.DescModified, Type: "windows:evt:record", Offset: int64(at), Recovered: !live,
		Fields: []timeline.Field{
			timeline.Uint("record_number", uint64(le.Uint32(r[8:]))), timeline.Text("source_name", source),
			timeline.Uint("event_identifier", uint64(message&0xffff)), timeline.Uint("message_identifier", uint64(message)),
			timeline.Uint("event_type", uint64(kind)), timeline.Uint("event_category", uint64(le.Uint16(r[28:]))),
			timeline.Uint("severity", uint64(message>>30)), timeline.Text("hostname", host),
		},
	}
	if sid := sidText(part(r, int(le.Uint32(r[44:])), int(le.Uint32(r[40:])))); sid != "" {
		e.Fields = append(e.Fields, timeline.Text("user_sid", sid))
	}
	if len(list) > 0 {
		e.Fields = append(e.Fields, timeline.List("strings", list))
	}
	if data := part(r, int(le.Uint32(r[52:])), int(le.Uint32(r[48:]))); len(data) > 0 {
		e.Fields = append(e.Fields, timeline.Text("data", fmt.Sprintf("%X", data)))
	}
	if torn {
		e.Fields = append(e.Fields, timeline.Bool("truncated", true))
	}
	e.Message = describe(source, uint64(message&0xffff), kind, list, torn)
	if l.done = !l.yield(e, nil); l.done || created.Equal(written) || created.Unix() == 0 {
		return
	}
	if gap := written.Sub(created); gap > time.Second || gap < -time.Second {
		e.Time, e.Desc = created, timeline.DescCreated
		l.done = !l.yield(e, nil)
	}
}

// failureAudit is the type of an event that says that what was tried was not done; the others' types are no news.
const failureAudit = 16

// describe gives the message of an event of a known provider, with its strings in their places, or what the record has. Of
// a torn one it is not known which strings were its own.
func describe(source string, id uint64, kind uint16, list inserted, torn bool) string {
	if b, ok := eventlog.Of([]byte(source)).AppendMessage(nil, id, list); ok && !torn {
		if kind == failureAudit {
			b = append(append(b, ", "...), types[kind]...)
		}
		return string(b)
	}
	s := source + ": event " + strconv.FormatUint(id, 10)
	if name, ok := types[kind]; ok {
		s += ", " + name
	}
	if len(list) > 0 {
		s += "; " + strings.Join(list, "; ")
	}
	return s
}

// inserted are the strings of a record.
type inserted []string

// Value gives a string by its number from 1. What newer logs call param1 is the first too.
func (list inserted) Value(name string) ([]byte, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimPrefix(name, "param"), "Param"))
	if err != nil || n < 1 || n > len(list) {
		return nil, false
	}
	return []byte(list[n-1]), true
}

// part is a stretch of a record, empty where it is not in it.
func part(r []byte, at, size int) []byte {
	if at < recordHead || size < 0 || at > len(r)-4 || size > len(r)-4-at {
		return nil
	}
	return r[at : at+size]
}

// text reads UTF-16 up to a zero, and gives what is behind.
func text(b []byte) (string, []byte) {
	var units []uint16
	for len(b) >= 2 {
		u := le.Uint16(b)
		if b = b[2:]; u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units)), b
}

// texts reads so many strings.
func texts(r []byte, at, n int) []string {
	b := part(r, at, len(r)-4-at)
	var list []string
	for ; n > 0 && len(b) >= 2; n-- {
		var s string
		s, b = text(b)
		list = append(list, s)
	}
	return list
}

// sidText is S-1-5-…, [MS-DTYP] 2.4.2; of what is none, nothing.
func sidText(b []byte) string {
	if len(b) < 8 || len(b) < 8+4*int(b[1]) {
		return ""
	}
	var s strings.Builder
	s.WriteString("S-" + strconv.Itoa(int(b[0])) + "-" + strconv.FormatUint(uint64(binary.BigEndian.Uint16(b[2:]))<<32|uint64(binary.BigEndian.Uint32(b[4:])), 10))
	for i := range int(b[1]) {
		s.WriteString("-" + strconv.FormatUint(uint64(le.Uint32(b[8+4*i:])), 10))
	}
	return s.String()
}
