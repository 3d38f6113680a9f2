package objects

import (
	"encoding/binary"
	"errors"
	"reflect"
	"testing"
)

// table makes a SYSTEM_HANDLE_INFORMATION_EX that says it has so many rows.
func table(pointer int, count uint32, rows ...row) []byte {
	b := make([]byte, 2*pointer)
	binary.LittleEndian.PutUint32(b, count)
	for _, r := range rows {
		e := make([]byte, 3*pointer+16)
		binary.LittleEndian.PutUint32(e[pointer:], uint32(r.pid))
		binary.LittleEndian.PutUint32(e[2*pointer:], uint32(r.handle))
		binary.LittleEndian.PutUint32(e[3*pointer:], r.access)
		binary.LittleEndian.PutUint16(e[3*pointer+6:], r.kind)
		b = append(b, e...)
	}
	return b
}

func TestParseHandles(t *testing.T) {
	rows := []row{{4, 0x10, 0x1fffff, 7}, {1234, 0x2c, 0x120089, 37}}
	for _, pointer := range []int{4, 8} {
		b := table(pointer, 2, rows...)
		if got, err := parseHandles(b, pointer); err != nil || !reflect.DeepEqual(got, rows) {
			t.Errorf("pointers of %d: got %+v, %v", pointer, got, err)
		}
		if got, err := parseHandles(b[:len(b)-1], pointer); !errors.Is(err, errHandles) || len(got) != 1 {
			t.Errorf("one byte short: %+v, %v", got, err)
		}
		if got, err := parseHandles(table(pointer, 0xffffffff, rows...), pointer); !errors.Is(err, errHandles) || len(got) != 2 {
			t.Errorf("a table that says 4 G rows: %d, %v", len(got), err)
		}
		if _, err := parseHandles(b[:3], pointer); err == nil {
			t.Error("three bytes are a table")
		}
	}
}

func FuzzParseHandles(f *testing.F) {
	f.Add(table(8, 1, row{1, 2, 3, 4}), true)
	f.Add(table(4, 9, row{1, 2, 3, 4}), false)
	f.Fuzz(func(t *testing.T, b []byte, wide bool) {
		pointer := 4
		if wide {
			pointer = 8
		}
		if got, _ := parseHandles(b, pointer); len(got) > len(b)/(3*pointer+16) {
			t.Errorf("%d bytes have %d handles", len(b), len(got))
		}
	})
}
