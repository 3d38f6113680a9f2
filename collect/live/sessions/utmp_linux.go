package sessions

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"time"

	"spor/collect/live/procfs"
)

// maxUtmp is more than the terminals of any host take, in bytes.
const maxUtmp = 64 << 20

// A layout is that of struct utmp of glibc, little-endian. It is 384 bytes with 32-bit times on amd64 and on all that can
// run 32-bit programs of their kind, and 400 bytes with 64-bit times elsewhere, as on arm64 (bits/types/struct_utmp.h:
// __WORDSIZE_TIME64_COMPAT32).
type layout struct{ size, seconds, address int }

var layouts = [...]layout{{384, 340, 348}, {400, 344, 360}}

// types are the names of ut_type, utmp(5).
var types = [...]string{"empty", "run_level", "boot", "clock_new", "clock_old", "init", "login", "user", "dead", "accounting"}

// parseUtmp reads the records of a utmp file, and tells how many bytes were left over. Records of nothing but zero bytes are
// left out; one that only calls itself empty is not, for that is how tools wipe a login.
func parseUtmp(data []byte) (list []Session, rest int) {
	l := layoutOf(data)
	for ; len(data) >= l.size; data = data[l.size:] {
		if s, ok := l.parse(data[:l.size]); ok {
			list = append(list, s)
		}
	}
	return list, len(data)
}

// layoutOf takes the layout whose records all have a type there is; the first where both fit.
func layoutOf(data []byte) layout {
	for _, l := range layouts {
		fits := len(data)%l.size == 0
		for rest := data; fits && len(rest) >= l.size; rest = rest[l.size:] {
			fits = int(binary.LittleEndian.Uint16(rest)) < len(types)
		}
		if fits {
			return l
		}
	}
	return layouts[0]
}

// parse reads one record: type 0, pid 4, line 8, id 40, user 44, host 76, exit 332, session 336, then time and address.
func (l layout) parse(b []byte) (Session, bool) {
	if len(bytes.Trim(b, "\x00")) == 0 {
		return Session{}, false
	}
	kind := strconv.Itoa(int(binary.LittleEndian.Uint16(b)))
	if i := int(binary.LittleEndian.Uint16(b)); i < len(types) {
		kind = types[i]
	}
	s := Session{
		Source: "utmp", Type: kind, PID: int(int32(binary.LittleEndian.Uint32(b[4:]))), Terminal: text(b[8:40]), ID: text(b[40:44]),
		User: text(b[44:76]), Host: text(b[76:332]), Login: l.time(b), Address: address(b[l.address : l.address+16]),
	}
	if kind == "user" {
		remote := s.Address != "" || s.Host != "" && s.Host[0] != ':' && s.Host != s.Terminal
		s.Remote = &remote
	}
	return s, true
}

func (l layout) time(b []byte) time.Time {
	var seconds, micros int64
	if l.size == 384 {
		seconds, micros = int64(binary.LittleEndian.Uint32(b[l.seconds:])), int64(binary.LittleEndian.Uint32(b[l.seconds+4:]))
	} else {
		seconds, micros = int64(binary.LittleEndian.Uint64(b[l.seconds:])), int64(binary.LittleEndian.Uint64(b[l.seconds+8:]))
	}
	const year10000 = 253402300800 // time.Time.MarshalJSON goes no further
	if seconds <= 0 || seconds >= year10000 || micros < 0 || micros >= 1e6 {
		return time.Time{}
	}
	return time.Unix(seconds, micros*1000).UTC()
}

// address reads ut_addr_v6: an IPv4 address is the first four bytes and the rest zero.
func address(b []byte) string {
	switch {
	case bytes.Count(b, []byte{0}) == 16:
		return ""
	case bytes.Count(b[4:], []byte{0}) == 12:
		return netip.AddrFrom4([4]byte(b)).String()
	}
	return netip.AddrFrom16([16]byte(b)).Unmap().String()
}

// text reads a field that ends at a zero byte, or at its end.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return procfs.Text(string(b))
}
