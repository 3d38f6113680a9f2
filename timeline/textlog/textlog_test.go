package textlog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/timeline"
	"spor/timeline/dates"
)

func show(f Fields) string {
	var out []string
	for _, field := range f {
		out = append(out, field.Name+"="+field.String())
	}
	return strings.Join(out, "|")
}

func TestPatterns(t *testing.T) {
	table := []Pattern{
		Say("in", "success", "Failed {method@} for {user*} from {address@} port {port#}"),
		Say("at", "", "Login: {who}, {}={rest}"),
		Say("plain", "", "Nothing changes"),
	}
	for text, want := range map[string]string{
		"Failed password for a from 10.0.0.1 from 192.0.2.7 port 22 ssh2": "action=in|authentication_result=success|method=password|user=a from 10.0.0.1|address=192.0.2.7|port=22",
		"Failed password for a from b from c":                             "",
		"Failed password for a from 192.0.2.7 port x":                     "",
		"Login: bob, x=y=z":      "action=at|who=bob|rest=y=z",
		"Login: bob":             "",
		"Nothing changes at all": "action=plain",
		"nothing":                "",
	} {
		var f Fields
		if f.Match(table, text); show(f) != want {
			t.Errorf("%q: got %s, want %s", text, show(f), want)
		}
	}
	f := Fields{timeline.Text("user", "before")}
	f.MatchNew(table, "Failed password for a from 192.0.2.7 port 22")
	if got := show(f); got != "user=before|action=in|authentication_result=success|method=password|address=192.0.2.7|port=22" {
		t.Errorf("got %s", got)
	}
}

func TestPairs(t *testing.T) {
	for text, want := range map[string]string{
		`a=1 b="x \" y" c='z w',d=5;e=`: `a:1 b:x \" y c:z w d:5 e:`,
		`no pairs here`:                 "",
		`msg='op=x acct="y"' res=1`:     `msg:op=x acct="y" res:1`,
		`a="open`:                       `a:open`,
		`=x a=b=c`:                      `a:b=c`,
		`x(a=1)`:                        `x(a:1)`,
	} {
		var got []string
		for k, v := range Pairs(text) {
			got = append(got, k+":"+v)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: got %s, want %s", text, s, want)
		}
	}
}

func TestJSON(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,"b":{"c":"x\ny\u00e6\ud83d\ude00","d":[1,"two",{"e":true}]},"f":null,"g":-1.5e3}`: "a=1 b.c=\"x\ny\u00e6😀\" b.d=1 b.d=\"two\" b.d.e=true g=-1.5e3",
		`{}`:                           "",
		` { "a" : [ ] } `:              "",
		`{"a":"x"`:                     "error",
		`{"a":}`:                       "error",
		`[1]`:                          "error",
		`{"a":1}x`:                     "error",
		`{"a":"\ud800x"}`:              "a=\"\ufffdx\"",
		strings.Repeat(`{"a":`, 1000):  "error",
		`{"a":"\\"}`:                   `a="\"`,
		`{"a":"un` + "\n" + `broken"}`: "a=\"un\nbroken\"",
	} {
		var e Entry
		var got []string
		err := e.JSON(text, func(m *Member, value string, isText bool) {
			if isText {
				value = `"` + value + `"`
			}
			got = append(got, m.Path+"="+value)
		})
		s := strings.Join(got, " ")
		if err != nil {
			s = "error"
		}
		if s != want {
			t.Errorf("%.80s: got %q, want %q", text, s, want)
		}
	}
}

// TestRepeated keeps the values of a list together, and the first of two members of one name.
func TestRepeated(t *testing.T) {
	j := JSONLog{Name: "x", Type: "x:y", Marks: []string{`"t":`}, Time: "t", Names: map[string]string{"who": "username", "groups": "group", "n": "number", "by": "username"}}
	text := `{"t":"2026-03-09T09:00:00Z","who":"eve","groups":["a","b"],"n":[1,2,3],"by":"root"}` + "\n"
	for e, err := range j.Dialect().Format().Parse(timeline.Input{R: strings.NewReader(text)}) {
		if got, want := show(e.Fields), "username=eve|group=a, b|number=1, 2, 3"; err != nil || got != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}

func TestColumns(t *testing.T) {
	for row, want := range map[string][]string{
		`a,"b ""c"", d",,e`: {"a", `b "c", d`, "", "e"},
		``:                  {""},
		`"open`:             {"open"},
		`"a"x,b`:            {"a"},
		`a,`:                {"a", ""},
	} {
		var e Entry
		if got := e.Columns(nil, row, ','); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", row, got, want)
		}
	}
}

