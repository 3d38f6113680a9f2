package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"spor/package/seal/sealtest"
)

// sizes are those where a length changes its form, a block or a part ends.
func sizes() []int {
	all := []int{0, 1, 2, 15, 16, 17, 190, 191, 192, 193, 505, 506, 507, 511, 512, 513, 8377, 8378, 8383, 8384, 8385}
	for _, n := range []int{1, 2} {
		for d := -literalHead - 2; d <= 2; d++ {
			all = append(all, n*chunk+d)
		}
	}
	return append(all, 2<<20+7)
}

// content is the same for the same size, and no part of it is like another.
func content(size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), byte(size >> 16)}).Read(b)
	return b
}

// steps are ways to write n bytes: at once, in odd pieces, in pieces that are flushed.
var steps = map[string]func(w *Writer, data []byte) error{
	"at once": func(w *Writer, data []byte) error { _, err := w.Write(data); return err },
	"odd pieces": func(w *Writer, data []byte) error {
		for size := 1; len(data) > 0; size = size*3 + 1 {
			n, err := w.Write(data[:min(size, len(data))])
			if err != nil {
				return err
			}
			data = data[n:]
		}
		return nil
	},
	"flushed": func(w *Writer, data []byte) error {
		for size := 700; len(data) > 0; size = size*2 + 13 {
			n, err := w.Write(data[:min(size, len(data))])
			if err == nil {
				err = errors.Join(w.Flush(), w.Flush())
			}
			if err != nil {
				return err
			}
			data = data[n:]
		}
		return nil
	},
}

