package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spor/report/incident"
)

// A terminal is a program that runs at a pseudoterminal, as it does for a person (pty(7)).
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	mu     sync.Mutex
	screen bytes.Buffer  // all that was written
	read   int           // of it
	hungup chan struct{} // all was read
}

// atTerminal starts a program at a terminal of 80x24. It ends with the test.
func atTerminal(t *testing.T, env []string, name string, args ...string) *terminal {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0) // or closing waits for the reader
	if err != nil {
		t.Skipf("SKIPPED: no pseudoterminals here: %v", err)
	}
	unlock := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err := errors.Join(unlock, err, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	x := &terminal{t: t, master: os.NewFile(uintptr(fd), "ptmx"), cmd: exec.CommandContext(t.Context(), name, args...), hungup: make(chan struct{})}
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = slave, slave, slave
	x.cmd.Env = append(os.Environ(), env...)
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(x.hungup)
		b := make([]byte, 4096)
		for {
			n, err := x.master.Read(b)
			x.mu.Lock()
			x.screen.Write(b[:n])
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return x
}

// shown is all that was written up to now.
func (x *terminal) shown() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.screen.String()
}

// until waits for a text after what was read before.
func (x *terminal) until(text string) {
	x.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		all := x.shown()
		if at := strings.Index(all[x.read:], text); at >= 0 {
			x.read += at + len(text)
			return
		}
	}
	x.t.Fatalf("no %q after\n%s", text, x.shown())
}

// types answers the next prompts, one after the other.
func (x *terminal) types(answers ...string) {
	x.t.Helper()
	for _, a := range answers {
		x.until("\n> ")
		x.key(a + "\n")
	}
}

