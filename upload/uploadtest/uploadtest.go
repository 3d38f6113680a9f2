// Package uploadtest is the contract of upload.Destination: what every one of them must do.
package uploadtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"spor/upload"
)

// Run tests destinations. newDestination prepares an empty other side, and returns a function that opens it, each time
// as a new process would.
func Run(t *testing.T, newDestination func(t *testing.T) (open func() upload.Destination)) {
	for _, tt := range []struct {
		name string
		test func(t *testing.T, open func() upload.Destination)
	}{
		{"whole", whole},
		{"empty", empty},
		{"again", again},
		{"resumed", resumed},
		{"resumed by a new process", resumedAnew},
		{"wrong offset", wrongOffset},
		{"commit too early", early},
		{"other content than announced", altered},
		{"same name other content", conflict},
		{"two at once", two},
		{"bad names", names},
		{"cancelled", cancelled},
		{"checked", checked},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, newDestination(t)) })
	}
}

// Content makes n bytes that depend on the seed alone, and the object they are.
func Content(name string, n int, seed uint64) ([]byte, upload.Object) {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	_, _ = src.Read(b) // never fails
	sum := sha256.Sum256(b)
	return b, upload.Object{Name: name, Size: int64(n), SHA256: hex.EncodeToString(sum[:])}
}

func offset(t *testing.T, d upload.Destination, o upload.Object, want int64) {
	t.Helper()
	got, err := d.Offset(t.Context(), o)
	if err != nil || got != want {
		t.Fatalf("Offset(%s) = %d, %v; want %d", o.Name, got, err, want)
	}
}

func add(t *testing.T, d upload.Destination, o upload.Object, at int64, b []byte) {
	t.Helper()
	if err := d.Append(t.Context(), o, at, bytes.NewReader(b)); err != nil {
		t.Fatalf("Append(%s, %d): %v", o.Name, at, err)
	}
}

// goOn sends what is still to come. A request that was broken off may reach the other side late and break off the one
// after it, so more than one attempt is allowed, as Send would make.
func goOn(t *testing.T, d upload.Destination, o upload.Object, b []byte) {
	t.Helper()
	for range 5 {
		at, err := d.Offset(t.Context(), o)
		if err != nil || at < 0 || at > o.Size {
			t.Fatalf("Offset(%s) = %d, %v", o.Name, at, err)
		}
		if at == o.Size {
			return
		}
		if err = d.Append(t.Context(), o, at, bytes.NewReader(b[at:])); err == nil {
			return
		}
		t.Logf("Append(%s, %d): %v", o.Name, at, err)
	}
	t.Fatalf("%s: not whole after five attempts", o.Name)
}

func commit(t *testing.T, d upload.Destination, o upload.Object) upload.Receipt {
	t.Helper()
	r, err := d.Commit(t.Context(), o)
	if err != nil {
		t.Fatalf("Commit(%s): %v", o.Name, err)
	}
	if r.Name != o.Name || r.Size != o.Size || r.SHA256 != o.SHA256 || r.Received.IsZero() || r.Receiver == "" || r.Announced != "" {
		t.Fatalf("Commit(%s) = %+v; want it to be about %+v", o.Name, r, o)
	}
	return r
}

func send(t *testing.T, d upload.Destination, o upload.Object, b []byte) {
	t.Helper()
	offset(t, d, o, 0)
	add(t, d, o, 0, b)
	commit(t, d, o)
}

func whole(t *testing.T, open func() upload.Destination) {
	b, o := Content("whole.pgp", 1<<20+1, 1)
	send(t, open(), o, b)
}

func empty(t *testing.T, open func() upload.Destination) {
	_, o := Content("empty.pgp", 0, 1)
	d := open()
	offset(t, d, o, 0)
	commit(t, d, o)
	offset(t, d, o, 0)
}

func again(t *testing.T, open func() upload.Destination) {
	b, o := Content("again.pgp", 70_000, 1)
	send(t, open(), o, b)
	d := open()
	offset(t, d, o, o.Size)
	commit(t, d, o)
	commit(t, d, o)
}

// brokenAt reads b up to n and fails.
func brokenAt(b []byte, n int) io.Reader {
	return io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(errors.New("pulled the plug")))
}

func resumed(t *testing.T, open func() upload.Destination) {
	d := open()
	resume(t, func() upload.Destination { return d })
}

func resumedAnew(t *testing.T, open func() upload.Destination) { resume(t, open) }

