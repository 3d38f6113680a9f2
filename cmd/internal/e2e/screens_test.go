package e2e

import (
	"bufio"
	"encoding/json"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spor/build/wine"
)

// A ransom note stands on a screen: the shipped spor.exe takes a picture of it, and its title, and the page at the desk
// leads to the picture.
func TestRansomNoteOnTheScreen(t *testing.T) {
	if testing.Short() {
		t.Skip("short: NOT checked that a ransom note on a screen is seen under wine")
	}
	rig := wine.ForTest(t)
	display := startDisplay(t)
	dir := t.TempDir()
	public, private := keys(t, dir)
	usb := filepath.Join(rig.DriveC(), "screens-"+filepath.Base(dir))
	if err := os.MkdirAll(usb, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(usb)
	exe := filepath.Join(usb, "spor.exe")
	if out, err := build("windows", exe, "spor/cmd/spor"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	note := filepath.Join(usb, "HOW_TO_RESTORE_FILES.txt")
	if err := os.WriteFile(note, []byte("ALL YOUR FILES ARE ENCRYPTED\r\nWrite to us.\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Programs see each other's windows on one desktop, which explorer makes and keeps: so both are started by it.
	const desktop = "/desktop=spor-screens,1024x768"
	env := []string{"DISPLAY=" + display}
	notepad := rig.Command(t.Context(), env, "explorer", desktop, "notepad", `C:\`+filepath.Base(usb)+`\HOW_TO_RESTORE_FILES.txt`)
	if err := notepad.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		notepad.Process.Kill()
		notepad.Wait()
	}()
	time.Sleep(4 * time.Second) // until it is drawn
	copyFile(t, public, filepath.Join(usb, "cert.asc"))
	folder := `C:\` + filepath.Base(usb)
	agent := rig.Command(t.Context(), env, "explorer", desktop, folder+`\spor.exe`, "collect", "--recipient", folder+`\cert.asc`, "--only", "screens", "--out", folder)
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		agent.Process.Kill()
		agent.Wait()
	}()
	var sealed []string
	for end := time.Now().Add(time.Minute); len(sealed) == 0 && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		sealed = glob(t, filepath.Join(usb, "*.pgp"))
	}
	if len(sealed) != 1 {
		t.Fatalf("no bundle within a minute: %v", glob(t, filepath.Join(usb, "*")))
	}
	opened := filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor-desk", "open", sealed[0], "--key", private, "--out", opened)

	var screen struct {
		Image         string
		Look          string
		Width, Height int
		Windows       []struct{ Title string }
	}
	if err := json.Unmarshal([]byte(live(t, opened)["screens"]), &screen); err != nil {
		t.Fatal(err)
	}
	titled := false
	for _, w := range screen.Windows {
		titled = titled || strings.HasPrefix(w.Title, "HOW_TO_RESTORE_FILES")
	}
	if !titled || screen.Look != "" || screen.Width != 1024 || screen.Height != 768 {
		t.Errorf("%+v", screen)
	}
	f, err := os.Open(filepath.Join(opened, screen.Image))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if ink, paper := darkAndLight(m); ink < 200 || paper < 100_000 {
		t.Errorf("%v has %d dark and %d white pixels: no text on paper", m.Bounds(), ink, paper)
	}
	findings, err := os.ReadFile(filepath.Join(opened, "findings.jsonl"))
	if err != nil || !strings.Contains(string(findings), `"ransom-note-window"`) {
		t.Errorf("no finding on the window: %v\n%s", err, findings)
	}
	page, err := os.ReadFile(filepath.Join(opened, "report.html"))
	if err != nil || !strings.Contains(string(page), `href="./screens/session-`) || !strings.Contains(string(page), "HOW_TO_RESTORE_FILES.txt") {
		t.Errorf("the page does not lead to the picture: %v", err)
	}
}

// darkAndLight counts what is nearly black and what is white.
func darkAndLight(m image.Image) (dark, light int) {
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			switch r, g, b, _ := m.At(x, y).RGBA(); {
			case r+g+b < 0x6000:
				dark++
			case r+g+b == 3*0xffff:
				light++
			}
		}
	}
	return dark, light
}

// startDisplay starts an X server without a screen, and gives its name.
func startDisplay(t *testing.T) string {
	t.Helper()
	server, err := exec.LookPath("Xvfb")
	if err != nil {
		t.Skip("NOT TESTED on Windows: Xvfb is not installed (Debian: apt-get install xvfb), so there is no screen")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.CommandContext(t.Context(), server, "-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	number, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb: %v", err)
	}
	return ":" + strings.TrimSpace(number)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
