package report

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"spor/timeline"
)

// opened reads a viewer's column of numbers back.
func (v *viewer) opened(t *testing.T, id string) string {
	t.Helper()
	for _, p := range slices.Concat(v.pieces, v.own.done) {
		if p.ID != id {
			continue
		}
		z, err := zlib.NewReader(bytes.NewReader(p.data))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil || len(b) != p.Size {
			t.Fatalf("%s has %d bytes, says %d: %v", id, len(b), p.Size, err)
		}
		return string(b)
	}
	t.Fatalf("no piece %s", id)
	return ""
}

// TestBound keeps the newest events where there are too many, and those that a finding is about.
func TestBound(t *testing.T) {
	for _, tt := range []struct {
		most                 int64
		count, records, left int
	}{{30_000, 3_661, 381, 0}, {1_000, 1_000, 381, 2_661}, {2, 3, 3, 3_658}, {0, 1, 1, 3_660}} {
		hosts := loaded(t, made(t, ""))
		v, err := newViewer(t.Context(), hosts, tt.most)
		if err != nil {
			t.Fatal(err)
		}
		of, seconds := strings.NewReader(v.opened(t, "kinds")), strings.NewReader(v.opened(t, "seconds"))
		records, last, newest := 0, int64(0), int64(0)
		for range v.count {
			k, err1 := binary.ReadUvarint(of)
			d, err2 := binary.ReadVarint(seconds)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			last += d
			newest = max(newest, last)
			if v.kinds[k].Type != "fs:stat" {
				records++
			}
		}
		if v.count != tt.count || records != tt.records || v.left != int64(tt.left) {
			t.Errorf("most %d: %d events, %d of them records, %d left out; want %d, %d, %d", tt.most, v.count, records, v.left, tt.count, tt.records, tt.left)
		}
		if want := began.AddDate(4, 0, 0).Unix(); tt.most > 0 && newest != want {
			t.Errorf("most %d: the newest is of %d, want %d", tt.most, newest, want)
		}
		root := slices.IndexFunc(hosts[0].Findings, func(f findingRecord) bool { return f.Rule == "ssh-root-password" })
		if _, tied := v.first[&hosts[0].Findings[root]]; !tied {
			t.Errorf("most %d: the event of a finding is left out", tt.most)
		}
	}
}

// TestEventRead reads what AppendJSON writes in one go, and other JSON the slow way.
func TestEventRead(t *testing.T) {
	usual := `{"message":"a \"b\" \u00fe","datetime":"2026-01-01T00:00:00+00:00","timestamp":-5,"timestamp_desc":"d","data_type":"t","parser":"p","host":"h","path":"/x","offset":7,"sha256":"","recovered":true,"x":1}`
	want := event{Own: []byte(`,"x":1`), Message: `a "b" þ`, Micros: -5, Desc: "d", Type: "t", Parser: "p", Host: "h", Path: "/x", Offset: 7, Recovered: true}
	swapped := `{"data_type":"t","message":"a \"b\" \u00fe","timestamp":-5,"timestamp_desc":"d","parser":"p","host":"h","path":"/x","offset":7,"x":1,"recovered":true}`
	for _, line := range []string{usual, swapped} {
		var got event
		if !got.read([]byte(line)) || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngives %+v", line, got)
		}
	}
	var e event
	if !e.fast([]byte(usual)) || e.fast([]byte(swapped)) {
		t.Error("the fast way takes what it should not, or not what it should")
	}
	for _, line := range []string{"", "{", "[]", `{"message":"`, `{"message":"a","datetime":"","timestamp":x,`, strings.Repeat("{", 9)} {
		if e.read([]byte(line)) {
			t.Errorf("%q is an event", line)
		}
	}
}

// TestDetails opens what the page carries of each event besides the columns, as the script does, and holds it against the lines.
func TestDetails(t *testing.T) {
	var b []byte
	var want []string
	add := func(message, digest string, fields ...timeline.Field) {
		src := &timeline.Source{Host: "h", Path: "/x", Parser: "p", SHA256: timeline.ParseDigest(digest)}
		e := timeline.Event{Time: began, Type: "t", Desc: "d", Message: message, Source: src, Fields: fields}
		b = append(e.AppendJSON(b), '\n')
		line := ""
		if digest != "" {
			line = "sha256=" + digest + "|"
		}
		for _, f := range fields {
			line += f.Name + "=" + f.String() + "|"
		}
		want = append(want, line)
	}
	sum := strings.Repeat("0f", 32)
	for i := range 2*detailBlock + 7 {
		switch i % 4 {
		case 0:
			add("Þór 🐟 says something long enough", sum, timeline.Text("body", "says something long enough"), timeline.Int("n", int64(-i)))
		case 1:
			add("a\nmessage of two lines", "", timeline.Text("whole", "a\nmessage of two lines"), timeline.Text("part", "message of"), timeline.Bool("yes", true))
		case 2:
			add("bare", "")
		default:
			add("m", sum, timeline.Text("quotes", `"a", {b} \ [c`), timeline.Text("empty", ""))
		}
	}
	folder := made(t, "")
	folder["timeline.jsonl"] = &fstest.MapFile{Data: b}
	v, err := newViewer(t.Context(), loaded(t, folder), maxEvents)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.own.done) != 3 || v.count != len(want) {
		t.Fatalf("%d events in %d blocks, want %d in 3", v.count, len(v.own.done), len(want))
	}
	messages := strings.Split(v.opened(t, "m0"), "\n")
	refs := strings.NewReader(v.opened(t, "m-refs"))
	next := uint64(0)
	for i, w := range want {
		back, _ := binary.ReadUvarint(refs)
		id := next - back
		if back == 0 {
			next++
		}
		if near := i % detailBlock; i%101 > 3 && near > 3 && near < detailBlock-4 {
			continue // each block is opened for each event
		}
		if got := strings.ReplaceAll(v.fieldsOf(t, i, messages[id]), "\v", "\n"); got != w {
			t.Fatalf("event %d: got %q, want %q", i, got, w)
		}
	}
}

