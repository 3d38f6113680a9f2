package evtx

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"spor/timeline"
	"spor/timeline/export"
)

// grown repeats a log's whole chunks up to a size, a day later each time, with records numbered on and checksums made
// anew: any log of any size, though one that a cache of templates likes.
func grown(t testing.TB, name string, size int) []byte {
	t.Helper()
	small := load(t, filepath.Join(corpusDir(), "evtx", "omerbenamram-evtx", name))
	out := bytes.Clone(small[:headerSize])
	number := uint64(1)
	for days := uint64(0); len(out) < size; days++ {
		for at := headerSize; at+chunkSize <= len(small) && len(out) < size; at += chunkSize {
			if bytes.HasPrefix(small[at:], chunkMagic) {
				out = append(out, small[at:at+chunkSize]...)
				number = renumber(out[len(out)-chunkSize:], number, days*86400*second)
			}
		}
	}
	le.PutUint16(out[42:], uint16(len(out)/chunkSize))
	le.PutUint64(out[16:], uint64(len(out)/chunkSize-1))
	le.PutUint64(out[24:], number)
	le.PutUint32(out[124:], crc32.ChecksumIEEE(out[:120]))
	return out
}

// renumber gives the records of a chunk the numbers from first on, and later times, and says the next number.
func renumber(chunk []byte, first, later uint64) uint64 {
	n, end := first, int(le.Uint32(chunk[48:]))
	for at := firstRecord; at+recordLeast <= end && bytes.HasPrefix(chunk[at:], recordMagic); at += int(le.Uint32(chunk[at+4:])) {
		record := chunk[at : at+int(le.Uint32(chunk[at+4:]))]
		written := bytes.Clone(record[16:24])
		for i := bytes.Index(record, written); i >= 0; i = bytes.Index(record, written) {
			le.PutUint64(record[i:], le.Uint64(written)+later)
			if later == 0 {
				break
			}
		}
		le.PutUint64(record[8:], n)
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

// cpu is the processor time this process used.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perCPU reports what one second of one processor does, which other programs on the machine do not change.
func perCPU(b *testing.B, start time.Duration, bytes, events int) {
	took := (cpu(b) - start).Seconds()
	b.ReportMetric(float64(bytes)/1e6/took, "MB/cpu-s")
	b.ReportMetric(float64(events)/took, "events/cpu-s")
}

var benchLogs = []string{"security.evtx.gz", "2-vss_7-System.evtx.gz", "sysmon.evtx.gz"}

func BenchmarkParse(b *testing.B) {
	for _, name := range benchLogs {
		b.Run(name, func(b *testing.B) {
			data := grown(b, name, 64<<20)
			records, start := 0, cpu(b)
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range Format.Parse(timeline.Input{R: bytes.NewReader(data)}) {
					if err != nil {
						b.Fatal(err)
					}
					records++
				}
			}
			perCPU(b, start, b.N*len(data), records)
		})
	}
}

// BenchmarkTimeline goes all the way: parsed, sorted with a spill file, written as JSON lines, compressed; out of a file, and
// with memory collected as seldom as spor-desk does.
func BenchmarkTimeline(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(100 << 20))
	for _, name := range benchLogs {
		b.Run(name, func(b *testing.B) {
			log := filepath.Join(b.TempDir(), name)
			if err := os.WriteFile(log, grown(b, name, 128<<20), 0o600); err != nil {
				b.Fatal(err)
			}
			debug.FreeOSMemory()
			events, start := 0, cpu(b)
			for b.Loop() {
				events += timelineOf(b, log)
			}
			perCPU(b, start, b.N*128<<20, events)
		})
	}
}

func timelineOf(b *testing.B, log string) (events int) {
	f, err := os.Open(log)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	s := timeline.NewSorter(timeline.SorterOptions{Dir: b.TempDir()})
	src := &timeline.Source{Host: "h", Path: `C:\Windows\System32\winevt\Logs\Security.evtx`, Parser: "winevtx"}
	for e, err := range Format.Parse(timeline.Input{R: f}) {
		if err != nil {
			b.Fatal(err)
		}
		e.Source = src
		if err := s.Add(&e); err != nil {
			b.Fatal(err)
		}
		events++
	}
	z, err := zstd.NewWriter(io.Discard, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(export.JSONL(z, s.Events()), z.Close(), s.Close()); err != nil {
		b.Fatal(err)
	}
	return events
}

// BenchmarkPeers reads the same log with other programs, each on one processor, and says how many times their bytes a
// second ours are: libevtx's evtxexport, where it is installed, and the program that SPOR_EVTX_PEER names, which is given
// the file and must make JSON of every record: www.velocidex.com/golang/evtx in twenty lines.
func BenchmarkPeers(b *testing.B) {
	peers := map[string][]string{"evtxexport": {"evtxexport", "-f", "xml"}}
	if peer := os.Getenv("SPOR_EVTX_PEER"); peer != "" {
		peers[filepath.Base(peer)] = []string{peer}
	}
	for _, log := range benchLogs {
		data := grown(b, log, 16<<20)
		file := filepath.Join(b.TempDir(), "a.evtx")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			b.Fatal(err)
		}
		for peer, command := range peers {
			b.Run(log+"/"+peer, func(b *testing.B) {
				path, err := exec.LookPath(command[0])
				if err != nil {
					b.Skipf("SKIPPED: %v", err)
				}
				var ours, theirs time.Duration
				for b.Loop() {
					start := cpu(b)
					for _, err := range Format.Parse(timeline.Input{R: bytes.NewReader(data)}) {
						if err != nil {
							b.Fatal(err)
						}
					}
					ours += cpu(b) - start
					cmd := exec.CommandContext(b.Context(), path, append(command[1:], file)...)
					cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
					if err := cmd.Run(); err != nil {
						b.Fatal(err)
					}
					theirs += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
				}
				b.ReportMetric(float64(b.N*len(data))/1e6/theirs.Seconds(), "MB/cpu-s")
				b.ReportMetric(theirs.Seconds()/ours.Seconds(), "times-slower")
			})
		}
	}
}

// TestGrow writes a log of a size to SPOR_GROW, "security.evtx.gz 512 /tmp/Security.evtx", to measure programs with.
func TestGrow(t *testing.T) {
	what := strings.Fields(os.Getenv("SPOR_GROW"))
	if len(what) != 3 {
		t.Skip("SKIPPED: SPOR_GROW does not say which log, how many MiB and where to")
	}
	size, err := strconv.Atoi(what[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(what[2], grown(t, what[0], size<<20), 0o600); err != nil {
		t.Fatal(err)
	}
}
