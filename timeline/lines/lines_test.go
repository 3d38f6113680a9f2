package lines

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

// all is what Read gives: "offset:text" and "!error".
func all(r io.Reader) (out []string) {
	for l, err := range Read(r) {
		switch {
		case err != nil:
			out = append(out, "!"+err.Error())
		case l.Cut > 0:
			out = append(out, fmt.Sprintf("%d:%d bytes and %d", l.Offset, len(l.Text), l.Cut))
		default:
			out = append(out, fmt.Sprintf("%d:%s", l.Offset, l.Text))
		}
	}
	return out
}

func wide(order binary.AppendByteOrder, s string) string {
	b := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

func TestRead(t *testing.T) {
	zeros := strings.Repeat("\x00", 3*block)
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"line ends", "a\nb\r\n\nc", []string{"0:a", "2:b", "5:", "6:c"}},
		{"a carriage return alone ends none", "a\rb\n", []string{"0:a\rb"}},
		{"byte order mark", "\xef\xbb\xbfa\nb", []string{"3:a", "5:b"}},
		{"zeros before", "a\n\x00\x00\x00b\n", []string{"0:a", "!3 zero bytes before offset 5", "5:b"}},
		{"zeros behind", "a\nb\x00\x00\nc\n", []string{"0:a", "2:b", "!2 zero bytes before offset 5", "6:c"}},
		{"zeros alone", "a\n\x00\x00\x00\x00", []string{"0:a", "!4 zero bytes before offset 6"}},
		{"more zeros than a block", "a\n" + zeros + "b\n", []string{"0:a", fmt.Sprintf("!%d zero bytes before offset %d", len(zeros), 2+len(zeros)), fmt.Sprintf("%d:b", 2+len(zeros))}},
		{"long, in a block", strings.Repeat("x", Max+5) + "\nb", []string{"0:65536 bytes and 5", fmt.Sprintf("%d:b", Max+6)}},
		{"longer than a block", strings.Repeat("x", 3*block+5) + "\nb", []string{fmt.Sprintf("0:65536 bytes and %d", 3*block+5-Max), fmt.Sprintf("%d:b", 3*block+6)}},
		{"long without end", strings.Repeat("x", block+5), []string{fmt.Sprintf("0:65536 bytes and %d", block+5-Max)}},
		{"UTF-16 little-endian", wide(binary.LittleEndian, "Jón\r\n😀\nx"), []string{"2:Jón", "12:😀", "18:x"}},
		{"UTF-16 big-endian", wide(binary.BigEndian, "Jón\nx\n"), []string{"2:Jón", "10:x"}},
		{"UTF-16, half a surrogate and half a unit", wide(binary.LittleEndian, "a") + "\x00\xd8\n\x00b", []string{"2:a\ufffd", "!half a character at offset 8"}},
	}
	for _, tt := range tests {
		for kind, r := range map[string]io.Reader{"whole": strings.NewReader(tt.text), "by byte": iotest.OneByteReader(strings.NewReader(tt.text)), "with the end": iotest.DataErrReader(strings.NewReader(tt.text))} {
			if got := all(r); !slices.Equal(got, tt.want) {
				t.Errorf("%s, read %s:\ngot  %.300q\nwant %.300q", tt.name, kind, got, tt.want)
			}
		}
	}
}

func TestHeads(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                    nil,
		"ab\nabcdef\n\nc":                     {"ab", "abcd", "", "c"},
		strings.Repeat("x", 3*block) + "\nyz": {"xxxx", "yz"},
	} {
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.HalfReader(strings.NewReader(text))} {
			var got []string
			for head := range Heads(r, 4) {
				got = append(got, string(head))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%.20q: got %q, want %q", text, got, want)
			}
		}
	}
}

func TestReadFails(t *testing.T) {
	r := io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(errors.New("disk gone")))
	if got, want := all(r), []string{"0:a", "2:b", "!after offset 3: disk gone"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for range Read(strings.NewReader("a\nb\nc\n")) {
		break // must not go on
	}
}

// FuzzRead checks that the lines and their ends account for every byte, and that small reads change nothing.
func FuzzRead(f *testing.F) {
	f.Add([]byte("a\r\nb\x00\n\x00c"))
	f.Add([]byte("\xff\xfea\x00\n\x00\x00\xd8"))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, parts := all(bytes.NewReader(b)), all(iotest.HalfReader(bytes.NewReader(b)))
		if !slices.Equal(whole, parts) {
			t.Fatalf("%q: whole %q, in parts %q", b, whole, parts)
		}
		if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
			return
		}
		at := int64(0)
		for l, err := range Read(bytes.NewReader(b)) {
			if err != nil {
				continue
			}
			if l.Offset < at || !bytes.HasPrefix(b[l.Offset:], []byte(l.Text)) {
				t.Fatalf("%q: line at %d after %d is %q", b, l.Offset, at, l.Text)
			}
			if gap := b[at:l.Offset]; bytes.Trim(gap, "\r\n\x00\xef\xbb\xbf") != nil && len(bytes.Trim(gap, "\r\n\x00\xef\xbb\xbf")) > 0 {
				t.Fatalf("%q: %q before %d is in no line", b, gap, l.Offset)
			}
			at = l.Offset + int64(len(l.Text)) + l.Cut
		}
	})
}

func BenchmarkRead(b *testing.B) {
	text := strings.Repeat("Mar  9 07:52:33 web01 sshd[77]: Accepted publickey for alice from 192.0.2.7 port 50022 ssh2\n", 100_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		n := 0
		for range Read(strings.NewReader(text)) {
			n++
		}
		if n != 100_000 {
			b.Fatal(n)
		}
	}
}
