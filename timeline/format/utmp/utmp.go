// Package utmp reads the login records of Linux: utmp (who is on), wtmp (logins, logouts, boots) and btmp (failed
// logins). Records are struct utmp of utmp(5) and glibc's bits/utmp.h: 384 bytes where time is kept in 32 bits
// (x86, arm, ppc, s390 and more; 382 on m68k, which packs more closely), 400 bytes where it has 64 (aarch64, riscv64, and
// any of musl's; 396 of its i386), in the byte order of the machine.
// The file is a log: appended to, rotated as wtmp.1, and often cut or zeroed in places by intruders.
package utmp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"spor/timeline"
)

// Format is the parser of utmp, wtmp and btmp.
var Format = &timeline.Format{
	Name:  "utmp",
	Sniff: sniff,
	Parse: parse,
}

// A layout says where the fields are that differ between machines.
type layout struct {
	size    int
	order   binary.ByteOrder
	pid     int // offset; 2 where a number of 32 bits may begin at any even one
	session int // offset; 32 or 64 bits as the times
	wide    bool
	address int
}

// The layouts in the order they are tried.
var layouts = []*layout{
	{size: 384, order: binary.LittleEndian, pid: 4, session: 336, address: 348},
	{size: 384, order: binary.BigEndian, pid: 4, session: 336, address: 348},
	{size: 400, order: binary.LittleEndian, pid: 4, session: 336, wide: true, address: 360},
	{size: 400, order: binary.BigEndian, pid: 4, session: 336, wide: true, address: 360},
	{size: 396, order: binary.LittleEndian, pid: 4, session: 336, wide: true, address: 360},
	{size: 382, order: binary.BigEndian, pid: 2, session: 334, address: 346},
}

// typeNames are the values of ut_type, utmp(5).
var typeNames = [...]string{
	"EMPTY", "RUN_LVL", "BOOT_TIME", "NEW_TIME", "OLD_TIME", "INIT_PROCESS", "LOGIN_PROCESS", "USER_PROCESS",
	"DEAD_PROCESS", "ACCOUNTING",
}

// A record is a struct utmp with its numbers read.
type record struct {
	kind        int16
	pid         int32
	line        []byte // texts are parts of what was read
	id          []byte
	idNumber    uint32
	user        []byte
	host        []byte
	termination int16
	exit        int16
	session     int64
	seconds     int64
	micros      int64
	address     [16]byte
	zero        bool // nothing but zero bytes
}

// read reads a record of l.size bytes.
func (l *layout) read(b []byte) record {
	p := b[l.pid:]
	r := record{
		kind: int16(l.order.Uint16(b)), pid: int32(l.order.Uint32(p)),
		line: text(p[4:36]), id: text(p[36:40]), idNumber: binary.LittleEndian.Uint32(p[36:]),
		user: text(p[40:72]), host: text(p[72:328]),
		termination: int16(l.order.Uint16(p[328:])), exit: int16(l.order.Uint16(p[330:])),
		address: [16]byte(b[l.address:]), zero: isZero(b),
	}
	if l.wide {
		r.session = int64(l.order.Uint64(b[l.session:]))
		r.seconds, r.micros = int64(l.order.Uint64(b[l.session+8:])), int64(l.order.Uint64(b[l.session+16:]))
	} else {
		// 32 bits, read without sign: they last until 2106, as glibc reads them.
		r.session = int64(int32(l.order.Uint32(b[l.session:])))
		r.seconds, r.micros = int64(l.order.Uint32(b[l.session+4:])), int64(l.order.Uint32(b[l.session+8:]))
	}
	return r
}

