package timeline

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestWords gives the same events from two files, the second time when their texts have become words, and compares the
// lines that come out with those of the events that went in.
func TestWords(t *testing.T) {
	const n = 2000
	texts := []string{"", "-", "it's", "x\"\\\n", "þorn", "%41", "\xff", "a,b", strings.Repeat("l", maxWord), strings.Repeat("l", maxWord+1), strings.Repeat("m", 200)}
	files := []*Source{{Host: "h", Path: "/a"}, {Host: "h", Path: "/b"}}
	event := func(i int, src *Source) Event {
		pick := func(k int) string { return texts[(i/k)%len(texts)] }
		return Event{
			Time: at.Add(time.Duration(i)), Desc: DescModified, Type: "t", Message: pick(3), Offset: int64(i), Source: src,
			Fields: []Field{Text("a", pick(1)), Int("n", int64(i)), List("l", []string{pick(2), pick(5)}), Text("message", pick(7)), Text("unique", fmt.Sprint(i))},
		}
	}
	s := NewSorter(SorterOptions{Memory: 100_000, Dir: t.TempDir()})
	defer s.Close()
	for _, src := range files {
		for i := range n {
			e := event(i, src)
			if err := s.Add(&e); err != nil {
				t.Fatal(err)
			}
		}
	}
	i := 0
	for e, err := range s.Events() {
		if err != nil {
			t.Fatal(err)
		}
		want := event(i, files[0])
		want.Also = files[1:]
		if got, want := string(e.AppendJSON(nil)), string(want.AppendJSON(nil)); got != want {
			t.Fatalf("event %d:\ngot  %s\nwant %s", i, got, want)
		}
		i++
	}
	if i != n {
		t.Errorf("%d events came out of %d that were given twice", i, n)
	}
	words := 0
	for _, v := range s.codec.shapes[1].words {
		if v != nil {
			for _, w := range v.words {
				if w.text != "" {
					words++
				}
			}
		}
	}
	if words < 20 {
		t.Errorf("only %d texts became words", words)
	}
}

// TestWordsBound gives more words than are kept.
func TestWordsBound(t *testing.T) {
	s := NewSorter(SorterOptions{})
	e := Event{Time: at, Type: "t", Message: "m", Fields: []Field{{}}}
	for i := range 8000 {
		e.Fields[0] = Text(fmt.Sprintf("%c%d%c", 'a'+i/2%26, i/2, 'a'+i/52%26), strings.Repeat(string(rune('a'+i/2%26)), maxWord))
		e.Offset = int64(i)
		s.Add(&e)
	}
	if held := s.codec.words.held; held < maxWords || held > maxWords+8*maxWord {
		t.Errorf("words of %d bytes, want %d and little more", held, maxWords)
	}
	n := 0
	for e, err := range s.Events() {
		if err != nil || len(e.Fields[0].text) != maxWord {
			t.Fatalf("event %d: %v %+v", n, err, e)
		}
		n++
	}
	if n != 8000 {
		t.Errorf("%d events came out", n)
	}
}
