package rawfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

// piecedVolume is a volume whose MFT lies in three pieces, the latter two told of by record 20, which lies in the first,
// and record 40, which lies in the second: each piece must be read to find the next.
func piecedVolume(t testing.TB) []byte {
	t.Helper()
	le := binary.LittleEndian
	const cluster, size = 4096, 400 * 4096
	image := make([]byte, size+512)
	copy(image[3:], "NTFS    ")
	le.PutUint16(image[11:], 512)
	image[13] = 8
	le.PutUint64(image[0x28:], size/512)
	le.PutUint64(image[0x30:], 100)
	le.PutUint64(image[0x38:], 300)
	image[0x40], image[0x44] = 0xf6, 1 // 1024 bytes, one cluster
	place := func(n int) []byte {      // of a record: pieces at clusters 100, 50 and 200, of 8, 8 and 4 clusters
		at := []int{100, 50, 200}[n/32]*cluster + n%32*1024
		return image[at : at+1024]
	}
	for n := range 80 {
		copy(place(n), madeRecord(1024, uint64(n), recordRoot, "file", n == recordRoot))
	}
	list := make([]byte, 0, 96)
	for i, owner := range []uint64{0, 20, 40} {
		e := make([]byte, 32)
		le.PutUint32(e, typeData)
		le.PutUint16(e[4:], 32)
		e[7] = 26
		le.PutUint64(e[8:], uint64(8*i))
		le.PutUint64(e[16:], owner|1<<48)
		list = append(list, e...)
	}
	pieces := [][]byte{{0x11, 8, 100, 0}, {0x11, 8, 50, 0}, {0x21, 4, 200, 0, 0}}
	for i, owner := range []int{0, 20, 40} {
		var attrs []byte
		if i == 0 {
			attrs = resident(typeList, list)
		}
		attrs = append(attrs, away(typeData, int64(8*i), int64(8*i)+[]int64{8, 8, 4}[i]-1, 80*1024, pieces[i])...)
		copy(place(owner), recordOf(uint64(owner), owner > 0, attrs))
	}
	return image
}

func resident(kind uint32, value []byte) []byte {
	le := binary.LittleEndian
	b := make([]byte, (24+len(value)+7)&^7)
	le.PutUint32(b, kind)
	le.PutUint32(b[4:], uint32(len(b)))
	le.PutUint32(b[16:], uint32(len(value)))
	le.PutUint16(b[20:], 24)
	copy(b[24:], value)
	return b
}

func away(kind uint32, first, last, size int64, pairs []byte) []byte {
	le := binary.LittleEndian
	b := make([]byte, (64+len(pairs)+7)&^7)
	le.PutUint32(b, kind)
	le.PutUint32(b[4:], uint32(len(b)))
	b[8] = 1
	le.PutUint64(b[16:], uint64(first))
	le.PutUint64(b[24:], uint64(last))
	le.PutUint16(b[32:], 64)
	for _, at := range []int{40, 48, 56} {
		le.PutUint64(b[at:], uint64(size))
	}
	copy(b[64:], pairs)
	return b
}

// recordOf is a record with these attributes, a part of record 0 where it is one.
func recordOf(number uint64, part bool, attrs []byte) []byte {
	le := binary.LittleEndian
	b := madeRecord(1024, number, recordRoot, "", false)
	if fixUp(b, "FILE") != nil {
		panic("madeRecord makes no record")
	}
	clear(b[56:])
	copy(b[56:], attrs)
	le.PutUint32(b[56+len(attrs):], typeEnd)
	le.PutUint32(b[0x18:], uint32(56+len(attrs)+8))
	if part {
		le.PutUint64(b[0x20:], 1<<48)
	}
	for i := 1; i <= 2; i++ {
		copy(b[48+2*i:], b[512*i-2:512*i])
		le.PutUint16(b[512*i-2:], 1)
	}
	return b
}

// TestTableInPieces opens a volume whose table of files is fragmented over several records.
func TestTableInPieces(t *testing.T) {
	image := piecedVolume(t)
	v, err := Open(strict{t, bytes.NewReader(image), 512, int64(len(image))}, 0, "C:")
	if err != nil {
		t.Fatal(err)
	}
	if v.Records() != 80 {
		t.Errorf("%d records, want 80", v.Records())
	}
	seen := map[uint64]bool{}
	for e, err := range v.Entries(t.Context()) {
		if err != nil {
			t.Errorf("record %d: %v", e.Record, err)
		}
		seen[e.Record] = true
	}
	for n := uint64(1); n < 80; n++ {
		if want := n != 20 && n != 40; seen[n] != want {
			t.Errorf("record %d is listed: %t, want %t", n, seen[n], want)
		}
	}
	torn := bytes.Clone(image)
	torn[50*4096+8*1024+511]++ // record 40 was written in part only, and with it the last piece is lost
	if _, err := Open(bytes.NewReader(torn), int64(len(torn)), "C:"); !errors.Is(err, ErrDamaged) {
		t.Errorf("a table of which a piece is lost: %v", err)
	}
	if _, err := Open(bytes.NewReader(image[:60*4096]), 60*4096, "C:"); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		t.Errorf("an image that ends early: %v", err)
	}
}
