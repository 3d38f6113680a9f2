package folder_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"spor/upload"
	"spor/upload/folder"
	"spor/upload/uploadtest"
)

// The test binary runs itself as a sender that can be killed.
func TestMain(m *testing.M) {
	if os.Getenv("SPOR_TEST_ROLE") == "" {
		os.Exit(m.Run())
	}
	dst, err := folder.New(os.Args[1], time.Minute)
	if err == nil {
		_, err = upload.Send(context.Background(), dst, []upload.Source{upload.File(os.Args[2])}, upload.Options{Rate: 4_000_000, Patience: -1})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func open(t *testing.T, dir string) *folder.Destination {
	t.Helper()
	d, err := folder.New(dir, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestContract(t *testing.T) {
	uploadtest.Run(t, func(t *testing.T) func() upload.Destination {
		dir := t.TempDir()
		return func() upload.Destination { return open(t, dir) }
	})
}

func source(name string, b []byte) upload.Source {
	return upload.Source{Name: name, Open: func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader(b)}, nil }}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

func TestRemnants(t *testing.T) {
	b, o := uploadtest.Content("a.pgp", 1000, 1)
	part := "a.pgp." + o.SHA256[:16] + ".part"
	for _, tt := range []struct {
		name    string
		file    string
		content []byte
		resumed int64
		want    error
	}{
		{"of the same", part, b[:400], 400, nil},
		{"whole, not renamed", part, b, 1000, nil},
		{"of other content under the same name", "a.pgp.0123456789abcdef.part", []byte("other"), 0, nil},
		{"longer than the file", part, append(bytes.Clone(b), 'x'), 0, nil},
		{"damaged", part, make([]byte, 400), 400, upload.ErrIntegrity},
		{"the file itself", "a.pgp", b, 1000, nil},
		{"another file of that name", "a.pgp", []byte("other"), 1000, upload.ErrConflict},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, tt.file), tt.content, 0o600); err != nil {
				t.Fatal(err)
			}
			res, err := upload.Send(t.Context(), open(t, dir), []upload.Source{source(o.Name, b)}, upload.Options{})
			if !errors.Is(err, tt.want) || res[0].Resumed != tt.resumed {
				t.Fatalf("%+v, %v; want it resumed at %d, and %v", res, err, tt.resumed, tt.want)
			}
			got, _ := os.ReadFile(filepath.Join(dir, "a.pgp"))
			switch {
			case tt.want == nil && !bytes.Equal(got, b):
				t.Errorf("a.pgp has %d other bytes", len(got))
			case tt.want == upload.ErrConflict && string(got) != "other":
				t.Errorf("a.pgp was overwritten")
			case tt.want == upload.ErrIntegrity && got != nil:
				t.Errorf("a.pgp claims to be whole")
			}
		})
	}
}

func TestMissingFolder(t *testing.T) {
	if d, err := folder.New(filepath.Join(t.TempDir(), "usb"), time.Minute); err == nil {
		t.Errorf("New of a folder that is not there: %v", d)
	}
}

func TestPulledOut(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	b, o := uploadtest.Content("a.pgp", 1000, 1)
	if err := os.RemoveAll(dir); err != nil {
		t.Skipf("this system does not let an open folder go: %v", err)
	}
	if _, err := upload.Send(t.Context(), d, []upload.Source{source(o.Name, b)}, upload.Options{Patience: -1}); err == nil {
		t.Error("sent into a folder that is gone")
	}
}

// TestKill9 kills the sender at random moments. What has its name is whole.
func TestKill9(t *testing.T) {
	if testing.Short() {
		t.Skip("takes five seconds of real time")
	}
	src, dir := t.TempDir(), t.TempDir()
	for i := range 10 {
		b, o := uploadtest.Content(fmt.Sprintf("%d.pgp", i), 1_500_000, uint64(i))
		file, got := filepath.Join(src, o.Name), filepath.Join(dir, o.Name)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		run := func() *exec.Cmd {
			cmd := exec.Command(os.Args[0], dir, file)
			cmd.Env = append(os.Environ(), "SPOR_TEST_ROLE=sender")
			cmd.Stderr = os.Stderr
			return cmd
		}
		cmd := run()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(450)) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if there, err := os.ReadFile(got); err == nil && !bytes.Equal(there, b) {
			t.Errorf("after the kill %s claims to be whole with %d bytes of %d", o.Name, len(there), len(b))
		}
		if err := run().Run(); err != nil {
			t.Errorf("again: %v", err)
		}
		if there, err := os.ReadFile(got); err != nil || !bytes.Equal(there, b) {
			t.Errorf("%s: %d bytes, %v; want the %d that were sent", o.Name, len(there), err, len(b))
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}