func TestLastIndex(t *testing.T) {
	for _, text := range []string{"", "a", "ab", "abab", "aabb", "xab", "abx", "ababa"} {
		for _, sep := range []string{"a", "ab", "aba", "x", "abababab"} {
			if got, want := LastIndex(text, sep), strings.LastIndex(text, sep); got != want {
				t.Errorf("%q in %q: got %d, want %d", sep, text, got, want)
			}
		}
	}
}

// TestMembers reads members in changing order, more than are remembered, and paths of one spelling in different places.
func TestMembers(t *testing.T) {
	var e Entry
	for i := range 3 * maxKnown {
		text := fmt.Sprintf(`{"a":1,"k%d":{"b":2},"c":[{"b":3},{"a":4}],"a.b":5}`, i)
		if i%2 == 0 {
			text = fmt.Sprintf(`{"c":[{"a":4},{"b":3}],"a.b":5,"k%d":{"b":2},"a":1}`, i)
		}
		got := map[string]string{}
		err := e.JSON(text, func(m *Member, value string, _ bool) { got[m.Path] += value })
		want := map[string]string{"a": "1", fmt.Sprintf("k%d.b", i): "2", "c.b": "3", "c.a": "4", "a.b": "5"}
		if err != nil || !maps.Equal(got, want) {
			t.Fatalf("%s: got %v, %v", text, got, err)
		}
	}
	if len(e.members.known) > maxKnown {
		t.Errorf("%d members are remembered", len(e.members.known))
	}
}

func TestAtoi(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "-12": -12, "9223372036854775807": 9223372036854775807} {
		if got, ok := Atoi(text); !ok || got != want {
			t.Errorf("%s: got %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-", "+1", "1x", "9223372036854775808", "9999999999999999999", "10000000000000000000", " 1"} {
		if got, ok := Atoi(text); ok {
			t.Errorf("%q: got %d", text, got)
		}
	}
}

// short is a dialect of the least kind.
var short = Dialect{Name: "short", Type: "short:line", Begin: func(line string) (dates.Stamp, int, bool) {
	s, n := dates.BSD(line)
	return s, n, n > 0
}}

// TestManyLines joins more lines than an entry may have, and takes no longer for it than for as many entries.
func TestManyLines(t *testing.T) {
	text := "Mar  9 07:52:33 x\n" + strings.Repeat("y\n", 2*maxEntry)
	start, events := time.Now(), 0
	for e, err := range short.Format().Parse(timeline.Input{R: strings.NewReader(text)}) {
		if err != nil || len(e.Message) > maxEntry+2 {
			t.Fatalf("%v, message of %d bytes", err, len(e.Message))
		}
		events++
	}
	if took := time.Since(start); events < 4 || events > 6 || took > time.Minute {
		t.Errorf("%d events in %v", events, took)
	}
}

// TestYearOfPipe finds the year in a file that can be read but once and is longer than what is held.
func TestYearOfPipe(t *testing.T) {
	line := "Nov  9 07:52:33 " + strings.Repeat("x", 1000) + "\n"
	text := strings.Repeat(line, maxHeld/len(line)+10) + "Jan  2 00:00:00 y\n"
	var last timeline.Event
	for e, err := range short.Format().Parse(timeline.Input{R: onlyReader{strings.NewReader(text)}, ModTime: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)}) {
		if err != nil {
			t.Fatal(err)
		}
		last = e
	}
	if got := last.Time.Format(time.DateOnly); got != "2026-01-02" {
		t.Errorf("got %s", got)
	}
}

