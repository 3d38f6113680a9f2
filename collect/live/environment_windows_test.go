package live_test

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"spor/artifacts"
	"spor/collect/live/details"
	"spor/collect/live/livetest"
	"spor/collect/live/memory"
	"spor/collect/live/network"
	"spor/collect/live/objects"
	"spor/collect/live/screens"
	"spor/collect/live/shares"
	"spor/collect/winapi"
)

// recorded runs a collector and wants that it left something: records, or why there are none. It gives the records.
func recorded(t *testing.T, c *artifacts.Collector) *livetest.Recorder {
	t.Helper()
	rec := &livetest.Recorder{}
	err := c.Collect(t.Context(), openHost(t), rec)
	show(t, rec.Records[:min(5, len(rec.Records))], rec.Notes)
	t.Logf("%s: %d records, error: %v", c.Name, len(rec.Records), err)
	if len(rec.Records) == 0 && err == nil && len(rec.Notes) == 0 {
		t.Errorf("%s: no record, no note, no error", c.Name)
	}
	if winapi.Wine() == "" && err != nil {
		t.Errorf("%s on Windows: %v", c.Name, err)
	}
	return rec
}

func TestNothingIsSilentlyEmpty(t *testing.T) {
	for _, c := range []*artifacts.Collector{network.Cache, shares.Collector, objects.Pipes, network.Proxies, screens.Clipboard} {
		t.Run(c.Name, func(t *testing.T) { recorded(t, c) })
	}
}

