package image

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
)

// plant makes a tree: names that end in "/" are directories, "a -> b" are links, all others files that hold their name.
func plant(t testing.TB, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, line := range lines {
		name, target, isLink := strings.Cut(line, " -> ")
		name, text, hasText := strings.Cut(name, "=")
		full := filepath.Join(dir, filepath.FromSlash(name))
		var err error
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(full, 0o755)
		case isLink:
			err = errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.Symlink(target, full))
		default:
			if !hasText {
				text = name
			}
			err = errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func opened(t testing.TB, lines ...string) *artifacts.Host {
	t.Helper()
	h, err := Folder(plant(t, lines...))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestLinuxFolder(t *testing.T) {
	h := opened(t,
		"etc/passwd=root:x:0:0:root:/root:/bin/bash\nanna:x:1000:1000::/home/anna:/bin/zsh\n#x\nbad\n",
		"etc/hostname=web1\n", "etc/machine-id=0123456789abcdef0123456789abcdef\n",
		"etc/os-release -> ../usr/lib/os-release", "usr/lib/os-release=NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\n",
		"var/log/x", "home/anna/",
	)
	if h.OS != artifacts.Linux || h.Live || h.Registry != nil {
		t.Errorf("host %+v", h)
	}
	id := h.Identity
	if id.Hostname != "web1" || id.MachineID != "0123456789abcdef0123456789abcdef" || id.OSName != "Debian GNU/Linux 12 (bookworm)" || id.OSVersion != "12" || id.Source == "" {
		t.Errorf("identity %+v", id)
	}
	if len(h.Users) != 2 || h.Users[1].Name != "anna" || h.Users[1].ID != "1000" || h.Users[1].Home != "/home/anna" {
		t.Errorf("users %+v", h.Users)
	}
	if !h.Clock.Now.IsZero() {
		t.Errorf("a folder knows what time it is: %+v", h.Clock)
	}
}

func TestWindowsFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this system folds case by itself")
	}
	h := opened(t,
		"WINDOWS/system32/config/SYSTEM", "WINDOWS/system32/config/systemprofile/", "Users/anna/NTUSER.DAT", "Users/Public/", "Users/All Users -> ../ProgramData",
		"Users/Default/", "ProgramData/x", "Program Files (x86)/", `Users/odd\name`,
	)
	if h.OS != artifacts.Windows || h.Environ["systemroot"] != `C:\WINDOWS` || h.Environ["systemdrive"] != "C:" || h.Environ["programdata"] != `C:\ProgramData` || h.Environ["programfiles(x86)"] != `C:\Program Files (x86)` {
		t.Errorf("environment %q", h.Environ)
	}
	var homes []string
	for _, u := range h.Users {
		homes = append(homes, u.Name+" "+u.ID+" "+string(u.Home))
	}
	want := []string{`Default  C:\Users\Default`, `Public  C:\Users\Public`, `SYSTEM S-1-5-18 C:\WINDOWS\system32\config\systemprofile`, `anna  C:\Users\anna`}
	if !slices.Equal(homes, want) {
		t.Errorf("users\ngot  %q\nwant %q", homes, want)
	}
	f, err := h.Files.Open(`C:\Users\anna\NTUSER.DAT`)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); string(got) != "Users/anna/NTUSER.DAT" || err != nil {
		t.Errorf("content %q, %v", got, err)
	}
	if _, err := h.Files.Lstat(`D:\x`); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another drive: %v", err)
	}
	list, err := h.Files.ReadDir(`C:\Users`)
	if len(list) != 4 || err == nil || !strings.Contains(err.Error(), "backslash") {
		t.Errorf("a name with a backslash: %v, %v", list, err)
	}
}

func TestLinksStayInside(t *testing.T) {
	secret := plant(t, "outside")
	dir := plant(t, "a/f", "out -> "+secret, "up -> ../../../../../../..", "in -> a", "abs -> /a", "loop -> loop")
	h, err := Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []artifacts.Path{"/out/outside", "/up/etc/passwd", "/abs/f", "/loop/x", "/../etc/passwd"} {
		if f, err := h.Files.Open(p); err == nil {
			f.Close()
			t.Errorf("%s was opened", p)
		}
	}
	if text, err := h.Files.Readlink("/abs"); text != "/a" || err != nil {
		t.Errorf("link text %q, %v", text, err)
	}
	for _, p := range []artifacts.Path{"/in", "/out", "/a"} {
		if f, err := h.Files.Open(p); !errors.Is(err, artifacts.ErrNotRegular) {
			if err == nil {
				f.Close()
			}
			t.Errorf("%s: %v, want %v", p, err, artifacts.ErrNotRegular)
		}
	}
	st, err := h.Files.Lstat("/out")
	if st.Kind != artifacts.Symlink || err != nil {
		t.Errorf("Lstat of a link: %+v, %v", st, err)
	}
	if _, err := h.Files.Lstat("/a/f/below"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("below a file: %v", err)
	}
}

func TestFolderErrors(t *testing.T) {
	dir := plant(t, "Security.evtx")
	if _, err := Folder(filepath.Join(dir, "Security.evtx")); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a file: %v", err)
	}
	if _, err := Folder(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}
