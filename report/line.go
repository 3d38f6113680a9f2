package report

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// An event is a line of timeline.jsonl, as the page carries it.
type event struct {
	Message   string `json:"message"`
	Micros    int64  `json:"timestamp"` // since 1970 UTC
	Desc      string `json:"timestamp_desc"`
	Type      string `json:"data_type"`
	Parser    string `json:"parser"`
	Host      string `json:"host"`
	Path      string `json:"path"`
	Offset    int64  `json:"offset"`
	Recovered bool   `json:"recovered"`
	SHA256    string `json:"sha256"`
	Own       []byte `json:"-"` // the members that are none of these, each after a comma; valid until the next line is read
}

// read fills the event from a line. The order of the keys is known (timeline.Event.AppendJSON), so that most lines are
// read in one go; any other line that is JSON is read the slow way.
func (e *event) read(line []byte) bool {
	*e = event{}
	if e.fast(line) {
		return true
	}
	*e = event{}
	if json.Unmarshal(line, e) != nil {
		return false
	}
	e.Own = ownOf(line)
	return true
}

func (e *event) fast(line []byte) bool {
	r := reading{rest: line, ok: true}
	e.Message = r.text(`{"message":"`)
	r.text(`,"datetime":"`)
	e.Micros = r.number(`,"timestamp":`)
	e.Desc = r.text(`,"timestamp_desc":"`)
	e.Type = r.text(`,"data_type":"`)
	e.Parser = r.text(`,"parser":"`)
	e.Host = r.text(`,"host":"`)
	e.Path = r.text(`,"path":"`)
	e.Offset = r.number(`,"offset":`)
	e.SHA256 = r.text(`,"sha256":"`)
	own, closed := bytes.CutSuffix(r.rest, []byte{'}'})
	e.Own, e.Recovered = bytes.CutPrefix(own, []byte(`,"recovered":true`))
	return r.ok && closed
}

// A reading takes one value after the other from a line; ok falls when something else stands there.
type reading struct {
	rest []byte
	ok   bool
}

func (r *reading) after(key string) bool {
	if !r.ok || len(r.rest) < len(key) || string(r.rest[:len(key)]) != key {
		r.ok = false
		return false
	}
	r.rest = r.rest[len(key):]
	return true
}

// text reads a string up to its closing quote; one with an escape in it is left to encoding/json.
func (r *reading) text(key string) string {
	if !r.after(key) {
		return ""
	}
	escaped := false
	for i := 0; i < len(r.rest); i++ {
		switch r.rest[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			raw := r.rest[:i]
			whole := r.rest[:i+1]
			r.rest = r.rest[i+1:]
			if !escaped && utf8.Valid(raw) {
				return string(raw)
			}
			var s string
			if json.Unmarshal(append([]byte{'"'}, whole...), &s) != nil {
				r.ok = false
			}
			return s
		}
	}
	r.ok = false
	return ""
}

func (r *reading) number(key string) int64 {
	if !r.after(key) {
		return 0
	}
	n := bytes.IndexByte(r.rest, ',')
	if n < 0 {
		r.ok = false
		return 0
	}
	v, err := strconv.ParseInt(string(r.rest[:n]), 10, 64)
	r.rest, r.ok = r.rest[n:], err == nil
	return v
}
