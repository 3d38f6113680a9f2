package netlink

import (
	"encoding/binary"
	"testing"
)

func message(kind uint16, seq uint32, data string) []byte {
	b := make([]byte, header)
	binary.NativeEndian.PutUint32(b, uint32(header+len(data)))
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint32(b[8:], seq)
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func TestMessages(t *testing.T) {
	b := append(message(24, 7, "abcde"), message(24, 6, "of another")...)
	b = append(b, message(typeDone, 7, "\x00\x00\x00\x00")...)
	list, done, _, code, err := messages(b, 7)
	if err != nil || !done || code != 0 || len(list) != 1 || string(list[0].Data) != "abcde" || list[0].Type != 24 {
		t.Errorf("%+v done %v code %d %v", list, done, code, err)
	}
	_, done, _, code, _ = messages(message(typeError, 7, "\xff\xff\xff\xff"), 7)
	if !done || code != -1 {
		t.Errorf("error: done %v code %d", done, code)
	}
	if _, _, _, _, err = messages(b[:18], 7); err == nil {
		t.Error("a message cut short is none")
	}
}

func TestAttributes(t *testing.T) {
	m := Map([]byte{5, 0, 3, 0x80, 'x', 0, 0, 0, 8, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 0, 1})
	if len(m) != 2 || string(m[3]) != "x" || Uint32(m[1]) != 1 {
		t.Errorf("%v", m)
	}
}

func FuzzMessages(f *testing.F) {
	f.Add(message(24, 7, "abc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _, _, _, _ := messages(b, 7)
		total := 0
		for _, m := range list {
			total += header + len(m.Data)
			for _, data := range Attributes(m.Data) {
				_, _, _ = Uint32(data), BigUint32(data), BigUint64(data)
			}
		}
		if total > len(b) {
			t.Errorf("%d bytes of messages in %d", total, len(b))
		}
	})
}
