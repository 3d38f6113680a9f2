package host

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"spor/artifacts"
)

// No path leads to a network file system, not by links either, and all others are as they were.
func TestRemoteIsRefused(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) artifacts.Path { return artifacts.Path(filepath.Join(dir, name)) }
	err = errors.Join(
		os.MkdirAll(filepath.Join(dir, "net/home/anna"), 0o755), os.MkdirAll(filepath.Join(dir, "local/net"), 0o755),
		os.Symlink("../net/home", filepath.Join(dir, "local/link")), os.Symlink(string(at("local/link/anna")), filepath.Join(dir, "home")),
		os.Symlink("loop", filepath.Join(dir, "loop")),
		os.WriteFile(filepath.Join(dir, "net/home/anna/x"), []byte("x"), 0o600), os.WriteFile(filepath.Join(dir, "local/net/x"), []byte("x"), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	f := &files{mounts: map[artifacts.Path]artifacts.Mount{at("net/home"): {Path: at("net/home"), Type: "nfs4", Class: artifacts.Remote}}}
	f.remotes.mounts = f.mounts
	f.remotes.add(f.mounts[at("net/home")])
	for name, remote := range map[string]bool{
		"net/home": true, "net/home/anna/x": true, "local/link/anna/x": true, "home/x": true, "home/../home/x": true,
		"net": false, "local/link": false, "home": false, "local/net/x": false, "none/x": false, "loop/x": false,
	} {
		_, err := f.Lstat(at(name))
		if errors.Is(err, artifacts.ErrRemote) != remote {
			t.Errorf("%s: %v, want refused %v", name, err, remote)
		}
	}
	for op, call := range map[string]func(artifacts.Path) error{
		"open":     func(p artifacts.Path) error { _, err := f.Open(p); return err },
		"readdir":  func(p artifacts.Path) error { _, err := f.ReadDir(p); return err },
		"readlink": func(p artifacts.Path) error { _, err := f.Readlink(p); return err },
	} {
		if err := call(at("home/x")); !errors.Is(err, artifacts.ErrRemote) {
			t.Errorf("%s: %v", op, err)
		}
	}
}
