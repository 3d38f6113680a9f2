package e2e

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spor/build/wine"
)

// A window is a console of Windows with a person at it.
type window struct {
	person
	console *wine.Console
}

// ends waits for the program's end; a code below zero means that it was ended.
func (x *window) ends() int {
	x.t.Helper()
	done := make(chan int)
	go func() {
		code, err := x.console.Wait()
		if err != nil {
			x.t.Log(err)
		}
		done <- code
	}()
	select {
	case code := <-done:
		return code
	case <-time.After(2 * time.Minute):
		x.t.Fatalf("does not end\n%s", x.shown())
		return 0
	}
}

// A double is the folder of a kit on the C: of a made-up Windows, and what it takes to double-click it.
type double struct {
	rig                       *wine.Rig
	folder, attended, private string
	windows                   string // the folder, as the program calls it
	display                   string
}

// click starts the program in a window that writes to a folder of its own, which is given.
func (d *double) click(t *testing.T, name string, env ...string) (*window, string) {
	t.Helper()
	out := filepath.Join(d.folder, name)
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	env = append(one(d.windows+`\`+name), append(env, "DISPLAY="+d.display)...)
	console, err := d.rig.Console(t.Context(), env, d.attended, d.windows+`\spor.exe`)
	if err != nil {
		t.Fatal(err)
	}
	x := &window{console: console}
	x.person = person{t: t, shown: console.Shown, key: func(keys string) {
		t.Helper()
		if err := console.Do(wine.Act{Type: keys}); err != nil {
			t.Fatalf("%v\n%s", err, console.Shown())
		}
	}}
	return x, out
}

// TestGuidedWindow leads a person through the shipped spor.exe in a console window, in each language: nothing answered, all
// answered, and the window closed half-way.
func TestGuidedWindow(t *testing.T) {
	if testing.Short() {
		t.Skip("short: NOT checked that spor.exe leads a person in a console window under wine")
	}
	d := &double{rig: wine.ForTest(t), display: startDisplay(t)}
	dir := t.TempDir()
	public, private := keys(t, dir)
	exe := filepath.Join(dir, "spor.exe")
	if out, err := build("windows", exe, "spor/cmd/spor"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	stick, err := os.MkdirTemp(d.rig.DriveC(), "guided-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(stick)
	d.folder, d.windows = filepath.Join(stick, "kit"), `C:\`+filepath.Base(stick)+`\kit`
	d.private, d.attended = private, filepath.Join(dir, "attended.exe")
	wine.BuildAttended(t, d.attended)
	must(t, dir, []int{0}, "spor-desk", "kit", "--recipient", public, "--sign-key", private, "--case", "2026-017", "--contact-phone", "+354 555 0199",
		"--agent", exe, "--out", d.folder)
	for _, s := range spoken {
		t.Run(s.lang, func(t *testing.T) {
			d.skipped(t, s)
			d.answered(t, s)
			d.closed(t, s)
		})
	}
	t.Run("lost", d.lost)
}

// skipped answers nothing and reads to the end.
func (d *double) skipped(t *testing.T, s speaker) {
	x, out := d.click(t, "skipped-"+s.lang)
	x.skipsAll(s)
	x.until(s.close) // the window would be gone with the digest in it
	x.key("\n")
	if code := x.ends(); code != 0 {
		t.Errorf("ended with %d\n%s", code, x.shown())
	}
	for _, want := range []string{s.begin, s.done, s.signer, "+354 555 0199"} {
		if !strings.Contains(x.shown(), want) {
			t.Errorf("no %q in\n%s", want, x.shown())
		}
	}
	form, completion := sealedForm(t, out, d.private)
	if completion != "complete" {
		t.Errorf("completion %q", completion)
	}
	checkSkipped(t, s, form)
}

// answered answers all, in letters that old code pages lack.
func (d *double) answered(t *testing.T, s speaker) {
	x, out := d.click(t, "answered-"+s.lang)
	x.answersAll(s)
	x.until(s.close)
	x.key("\n")
	if code := x.ends(); code != 0 {
		t.Errorf("ended with %d\n%s", code, x.shown())
	}
	form, _ := sealedForm(t, out, d.private)
	host := ""
	if len(form.Systems) > 0 {
		host = form.Systems[0].Name
	}
	if host == "" {
		t.Errorf("the machine has no name: %+v", form)
	}
	checkAnswers(t, s, host, form)
}

// closed closes the window amid the questions: the answers are sealed. Windows gives five seconds for it.
func (d *double) closed(t *testing.T, s speaker) {
	x, out := d.click(t, "closed-"+s.lang)
	x.types(s.number, "", "555 0100")
	x.until("\n> ")
	began := time.Now()
	if err := x.console.Do(wine.Act{Close: true}); err != nil {
		t.Fatal(err)
	}
	if code := x.ends(); code != 130 {
		t.Errorf("ended with %d\n%s", code, x.shown())
	}
	t.Logf("the window was closed, and the program ended %s later", time.Since(began).Round(time.Millisecond))
	if form, completion := sealedForm(t, out, d.private); form.Contact.Phone != "555 0100" || completion != "interrupted" {
		t.Errorf("%q, %+v", completion, form)
	}
}

// lost ends in other ways: before an answer there is nothing to keep, Ctrl-C asks whether it was meant, amid the collection what was taken is kept, and where the
// whole console is killed there is a bundle or none, but no false one.
func (d *double) lost(t *testing.T) {
	x, out := d.click(t, "nothing")
	x.types("3")
	x.until("\n> ")
	if err := x.console.Do(wine.Act{Close: true}); err != nil {
		t.Fatal(err)
	}
	if code, left := x.ends(), glob(t, filepath.Join(out, "*")); code != 130 || len(left) > 0 {
		t.Errorf("before an answer: ended with %d, left %v\n%s", code, left, x.shown())
	}

	x, out = d.click(t, "pressed")
	x.types("3", "", "555 0100")
	x.until("\n> ")
	if err := x.console.Do(wine.Act{CtrlC: true}); err != nil {
		t.Fatal(err)
	}
	x.until("Stop here?")
	x.key("y\n")
	x.until("WHAT NOW")
	x.key("\n") // closes the window
	if code := x.ends(); code != 130 {
		t.Errorf("Ctrl-C: ended with %d\n%s", code, x.shown())
	}
	if form, completion := sealedForm(t, out, d.private); form.Contact.Phone != "555 0100" || completion != "interrupted" {
		t.Errorf("Ctrl-C: %q, %+v", completion, form)
	}

	slow := filepath.Join(d.folder, "slow")
	if err := os.Mkdir(slow, 0o755); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8<<20)
	rand.Read(b)
	for i := range 12 { // enough to be in the midst of it
		b[0] = byte(i) // or it is the same content again
		if err := os.WriteFile(filepath.Join(slow, fmt.Sprintf("file%02d.log", i)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	x, out = d.click(t, "collecting", "SPOR_ONLY=none", `SPOR_TAKE=`+d.windows+`\slow`)
	x.types("3", "", "555 0100", "go", "", "")
	x.until("Collecting from")
	if err := x.console.Do(wine.Act{Close: true}); err != nil {
		t.Fatal(err)
	}
	if code := x.ends(); code != 130 {
		t.Errorf("amid the collection: ended with %d\n%s", code, x.shown())
	}
	if form, completion := sealedForm(t, out, d.private); form.Contact.Phone != "555 0100" || completion != "interrupted" {
		t.Errorf("amid the collection: %q, %+v", completion, form)
	}

	x, out = d.click(t, "killed")
	x.types("3", "", "555 0100")
	x.until("\n> ")
	if err := x.console.Do(wine.Act{Kill: true}); err != nil {
		t.Fatal(err)
	}
	if code, left := x.ends(), glob(t, filepath.Join(out, "*.pgp")); code >= 0 || len(left) > 0 {
		t.Errorf("killed: ended with %d, left %v", code, left)
	}
}
