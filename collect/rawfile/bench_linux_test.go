package rawfile

import (
	"syscall"
	"testing"
	"time"
)

// BenchmarkEntries lists a made-up MFT with full paths. The figure that counts is of CPU time, which others on the
// machine do not change.
func BenchmarkEntries(b *testing.B) {
	const records = 200_000
	v := madeVolume(b, records)
	before := cpu(b)
	for b.Loop() {
		n := 0
		for range v.Entries(b.Context()) {
			n++
		}
		if n < records-firstUser {
			b.Fatalf("%d entries", n)
		}
	}
	b.ReportMetric(float64(records)*float64(b.N)/(cpu(b)-before).Seconds(), "records/cpu-s")
	b.ReportAllocs()
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
