package evtx

import (
	"bytes"
	"hash/crc32"
	"io"
	"path/filepath"
	"testing"

	"spor/timeline"
)

// grown repeats a log's whole chunks up to a size, with records numbered on and checksums made anew: any log of any size,
// though one that a cache of templates likes.
func grown(t testing.TB, name string, size int) []byte {
	t.Helper()
	small := load(t, filepath.Join(corpusDir(), "evtx", "omerbenamram-evtx", name))
	out := bytes.Clone(small[:headerSize])
	number := uint64(1)
	for len(out) < size {
		for at := headerSize; at+chunkSize <= len(small) && len(out) < size; at += chunkSize {
			if bytes.HasPrefix(small[at:], chunkMagic) {
				out = append(out, small[at:at+chunkSize]...)
				number = renumber(out[len(out)-chunkSize:], number)
			}
		}
	}
	le.PutUint16(out[42:], uint16(len(out)/chunkSize))
	le.PutUint64(out[16:], uint64(len(out)/chunkSize-1))
	le.PutUint64(out[24:], number)
	le.PutUint32(out[124:], crc32.ChecksumIEEE(out[:120]))
	return out
}

// renumber gives the records of a chunk the numbers from first on, and says the next.
func renumber(chunk []byte, first uint64) uint64 {
	n, end := first, int(le.Uint32(chunk[48:]))
	for at := firstRecord; at+recordLeast <= end && bytes.HasPrefix(chunk[at:], recordMagic); at += int(le.Uint32(chunk[at+4:])) {
		le.PutUint64(chunk[at+8:], n)
		n++
	}
	for _, at := range []int{8, 24} {
		le.PutUint64(chunk[at:], first)
		le.PutUint64(chunk[at+8:], n-1)
	}
	le.PutUint32(chunk[52:], crc32.ChecksumIEEE(chunk[firstRecord:end]))
	le.PutUint32(chunk[124:], crc32.Update(crc32.ChecksumIEEE(chunk[:120]), crc32.IEEETable, chunk[128:firstRecord]))
	return n
}

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"security.evtx.gz", "2-vss_7-System.evtx.gz", "sysmon.evtx.gz"} {
		b.Run(name, func(b *testing.B) {
			data := grown(b, name, 32<<20)
			records := 0
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range Format.Parse(timeline.Input{R: io.Reader(bytes.NewReader(data))}) {
					if err != nil {
						b.Fatal(err)
					}
					records++
				}
			}
			b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