func (x *terminal) key(keys string) {
	x.t.Helper()
	if _, err := x.master.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// ends waits for the program's end and gives its exit code.
func (x *terminal) ends() int {
	x.t.Helper()
	done := make(chan struct{})
	go func() {
		_ = x.cmd.Wait()
		<-x.hungup
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		_ = x.cmd.Process.Kill()
		x.t.Fatalf("does not end\n%s", x.shown())
	}
	return x.cmd.ProcessState.ExitCode()
}

// sealedForm opens the one bundle of a folder and gives its form and the manifest's completion.
func sealedForm(t *testing.T, dir, private string) (form incident.Incident, completion string) {
	t.Helper()
	bundles := glob(t, filepath.Join(dir, "*.pgp"))
	if len(bundles) != 1 {
		t.Fatalf("bundles: %v", bundles)
	}
	opened := filepath.Join(t.TempDir(), "opened")
	must(t, dir, []int{0}, "spor-desk", "open", bundles[0], "--key", private, "--out", opened)
	data, err := os.ReadFile(filepath.Join(opened, "incident.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &form); err != nil {
		t.Fatal(err)
	}
	var m struct{ Completion string }
	if data, err = os.ReadFile(filepath.Join(opened, "manifest.json")); err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return form, m.Completion
}

// guidedKit makes the folder of a kit, and a folder to write to.
func guidedKit(t *testing.T, lang string) (program, out, private string) {
	t.Helper()
	dir := t.TempDir()
	public, private := keys(t, dir)
	folder := filepath.Join(dir, "kit")
	must(t, dir, []int{0}, "spor-desk", "kit", "--recipient", public, "--sign-key", private, "--case", "2026-017", "--lang", lang,
		"--contact-phone", "+354 555 0199", "--agent", filepath.Join(bin, "spor"), "--out", folder)
	return filepath.Join(folder, "spor"), t.TempDir(), private
}

// one is the environment of a run that takes little, so that the tests are short.
func one(out string) []string {
	return []string{"SPOR_ONLY=clock", "SPOR_OUT=" + out, "LANG=C.UTF-8", "TERM=xterm"}
}

// spoken are what a test of a language types and reads.
var spoken = []struct {
	lang, number                    string
	more, understood, wrong, signer string
	yes, about, back, done, begin   string
	description                     string
}{
	{"is", "1", "áfram", "Skilið sem: ", "er ekki netfang", "Undirskrift:", "já", "um ", "t", "LOKIÐ.", "ÞETTA ER LESIÐ", "Skrár opnast ekki. Þórður sá það fyrst, ætli æði?"},
	{"nb", "2", "start", "Forstått: ", "er ingen e-postadresse", "Signatur:", "ja", "ca. ", "tilbake", "FERDIG.", "DETTE LESES", "Filene åpnes ikke. Kåre så det først, på Ærøy."},
	{"en", "3", "go", "Understood: ", "is no mail address", "Signer:", "yes", "about ", "b", "DONE.", "WHAT IT READS", "Files do not open."},
}

// TestGuidedSkipped: in every language, whoever answers nothing gets a bundle with the form that the machine fills in.
func TestGuidedSkipped(t *testing.T) {
	for _, s := range spoken {
		program, out, private := guidedKit(t, s.lang)
		x := atTerminal(t, one(out), program)
		x.types("", "")
		for range 27 { // three more come only after a yes
			x.types("")
		}
		x.types("", "")
		if code := x.ends(); code != 0 {
			t.Errorf("%s: ended with %d\n%s", s.lang, code, x.shown())
		}
		for _, want := range []string{s.begin, s.done, s.signer, "+354 555 0199", out} {
			if !strings.Contains(x.shown(), want) {
				t.Errorf("%s: no %q in\n%s", s.lang, want, x.shown())
			}
		}
		for line := range strings.Lines(x.shown()) {
			if n := len([]rune(strings.TrimRight(line, "\r\n"))); n > 79 && !strings.Contains(line, out) && !strings.Contains(line, "\r") {
				t.Errorf("%s: a line of %d letters: %s", s.lang, n, line)
			}
		}
		form, completion := sealedForm(t, out, private)
		if len(form.Machine.Systems) != 1 || completion != "complete" {
			t.Errorf("%s: %q, %+v", s.lang, completion, form)
		}
		form.Machine, form.TLP, form.Zone = incident.Machine{}, "", ""
		if !reflect.DeepEqual(form, incident.Incident{}) {
			t.Errorf("%s: nobody answered, and the form says %+v", s.lang, form)
		}
	}
}

// TestGuidedAnswered: every question is answered, one wrongly, one changed by going back, and the form has it all.
func TestGuidedAnswered(t *testing.T) {
	host, _ := os.Hostname()
	for _, s := range spoken {
		program, out, private := guidedKit(t, "en")
		x := atTerminal(t, one(out), program)
		x.types(s.number, "", "555 0100", "anna at example")
		x.until(s.wrong)
		x.types("anna@example.is", "2", s.back, "1")
		x.until(s.understood)
		x.types(s.description, "+ æðþøå", "", s.about+"4.3.2026 05:06", "1", "1", "2", s.yes, "3", "12", "2", "1", "2")
		x.types("fs01, 192.0.2.7; https://example.is/x", "cable pulled; accounts locked", "restore", "3.3.2026", "Ransom:Win32/Akira", "Akira", "akira_readme.txt")
		x.types("4.3.2026 04:10 the note was there", "", "cellar", "a photo", "trúnaðarmál", "1", "2", "Anna Þórðardóttir", "Sveitarfélagið", "1")
		x.types("", "")
		if code := x.ends(); code != 0 {
			t.Errorf("%s: ended with %d\n%s", s.lang, code, x.shown())
		}
		got, _ := sealedForm(t, out, private)
		zone := time.Date(2026, 3, 4, 5, 6, 0, 0, time.Local)
		want := incident.Incident{
			Contact: incident.Contact{Name: "Anna Þórðardóttir", Organisation: "Sveitarfélagið", Email: "anna@example.is", Phone: "555 0100", Consent: true, Constituent: incident.Yes, Critical: incident.No},
			TLP:     incident.Amber,
			Start:   incident.Start{Noticed: incident.When("about " + zone.Format(time.RFC3339)), FirstTrace: "2026-03-03"},
			What: incident.What{
				Description: s.description + "\n+ æðþøå", Class: incident.Ransomware, Malware: []string{"Ransom:Win32/Akira"}, Actor: "Akira",
				Traces: []string{"akira_readme.txt"}, DataTaken: incident.Unknown, DataDamaged: incident.Yes,
			},
			Systems: []incident.System{
				{Name: host, Location: "cellar", Events: []incident.Moment{{Time: incident.When(zone.Add(-56 * time.Minute).Format(time.RFC3339)), Text: "the note was there"}}},
				{Name: "fs01"},
				{Addresses: []string{"192.0.2.7"}},
				{URLs: []string{"https://example.is/x"}},
			},
			Ongoing:  incident.Ongoing{State: incident.Active},
			Severity: incident.Severity{OperationStops: incident.Yes, Infrastructure: incident.No},
			Extent:   incident.Extent{Workstations: 12, Servers: 2, Spreading: incident.Yes, Reach: incident.No},
			Measures: []incident.Measure{{Text: "cable pulled"}, {Text: "accounts locked"}, {Text: "restore", Planned: true}},
			Data:     []incident.Data{{Text: "a photo"}},
		}
		got.Machine, got.Zone = incident.Machine{}, ""
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the form says\n%+v\nwant\n%+v\n%s", s.lang, got, want, x.shown())
		}
		if err := got.Check(); err != nil {
			t.Errorf("%s: %v", s.lang, err)
		}
	}
}

// TestGuidedClosed: however a person leaves amid the questions, what they answered is sealed and nothing was collected; who leaves
// before any answer leaves nothing.
func TestGuidedClosed(t *testing.T) {
	for name, leave := range map[string]func(x *terminal){
		"the window is closed": func(x *terminal) { _ = x.master.Close() },
		"SIGHUP":               func(x *terminal) { _ = x.cmd.Process.Signal(syscall.SIGHUP) },
		"the input ends":       func(x *terminal) { x.key("\x04") },
		"Ctrl-C and yes":       func(x *terminal) { x.key("\x03"); x.types("y") },
		"Ctrl-C twice":         func(x *terminal) { x.key("\x03"); x.until("\n> "); x.key("\x03") },
	} {
		program, out, private := guidedKit(t, "en")
		x := atTerminal(t, one(out), program)
		x.types("", "", "555 0100")
		x.until("\n> ")
		leave(x)
		if code := x.ends(); code != 130 {
			t.Errorf("%s: ended with %d\n%s", name, code, x.shown())
		}
		form, completion := sealedForm(t, out, private)
		if form.Contact.Phone != "555 0100" || completion != "interrupted" {
			t.Errorf("%s: %q, %+v", name, completion, form)
		}

		x = atTerminal(t, one(out), program)
		x.types("", "")
		x.until("\n> ")
		leave(x)
		if code := x.ends(); code != 130 || len(glob(t, filepath.Join(out, "*"))) != 1 {
			t.Errorf("%s before an answer: ended with %d, left %v", name, code, glob(t, filepath.Join(out, "*")))
		}
	}
}

// TestGuidedInterrupted: Ctrl-C during the collection asks once; Enter goes on, yes ends it in a valid bundle.
func TestGuidedInterrupted(t *testing.T) {
	program, out, private := guidedKit(t, "en")
	slow := filepath.Join(t.TempDir(), "slow")
	if err := os.Mkdir(slow, 0o700); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8<<20)
	rand.Read(b)
	for i := range 48 { // enough to be in the midst of it
		b[0] = byte(i) // or it is the same content again
		write(t, filepath.Join(slow, fmt.Sprintf("file%02d.log", i)), string(b), 0o600)
	}
	env := append(one(out), "SPOR_ONLY=none", "SPOR_TAKE="+slow)
	x := atTerminal(t, env, program)
	x.types("", "", "555 0100", "go", "", "")
	x.until("Collecting from")
	x.key("\x03")
	x.until("Stop collecting?")
	x.key("\n")
	x.until("Going on.")
	x.key("\x03")
	x.until("Stop collecting?")
	x.key("y\n")
	x.until("Stopping.")
	if code := x.ends(); code != 130 || !strings.Contains(x.shown(), "STOPPED EARLY") {
		t.Errorf("ended with %d\n%s", code, x.shown())
	}
	form, completion := sealedForm(t, out, private)
	if form.Contact.Phone != "555 0100" || completion != "interrupted" {
		t.Errorf("%q, %+v", completion, form)
	}
}

