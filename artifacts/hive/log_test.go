package hive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"
)

// TestEntryOfNothing holds that an entry of a log that says more than is there, or has pages of no bytes, costs no memory.
func TestEntryOfNothing(t *testing.T) {
	le := binary.LittleEndian
	entry := func(size, pages uint32, whole int) []byte {
		b := make([]byte, headBytes+whole)
		e := b[headBytes:]
		copy(e, "HvLE")
		le.PutUint32(e[4:], size)
		le.PutUint32(e[20:], pages)
		le.PutUint64(e[24:], marvin(e[entryHead:]))
		le.PutUint64(e[32:], marvin(e[:32]))
		return b
	}
	for what, b := range map[string][]byte{
		"more than there is": entry(maxEntry, 0, 1024),
		"pages of no bytes":  entry(4<<20, 4<<20/8-5, 4<<20),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := newEntry(bytes.NewReader(b), headBytes)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, want %v", what, err, ErrDamaged)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
			t.Errorf("%s: %d bytes were asked for", what, grown)
		}
	}
}
