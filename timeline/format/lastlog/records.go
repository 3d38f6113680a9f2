package lastlog

import (
	"bytes"
	"net/netip"
	"strconv"

	"spor/timeline/textlog"
)

// text is a field up to its first zero byte.
func text(b []byte) []byte {
	s, _, _ := bytes.Cut(b, []byte{0})
	return s
}

func printable(s []byte) bool {
	for _, c := range s {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// readLast reads struct lastlog: a time, a terminal of 32 bytes, a host of 256.
func readLast(l layout, b []byte) record {
	var r record
	if l.wide {
		r.seconds, b = int64(l.order.Uint64(b)), b[8:]
	} else {
		r.seconds, b = int64(l.order.Uint32(b)), b[4:]
	}
	r.line, r.host = text(b[:32]), text(b[32:])
	return r
}

// readFaillog reads struct faillog: two short numbers, a terminal of 12 bytes, a time, and how long a lock lasts.
func readFaillog(l layout, b []byte) record {
	r := record{count: int64(int16(l.order.Uint16(b))), most: int64(int16(l.order.Uint16(b[2:]))), line: text(b[4:16])}
	if l.wide {
		r.seconds, r.lock = int64(l.order.Uint64(b[16:])), int64(l.order.Uint64(b[24:]))
	} else {
		r.seconds, r.lock = int64(l.order.Uint32(b[16:])), int64(int32(l.order.Uint32(b[20:])))
	}
	return r
}

// readTally reads struct tallylog, and struct tally of faillock, which has a status where the other has a count: a source
// of 52 bytes, two short numbers, the first of them reserved, and a time.
func readTally(l layout, b []byte) record {
	status := l.order.Uint16(b[54:])
	return record{line: text(b[:52]), count: int64(status), status: status, seconds: int64(l.order.Uint64(b[56:]))}
}

// who is the user in words.
func (r *record) who() string {
	if r.user != "" {
		return r.user
	}
	return "uid " + strconv.FormatInt(r.uid, 10)
}

// from adds the host that a user came from.
func from(f *textlog.Fields, host string) {
	if a, err := netip.ParseAddr(host); err == nil {
		f.Add("ip_address", a.String())
	}
	f.Add("hostname", host)
}

func last(r *record, f *textlog.Fields) (words, desc string) {
	words = "Last login of " + r.who()
	if line := string(r.line); line != "" {
		words += " on " + line
		f.Add("terminal", line)
	}
	if host := string(r.host); host != "" {
		words += " from " + host
		from(f, host)
	}
	if r.seconds > 0 {
		f.Did("login", "success")
	}
	return words, "Last Login Time"
}

const lastFailure = "Last Failed Login Time"

func failed(r *record, f *textlog.Fields) (words, desc string) {
	words = "Failed logins of " + r.who() + ": " + strconv.FormatInt(r.count, 10)
	if r.seconds > 0 {
		f.Did("login_failed", "failure")
	} else {
		f.Add("authentication_result", "failure")
	}
	f.Number("failure_count", r.count)
	if line := string(r.line); line != "" {
		words += ", the last on " + line
		f.Add("terminal", line)
	}
	if r.most > 0 {
		f.Number("failure_limit", r.most)
	}
	if r.lock > 0 {
		f.Number("lock_seconds", r.lock)
	}
	return words, lastFailure
}

// The status of a record of faillock.
const (
	tallyValid  = 1
	tallyRemote = 2
	tallyLine   = 4
)

func locked(r *record, f *textlog.Fields) (words, desc string) {
	words = "Failed login of " + r.who()
	f.Add("action", "login_failed")
	f.Add("authentication_result", "failure")
	source := string(r.line)
	switch {
	case source == "":
	case r.status&tallyRemote != 0:
		words += " from " + source
		from(f, source)
	case r.status&tallyLine != 0:
		words += " on " + source
		f.Add("terminal", source)
	default:
		words += " by " + source
		f.Add("service", source)
	}
	if r.status&tallyValid == 0 {
		words += " (no longer counted)"
		f.Flag("cleared")
	}
	return words, "Content Modification Time"
}
