package timeline

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"spor/artifacts"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.UTC)

func TestAppendJSON(t *testing.T) {
	src := &Source{Host: "h", Path: "/var/log/\xff", Parser: "p", SHA256: ParseDigest(strings.Repeat("aa", 32))}
	tests := []struct {
		name string
		e    Event
		want string
	}{
		{
			"everything",
			Event{
				Time: at, Desc: DescModified, Type: "t:x", Message: "a\"b\n", Offset: 384, Recovered: true, Source: src,
				Fields: []Field{Text("s", "þ"), Int("i", -1), Uint("u", 1<<64-1), Bool("b", true), List("l", []string{"x", "y"})},
			},
			`{"message":"a\"b\n","datetime":"2026-03-04T05:06:07.123456+00:00","timestamp":1772600767123456,"timestamp_desc":"Content Modification Time",` +
				`"data_type":"t:x","parser":"p","host":"h","path":"/var/log/%FF","offset":384,"sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","recovered":true,"nanosecond":789,` +
				`"s":"þ","i":-1,"u":18446744073709551615,"b":true,"l":["x","y"]}`,
		},
		{
			"no time",
			Event{Desc: DescModified, Type: "t", Message: "m"},
			`{"message":"m","datetime":"1970-01-01T00:00:00+00:00","timestamp":0,"timestamp_desc":"Not a time","data_type":"t","parser":"","host":"","path":"","offset":0,"sha256":""}`,
		},
		{
			"impossible time",
			Event{Time: time.Date(30828, 1, 1, 0, 0, 0, 5, time.UTC), Desc: DescModified, Type: "t", Message: "m"},
			`{"message":"m","datetime":"1970-01-01T00:00:00+00:00","timestamp":0,"timestamp_desc":"Not a time","data_type":"t","parser":"","host":"","path":"","offset":0,"sha256":""}`,
		},
		{
			"before 1970, not UTF-8, a reserved name",
			Event{
				Time: time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC), Desc: "d", Type: "t", Message: "100%25 \x80",
				Fields: []Field{Text("path", "x"), Text("url", "/a%20b"), List("l", []string{"\xfe"})},
			},
			`{"message":"100%2525 %80","datetime":"1601-01-01T00:00:00.000000+00:00","timestamp":-11644473600000000,"timestamp_desc":"d","data_type":"t","parser":"",` +
				`"host":"","path":"","offset":0,"sha256":"","path_":"x","url":"/a%20b","l":["%FE"],"percent_escaped":["message","l"]}`,
		},
	}
	for _, tt := range tests {
		if got := string(tt.e.AppendJSON(nil)); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// TestAppendString puts every byte at every place of texts of all lengths that one step or two copy.
func TestAppendString(t *testing.T) {
	for c := range 256 {
		for n := range 20 {
			for at := range n {
				b := []byte(strings.Repeat("~ a!", 5))[:n]
				b[at] = byte(c)
				got, ok := appendString([]byte("x"), string(b))
				if ok != (c < utf8.RuneSelf) {
					t.Fatalf("%q: taken for UTF-8: %v", b, ok)
				}
				var back string
				if err := json.Unmarshal(got[1:], &back); ok && (err != nil || back != string(b)) {
					t.Fatalf("%q came out as %s: %v", b, got[1:], err)
				}
				if plain := c >= ' ' && c < 0x7f && c != '"' && c != '\\'; plain && string(got) != `x"`+string(b)+`"` {
					t.Fatalf("%q came out as %s", b, got[1:])
				}
			}
		}
	}
}

// FuzzAppendJSON checks that whatever the strings are, the line is JSON and gives them back.
func FuzzAppendJSON(f *testing.F) {
	f.Add("m", "n", "v", int64(0), int64(0))
	f.Add("\x00\x7f\u2028\xff", "message", "%41\xc3", int64(1<<60), int64(-1))
	f.Fuzz(func(t *testing.T, message, name, value string, sec, offset int64) {
		e := Event{Time: time.Unix(sec, 0), Message: message, Offset: offset, Fields: []Field{Text(name, value)}}
		line := e.AppendJSON(nil)
		var got map[string]any
		if err := json.Unmarshal(line, &got); err != nil || !utf8.Valid(line) || strings.Contains(string(line), "\n") {
			t.Fatalf("%v: %q", err, line)
		}
		m := got["message"].(string)
		if list, ok := got["percent_escaped"].([]any); ok && len(list) > 0 && list[0] == "message" {
			var p artifacts.Path
			p.UnmarshalText([]byte(m))
			m = string(p)
		}
		if m != message {
			t.Errorf("message %q came back as %q", message, m)
		}
		c := newCodec()
		key, data := c.append(nil, &e)
		back, err := c.decode(record{key, data})
		if err != nil || back.Source != nil || back.Timed() != e.Timed() || e.Timed() && !back.Time.Equal(e.Time) || back.Offset != offset || !reflect.DeepEqual(back.Fields, e.Fields) {
			t.Errorf("codec: %v: got %+v, want %+v", err, back, e)
		}
		if again := back.AppendJSON(nil); string(again) != string(line) {
			t.Errorf("after the codec: got\n%s, want\n%s", again, line)
		}
	})
}

func FuzzDecodeEvent(f *testing.F) {
	c := newCodec()
	key, data := c.append(nil, &Event{Time: at, Message: "m", Fields: []Field{List("l", []string{"a"})}})
	f.Add(key, data)
	f.Fuzz(func(t *testing.T, key uint64, b []byte) {
		if _, err := c.decode(record{key, b}); err != nil && err != errCodec {
			t.Errorf("%x: %v", b, err)
		}
	})
}
