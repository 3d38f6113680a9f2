package schema_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/artifacts/schema"
	"spor/collect/image"
)

// lines is a recorder that keeps the paths of what is recorded.
type lines []string

func (l *lines) Record(v any) error {
	b, err := json.Marshal(v)
	var line struct{ Path, Kind, Mode, Link string }
	if err = errors.Join(err, json.Unmarshal(b, &line)); err == nil {
		*l = append(*l, strings.TrimSpace(line.Path+" "+line.Kind+" "+line.Link))
	}
	return err
}
func (*lines) Take(context.Context, artifacts.Path) error           { return nil }
func (*lines) Put(context.Context, artifacts.Item, io.Reader) error { return nil }
func (*lines) Note(artifacts.Outcome)                               {}

func TestListAll(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("makes links")
	}
	dir := t.TempDir()
	if err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755), os.WriteFile(filepath.Join(dir, "a", "b", ".hidden"), nil, 0o600),
		os.Symlink("/a", filepath.Join(dir, "a", "b", "loop")), os.WriteFile(filepath.Join(dir, "z"), nil, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	h, err := image.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got lines
	if err := schema.ListAll(t.Context(), h, &got); err != nil {
		t.Fatal(err)
	}
	want := "/a directory|/a/b directory|/a/b/.hidden file|/a/b/loop link /a|/z file"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.ErrUnsupported)
	if err := schema.ListAll(ctx, h, &got); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("cancelled: %v", err)
	}
}