func resume(t *testing.T, open func() upload.Destination) {
	b, o := Content("resumed.pgp", 3<<20, 2)
	for _, upTo := range []int{1, 1 << 20, 2<<20 + 7} {
		d := open()
		at, err := d.Offset(t.Context(), o)
		if err != nil || at > int64(upTo) {
			t.Fatalf("Offset = %d, %v; at most %d were sent", at, err, upTo)
		}
		if err := d.Append(t.Context(), o, at, brokenAt(b[at:], upTo-int(at))); err == nil {
			t.Fatalf("Append of a source that breaks at %d: no error", upTo)
		}
	}
	d := open()
	at, err := d.Offset(t.Context(), o)
	if err != nil || at == 0 || at > 2<<20+7 {
		t.Fatalf("Offset = %d, %v; want something of the %d bytes that were sent", at, err, 2<<20+7)
	}
	goOn(t, d, o, b)
	commit(t, d, o)
}

func wrongOffset(t *testing.T, open func() upload.Destination) {
	b, o := Content("offset.pgp", 100_000, 3)
	d := open()
	offset(t, d, o, 0)
	if err := d.Append(t.Context(), o, 50_000, bytes.NewReader(b[50_000:])); err == nil {
		t.Error("Append beyond the end: no error")
	}
	send(t, d, o, b)
}

func early(t *testing.T, open func() upload.Destination) {
	b, o := Content("early.pgp", 100_000, 4)
	d := open()
	offset(t, d, o, 0)
	if r, err := d.Commit(t.Context(), o); err == nil {
		t.Errorf("Commit of nothing: %+v, no error", r)
	}
	send(t, d, o, b)
}

func altered(t *testing.T, open func() upload.Destination) {
	b, o := Content("altered.pgp", 100_000, 5)
	bad := bytes.Clone(b)
	bad[77_777] ^= 1
	d := open()
	offset(t, d, o, 0)
	add(t, d, o, 0, bad)
	r, err := d.Commit(t.Context(), o)
	if !errors.Is(err, upload.ErrIntegrity) || r.SHA256 == o.SHA256 || r.Announced != o.SHA256 {
		t.Fatalf("Commit of altered bytes = %+v, %v; want ErrIntegrity and a receipt for what is there", r, err)
	}
	send(t, open(), o, b) // the next run starts anew
}

func conflict(t *testing.T, open func() upload.Destination) {
	b, o := Content("same.pgp", 50_000, 6)
	send(t, open(), o, b)
	other, p := Content("same.pgp", 50_000, 7)
	d := open()
	at, err := d.Offset(t.Context(), p)
	if err == nil && at < p.Size {
		err = d.Append(t.Context(), p, at, bytes.NewReader(other[at:]))
	}
	if err == nil {
		_, err = d.Commit(t.Context(), p)
	}
	if !errors.Is(err, upload.ErrConflict) {
		t.Errorf("other content under the same name: %v; want ErrConflict", err)
	}
	d = open()
	offset(t, d, o, o.Size)
	commit(t, d, o)
}

func two(t *testing.T, open func() upload.Destination) {
	a, oa := Content("a.pgp", 60_000, 8)
	b, ob := Content("b.pgp", 90_000, 9)
	d := open()
	offset(t, d, oa, 0)
	offset(t, d, ob, 0)
	add(t, d, ob, 0, b)
	add(t, d, oa, 0, a)
	commit(t, d, oa)
	commit(t, d, ob)
}

func names(t *testing.T, open func() upload.Destination) {
	d := open()
	for _, name := range BadNames {
		_, o := Content(name, 10, 10)
		if _, err := d.Offset(t.Context(), o); !errors.Is(err, upload.ErrRefused) {
			t.Errorf("Offset of name %q: %v; want ErrRefused", name, err)
		}
	}
}

// BadNames are names that no other side may ever use.
var BadNames = []string{
	"", ".", "..", "../x", "a/b", `a\b`, "/etc/passwd", `C:\x`, "x:y", ".hidden", "-rf", "a b", "a\x00b", "a\nb", "é", "\xff",
	"nul", "CON.txt", "com1.pgp", "x.", "a%2fb", string(bytes.Repeat([]byte("a"), 201)),
}

func cancelled(t *testing.T, open func() upload.Destination) {
	b, o := Content("cancelled.pgp", 1<<20, 11)
	d := open()
	offset(t, d, o, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Append(ctx, o, 0, bytes.NewReader(b)); err == nil {
		t.Error("Append with an ended context: no error")
	}
	d = open()
	goOn(t, d, o, b)
	commit(t, d, o)
}

// checked asks a destination that can be asked; what is sent afterwards begins at nothing.
func checked(t *testing.T, open func() upload.Destination) {
	d := open()
	c, ok := d.(upload.Checker)
	if !ok {
		return
	}
	if err := c.Check(t.Context()); err != nil {
		t.Fatalf("Check: %v", err)
	}
	_, o := Content("after-check.pgp", 10, 1)
	offset(t, d, o, 0)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Check(gone); err == nil {
		t.Error("Check with a cancelled context: no error")
	}
}
