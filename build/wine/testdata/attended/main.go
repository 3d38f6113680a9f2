//go:build windows

// Command attended runs a program in a console of its own with somebody at it: attended EXE [ARGUMENT...]. Each line of its
// standard input, in JSON, is something that is done there (wine.Act), each line of its standard output what the screen shows
// since then (wine.Seen); the last one has the exit code.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/build/wine"
)

// The console: as wide and high as the smallest that people have, with room for all that a run says.
const (
	columns = 80
	rows    = 24
	kept    = 2000 // rows that can be scrolled back to
)

var kernel = windows.NewLazySystemDLL("kernel32.dll")

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "attended:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM) // what is done to the console is done to us too
	c, err := open()
	if err != nil {
		return err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.in, c.out, c.out
	if err := cmd.Start(); err != nil {
		return err
	}
	c.program = cmd.Process
	acts := make(chan error, 1)
	go func() { acts <- c.obey() }()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // its exit code is all that matters
	}()
	out := json.NewEncoder(os.Stdout)
	for last := ""; ; {
		over := false
		select {
		case <-ended:
			over = true
		case err := <-acts:
			return err
		case <-time.After(5 * time.Millisecond):
		}
		if screen, err := c.screen(); err == nil && screen != last {
			last = screen
			if err := out.Encode(wine.Seen{Screen: screen}); err != nil {
				return err
			}
		}
		if over {
			return out.Encode(wine.Seen{Screen: last, Ended: true, Code: cmd.ProcessState.ExitCode()})
		}
	}
}

// A console is the one that this process and the program share.
type console struct {
	in, out *os.File
	program *os.Process
}

// open takes a new console instead of the one there is, if any.
func open() (*console, error) {
	_, _, _ = kernel.NewProc("FreeConsole").Call()
	if r, _, err := kernel.NewProc("AllocConsole").Call(); r == 0 {
		return nil, fmt.Errorf("AllocConsole: %w", err)
	}
	c := &console{}
	var err error
	if c.in, err = os.OpenFile("CONIN$", os.O_RDWR, 0); err != nil {
		return nil, err
	}
	if c.out, err = os.OpenFile("CONOUT$", os.O_RDWR, 0); err != nil {
		return nil, err
	}
	coord := func(x, y uintptr) uintptr { return y<<16 | x }
	smallest := windows.SmallRect{Right: columns - 1, Bottom: rows - 1}
	window := kernel.NewProc("SetConsoleWindowInfo")
	_, _, _ = window.Call(c.out.Fd(), 1, uintptr(unsafe.Pointer(&smallest)))
	if r, _, err := kernel.NewProc("SetConsoleScreenBufferSize").Call(c.out.Fd(), coord(columns, kept)); r == 0 {
		return nil, fmt.Errorf("SetConsoleScreenBufferSize: %w", err)
	}
	_, _, _ = window.Call(c.out.Fd(), 1, uintptr(unsafe.Pointer(&smallest)))
	return c, nil
}

// screen is what was written, down to the cursor.
func (c *console) screen() (string, error) {
	var info windows.ConsoleScreenBufferInfo
	if err := windows.GetConsoleScreenBufferInfo(windows.Handle(c.out.Fd()), &info); err != nil {
		return "", err
	}
	width, height := int(info.Size.X), int(info.CursorPosition.Y)+1
	if width <= 0 || height <= 0 {
		return "", fmt.Errorf("a screen of %d by %d", width, height)
	}
	cells := make([]uint16, width*height)
	var n uint32
	if r, _, err := kernel.NewProc("ReadConsoleOutputCharacterW").Call(c.out.Fd(), uintptr(unsafe.Pointer(&cells[0])), uintptr(len(cells)), 0, uintptr(unsafe.Pointer(&n))); r == 0 {
		return "", err
	}
	var lines []string
	for cells = cells[:n]; len(cells) >= width; cells = cells[width:] {
		lines = append(lines, strings.TrimRight(string(utf16.Decode(cells[:width])), " \x00"))
	}
	if last := len(lines) - 1; last >= 0 { // the spaces before the cursor were written
		lines[last] += strings.Repeat(" ", max(0, int(info.CursorPosition.X)-len([]rune(lines[last]))))
	}
	return strings.Join(lines, "\n"), nil
}

// obey does what stdin says, to its end.
func (c *console) obey() error {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var act wine.Act
		if err := json.Unmarshal(in.Bytes(), &act); err != nil {
			return err
		}
		if err := c.do(act); err != nil {
			return fmt.Errorf("%+v: %w", act, err)
		}
	}
	return in.Err()
}

func (c *console) do(act wine.Act) error {
	switch {
	case act.CtrlC:
		return c.press(pressed(0x03, 'C', 0x0008)) // LEFT_CTRL_PRESSED
	case act.Close:
		return c.close()
	case act.Kill:
		return killHost()
	}
	var events []keyEvent
	for _, unit := range utf16.Encode([]rune(act.Type)) {
		if unit == '\n' {
			events = append(events, pressed('\r', 0x0d, 0)...) // VK_RETURN
			continue
		}
		events = append(events, pressed(unit, 0, 0)...)
	}
	return c.press(events)
}

// close does what the system does when somebody closes the window: a thread in the program calls its handlers with
// CTRL_CLOSE_EVENT (learn.microsoft.com, HandlerRoutine). Windows would end it five seconds later, which a busy machine cannot
// promise to keep, so that is left out. The consoles of wine 8 end the program without a word.
func (c *console) close() error {
	h, err := windows.OpenProcess(windows.PROCESS_ALL_ACCESS, false, uint32(c.program.Pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	const closed = 2 // CTRL_CLOSE_EVENT
	if r, _, err := kernel.NewProc("CreateRemoteThread").Call(uintptr(h), 0, 0, kernel.NewProc("CtrlRoutine").Addr(), closed, 0, 0); r == 0 {
		return err
	}
	return nil
}

// A keyEvent is an INPUT_RECORD of a key (wincon.h).
type keyEvent struct {
	kind            uint16
	_               uint16
	down            int32
	repeat          uint16
	key, scan, unit uint16
	control         uint32
}

// pressed is a key that is pressed and let go.
func pressed(unit, key uint16, control uint32) []keyEvent {
	const keyboard = 1 // KEY_EVENT
	return []keyEvent{{kind: keyboard, down: 1, repeat: 1, key: key, unit: unit, control: control}, {kind: keyboard, repeat: 1, key: key, unit: unit, control: control}}
}

func (c *console) press(events []keyEvent) error {
	for len(events) > 0 {
		var n uint32
		r, _, err := kernel.NewProc("WriteConsoleInputW").Call(c.in.Fd(), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(unsafe.Pointer(&n)))
		if r == 0 || n == 0 {
			return err
		}
		events = events[n:]
	}
	return nil
}

// killHost ends the process that draws the console's window, as a crash or a task manager does.
func killHost() error {
	all, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(all)
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(all, &entry); err == nil; err = windows.Process32Next(all, &entry) {
		if entry.ParentProcessID != windows.GetCurrentProcessId() || !strings.EqualFold(windows.UTF16ToString(entry.ExeFile[:]), "conhost.exe") {
			continue
		}
		h, err := windows.OpenProcess(windows.PROCESS_TERMINATE, false, entry.ProcessID)
		if err != nil {
			return err
		}
		defer windows.CloseHandle(h)
		return windows.TerminateProcess(h, 1)
	}
	return fmt.Errorf("no conhost.exe of ours: %w", err)
}