// A drive that a user gets at logon stands in the user's part of the registry.
func TestMappedDrives(t *testing.T) {
	const path = `Network\Q`
	k, _, err := registry.CreateKey(registry.CURRENT_USER, path, registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	defer registry.DeleteKey(registry.CURRENT_USER, path)
	if err := k.SetStringValue("RemotePath", `\\fs01.example\Þjónusta`); err != nil {
		t.Fatal(err)
	}
	rec := recorded(t, shares.Collector)
	if !slices.ContainsFunc(rec.Records, func(r any) bool {
		s, ok := r.(shares.Record)
		return ok && s.Kind == "mapped_drive" && s.Name == "Q:" && s.Remote == `\\fs01.example\Þjónusta` && strings.HasPrefix(s.UserID, "S-1-")
	}) {
		t.Errorf("drive Q: is not among %+v", rec.Records)
	}
}

func TestProxies(t *testing.T) {
	const path = `Software\Microsoft\Windows\CurrentVersion\Internet Settings`
	k, _, err := registry.CreateKey(registry.CURRENT_USER, path, registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if _, _, err := k.GetStringValue("AutoConfigURL"); err == nil {
		t.Skip("NOT TESTED: this user has a proxy script, which is left alone")
	}
	if err := k.SetStringValue("AutoConfigURL", "http://evil.example/wpad.dat"); err != nil {
		t.Fatal(err)
	}
	defer k.DeleteValue("AutoConfigURL")
	rec := recorded(t, network.Proxies)
	if !slices.ContainsFunc(rec.Records, func(r any) bool {
		return r.(network.Proxy).AutoConfig == "http://evil.example/wpad.dat" && strings.HasPrefix(r.(network.Proxy).UserID, "S-1-")
	}) {
		t.Errorf("the script is not among %+v", rec.Records)
	}
}

// What the test puts on the clipboard of a made-up Windows is read again. On a real one the clipboard is left alone.
func TestClipboard(t *testing.T) {
	recorded(t, screens.Clipboard) // without an error, whatever lies there
	if winapi.Wine() == "" {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	user32, kernel32 := windows.NewLazySystemDLL("user32.dll"), windows.NewLazySystemDLL("kernel32.dll")
	text, err := windows.UTF16FromString("lykilorð: hunter2")
	if err != nil {
		t.Fatal(err)
	}
	const moveable, unicode = 2, 13
	h, _, _ := kernel32.NewProc("GlobalAlloc").Call(moveable, uintptr(2*len(text)))
	p, _, _ := kernel32.NewProc("GlobalLock").Call(h)
	copy(unsafe.Slice(*(**uint16)(unsafe.Pointer(&p)), len(text)), text)
	kernel32.NewProc("GlobalUnlock").Call(h)
	user32.NewProc("OpenClipboard").Call(0)
	user32.NewProc("EmptyClipboard").Call()
	r, _, err := user32.NewProc("SetClipboardData").Call(unicode, h)
	user32.NewProc("CloseClipboard").Call()
	if r == 0 {
		t.Fatalf("SetClipboardData: %v", err)
	}
	if rec := recorded(t, screens.Clipboard); len(rec.Records) != 1 || rec.Records[0].(screens.Clip).Text != "lykilorð: hunter2" {
		t.Errorf("%+v", rec.Records)
	}
}

func TestNeighbours(t *testing.T) {
	rec := recorded(t, network.Neighbours)
	for _, r := range rec.Records {
		if n := r.(network.Neighbour); net.ParseIP(n.Address) == nil || n.State == "" {
			t.Errorf("%+v", n)
		}
	}
}

func TestDNS(t *testing.T) {
	h := openHost(t)
	path := h.Environ["systemroot"] + `\System32\drivers\etc\hosts`
	if winapi.Wine() != "" { // it is ours to write
		if err := os.WriteFile(path, []byte("# a comment\r\n192.0.2.7 bank.example # mine\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(path)
	}
	rec := recorded(t, network.DNS)
	if len(rec.Records) != 1 {
		t.Fatalf("%d records", len(rec.Records))
	}
	if r := rec.Records[0].(network.Resolver); winapi.Wine() != "" && !slices.Contains(r.Hosts, "192.0.2.7 bank.example # mine") {
		t.Errorf("%+v", r)
	}
}

// Every running Windows has open files; our own handles are nobody's business.
func TestHandles(t *testing.T) {
	rec := recorded(t, objects.Handles)
	kinds := map[string]int{}
	for _, r := range rec.Records {
		h := r.(objects.Handle)
		kinds[h.Type]++
		if h.PID == os.Getpid() {
			t.Errorf("our own handle: %+v", h)
		}
		if h.Name == "" && h.Target == 0 {
			t.Errorf("no name: %+v", h)
		}
	}
	if kinds["File"] == 0 {
		t.Errorf("no open file among %v", kinds)
	}
}

func TestEnvironments(t *testing.T) {
	t.Setenv("SPOR_TEST_SEEN", "Þórður")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe, "be a child")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		child.Wait()
	}()
	records, notes := livetest.Run[details.Environment](t, details.Environments, openHost(t))
	show(t, records[:min(1, len(records))], notes)
	i := slices.IndexFunc(records, func(e details.Environment) bool { return e.PID == child.Process.Pid })
	if i < 0 || !slices.Contains(records[i].Variables, "SPOR_TEST_SEEN=Þórður") {
		t.Errorf("the child's variable is not among those of %d processes", len(records))
	}
}

// Nobody is to believe that --profile memory has the memory of a Windows.
func TestMemoryIsRefusedAloud(t *testing.T) {
	err := memory.Physical.Collect(t.Context(), openHost(t), &livetest.Recorder{})
	if err == nil || !strings.Contains(err.Error(), "signed driver") || !memory.Physical.Supports(artifacts.Windows) || !memory.Physical.Required {
		t.Errorf("got %v", err)
	}
}

// keeper keeps the content of items too.
type keeper struct {
	livetest.Recorder
	content map[string][]byte
}

func (k *keeper) Put(_ context.Context, it artifacts.Item, r io.Reader) error {
	b, err := io.ReadAll(r)
	k.content[it.Name] = b
	return err
}

// The memory of a program in a temporary folder is a minidump, and holds what only that process knows.
func TestProcessMemory(t *testing.T) {
	if winapi.Wine() == "" {
		t.Skip("NOT TESTED on a real Windows: it would take the memory of other people's processes")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	h := openHost(t)
	dir := h.Environ["systemroot"] + `\Temp`
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := dir + `\implant.exe`
	if err := os.WriteFile(path, program, 0o700); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	child := exec.Command(path, "be a child", "canary-of-the-implant")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		child.Wait()
	}()
	rec := &keeper{content: map[string][]byte{}}
	if err := memory.Processes.Collect(t.Context(), h, rec); err != nil {
		t.Fatal(err)
	}
	show(t, rec.Records[:0], rec.Notes)
	if len(rec.Records) != 1 || len(rec.content) != 1 {
		t.Fatalf("%d records, %d items, want one of each", len(rec.Records), len(rec.content))
	}
	p := rec.Records[0].(memory.Process)
	dump := rec.content[p.Item]
	if p.PID != child.Process.Pid || int64(len(dump)) != p.Size || !strings.HasPrefix(string(dump), "MDMP") {
		t.Errorf("process %d (want %d), %d bytes of %d, begins %q", p.PID, child.Process.Pid, len(dump), p.Size, dump[:4])
	}
	canary := string(utf16le("canary-of-the-implant"))
	if !strings.Contains(string(dump), canary) {
		t.Error("the command line is not in its memory")
	}
	if !slices.ContainsFunc(p.Regions, func(r memory.Region) bool {
		return strings.HasSuffix(strings.ToLower(string(r.Path)), `implant.exe`) && r.Perms == "r-x"
	}) {
		t.Error("its program is not among the regions")
	}
	t.Logf("%d bytes in %d regions, %d pages unreadable", p.Size, len(p.Regions), p.Unreadable)
}

func utf16le(s string) (b []byte) {
	for _, c := range winapi.Encode(s) {
		b = append(b, byte(c), byte(c>>8))
	}
	return b
}
