package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

// These tests run on Windows, and under wine from spor/build/wine. What wine does otherwise is said where it matters.

func openHost(t *testing.T) *artifacts.Host {
	t.Helper()
	h, err := Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestOpen(t *testing.T) {
	h := openHost(t)
	for _, o := range h.Limits {
		t.Logf("limit: %s %s %s", o.Status, o.Path, o.Reason)
		if o.Source == "" || o.Reason == "" {
			t.Errorf("limit without source or reason: %+v", o)
		}
	}
	t.Logf("identity %+v\nclock %+v\nusers %+v\nenviron %q\nroots %q", h.Identity, h.Clock, h.Users, h.Environ, h.Files.Roots())
	if h.OS != artifacts.Windows || !h.Live {
		t.Errorf("OS %q, live %t", h.OS, h.Live)
	}
	if name, err := os.Hostname(); err != nil || !strings.EqualFold(h.Identity.Hostname, name) {
		t.Errorf("host name %q, want %q (%v)", h.Identity.Hostname, name, err)
	}
	if h.Identity.MachineID == "" || h.Identity.OSName == "" || !strings.HasPrefix(h.Identity.OSVersion, "10.0.") {
		t.Errorf("identity lacks something: %+v", h.Identity)
	}
	if w := winapi.Wine(); w != "" && h.Identity.Platform != "wine "+w {
		t.Errorf("platform %q, want wine %s", h.Identity.Platform, w)
	}
	if !slices.Contains(h.Files.Roots(), artifacts.Path(`C:\`)) {
		t.Errorf("roots %q lack C:", h.Files.Roots())
	}
	if winapi.Wine() != "" { // where Z: is all of Linux, declared to be on the network
		if slices.Contains(h.Files.Roots(), artifacts.Path(`Z:\`)) || !slices.ContainsFunc(h.Limits, func(o artifacts.Outcome) bool {
			return o.Path == `Z:\` && o.Status == artifacts.Skipped
		}) {
			t.Errorf("roots %q, limits %+v: want Z: left out, and that said", h.Files.Roots(), h.Limits)
		}
	}
	if m, ok := h.Files.Mount(`c:\`); !ok || m.Type == "" || m.Source == "" || m.Class != artifacts.Local {
		t.Errorf("mount of C: %+v, %t", m, ok)
	}
	if _, ok := h.Files.Mount(`C:\Windows`); ok {
		t.Error(`something is mounted at C:\Windows`)
	}
	if up := h.Clock.Now.Sub(h.Clock.BootTime); up <= 0 || up > 20*365*24*time.Hour {
		t.Errorf("booted %v, now %v", h.Clock.BootTime, h.Clock.Now)
	}
	if _, want := time.Now().Zone(); h.Clock.OffsetSeconds != want {
		t.Errorf("UTC offset %d s, want %d s", h.Clock.OffsetSeconds, want)
	}
}

func TestEnviron(t *testing.T) {
	h := openHost(t)
	for name, want := range map[string]string{
		"systemroot": os.Getenv("SystemRoot"), "windir": os.Getenv("windir"), "systemdrive": os.Getenv("SystemDrive"),
		"programdata": os.Getenv("ProgramData"), "allusersprofile": os.Getenv("ProgramData"), "allusersappdata": os.Getenv("ProgramData"),
		"programfiles": os.Getenv("ProgramW6432"), "programfilesx86": os.Getenv("ProgramFiles(x86)"), "comspec": os.Getenv("ComSpec"),
	} {
		if got := h.Environ[name]; !strings.EqualFold(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for name, value := range h.Environ {
		if name != strings.ToLower(name) {
			t.Errorf("%q is not in lower case", name)
		}
		if strings.Contains(value, "%") {
			t.Errorf("%s is not expanded: %q", name, value)
		}
	}
}

func TestUsers(t *testing.T) {
	h := openHost(t)
	var sid string
	if user, err := windows.GetCurrentProcessToken().GetTokenUser(); err != nil {
		t.Fatal(err)
	} else {
		sid = user.User.Sid.String()
	}
	i := slices.IndexFunc(h.Users, func(u artifacts.User) bool { return u.ID == sid })
	if i < 0 {
		t.Fatalf("%s, who runs the test, is not among %+v", sid, h.Users)
	}
	if want := os.Getenv("USERPROFILE"); !strings.EqualFold(string(h.Users[i].Home), want) {
		t.Errorf("home %q, want %q", h.Users[i].Home, want)
	}
	if h.Users[i].Name == "" {
		t.Errorf("no name: %+v", h.Users[i])
	}
}

// tempDir is a folder for one test. That of package testing is removed by a call that wine 8.0 lacks.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "spor")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var names []string
		_ = filepath.WalkDir(`\\?\`+dir, func(name string, _ fs.DirEntry, _ error) error {
			names = append(names, name)
			return nil
		})
		for _, name := range slices.Backward(names) {
			if err := os.Remove(name); err != nil {
				t.Error(err)
			}
		}
	})
	return dir
}

// write makes a file in a folder of its own and gives both.
func write(t *testing.T, name string, content []byte) (dir, file artifacts.Path) {
	t.Helper()
	d := tempDir(t)
	f := filepath.Join(d, name)
	if err := os.WriteFile(`\\?\`+f, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return artifacts.Path(d), artifacts.Path(d + `\` + name)
}

func TestRead(t *testing.T) {
	h := openHost(t)
	content := bytes.Repeat([]byte("Ísafjörður\n"), 50000)
	for _, name := range []string{"plain.txt", "Þórður.evtx", "trailing dot.", "trailing space ", strings.Repeat("x", 250), "\U0001F600 con.txt", "con"} {
		_, p := write(t, name, content)
		f, err := h.Files.Open(p)
		if err != nil {
			t.Errorf("open %q: %v", name, err)
			continue
		}
		got, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%q: %d bytes of %d, %v", name, len(got), len(content), err)
		}
		s, err := f.Stat()
		if err != nil || s.Size != int64(len(content)) || s.Kind != artifacts.Regular || s.Inode == 0 || s.Links != 1 {
			t.Errorf("stat of open %q: %+v, %v", name, s, err)
		}
		byName, err := h.Files.Lstat(p)
		if err != nil || byName != s {
			t.Errorf("%q: lstat %+v, %v; of the open file %+v", name, byName, err, s)
		}
		if since := time.Since(s.Times.Modified); since < -time.Minute || since > time.Hour || s.Times.Born.IsZero() || s.Times.Changed.IsZero() {
			t.Errorf("%q: times %+v", name, s.Times)
		}
		if !strings.HasPrefix(s.UID, "S-1-") {
			t.Errorf("%q: owner %q is no SID", name, s.UID)
		}
		if m := f.Method(); m != "backup" && m != "read" || m == "backup" && !h.Root {
			t.Errorf("%q: method %q, root %t", name, m, h.Root)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := f.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
	}
}

func TestReadDir(t *testing.T) {
	h := openHost(t)
	dir := tempDir(t)
	var want []artifacts.DirEntry
	for i := range 1500 { // more than one answer holds
		name := fmt.Sprintf("%04d %s", i, strings.Repeat("ð", 40))
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		want = append(want, artifacts.DirEntry{Name: name, Kind: artifacts.Regular})
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	want = append(want, artifacts.DirEntry{Name: "folder", Kind: artifacts.Directory})
	got, err := h.Files.ReadDir(artifacts.Path(dir))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%d entries of %d, %v", len(got), len(want), err)
	}
	if got, err := h.Files.ReadDir(artifacts.Path(dir + `\folder`)); err != nil || len(got) != 0 {
		t.Errorf("empty folder: %+v, %v", got, err)
	}
	if got, err := h.Files.ReadDir(`C:\`); err != nil || !slices.ContainsFunc(got, func(e artifacts.DirEntry) bool {
		return strings.EqualFold(e.Name, "Windows") && e.Kind == artifacts.Directory
	}) {
		t.Errorf(`C:\: %+v, %v`, got, err)
	}
}

func TestErrors(t *testing.T) {
	h := openHost(t)
	dir, p := write(t, "here", nil)
	for _, c := range []struct {
		path artifacts.Path
		want error
	}{
		{dir + `\missing`, fs.ErrNotExist},
		{dir + `\missing\deeper`, fs.ErrNotExist},
		{p + `\below a file`, fs.ErrNotExist},
		{dir + `\*`, fs.ErrNotExist},
		{dir + `\h<re`, fs.ErrNotExist},
		{dir, artifacts.ErrNotRegular},
		{`C:\`, artifacts.ErrNotRegular},
		{`C:\$MFT`, ErrMetafile},
		{`C:\$Extend\$UsnJrnl:$J`, ErrMetafile},
		{`\\.\C:`, fs.ErrInvalid},
		{`\\.\pipe\anything`, fs.ErrInvalid},
		{`relative`, fs.ErrInvalid},
		{`C:relative`, fs.ErrInvalid},
		{"", fs.ErrInvalid},
		{"C:\\a\x00b", fs.ErrInvalid},
	} {
		f, err := h.Files.Open(c.path)
		if err == nil {
			f.Close()
			if c.want == ErrMetafile {
				continue // an administrator's Windows, or a wine with a volume behind C:
			}
		}
		if !errors.Is(err, c.want) {
			t.Errorf("open %q: %v, want %v", string(c.path), err, c.want)
		}
	}
	if _, err := h.Files.ReadDir(p); err == nil {
		t.Error("a file was listed as if it were a folder")
	}
	if _, err := h.Files.Readlink(p); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("readlink of a file: %v", err)
	}
}

// TestLocked holds a file as a running system holds its hives.
func TestLocked(t *testing.T) {
	h := openHost(t)
	_, p := write(t, "SYSTEM", []byte("regf"))
	text, err := winapi.UTF16(string(p))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := windows.CreateFile(text, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(lock)
	f, err := h.Files.Open(p)
	if err == nil {
		f.Close()
	}
	if !errors.Is(err, ErrLocked) || !errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		t.Errorf("open: %v, want ErrLocked and the number of it", err)
	}
	if s, err := h.Files.Lstat(p); err != nil || s.Size != 4 {
		t.Errorf("lstat: %+v, %v", s, err)
	}
}

func TestSymlink(t *testing.T) {
	h := openHost(t)
	dir, p := write(t, "target", []byte("x"))
	link := dir + `\link`
	if err := os.Symlink(string(p), string(link)); err != nil {
		t.Skip("NOT TESTED: no symbolic link can be made here: ", err)
	}
	if _, err := os.Lstat(string(link)); err != nil && winapi.Wine() != "" {
		t.Skip("NOT TESTED: wine says that it made a symbolic link, and made none: ", err)
	}
	s, err := h.Files.Lstat(link)
	if err != nil || s.Kind != artifacts.Symlink {
		t.Errorf("lstat: %+v, %v", s, err)
	}
	if got, err := h.Files.Readlink(link); err != nil || !strings.EqualFold(string(got), string(p)) {
		t.Errorf("readlink: %q, %v; want %q", got, err, p)
	}
	if f, err := h.Files.Open(link); !errors.Is(err, artifacts.ErrNotRegular) {
		if err == nil {
			f.Close()
		}
		t.Errorf("open: %v, want ErrNotRegular", err)
	}
}

func TestRegistry(t *testing.T) {
	h := openHost(t)
	const key = `Software\spor test\Þórður/1`
	text, err := winapi.UTF16(key)
	if err != nil {
		t.Fatal(err)
	}
	create := advapi("RegCreateKeyExW")
	set := advapi("RegSetValueExW")
	remove := advapi("RegDeleteTreeW")
	k := create.key(t, text)
	defer remove.call(t, uintptr(windows.HKEY_CURRENT_USER), ptr(t, `Software\spor test`))
	defer windows.RegCloseKey(k)
	big := bytes.Repeat([]byte{1, 2, 3}, 30000)
	lone := "lone \xed\xa0\x80 surrogate"
	set.call(t, uintptr(k), ptr(t, "big"), 0, windows.REG_BINARY, uintptr(bytesAt(big)), uintptr(len(big)))
	set.call(t, uintptr(k), ptr(t, lone), 0, windows.REG_DWORD, uintptr(bytesAt([]byte{7, 0, 0, 0})), 4)
	set.call(t, uintptr(k), 0, 0, windows.REG_SZ, uintptr(bytesAt([]byte{'x', 0, 0, 0})), 4)

	for _, root := range []artifacts.Path{`HKEY_CURRENT_USER\`, `hkcu\`} {
		got, err := h.Registry.Key(root + key)
		if err != nil {
			t.Fatal(err)
		}
		if since := time.Since(got.LastWrite); since < -time.Minute || since > time.Hour {
			t.Errorf("last written %v", got.LastWrite)
		}
		values := map[string][]byte{}
		for _, v := range got.Values {
			values[v.Name] = v.Data
		}
		want := map[string][]byte{"big": big, lone: {7, 0, 0, 0}, "": {'x', 0, 0, 0}}
		for name, data := range want {
			if !bytes.Equal(values[name], data) {
				t.Errorf("value %q: %d bytes, want %d", name, len(values[name]), len(data))
			}
		}
		if len(values) != len(want) {
			t.Errorf("%d values, want %d", len(values), len(want))
		}
	}
	if got, err := h.Registry.Key(`HKEY_CURRENT_USER\Software\spor test`); err != nil || !slices.Equal(got.Subkeys, []string{"Þórður/1"}) {
		t.Errorf("subkeys %q, %v", got.Subkeys, err)
	}
	for path, want := range map[artifacts.Path]error{
		`HKEY_LOCAL_MACHINE\Software\no such key`: fs.ErrNotExist, `HKEY_PERFORMANCE_DATA`: fs.ErrNotExist, ``: fs.ErrNotExist,
		"HKEY_CURRENT_USER\\Software\\a\x00b": fs.ErrInvalid,
	} {
		if _, err := h.Registry.Key(path); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", path, err, want)
		}
	}
	if k, err := h.Registry.Key(`HKEY_USERS`); err != nil || len(k.Subkeys) == 0 {
		t.Errorf("HKEY_USERS: %q, %v", k.Subkeys, err)
	}
}

// TestShadows asks for shadow copies, of which wine has none: that is said, and is no error of the files.
func TestShadows(t *testing.T) {
	h := openHost(t)
	copies, err := h.Shadows()
	if err != nil || len(copies) != 0 {
		t.Logf("shadow copies: %+v, %v", copies, err)
	}
	for _, p := range []artifacts.Path{artifacts.ShadowDevice + `1\`, artifacts.ShadowDevice + `1\Windows\win.ini`, artifacts.ShadowDevice + `1\$Extend\$UsnJrnl`} {
		if st, err := h.Files.Lstat(p); err == nil && len(copies) == 0 && st.Kind == artifacts.Regular {
			t.Errorf("%s is there, without a shadow copy: %+v", p, st)
		}
	}
	if _, err := h.Files.Open(artifacts.ShadowDevice + `1\Windows\win.ini`); err == nil && len(copies) == 0 {
		t.Error("a file of a shadow copy that does not exist was opened")
	}
}