// text is a field up to its first zero byte.
func text(b []byte) []byte {
	s, _, _ := bytes.Cut(b, []byte{0})
	return s
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

const lastSecond = 1 << 33 // the year 2242: no record of a running system is later

// plausible tells whether bytes can be a record at all.
func (r *record) plausible() bool {
	return r.kind >= 0 && int(r.kind) < len(typeNames) && r.pid >= 0 &&
		0 <= r.micros && r.micros < 1e6 && 0 <= r.seconds && r.seconds < lastSecond &&
		printable(r.line) && printable(r.id) && printable(r.user) && printable(r.host)
}

// certain tells whether bytes are unlikely to be anything but a record: it has a time since 1985.
func (r *record) certain() bool { return r.plausible() && r.seconds > 15*365*86400 }

// possible is the part of plausible that costs nothing, for looking at every byte of a damaged stretch.
func (l *layout) possible(b []byte) bool {
	line, user := b[l.pid+4], b[l.pid+40]
	return int(l.order.Uint16(b)) < len(typeNames) && (l.pid == 2 || b[2] == 0 && b[3] == 0) && (line == 0 || line >= ' ') && (user == 0 || user >= ' ')
}

func printable(s []byte) bool {
	for _, c := range s {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// choose finds the layout that makes most sense of the beginning of a file, and how many records it makes certain of and
// how many it cannot read. Records of zeros count for neither.
func choose(head []byte) (best *layout, sure, bad int) {
	for _, l := range layouts {
		s, b := 0, 0
		for at := 0; at+l.size <= len(head); at += l.size {
			switch r := l.read(head[at : at+l.size]); {
			case r.zero:
			case r.certain():
				s++
			case !r.plausible():
				b++
			}
		}
		if best == nil || s-b > sure-bad {
			best, sure, bad = l, s, b
		}
	}
	return best, sure, bad
}

// sniff asks for at least one record with a time; a file that is not called utmp, wtmp or btmp must have no other. Of nearly
// all files of a host the first two bytes tell that they have: a tenth of what it costs to take a small file is saved.
func sniff(name string, head []byte) bool {
	base := timeline.Base(name)
	named := strings.HasPrefix(base, "wtmp") || strings.HasPrefix(base, "btmp") || strings.HasPrefix(base, "utmp")
	if !named && !beginsWithKind(head) {
		return false
	}
	l, sure, bad := choose(head)
	return sure > 0 && (named || bad == 0 && (len(head) >= timeline.HeadSize || len(head)%l.size == 0))
}

// beginsWithKind tells whether the first record has a kind that there is, in either byte order.
func beginsWithKind(head []byte) bool {
	if len(head) < 2 {
		return false
	}
	return min(binary.LittleEndian.Uint16(head), binary.BigEndian.Uint16(head)) < uint16(len(typeNames))
}

// parse gives one event per record. A record that cannot be one is an error, and reading goes on with the next that can.
func parse(in timeline.Input) iter.Seq2[timeline.Event, error] {
	return func(yield func(timeline.Event, error) bool) {
		r := bufio.NewReaderSize(in.R, 64<<10)
		head, err := r.Peek(timeline.HeadSize)
		if err != nil && !errors.Is(err, io.EOF) {
			yield(timeline.Event{}, err)
			return
		}
		l, _, _ := choose(head)
		failed := strings.HasPrefix(timeline.Base(in.Name), "btmp")
		for offset := int64(0); ; {
			b, err := r.Peek(l.size)
			if err != nil {
				tail(offset, len(b), l.size, err, yield)
				return
			}
			rec := l.read(b)
			step := l.size
			if rec.plausible() {
				if !yield(rec.event(offset, failed), nil) {
					return
				}
			} else {
				step = l.resync(r)
				if !yield(timeline.Event{}, fmt.Errorf("no login record at offset %d, went on %d bytes later", offset, step)) {
					return
				}
			}
			r.Discard(step) // they were peeked at
			offset += int64(step)
		}
	}
}

// tail reports what is left when no whole record is.
func tail(offset int64, n, size int, err error, yield func(timeline.Event, error) bool) {
	switch {
	case !errors.Is(err, io.EOF):
		yield(timeline.Event{}, fmt.Errorf("after offset %d: %w", offset, err))
	case n > 0:
		yield(timeline.Event{}, fmt.Errorf("%d bytes at offset %d are less than a record of %d", n, offset, size))
	}
}

// resync says how far after a damaged record the next one is: as a rule where it should be, else, after a cut, at the
// first place that is certain.
func (l *layout) resync(r *bufio.Reader) int {
	b, _ := r.Peek(3 * l.size) // what there is
	if next := l.size; next+l.size <= len(b) {
		if rec := l.read(b[next : next+l.size]); rec.plausible() {
			return l.size
		}
	}
	for at := 1; at+l.size <= len(b); at++ {
		if !l.possible(b[at : at+l.size]) {
			continue
		}
		if rec := l.read(b[at : at+l.size]); rec.certain() {
			return at
		}
	}
	return l.size
}

// event gives the record in plaso's shape, linux:utmp:event.
func (r *record) event(offset int64, failed bool) timeline.Event {
	e := timeline.Event{Desc: timeline.DescModified, Type: "linux:utmp:event", Offset: offset}
	if r.seconds != 0 {
		e.Time = time.Unix(r.seconds, r.micros*1000).UTC()
	}
	status := typeNames[r.kind]
	e.Fields = append(e.Fields, timeline.Int("login_type", int64(r.kind)), timeline.Text("status", status))
	action, result := r.did(failed)
	if action != "" {
		e.Fields = append(e.Fields, timeline.Text("action", action))
	}
	if result != "" {
		e.Fields = append(e.Fields, timeline.Text("authentication_result", result))
	}
	var m strings.Builder
	if failed {
		m.WriteString("Failed login ")
	}
	add := func(label, name string, text []byte) {
		if value := string(text); value != "" {
			m.WriteString(label + ": " + value + " ")
			e.Fields = append(e.Fields, timeline.Text(name, value))
		}
	}
	add("User", "username", r.user)
	add("Hostname", "hostname", r.host)
	add("Terminal", "terminal", r.line)
	if r.pid != 0 {
		m.WriteString("PID: " + strconv.Itoa(int(r.pid)) + " ")
		e.Fields = append(e.Fields, timeline.Int("pid", int64(r.pid)))
	}
	add("Terminal identifier", "terminal_id", r.id)
	if len(r.id) > 0 {
		e.Fields = append(e.Fields, timeline.Int("terminal_identifier", int64(r.idNumber)))
	}
	m.WriteString("Status: " + status)
	if ip := r.ip(); ip != "" {
		m.WriteString(" IP Address: " + ip)
		e.Fields = append(e.Fields, timeline.Text("ip_address", ip))
	}
	if r.kind == 8 || r.exit != 0 || r.termination != 0 { // DEAD_PROCESS
		m.WriteString(" Exit status: " + strconv.Itoa(int(r.exit)))
		e.Fields = append(e.Fields, timeline.Int("exit_status", int64(r.exit)), timeline.Int("termination_status", int64(r.termination)))
	}
	if r.session != 0 {
		e.Fields = append(e.Fields, timeline.Int("session_identifier", r.session))
	}
	if r.zero {
		m.WriteString(" (nothing but zeros)")
	}
	e.Message = m.String()
	return e
}

// did is what was done, in the words of the other logs; empty: nothing that they have a word for. A line that is given up
// is a logout, as last(1) reads it; the end of a process that init started has none.
func (r *record) did(failed bool) (action, result string) {
	switch {
	case r.zero:
		return "", ""
	case failed:
		return "login_failed", "failure"
	case r.kind == 1 && string(r.user) == "shutdown":
		return "shutdown", ""
	case r.kind == 8 && len(r.line) == 0:
		return "", ""
	}
	did := actions[r.kind]
	return did[0], did[1]
}

// actions are those of the types that have one.
var actions = [len(typeNames)][2]string{
	1: {"runlevel_changed", ""}, 2: {"boot", ""}, 3: {"time_changed", ""}, 4: {"time_changed", ""}, 7: {"login", "success"}, 8: {"logout", ""},
}

// ip is the remote address: IPv4 in the first four bytes, or IPv6 in all, ut_addr_v6 in utmp(5), or the name of the host where
// that is an address. Empty: none.
func (r *record) ip() string {
	switch {
	case isZero(r.address[:]):
		if a, err := netip.ParseAddr(string(r.host)); err == nil {
			return a.Unmap().String()
		}
		return ""
	case isZero(r.address[4:]):
		return netip.AddrFrom4([4]byte(r.address[:4])).String()
	default:
		return netip.AddrFrom16(r.address).Unmap().String()
	}
}
