package deadline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// stuck is a file whose calls wait for a word.
type stuck struct {
	*os.File
	word   chan struct{}
	closed chan struct{}
	got    []byte
}

func (s *stuck) Write(b []byte) (int, error) {
	<-s.word
	s.got = bytes.Clone(b)
	return len(b), nil
}

func (s *stuck) Sync() error { <-s.word; return nil }

func (s *stuck) Close() error { close(s.closed); return nil }

func TestACallIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Guard{Wait: time.Minute}
		s := &stuck{word: make(chan struct{}), closed: make(chan struct{})}
		f, err := g.Open(t.Context(), func() (Handle, error) { return s, nil })
		if err != nil {
			t.Fatal(err)
		}
		sent := []byte("before")
		began := time.Now()
		if _, err := f.Write(sent); !errors.Is(err, ErrNoAnswer) || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v, want %v after a minute", time.Since(began), err, ErrNoAnswer)
		}
		copy(sent, "after!")
		began = time.Now()
		if _, err := f.Read(make([]byte, 1)); !errors.Is(err, ErrNoAnswer) || time.Since(began) != 0 {
			t.Errorf("another call: %v after %v, want %v at once", err, time.Since(began), ErrNoAnswer)
		}
		if err := g.Do(t.Context(), 0, func() error { t.Error("was called"); return nil }); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("another file of the place: %v", err)
		}
		s.word <- struct{}{}
		synctest.Wait()
		if string(s.got) != "before" {
			t.Errorf("what was left behind wrote %q", s.got)
		}
		if err := g.Do(t.Context(), 0, func() error { return nil }); err != nil {
			t.Errorf("the place woke up and is still said not to answer: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A file that opens too late is closed; so is one that is closed while a call is away.
func TestNothingStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Guard{Wait: time.Minute}
		s := &stuck{word: make(chan struct{}), closed: make(chan struct{})}
		if _, err := g.Open(t.Context(), func() (Handle, error) { <-s.word; return s, nil }); !errors.Is(err, ErrNoAnswer) {
			t.Fatal(err)
		}
		s.word <- struct{}{}
		<-s.closed
	})
	synctest.Test(t, func(t *testing.T) {
		g := &Guard{Wait: time.Minute}
		s := &stuck{word: make(chan struct{}), closed: make(chan struct{})}
		f, err := g.Open(t.Context(), func() (Handle, error) { return s, nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); !errors.Is(err, ErrNoAnswer) {
			t.Fatal(err)
		}
		if err := f.Close(); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("closing says %v", err)
		}
		<-s.closed
		s.word <- struct{}{}
	})
}

// Bringing much to a slow disk is not silence, an end of ctx ends the waiting, and without a limit there is none.
func TestHowLong(t *testing.T) {
	for _, c := range []struct {
		wait  time.Duration
		bytes int64
		ctx   time.Duration // ends then
		want  time.Duration
		err   error
	}{
		{time.Minute, 0, time.Hour, time.Minute, ErrNoAnswer},
		{time.Minute, 600 << 20, time.Hour, 11 * time.Minute, ErrNoAnswer},
		{time.Minute, 0, time.Second, time.Second, context.DeadlineExceeded},
		{0, 0, time.Hour, time.Hour, context.DeadlineExceeded},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := &Guard{Wait: c.wait}
			ctx, cancel := context.WithTimeout(t.Context(), c.ctx)
			defer cancel()
			word := make(chan struct{})
			began := time.Now()
			err := g.Do(ctx, c.bytes, func() error { <-word; return nil })
			if !errors.Is(err, c.err) || time.Since(began) != c.want {
				t.Errorf("%+v: %v after %v", c, err, time.Since(began))
			}
			close(word)
		})
	}
}

// A guarded file is a file.
func TestFile(t *testing.T) {
	g := &Guard{Wait: time.Minute}
	f, err := g.Open(t.Context(), func() (Handle, error) { return os.Create(filepath.Join(t.TempDir(), "f")) })
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("0123456789abcdef"), 50_000) // more than goes in one call
	if n, err := f.Write(want[:700_000]); n != 700_000 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := f.WriteAt(want[700_000:], 700_000); n != 100_000 || err != nil {
		t.Fatal(n, err)
	}
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
	got := make([]byte, len(want))
	if n, err := f.ReadAt(got, 0); n != len(want) || err != nil || !bytes.Equal(got, want) {
		t.Errorf("ReadAt: %d, %v", n, err)
	}
	if n, err := f.ReadAt(got, 10); n != len(want)-10 || err != io.EOF {
		t.Errorf("ReadAt beyond the end: %d, %v", n, err)
	}
	if at, err := f.Seek(0, io.SeekStart); at != 0 || err != nil {
		t.Errorf("Seek: %d, %v", at, err)
	}
	if all, err := io.ReadAll(f); err != nil || !bytes.Equal(all, want) {
		t.Errorf("Read: %d bytes, %v", len(all), err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		t.Error(err)
	}
}
