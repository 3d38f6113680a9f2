package timeline

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spor/artifacts"
)

// usage is the processor time of this process and the most memory it had.
func usage(t testing.TB) (cpu time.Duration, bytes int64) {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), u.Maxrss << 10
}

var sentences = []string{
	"Accepted publickey for root from 10.0.0.1 port 22 ssh2", "Failed password for root", "pam_unix: session opened", "Disconnected from 10.1.1.7",
}

// many gives small events of ten files, each file in order of time as logs are, or all in no order.
func many(n int, shuffled bool, add func(*Event) error) error {
	files := make([]*Source, 10)
	for i := range files {
		files[i] = &Source{Host: "web01", Path: artifacts.Path(fmt.Sprint("/var/log/auth.log.", i))}
	}
	e := Event{Desc: DescModified, Type: "syslog:line", Fields: []Field{Text("hostname", "web01"), Text("reporter", "sshd"), Int("pid", 0)}}
	seed, clock := uint64(1), int64(0)
	for i := range n {
		seed = seed*6364136223846793005 + 1442695040888963407
		clock += int64(seed >> 44)
		if i%(n/10) == 0 {
			clock = 0 // the next file is of the same days
		}
		e.Time = time.UnixMicro(1.7e15 + clock)
		if shuffled {
			e.Time = time.UnixMicro(1.7e15 + int64(seed>>24))
		}
		e.Source, e.Offset, e.Fields[2] = files[i/(n/10)], int64(100*i), Int("pid", int64(i))
		e.Message = sentences[seed>>62]
		if err := add(&e); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkSorter puts events in and takes them out, with the memory that is the default. SPOR_LONG=1 takes 50 million.
func BenchmarkSorter(b *testing.B) {
	n := 2_000_000
	if os.Getenv("SPOR_LONG") != "" {
		n = 50_000_000
	}
	for _, shuffled := range []bool{false, true} {
		b.Run(fmt.Sprintf("%d,shuffled=%v", n, shuffled), func(b *testing.B) {
			start, _ := usage(b)
			dir := b.TempDir()
			for b.Loop() {
				s := NewSorter(SorterOptions{Dir: dir})
				if err := many(n, shuffled, s.Add); err != nil {
					b.Fatal(err)
				}
				out := 0
				for _, err := range s.Events() {
					if err != nil {
						b.Fatal(err)
					}
					out++
				}
				if err := s.Close(); err != nil || out != n {
					b.Fatal(out, err)
				}
			}
			cpu, rss := usage(b)
			b.ReportMetric(float64(b.N*n)/(cpu-start).Seconds(), "events/cpu-s")
			b.ReportMetric(float64(rss>>20), "peak-MiB")
		})
	}
}
