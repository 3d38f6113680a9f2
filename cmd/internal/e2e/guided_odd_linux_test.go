package e2e

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// resize makes the terminal another size, as somebody who pulls at a window.
func (x *terminal) resize(rows, columns uint16) {
	x.t.Helper()
	conn, err := x.master.SyscallConn() // Fd would make its reads block
	if err != nil {
		x.t.Fatal(err)
	}
	var set error
	if err := conn.Control(func(fd uintptr) {
		set = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	}); errors.Join(err, set) != nil {
		x.t.Fatal(err, set)
	}
}

// TestGuidedLeft: however a person leaves each of the screens, the program ends, says what became of it, and leaves what was
// answered or nothing.
func TestGuidedLeft(t *testing.T) {
	program, out, private := guidedKit(t, "en")
	for _, screen := range []struct {
		name     string
		types    []string
		answered bool
	}{
		{"language", nil, false},
		{"introduction", []string{""}, false},
		{"many lines", []string{"", "", "", "", "", "Files do not open."}, true},
		{"where to", []string{"", "", "", "", "", "Files do not open.", "", "go"}, true},
		{"ready", []string{"", "", "", "", "", "Files do not open.", "", "go", ""}, true},
	} {
		for name, leave := range map[string]func(x *terminal){
			"SIGHUP":  func(x *terminal) { _ = x.cmd.Process.Signal(syscall.SIGHUP) },
			"SIGTERM": func(x *terminal) { _ = x.cmd.Process.Signal(syscall.SIGTERM) },
			"Ctrl-D":  func(x *terminal) { x.key("\x04") },
			"Ctrl-C":  func(x *terminal) { x.key("\x03"); x.leaves(screen.name) },
		} {
			out := filepath.Join(out, screen.name+" "+name)
			x := atTerminal(t, one(out), program)
			x.types(screen.types...)
			x.until("> ")
			leave(x)
			if code := x.ends(); code != 130 {
				t.Errorf("%s, %s: ended with %d\n%s", screen.name, name, code, x.shown())
			}
			if !screen.answered {
				x.says("Nothing on this machine was read or changed.")
				if left := glob(t, filepath.Join(out, "*")); len(left) > 0 {
					t.Errorf("%s, %s: left %v", screen.name, name, left)
				}
				continue
			}
			if form, completion := sealedForm(t, out, private); form.What.Description != "Files do not open." || completion != "interrupted" {
				t.Errorf("%s, %s: %q, %+v\n%s", screen.name, name, completion, form, x.shown())
			}
		}
	}
}

// leaves says yes where it is asked whether Ctrl-C was meant: at the first screen no language is known to ask in.
func (p *person) leaves(screen string) {
	if screen != "language" {
		p.until("Stop here?")
		p.types("y")
	}
}

// TestGuidedPasted: what is pasted is one answer, whatever is in it: long, in many lines, with empty ones, with keys that are no
// letters. The questions after it are still the person's to answer.
func TestGuidedPasted(t *testing.T) {
	program, out, private := guidedKit(t, "en")
	x := atTerminal(t, one(out), program)
	x.types("", "")
	x.until("\n> ")
	x.key("\x1a") // Ctrl-Z, which nobody minds here
	x.key("555\n0100\n")
	x.types("", "1")
	x.until("What happened?")
	x.until("\n> ")
	note := "\x1b[200~YOUR FILES\x1b[31m ARE ENCRYPTED\n\n" + strings.Repeat("Write to us within three days, or all will be published.\n", 180) + "\nAkira\x1b]0;title\x07\x1b[201~\n"
	x.key(note)
	x.types("") // the end of the answer
	x.until("When was it noticed?")
	x.types("", "")
	x.until("Does it stop")
	x.types("go", "", "")
	if code := x.ends(); code != 0 {
		t.Errorf("ended with %d\n%s", code, x.shown())
	}
	form, _ := sealedForm(t, out, private)
	lines := strings.Split(form.What.Description, "\n")
	if form.Contact.Phone != "555 0100" || len(lines) != 184 || lines[0] != "YOUR FILES ARE ENCRYPTED" || lines[1] != "" || lines[181] != "Write to us within three days, or all will be published." {
		t.Errorf("phone %q, %d lines: %q", form.Contact.Phone, len(lines), form.What.Description)
	}
	if strings.ContainsAny(form.What.Description, "\x1b\x07") {
		t.Errorf("keys among the letters: %q", form.What.Description)
	}

	out = t.TempDir()
	x = atTerminal(t, one(out), program)
	x.types("", "", "", "", "")
	x.until("\n> ")
	x.key(strings.Repeat("æ", 10_000) + "\n") // more than a terminal passes on
	x.types("")
	x.until("Only the beginning is kept")
	x.types("go", "", "")
	if code := x.ends(); code != 0 {
		t.Errorf("a long line: ended with %d\n%s", code, x.shown())
	}
	form, _ = sealedForm(t, out, private)
	if kept := strings.Count(form.What.Description, "æ"); kept < 2000 || len(form.What.Description) != 2*kept {
		t.Errorf("a long line: %d letters of %q", kept, form.What.Description)
	}
}

// TestGuidedNarrow: a terminal of 20 letters and 5 lines, one that says nothing of itself, and one that is made smaller on the way.
func TestGuidedNarrow(t *testing.T) {
	program, out, _ := guidedKit(t, "nb")
	env := append(one(out), "SPOR_ONLY=none", "SPOR_TAKE="+much(t))
	x := atTerminal(t, env, program)
	x.types("")
	x.until("DETTE LESES")
	x.types("", "start", "", "")
	x.until("Samler inn spor fra")
	x.until(" av 2, ")
	x.resize(5, 20)
	x.until("\r")
	before := len(x.shown())
	if code := x.ends(); code != 0 {
		t.Errorf("ended with %d\n%s", code, x.shown())
	}
	progress, _, _ := strings.Cut(x.shown()[before:], "FERDIG")
	for i, line := range strings.FieldsFunc(progress, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if n := len([]rune(line)); i > 0 && n > 19 && strings.TrimSpace(line) != "" {
			t.Errorf("a line of %d letters on a terminal of 20: %q", n, line)
		}
	}

	x = atTerminal(t, append(one(out), "LC_ALL=C", "LANG=C", "TERM="), program)
	x.resize(0, 0)
	x.types("", "", "start", "", "")
	if code := x.ends(); code != 0 || strings.Contains(strings.ReplaceAll(x.shown(), "\r\n", ""), "\r") {
		t.Errorf("without TERM: ended with %d\n%q", code, x.shown())
	}
}
