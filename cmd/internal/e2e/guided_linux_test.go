package e2e

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal is a program that runs at a pseudoterminal, as it does for a person (pty(7)).
type terminal struct {
	person
	master *os.File
	cmd    *exec.Cmd
	mu     sync.Mutex
	screen bytes.Buffer  // all that was written
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
	x := &terminal{master: os.NewFile(uintptr(fd), "ptmx"), cmd: exec.CommandContext(t.Context(), name, args...), hungup: make(chan struct{})}
	x.person = person{t: t, shown: x.written, key: x.press}
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

// written is all that was written up to now.
func (x *terminal) written() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.screen.String()
}

func (x *terminal) press(keys string) {
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

// TestGuidedSkipped: in every language, whoever answers nothing gets a bundle with the form that the machine fills in.
func TestGuidedSkipped(t *testing.T) {
	for _, s := range spoken {
		program, out, private := guidedKit(t, s.lang)
		x := atTerminal(t, one(out), program)
		x.skipsAll(s)
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
		if completion != "complete" {
			t.Errorf("%s: %q", s.lang, completion)
		}
		checkSkipped(t, s, form)
	}
}

// TestGuidedAnswered: every question is answered, one wrongly, one changed by going back, and the form has it all.
func TestGuidedAnswered(t *testing.T) {
	host, _ := os.Hostname()
	for _, s := range spoken {
		program, out, private := guidedKit(t, "en")
		x := atTerminal(t, one(out), program)
		x.answersAll(s)
		if code := x.ends(); code != 0 {
			t.Errorf("%s: ended with %d\n%s", s.lang, code, x.shown())
		}
		got, _ := sealedForm(t, out, private)
		checkAnswers(t, s, host, got)
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