// fieldsOf reads the fields of an event as viewer.js does.
func (v *viewer) fieldsOf(t *testing.T, number int, message string) string {
	t.Helper()
	block := number / detailBlock
	lines := strings.Split(v.opened(t, fmt.Sprintf("d%d", block)), "\n")
	size := min(detailBlock, v.count-block*detailBlock)
	number %= detailBlock
	many, before := map[string]int{}, 0
	var order []string
	for i, shape := range lines[:size] {
		if many[shape] == 0 {
			order = append(order, shape)
		}
		if i == number {
			before = many[shape]
		}
		many[shape]++
	}
	names := func(shape string) []string { n, _ := strconv.Atoi(shape); return v.own.names[n] }
	at := size + before
	for _, shape := range order {
		if shape == lines[number] {
			break
		}
		at += many[shape] * len(names(shape))
	}
	var out strings.Builder
	for i, name := range names(lines[number]) {
		value := lines[at+i*many[lines[number]]]
		if where, ok := strings.CutPrefix(value, "\x01"); ok {
			from, length, cut := strings.Cut(where, ",")
			text := utf16.Encode([]rune(message))
			a, _ := strconv.Atoi(from)
			n, _ := strconv.Atoi(length)
			if !cut {
				n = len(text) - a
			}
			value = string(utf16.Decode(text[a : a+n]))
		}
		out.WriteString(name + "=" + value + "|")
	}
	return out.String()
}

// TestDetailBounds gives more shapes, fields and text than the page takes.
func TestDetailBounds(t *testing.T) {
	d := newDetails(false)
	own := func(n, length int) *event {
		var b []byte
		for i := range n {
			b = fmt.Appendf(b, `,"k%d":"%s"`, i, strings.Repeat("x", length))
		}
		return &event{Own: b}
	}
	names, values := d.fields(own(500, 9_000))
	if len(names) != detailFields+1 || names[detailFields] != "…" || values[detailFields] != "+ 380" || len(values[0]) != detailText+len("…") {
		t.Errorf("%d names, last %q=%q, the first has %d bytes", len(names), names[detailFields], values[detailFields], len(values[0]))
	}
	for i := range maxShapes + 100 {
		d.add(&event{Own: fmt.Appendf(nil, `,"odd%d":1,"x":2`, i)})
	}
	d.close()
	if len(d.names) != maxShapes+1 || d.names[maxShapes][0] != "…" {
		t.Errorf("%d shapes", len(d.names))
	}
	d = newDetails(false)
	for i := range maxShapes + 100 {
		d.add(&event{Own: fmt.Appendf(nil, `,"odd%d":1`, i)})
	}
	if len(d.names) != maxShapes+1 {
		t.Errorf("events of one field have %d shapes, want %d", len(d.names), maxShapes+1)
	}
	d = newDetails(true)
	d.add(&event{SHA256: "s", Own: []byte(`,"strange":"1","username":"anna"`)})
	if !reflect.DeepEqual(d.names, [][]string{{"sha256", "username"}}) {
		t.Errorf("of few fields these are taken: %q", d.names)
	}
}

// TestDetailNameless has a field whose name is empty beside an event without fields: they are not of one shape.
func TestDetailNameless(t *testing.T) {
	d := newDetails(false)
	d.add(&event{})
	d.add(&event{Own: []byte(`,"":"x"`)})
	if len(d.names) != 2 || len(d.names[0]) != 0 || !reflect.DeepEqual(d.names[1], []string{"—"}) {
		t.Errorf("got shapes %q, want none and —", d.names)
	}
}

func FuzzOwn(f *testing.F) {
	f.Add([]byte(`{"message":"a","a":"b","n":[1,{"x":"]"}],"l":["a","b"],"z":null}`))
	f.Add([]byte(`{"message":"a","datetime":"","timestamp":1,"timestamp_desc":"d","data_type":"t","parser":"p","host":"h","path":"x","offset":7,"sha256":"","x":"\"","y":{"`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var e event
		var all map[string]json.RawMessage
		if !e.read(line) || json.Unmarshal(line, &all) != nil {
			return
		}
		for name := range e.own {
			if _, there := all[name]; !there {
				t.Errorf("%q: no member is called %q", line, name)
			}
		}
	})
}