// TestGuidedWithoutKit: in words, at a terminal and without one, and nothing is touched.
func TestGuidedWithoutKit(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "spor")
	data, err := os.ReadFile(filepath.Join(bin, "spor"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, program, string(data), 0o700)
	x := atTerminal(t, []string{"LC_ALL=nn_NO.UTF-8"}, program)
	x.types("")
	if code := x.ends(); code != 2 || !strings.Contains(x.shown(), "Det ligger ingen spor.kit") {
		t.Errorf("ended with %d\n%s", code, x.shown())
	}
	if left := glob(t, filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left %v", left)
	}
	if out, err := exec.CommandContext(t.Context(), program).Output(); err != nil || !strings.Contains(string(out), "Usage:") {
		t.Errorf("without a terminal: %v\n%s", err, out)
	}
}

// TestGuidedOldTerminal: letters of Latin-1 come and go as such, and a terminal that cannot move its cursor gets lines.
func TestGuidedOldTerminal(t *testing.T) {
	program, out, private := guidedKit(t, "is")
	x := atTerminal(t, append(one(out), "LANG=is_IS.ISO-8859-1", "TERM=dumb"), program)
	x.types("", "", "", "", "", "\xfe\xf3r\xf0ur \xe6\xf8", "", "\xe1fram", "", "")
	if code := x.ends(); code != 0 {
		t.Errorf("ended with %d\n%s", code, x.shown())
	}
	if !strings.Contains(x.shown(), "Tungum\xe1l") || strings.ContainsAny(strings.ReplaceAll(x.shown(), "\r\n", ""), "\x1b\r") {
		t.Errorf("shown\n%q", x.shown())
	}
	if form, _ := sealedForm(t, out, private); form.What.Description != "þórður æø" {
		t.Errorf("the description is %q", form.What.Description)
	}
}
