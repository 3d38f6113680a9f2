package memory

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
)

// The streams of the dump are where its directory says, and lead to each region's bytes.
func TestMinidump(t *testing.T) {
	memory := physical(0, 0x8000)
	regions := []Region{{Range{0x1000, 0x3000}, "r-x", `C:\a.dll`}, {Range{0x5000, 0x6000}, "rw-", ""}}
	parts := minidump(regions, []attributes{{0x1000, 0x80, 0x20, 0x1000000}, {0x5000, 4, 4, memPrivate}}, system{9, 4, 10, 0, 19045}, 1700000000)
	want := size(parts)
	b, err := io.ReadAll(&stream{ctx: t.Context(), from: bytes.NewReader(memory), parts: parts})
	if err != nil || int64(len(b)) != want {
		t.Fatalf("%d bytes, want %d; %v", len(b), want, err)
	}
	le := binary.LittleEndian
	if string(b[:4]) != "MDMP" || le.Uint32(b[4:]) != 0xa793 || le.Uint32(b[8:]) != 3 || le.Uint32(b[20:]) != 1700000000 || le.Uint64(b[24:]) != 2 {
		t.Errorf("header % x", b[:32])
	}
	streams := map[uint32][]byte{}
	for i := range 3 {
		d := b[le.Uint32(b[12:])+uint32(12*i):]
		streams[le.Uint32(d)] = b[le.Uint32(d[8:]):][:le.Uint32(d[4:])]
	}
	sys := streams[7]
	if len(sys) != 56 || le.Uint16(sys) != 9 || sys[6] != 4 || le.Uint32(sys[8:]) != 10 || le.Uint32(sys[16:]) != 19045 || le.Uint32(b[le.Uint32(sys[24:]):]) != 0 {
		t.Errorf("system % x", sys)
	}
	info, list := streams[16], streams[9]
	if le.Uint32(info) != 16 || le.Uint32(info[4:]) != 48 || le.Uint64(info[8:]) != 2 || le.Uint64(list) != 2 {
		t.Fatalf("info % x, list % x", info, list)
	}
	at := le.Uint64(list[8:])
	for i, r := range regions {
		d, e := info[16+48*i:], list[16+16*i:]
		length := r.End - r.Start
		if le.Uint64(d) != r.Start || le.Uint64(d[24:]) != length || le.Uint32(d[32:]) != 0x1000 || le.Uint32(d[16:]) != [...]uint32{0x80, 4}[i] || le.Uint32(d[36:]) != [...]uint32{0x20, 4}[i] {
			t.Errorf("region %d: % x", i, d[:48])
		}
		if le.Uint64(e) != r.Start || le.Uint64(e[8:]) != length || !bytes.Equal(b[at:at+length], memory[r.Start:r.End]) {
			t.Errorf("memory of region %d: % x", i, e[:16])
		}
		at += length
	}
	if at != uint64(len(b)) {
		t.Errorf("memory ends at %d of %d", at, len(b))
	}
}

func TestPermissions(t *testing.T) {
	for protect, want := range map[uint32]string{0: "---", 1: "---", 2: "r--", 4: "rw-", 8: "rw-", 0x10: "--x", 0x20: "r-x", 0x40: "rwx", 0x80: "rwx", 0x104: "---", 0x204: "rw-"} {
		if got := permissions(protect); got != want {
			t.Errorf("permissions(%#x): got %q, want %q", protect, got, want)
		}
	}
}