func sealed(t testing.TB, to []Recipient, data []byte, write func(*Writer, []byte) error) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := New(&out, to)
	if err == nil {
		err = write(w, data)
	}
	if err == nil {
		err = errors.Join(w.Close(), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func openAll(message []byte, key *Key) ([]byte, error) {
	r, err := Open(bytes.NewReader(message), key)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestEverySize(t *testing.T) {
	to, key := pair(t, packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	for name, write := range steps {
		for _, size := range sizes() {
			data := content(size)
			message := sealed(t, to, data, write)
			if got, err := openAll(message, key); err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%d bytes written %s: ours gives %d, %v", size, name, len(got), err)
			}
			theirs, err := key.ring.DecryptStream(bytes.NewReader(message), nil, 0)
			if err != nil {
				t.Fatalf("%d bytes written %s: gopenpgp: %v", size, name, err)
			}
			if got, err := io.ReadAll(theirs); err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%d bytes written %s: gopenpgp gives %d, %v", size, name, len(got), err)
			}
		}
	}
}

// pair is a recipient and the key that opens.
func pair(t testing.TB, c packet.Config) ([]Recipient, *Key) {
	t.Helper()
	public, private := sealtest.Pair(t, c)
	to, err := ReadRecipients(strings.NewReader(public), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := OpenKey(bytes.NewReader(private), nil)
	if err != nil {
		t.Fatal(err)
	}
	return to, key
}

// TestFlush: what was flushed is out, whole, whatever comes after.
func TestFlush(t *testing.T) {
	to, key := pair(t, packet.Config{})
	data := content(3*chunk + 4711)
	var out bytes.Buffer
	w, err := New(&out, to)
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	for _, n := range []int{1, 504, 1, 1, 6, 4096, chunk - 1, chunk, 17, len(data)} {
		n = min(n, len(data)-written)
		if _, err := w.Write(data[written : written+n]); err != nil {
			t.Fatal(err)
		}
		written += n
		if got := torn0(out.Bytes(), key); written-len(got) > Held {
			t.Errorf("%d bytes written, %d out: more than %d held back", written, len(got), Held)
		}
		before := out.Len()
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		want := written
		if written < firstLeast-literalHead {
			want = 0
		}
		if got := torn0(out.Bytes(), key); !bytes.Equal(got, data[:want]) {
			t.Errorf("%d bytes written and flushed: %d can be read, want %d", written, len(got), want)
		}
		if cost := out.Len() - before - n; n < chunk && cost > 600 {
			t.Errorf("flushing after %d bytes cost %d", n, cost)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := openAll(out.Bytes(), key); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// torn0 is what can be read of a message that was cut off.
func torn0(message []byte, key *Key) []byte {
	got, err := openAll(message, key)
	if err == nil {
		panic("a message without an end opened")
	}
	return got
}

// A full is a disk with room for so many bytes.
type full struct{ room int }

var errFull = errors.New("no room")

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), f.room)
	if f.room -= n; n < len(p) {
		return n, errFull
	}
	return n, nil
}

type short struct{}

func (short) Write(p []byte) (int, error) { return len(p) / 2, nil }

func TestErrorsOfTheDiskAreNeverSwallowed(t *testing.T) {
	to, _ := pair(t, packet.Config{})
	data := content(2*chunk + 100)
	size := len(sealed(t, to, data, steps["at once"]))
	for room := 0; room < size; room += 1 + room/7 {
		w, err := New(&full{room}, to)
		if err == nil {
			_, first := w.Write(data)
			flushed := w.Flush()
			closed := w.Close()
			if first != nil && (!errors.Is(flushed, errFull) || !errors.Is(closed, errFull)) {
				t.Errorf("room for %d: then Flush says %v, Close %v", room, flushed, closed)
			}
			if _, again := w.Write(data[:1]); !errors.Is(again, errFull) {
				t.Errorf("room for %d: after all, Write says %v", room, again)
			}
			err = closed
		}
		if !errors.Is(err, errFull) {
			t.Errorf("room for %d of %d: %v", room, size, err)
		}
	}
	if _, err := New(short{}, to); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a short write: %v", err)
	}
	w, err := New(io.Discard, to)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); !errors.Is(err, errClosed) {
		t.Errorf("Write after Close: %v", err)
	}
}

func TestAbandoning(t *testing.T) {
	to, key := pair(t, packet.Config{})
	data := content(3 * chunk)
	message := sealed(t, to, data, steps["at once"])
	before := runtime.NumGoroutine()
	for range 20 {
		w, err := New(io.Discard, to)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		r, err := Open(bytes.NewReader(message), key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, data[:chunk]); err != nil {
			t.Fatal(err)
		}
	}
	if now := runtime.NumGoroutine(); now > before {
		t.Errorf("%d goroutines, %d before", now, before)
	}
}

// TestStockTools: GnuPG and Sequoia open every size, written in every way.
func TestStockTools(t *testing.T) {
	public, private := sealtest.Pair(t, packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	to, err := ReadRecipients(strings.NewReader(public), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	want := map[string][]byte{}
	for name, write := range steps {
		for i, size := range sizes() {
			if name == "at once" || i%2 == 0 || size > chunk {
				file := filepath.Join(dir, fmt.Sprintf("%s-%d", strings.ReplaceAll(name, " ", "-"), size))
				want[file] = content(size)
				put(t, file+".pgp", sealed(t, to, want[file], write))
			}
		}
	}
	t.Run("gpg", func(t *testing.T) {
		home := gnupg(t, private)
		files := slices.Sorted(func(yield func(string) bool) {
			for file := range want {
				if !yield(file + ".pgp") {
					return
				}
			}
		})
		home(nil, append([]string{"--multifile", "--decrypt"}, files...)...)
		for file, data := range want {
			if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes, %v", filepath.Base(file), len(got), err)
			}
		}
	})
	t.Run("sq", func(t *testing.T) {
		if _, err := exec.LookPath("sq"); err != nil {
			t.Skip("SKIPPED: no sq here; Sequoia was not asked")
		}
		key := filepath.Join(dir, "key")
		put(t, key, private)
		for file, data := range want {
			got, err := exec.CommandContext(t.Context(), "sq", "decrypt", "--recipient-key", key, file+".pgp").Output()
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes, %v", filepath.Base(file), len(got), err)
			}
		}
	})
}

func put(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// gnupg is a GnuPG with a home of its own that has the given keys. It returns what gpg writes to its standard output.
func gnupg(t testing.TB, keys ...[]byte) func(in []byte, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("SKIPPED: no gpg here; GnuPG was not asked")
	}
	home, err := os.MkdirTemp("", "gnupg") // its socket's name must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop := exec.Command("gpgconf", "--kill", "all")
		stop.Env = append(os.Environ(), "GNUPGHOME="+home)
		if err := errors.Join(stop.Run(), os.RemoveAll(home)); err != nil {
			t.Log(err)
		}
	})
	run := func(in []byte, args ...string) []byte {
		t.Helper()
		cmd := exec.Command("gpg", append([]string{"--batch", "--yes", "--quiet", "--no-tty", "--trust-model", "always", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
		cmd.Env, cmd.Stdin = append(os.Environ(), "GNUPGHOME="+home), bytes.NewReader(in)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("gpg %q: %v\n%s", args, err, said.String())
		}
		return out
	}
	for _, key := range keys {
		run(key, "--import")
	}
	return run
}