// TestWhatIsSaidOfTimes is what docs/timeline.md says of years and zones that a record leaves out.
func TestWhatIsSaidOfTimes(t *testing.T) {
	oslo, err := time.LoadLocation("Europe/Oslo")
	if err != nil {
		t.Skipf("SKIPPED: no time zones on this machine: %v", err)
	}
	modified := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	whole := Dialect{Name: "whole", Type: "whole:line", Begin: func(line string) (dates.Stamp, int, bool) {
		s, n := dates.ISO(line)
		return s, n, n > 0
	}}
	for _, tt := range []struct {
		dialect  *Dialect
		line     string
		zone     *time.Location
		modified time.Time
		at, said string
	}{
		{&whole, "2026-07-09T09:00:00+02:00 x", nil, modified, "2026-07-09T07:00:00Z", ""},
		{&whole, "2026-07-09T09:00:00 x", oslo, modified, "2026-07-09T07:00:00Z", "zone_assumed=Europe/Oslo"},
		{&whole, "2026-07-09T09:00:00 x", nil, modified, "2026-07-09T09:00:00Z", "zone_assumed=UTC|zone_unknown=true"},
		{&short, "Jul  9 09:00:00 x", oslo, modified, "2026-07-09T07:00:00Z", "year_inferred=true|zone_assumed=Europe/Oslo"},
		{&short, "Jul  9 2025 09:00:00 x", oslo, modified, "2025-07-09T07:00:00Z", "zone_assumed=Europe/Oslo"},
		{&short, "Jul  9 09:00:00 x", nil, modified, "2026-07-09T09:00:00Z", "year_inferred=true|zone_assumed=UTC|zone_unknown=true"},
		{&short, "Jul  9 09:00:00 x", oslo, time.Time{}, "0001-01-01T00:00:00Z", "time_text=Jul  9 09:00:00"},
	} {
		for e, err := range tt.dialect.Format().Parse(timeline.Input{R: strings.NewReader(tt.line + "\n"), Zone: tt.zone, ModTime: tt.modified}) {
			if got := e.Time.UTC().Format(time.RFC3339); err != nil || got != tt.at || show(e.Fields) != tt.said || e.Timed() != (e.Desc != timeline.DescNone) {
				t.Errorf("%q: %s, %q (%s), %v; want %s, %q", tt.line, got, show(e.Fields), e.Desc, err, tt.at, tt.said)
			}
		}
	}
}

// TestSince passes over what is too old, and keeps the years right.
func TestSince(t *testing.T) {
	text := "Dec 30 00:00:00 a\nDec 31 00:00:00 b\nJan  5 00:00:00 c\n"
	modified := time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC)
	var got []string
	for e := range short.Format().Parse(timeline.Input{R: strings.NewReader(text), ModTime: modified, Since: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}) {
		got = append(got, e.Time.Format(time.DateOnly)+e.Message)
	}
	if want := []string{"2025-12-31b", "2026-01-05c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// onlyReader hides that its reader can be read again.
type onlyReader struct{ r *strings.Reader }

func (r onlyReader) Read(b []byte) (int, error) { return r.r.Read(b) }

// FuzzEntry gives every reader of parts any text.
func FuzzEntry(f *testing.F) {
	f.Add(`{"a":"\u00e6","b":[{"c":1}]}`)
	f.Add(`a=1 b="x \" y" c='z w',d=5;e=`)
	f.Add(`a,"b ""c"", d",,e`)
	f.Fuzz(func(t *testing.T, text string) {
		var e Entry
		total := 0
		e.JSON(text, func(_ *Member, value string, _ bool) { total += len(value) })
		if total > 3*len(text) { // an invalid escape of two bytes becomes U+FFFD, three
			t.Fatalf("%q: %d bytes of values", text, total)
		}
		size := 0
		for k, v := range Pairs(text) {
			size += len(k) + len(v) + 1
		}
		if size > len(text) {
			t.Fatalf("%q: pairs of %d bytes", text, size)
		}
		size = 0
		for _, v := range e.Columns(nil, text, ',') {
			size += len(v)
		}
		if size > len(text) {
			t.Fatalf("%q: columns of %d bytes", text, size)
		}
	})
}

func Example() {
	d := Dialect{
		Name: "example", Type: "example:line",
		Begin: func(line string) (dates.Stamp, int, bool) {
			s, n := dates.ISO(line)
			return s, n, n > 0
		},
		Read: func(e *Entry) {
			e.Match([]Pattern{Say("login", "success", " {username*} came from {ip_address@}")}, e.Words())
		},
	}
	for e := range d.Format().Parse(timeline.Input{R: strings.NewReader("2026-03-09 09:00:00Z ann came from 192.0.2.7.\n")}) {
		user, _ := e.Get("username")
		address, _ := e.Get("ip_address")
		fmt.Println(e.Time, user, address)
	}
	// Output: 2026-03-09 09:00:00 +0000 UTC ann 192.0.2.7
}
