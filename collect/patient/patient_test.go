package patient

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"spor/artifacts"
)

// A sleepy tree answers after some time, by name.
type sleepy map[artifacts.Path]time.Duration

func (sleepy) Roots() []artifacts.Path { return []artifacts.Path{"/"} }

func (s sleepy) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	time.Sleep(s[p])
	return artifacts.Stat{Kind: artifacts.Regular, Size: 5}, nil
}

func (s sleepy) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	time.Sleep(s[p])
	return []artifacts.DirEntry{{Name: "x"}}, nil
}

func (s sleepy) Readlink(p artifacts.Path) (artifacts.Path, error) {
	time.Sleep(s[p])
	return "/x", nil
}

func (s sleepy) Open(p artifacts.Path) (artifacts.File, error) {
	time.Sleep(s[p])
	return &drowsy{Reader: strings.NewReader("hello"), takes: s[p+"!"], ends: s[p+"."]}, nil
}

func (sleepy) Mount(artifacts.Path) (artifacts.Mount, bool) { return artifacts.Mount{}, false }

// drowsy is an open file whose reads take their time.
type drowsy struct {
	*strings.Reader
	takes  time.Duration
	ends   time.Duration // closing it
	closed bool
}

func (d *drowsy) Read(b []byte) (int, error) {
	time.Sleep(d.takes)
	return d.Reader.Read(b)
}

func (d *drowsy) Stat() (artifacts.Stat, error) { return artifacts.Stat{Size: 5}, nil }
func (d *drowsy) Method() string                { return "read" }

func (d *drowsy) Close() error {
	time.Sleep(d.ends)
	d.closed = true
	return nil
}

func doubtful(_ string, p artifacts.Path) bool { return strings.HasPrefix(string(p), "/net") }

// Calls that do not come back are left behind with an error that says so; all others answer as they are.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(sleepy{"/net/hung": time.Hour, "/slow": time.Minute, "/net/hung/file!": time.Hour}, doubtful)
		for op, call := range map[string]func(artifacts.Path) error{
			"lstat":    func(p artifacts.Path) error { _, err := f.Lstat(p); return err },
			"readdir":  func(p artifacts.Path) error { _, err := f.ReadDir(p); return err },
			"readlink": func(p artifacts.Path) error { _, err := f.Readlink(p); return err },
			"open":     func(p artifacts.Path) error { _, err := f.Open(p); return err },
		} {
			began := time.Now()
			err := call("/net/hung")
			var pe *fs.PathError
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &pe) || pe.Path != "/net/hung" || pe.Op != op || time.Since(began) > longest {
				t.Errorf("%s: %v after %v", op, err, time.Since(began))
			}
			if err := errors.Join(call("/net/well"), call("/slow")); err != nil {
				t.Errorf("%s of what answers: %v", op, err)
			}
		}
		file, err := f.Open("/net/hung/file")
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(file); len(b) != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read %q, %v", b, err)
		}
		began := time.Now()
		if _, err := file.Stat(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 0 {
			t.Errorf("asked again: %v", err)
		}
		in := file.(interface{ Close() error })
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Hour) // the bubble ends when all have come back
	})
}

// What is read through patience is what is there.
func TestContent(t *testing.T) {
	f := New(sleepy{}, doubtful)
	file, err := f.Open("/net/well")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(file); string(b) != "hello" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
	at := make([]byte, 9)
	if n, err := file.(io.ReaderAt).ReadAt(at, 1); string(at[:n]) != "ello" || !errors.Is(err, io.EOF) {
		t.Errorf("read %q at 1, %v", at[:n], err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

// A thousand calls that hang cost little more than the budget, and few threads.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(sleepy{"/net/hung": 24 * time.Hour}, doubtful)
		began := time.Now()
		for range 1000 {
			if _, err := f.Lstat("/net/hung"); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("got %v", err)
			}
		}
		if took := time.Since(began); took > budget+maxBehind*shortest {
			t.Errorf("took %v", took)
		}
		f.mu.Lock()
		behind := f.behind
		f.mu.Unlock()
		if behind != maxBehind {
			t.Errorf("%d calls were left behind, want %d", behind, maxBehind)
		}
		time.Sleep(48 * time.Hour)
	})
}

// TestCloseHangs holds that a file whose server does not answer that it is closed is left behind as others are.
func TestCloseHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(sleepy{"/x.": time.Hour}, func(string, artifacts.Path) bool { return true })
		in, err := f.Open("/x")
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		err = in.Close()
		if took := time.Since(begun); !errors.Is(err, os.ErrDeadlineExceeded) || took > longest {
			t.Errorf("%v after %v, want %v within %v", err, took, os.ErrDeadlineExceeded, longest)
		}
		time.Sleep(2 * time.Hour)
	})
}
