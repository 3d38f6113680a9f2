package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"spor/cmd/internal/cli"
)

// terminal is a pseudoterminal: what a person types into keyboard comes out of line, and what the terminal shows can be
// read from keyboard.
func terminal(t *testing.T) (keyboard, line *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIPPED: no pseudoterminal here, the prompt was not tried: %v", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	line, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIPPED: the prompt was not tried: %v", err)
	}
	t.Cleanup(func() { line.Close() })
	return keyboard, line
}

func TestPassphraseFromTheTerminal(t *testing.T) {
	t.Setenv("SPOR_DESK_PASSPHRASE", "")
	keyboard, line := terminal(t)
	before, err := unix.IoctlGetTermios(int(line.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	s := cli.Streams{In: line, Err: &typist{keyboard: keyboard, types: []string{"leynd\x7fdarmál\r", "leyndarmál\r", "one\r", "two\r", "\r", "\r", "x\x03"}}}
	for _, want := range []string{"leyndarmál", "differ", "empty", "interrupted"} {
		secret, err := askNew(s)
		if said := fmt.Sprint(string(secret), err); !strings.Contains(said, want) {
			t.Errorf("%s, want %s", said, want)
		}
	}
	after, err := unix.IoctlGetTermios(int(line.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal is not as it was: %v, %v", after, err)
	}
	fmt.Fprint(line, "END")
	shown := make([]byte, 100)
	n, err := keyboard.Read(shown)
	if err != nil || !bytes.Equal(shown[:n], []byte("END")) {
		t.Errorf("the terminal showed %q, %v", shown[:n], err)
	}
}

// A typist reads what is asked and types an answer.
type typist struct {
	keyboard *os.File
	types    []string
}

func (p *typist) Write(question []byte) (int, error) {
	if bytes.HasSuffix(question, []byte(": ")) {
		if _, err := p.keyboard.WriteString(p.types[0]); err != nil {
			return 0, err
		}
		p.types = p.types[1:]
	}
	return len(question), nil
}
