package artifacts

import (
	"encoding/json"
	"strconv"
	"time"
)

// An Object is a JSON object written member by member, in the bytes that encoding/json would choose, but without
// reflection: the records of a million small files cost more than their content otherwise. Tests hold the two equal.
type Object struct{ b []byte }

// NewObject begins an object behind b.
func NewObject(b []byte) *Object { return &Object{append(b, '{')} }

// End gives all that was written.
func (o *Object) End() []byte { return append(o.b, '}') }

func (o *Object) key(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, '"'), name...), '"', ':')
}

// Text writes a string.
func (o *Object) Text(name, v string) {
	if !plain(v) {
		o.Value(name, v)
		return
	}
	o.key(name)
	o.b = append(append(append(o.b, '"'), v...), '"')
}

// plain tells whether a string needs no escape.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

// MaybeText writes a string that is not empty.
func (o *Object) MaybeText(name, v string) {
	if v != "" {
		o.Text(name, v)
	}
}

// Number writes a number.
func (o *Object) Number(name string, n int64) {
	o.key(name)
	o.b = strconv.AppendInt(o.b, n, 10)
}

// MaybeNumber writes a number that is not zero.
func (o *Object) MaybeNumber(name string, n int64) {
	if n != 0 {
		o.Number(name, n)
	}
}

// MaybeUnsigned writes a number that is not zero.
func (o *Object) MaybeUnsigned(name string, n uint64) {
	if n != 0 {
		o.key(name)
		o.b = strconv.AppendUint(o.b, n, 10)
	}
}

// MaybeTime writes a time that is not zero, and is of the years 0 to 9999: RFC 3339 has no others.
func (o *Object) MaybeTime(name string, t time.Time) {
	if y := t.Year(); !t.IsZero() && 0 <= y && y <= 9999 {
		o.key(name)
		o.b = append(t.AppendFormat(append(o.b, '"'), time.RFC3339Nano), '"')
	}
}

// Value writes what is rare as encoding/json writes it. What cannot be written is null.
func (o *Object) Value(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		data = []byte("null")
	}
	o.key(name)
	o.b = append(o.b, data...)
}

// MarshalJSON gives the members that Times names. A time that RFC 3339 has no words for, as whoever owns a file can set it
// on many file systems, is in a member more, impossible: seconds since 1970 by name.
func (t Times) MarshalJSON() ([]byte, error) { return t.appendJSON(nil), nil }

func (t *Times) appendJSON(b []byte) []byte {
	o := NewObject(b)
	impossible := map[string]int64(nil)
	for i, at := range [...]*time.Time{&t.Modified, &t.Accessed, &t.Changed, &t.Born} {
		if y := at.Year(); y < 0 || y > 9999 {
			if impossible == nil {
				impossible = map[string]int64{}
			}
			impossible[timeNames[i]] = at.Unix()
		}
		o.MaybeTime(timeNames[i], *at)
	}
	if impossible != nil {
		o.Value("impossible", impossible)
	}
	return o.End()
}

var timeNames = [...]string{"modified", "accessed", "changed", "born"}

// AppendMembers writes the members of an item into an object, as encoding/json would.
func (it *Item) AppendMembers(o *Object) {
	o.MaybeText("name", it.Name)
	o.Text("source", it.Source)
	o.MaybeText("origin", it.Origin.String())
	o.MaybeText("link", it.Link.String())
	if it.Times != (Times{}) {
		o.key("times")
		o.b = it.Times.appendJSON(o.b)
	}
	o.MaybeNumber("mode", int64(it.Mode))
	o.MaybeText("uid", it.UID)
	o.MaybeText("gid", it.GID)
	o.MaybeUnsigned("inode", it.Inode)
	o.MaybeUnsigned("device", it.Device)
	o.MaybeNumber("attributes", int64(it.Attributes))
	o.MaybeUnsigned("links", it.Links)
	if len(it.Xattrs) > 0 {
		o.Value("xattrs", it.Xattrs)
	}
	o.MaybeText("acl", it.ACL)
	if it.Sparse != nil {
		o.Value("sparse", it.Sparse)
	}
	o.MaybeText("same_as", it.SameAs)
	o.MaybeText("method", it.Method)
	o.MaybeTime("read", it.Read)
}

// AppendJSON appends the outcome as encoding/json would write it.
func (o *Outcome) AppendJSON(b []byte) []byte {
	w := NewObject(b)
	w.Text("source", o.Source)
	w.MaybeText("path", o.Path.String())
	w.Text("status", o.Status.String())
	w.MaybeText("reason", o.Reason)
	w.MaybeText("item", o.Item)
	w.MaybeNumber("bytes", o.Bytes)
	if o.Gap {
		w.Value("gap", true)
	}
	return w.End()
}
