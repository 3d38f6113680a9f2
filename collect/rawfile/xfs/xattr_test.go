package xfs

import "testing"

// TestLeafOfTheSame holds that a leaf whose entries all name the same large value costs no more memory than attributes
// may.
func TestLeafOfTheSame(t *testing.T) {
	b := make([]byte, 64<<10)
	const count = 4000
	at := 32 + 8*count
	be.PutUint16(b[12:], count)
	for i := range count {
		be.PutUint16(b[32+8*i+4:], uint16(at))
		b[32+8*i+6] = attrLocal
	}
	be.PutUint16(b[at:], uint16(len(b)-at-4))
	b[at+2] = 1
	left, kept := int64(maxRead), 0
	list := (&Volume{}).leaf(b, false, nil, &left)
	for _, a := range list {
		kept += len(a.value)
	}
	if len(list) != count || kept == 0 || kept > maxRead {
		t.Errorf("%d attributes with %d bytes, want %d with at most %d", len(list), kept, count, maxRead)
	}
}

// TestRoomForAttributes holds that room for attributes with none in it is no damage: kernels of today
// leave it on every file.
func TestRoomForAttributes(t *testing.T) {
	n := &inode{number: 132, raw: make([]byte, 512), core: 176}
	n.raw[82], n.raw[83] = 24, inRuns
	if attrs, err := (&Volume{block: 4096, size: 1 << 30, r: zeros{}}).attributes(n); len(attrs) > 0 || err != nil {
		t.Errorf("%v, %v, want neither attributes nor an error", attrs, err)
	}
}

// TestEndOfTheLargest holds that the last run of a file of the greatest size is read, whose end no number of bytes has.
func TestEndOfTheLargest(t *testing.T) {
	v := &Volume{block: 4096, size: 1 << 30, r: zeros{}}
	last := uint64(1<<63-1) / 4096
	c := &content{v: v, size: 1<<63 - 1, runs: []run{{first: last, count: 8, at: 4096}}}
	if n, err := c.ReadAt(make([]byte, 100), int64(last)*4096); n != 100 || err != nil {
		t.Errorf("%d bytes, %v, want 100", n, err)
	}
}

type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) { return len(p), nil }
