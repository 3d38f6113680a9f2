package details

import (
	"encoding/binary"
	"reflect"
	"testing"

	"spor/collect/winapi"
)

func TestBlock(t *testing.T) {
	utf16 := func(s string) (b []byte) {
		for _, c := range winapi.Encode(s) {
			b = binary.LittleEndian.AppendUint16(b, c)
		}
		return b
	}
	for in, want := range map[string][]string{
		"":                                  nil,
		"A=1\x00B=Þórður\x00\x00behind\x00": {"A=1", "B=Þórður"},
		"=C:=C:\\\x00A=\x00":                {"A="},
		"A=not ended":                       {"A=not ended"},
		"\x00A=1\x00":                       nil,
	} {
		if got := block(utf16(in)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := block([]byte{65, 0, 61}); !reflect.DeepEqual(got, []string{"A"}) {
		t.Errorf("an odd byte at the end: %q", got)
	}
}

func FuzzBlock(f *testing.F) {
	f.Add([]byte("A\x00=\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := block(b); len(got) > len(b)/2 {
			t.Errorf("%d bytes have %d variables", len(b), len(got))
		}
	})
}
