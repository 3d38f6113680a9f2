//go:build unix

package seal

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/gopenpgp/v2/crypto"

	"spor/package/seal/sealtest"
)

// benchSize is what is sealed and opened in one go, in bytes.
const benchSize = 128 << 20

// BenchmarkSeal tells MB per second of CPU of our sealing and opening, and how often that is what gopenpgp's stream and
// `gpg -e -z0` manage in the same run, over the same bytes:
//
//	go test -run '^$' -bench Seal ./package/seal
func BenchmarkSeal(b *testing.B) { benchmark(b, sealWays) }

// BenchmarkUnseal is the way back.
func BenchmarkUnseal(b *testing.B) { benchmark(b, openWays) }

// A way handles data, or the message in the file, and returns the CPU it took in other processes.
type way struct {
	name string
	run  func(x *benchInput) (elsewhere time.Duration, err error)
}

type benchInput struct {
	data    []byte
	file    string // with data
	message []byte
	sealed  string // with message
	to      []Recipient
	key     *Key
	gpg     func(args ...string) (time.Duration, error) // nil: none here
}

var sealWays = []way{
	{"spor", func(x *benchInput) (time.Duration, error) {
		w, err := New(io.Discard, x.to)
		return 0, pour(w, x.data, err)
	}},
	{"gopenpgp", func(x *benchInput) (time.Duration, error) {
		w, err := x.key.ring.EncryptStream(io.Discard, crypto.NewPlainMessageMetadata(true, "", 0), nil)
		return 0, pour(w, x.data, err)
	}},
	{"gpg", func(x *benchInput) (time.Duration, error) {
		return x.gpg("-z", "0", "-o", "/dev/null", "-r", "test@example.org", "-e", x.file)
	}},
}

var openWays = []way{
	{"spor", func(x *benchInput) (time.Duration, error) {
		r, err := Open(bytes.NewReader(x.message), x.key)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		return 0, err
	}},
	{"gopenpgp", func(x *benchInput) (time.Duration, error) {
		r, err := x.key.ring.DecryptStream(bytes.NewReader(x.message), nil, 0)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		return 0, err
	}},
	{"gpg", func(x *benchInput) (time.Duration, error) { return x.gpg("-o", "/dev/null", "-d", x.sealed) }},
}

// pour writes in pieces as an encoder would.
func pour(w io.WriteCloser, data []byte, err error) error {
	for len(data) > 0 && err == nil {
		var n int
		n, err = w.Write(data[:min(len(data), 128<<10)])
		data = data[n:]
	}
	if err == nil {
		err = w.Close()
	}
	return err
}

func benchmark(b *testing.B, ways []way) {
	x := newBenchInput(b)
	for _, cores := range []int{1, 2} {
		b.Run(fmt.Sprintf("cores=%d", cores), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
			spent := map[string]time.Duration{}
			for b.Loop() {
				for _, w := range ways { // by turns, so that the machine's load is the same for all
					if w.name == "gpg" && x.gpg == nil {
						continue
					}
					before := cpu(b)
					elsewhere, err := w.run(x)
					if err != nil {
						b.Fatalf("%s: %v", w.name, err)
					}
					spent[w.name] += cpu(b) - before + elsewhere
				}
			}
			ours := spent["spor"].Seconds()
			b.ReportMetric(float64(b.N)*benchSize/1e6/ours, "MB/cpu-s")
			b.ReportMetric(spent["gopenpgp"].Seconds()/ours, "x-gopenpgp")
			if x.gpg != nil {
				b.ReportMetric(spent["gpg"].Seconds()/ours, "x-gpg")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func newBenchInput(b *testing.B) *benchInput {
	b.Helper()
	public, private := sealtest.Pair(b, packet.Config{})
	x := &benchInput{data: content(benchSize)}
	var err error
	if x.to, err = ReadRecipients(bytes.NewReader([]byte(public)), time.Now()); err != nil {
		b.Fatal(err)
	}
	if x.key, err = OpenKey(bytes.NewReader(private), nil); err != nil {
		b.Fatal(err)
	}
	x.message = sealed(b, x.to, x.data, steps["at once"])
	if _, err := exec.LookPath("gpg"); err != nil {
		b.Log("SKIPPED: no gpg here to compare with")
		return x
	}
	dir := b.TempDir()
	x.file, x.sealed = filepath.Join(dir, "data"), filepath.Join(dir, "data.pgp")
	put(b, x.file, x.data)
	put(b, x.sealed, x.message)
	gnupg := gnupg(b, private)
	x.gpg = func(args ...string) (time.Duration, error) {
		before := usage(b, syscall.RUSAGE_CHILDREN)
		gnupg(nil, args...)
		return usage(b, syscall.RUSAGE_CHILDREN) - before, nil
	}
	return x
}

func cpu(b *testing.B) time.Duration { return usage(b, syscall.RUSAGE_SELF) }

// usage is CPU time spent so far, in user and kernel mode.
func usage(b *testing.B, who int) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
