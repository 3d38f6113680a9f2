package ewf

import (
	"slices"
	"testing"
)

// TestJoined holds that runs of sectors that lie within others leave none of those out.
func TestJoined(t *testing.T) {
	got := joined([]sectorRun{{50, 1}, {5, 1}, {0, 20}, {20, 5}})
	if want := []sectorRun{{0, 25}, {50, 1}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	d := &Disk{size: 1 << 20, chunk: 1 << 15, sector: 512, bad: joined([]sectorRun{{0, 1000}, {5, 1}})}
	if _, err := d.find(10 * 512); err == nil {
		t.Error("sector 10, which was not acquired, is read")
	}
}

// TestPlace holds where chunks lie whose offsets go on beyond 31 bits.
func TestPlace(t *testing.T) {
	entries := []uint32{100 | packedBit, 0x7ffffff0, 0x80000100, 0x80000200}
	o := offsets{entries, overflow(entries)}
	tab := &table{base: 1000, end: 0x80000300 + 1000}
	for i, want := range [][3]int64{{1100, 0x7ffffff0 - 100, 1}, {0x7ffffff0 + 1000, 0x110, 0}, {0x80000100 + 1000, 0x100, 0}, {0x80000200 + 1000, 0x100, 0}} {
		at, length, packed := tab.place(o, i)
		if at != want[0] || length != want[1] || packed != (want[2] == 1) {
			t.Errorf("chunk %d: %d bytes at %d, packed %v, want %v", i, length, at, packed, want)
		}
	}
}
