package journald

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spor/timeline"
)

// cpu is the processor time of this process.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkParse is the whole way from the bytes of a file to its events.
func BenchmarkParse(b *testing.B) {
	const entries = 60_000
	for _, l := range []layout{{keyed: true, pack: packedZstd}, {keyed: true, compact: true, pack: packedZstd}, {pack: packedLZ4}, {pack: packedXZ}} {
		b.Run(l.String(), func(b *testing.B) {
			file := journalOf(b, l, entries)
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			start := cpu(b)
			for b.Loop() {
				n := 0
				for _, err := range Format.Parse(timeline.Input{R: bytes.NewReader(file), Size: int64(len(file))}) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != entries {
					b.Fatal(n)
				}
			}
			took := (cpu(b) - start).Seconds()
			b.ReportMetric(float64(b.N)*float64(len(file))/1e6/took, "MB/cpu-s")
			b.ReportMetric(float64(b.N)*entries/took, "entries/cpu-s")
		})
	}
}
