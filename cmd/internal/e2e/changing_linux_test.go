package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect"
	"spor/collect/image"
	"spor/package/bundle"
	"spor/package/manifest"
	"spor/package/seal"
)

// meddled are files to which something happens once half of one was read.
type meddled struct {
	artifacts.Files
	half   int64
	meddle func() error // an error is what the next read gives
}

type meddledFile struct {
	artifacts.File
	files *meddled
	read  int64
	err   error
	done  bool
}

func (m *meddled) Open(p artifacts.Path) (artifacts.File, error) {
	f, err := m.Files.Open(p)
	if err != nil {
		return nil, err
	}
	return &meddledFile{File: f, files: m}, nil
}

func (f *meddledFile) Read(b []byte) (int, error) {
	if f.read >= f.files.half && !f.done {
		f.done, f.err = true, f.files.meddle()
	}
	if f.err != nil {
		return 0, f.err
	}
	if !f.done {
		b = b[:min(int64(len(b)), f.files.half-f.read)]
	}
	n, err := f.File.Read(b)
	f.read += int64(n)
	return n, err
}

// sealOne collects /log of a folder into a bundle and opens that again.
func sealOne(t *testing.T, host *artifacts.Host) (artifacts.Outcome, manifest.Entry, []byte) {
	t.Helper()
	public, private, _, err := seal.Generate("CERT", "cert@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	to, err := seal.ReadRecipients(strings.NewReader(public), time.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := seal.NewSigner("run")
	if err != nil {
		t.Fatal(err)
	}
	dir, opened := t.TempDir(), t.TempDir()
	w, err := bundle.NewWriter(bundle.Folder(dir), "b", bundle.Options{Recipients: to, Signer: signer, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	take := &artifacts.Collector{Name: "take", Collect: func(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
		return rec.Take(ctx, "/log")
	}}
	rep, err := collect.Run(t.Context(), host, []*artifacts.Collector{take}, w, collect.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil || rep.Outcomes.Len() != 1 {
		t.Fatalf("outcomes %v, %v", rep.Outcomes.List(), err)
	}
	if _, _, err := w.Close(&manifest.Manifest{}, rep.Outcomes.All()); err != nil {
		t.Fatal(err)
	}
	key, err := seal.OpenKey(strings.NewReader(private), nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(opened)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	v, err := bundle.Check(t.Context(), glob(t, filepath.Join(dir, "*.pgp")), key, bundle.NewExtractor(root))
	if err != nil || !v.Whole() {
		t.Fatalf("differences %v, %v", v.Differences, err)
	}
	data, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Entries) == 0 {
		return rep.Outcomes.List()[0], manifest.Entry{}, nil
	}
	got, err := os.ReadFile(filepath.Join(opened, filepath.FromSlash(m.Entries[0].Name)))
	if err != nil {
		t.Fatal(err)
	}
	return rep.Outcomes.List()[0], m.Entries[0], got
}

// A file to which something happens while it is read comes out of the bundle as what was read of it, and its record and
// outcome say what happened; the bundle is whole all the same.
func TestFilesThatChangeWhileTheyAreRead(t *testing.T) {
	for _, size := range []int{6000, 3 << 20} { // one that is read at once, and a stream
		content := bytes.Repeat([]byte("0123456789abcde\n"), size/16)
		half := len(content) / 2
		for _, c := range []struct {
			name    string
			meddle  func(log string) error
			want    []byte
			changed string
			status  artifacts.Status
			reason  string
		}{
			{"stays", func(string) error { return nil }, content, "", artifacts.Collected, ""},
			{"grows", func(log string) error {
				f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					return err
				}
				_, err = f.WriteString("what comes later is not of this moment")
				return errors.Join(err, f.Close())
			}, content, "grew", artifacts.Collected, ""},
			{"shrinks", func(log string) error { return os.Truncate(log, int64(half)) }, content[:half], "shrank", artifacts.Collected, ""},
			{"is written over", func(log string) error { return os.WriteFile(log, bytes.Repeat([]byte("x"), len(content)), 0o600) }, nil, "modified", artifacts.Collected, ""},
			{"rotates", func(log string) error {
				return errors.Join(os.Rename(log, log+".1"), os.WriteFile(log, []byte("new"), 0o600))
			}, content, "rotated", artifacts.Collected, ""},
			{"vanishes", os.Remove, content, "removed", artifacts.Collected, ""},
			{"cannot be read in the middle", func(string) error { return &os.PathError{Op: "read", Path: "/log", Err: syscall.EIO} }, content[:half], "", artifacts.Truncated, "input/output error"},
			{"is denied in the middle", func(string) error { return &os.PathError{Op: "read", Path: "/log", Err: syscall.EACCES} }, content[:half], "", artifacts.Truncated, "permission denied"},
			{"says more than it has, as sysfs does", func(string) error { return io.EOF }, content[:half], "", artifacts.Collected, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				dir := t.TempDir()
				log := filepath.Join(dir, "log")
				if err := os.WriteFile(log, content, 0o600); err != nil {
					t.Fatal(err)
				}
				host, err := image.Folder(dir)
				if err != nil {
					t.Fatal(err)
				}
				host.Files = &meddled{host.Files, int64(half), func() error { return c.meddle(log) }}
				o, e, got := sealOne(t, host)
				if c.want != nil && !bytes.Equal(got, c.want) || c.want == nil && (len(got) != len(content) || !bytes.Equal(got[:half], content[:half])) {
					t.Errorf("%d bytes came out, want %d", len(got), len(c.want))
				}
				if e.Changed != c.changed || e.Size != int64(len(got)) {
					t.Errorf("the record says changed %q, %d bytes; want %q, %d", e.Changed, e.Size, c.changed, len(got))
				}
				if o.Status != c.status || !strings.Contains(o.Reason, c.reason) || (e.Cut != "") != (c.status == artifacts.Truncated) {
					t.Errorf("outcome %v %q, cut %q; want %v with %q", o.Status, o.Reason, e.Cut, c.status, c.reason)
				}
			})
		}
	}
}

// A file that is gone when its turn comes, or that nobody may read, is an outcome and no item.
func TestFilesThatCannotBeOpened(t *testing.T) {
	for _, c := range []struct {
		err    error
		status artifacts.Status
		reason string
	}{
		{syscall.ENOENT, artifacts.Failed, "vanished before it was read"},
		{syscall.EACCES, artifacts.Denied, "permission denied"},
		{syscall.EIO, artifacts.Failed, "input/output error"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "log"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		host, err := image.Folder(dir)
		if err != nil {
			t.Fatal(err)
		}
		host.Files = refusing{host.Files, &os.PathError{Op: "open", Path: "/log", Err: c.err}}
		o, e, _ := sealOne(t, host)
		if o.Status != c.status || !strings.Contains(o.Reason, c.reason) || e.Name != "" {
			t.Errorf("%v: outcome %v %q, item %q; want %v with %q", c.err, o.Status, o.Reason, e.Name, c.status, c.reason)
		}
	}
}

type refusing struct {
	artifacts.Files
	err error
}

func (r refusing) Open(artifacts.Path) (artifacts.File, error) { return nil, r.err }
