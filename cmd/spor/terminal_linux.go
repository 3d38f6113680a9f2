package main

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// isTerminal tells whether a stream ends at a person: whether it has the settings of a terminal (tcgetattr(3)).
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// locale is the name of the person's language and character set, as in "nb_NO.UTF-8" (locale(7)).
func locale() string {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LANG"} {
		if value := os.Getenv(name); value != "" && value != "C" && value != "POSIX" && !strings.HasPrefix(value, "C.") {
			return value
		}
	}
	return ""
}

// elevated tells whether we may read what matters.
func elevated() bool { return os.Geteuid() == 0 }

// otherFolder is an example of a folder that is not on the system's disk.
const otherFolder = "/media/usb"

// columns is how many letters a line of a terminal has now; 80 where it does not say.
func columns(stream any) int {
	if f, ok := stream.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
			return int(size.Col)
		}
	}
	return 80
}

// pasted tells whether more was typed than a hand can in the moment since the last line.
func pasted(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(pasting/time.Millisecond))
	return err == nil && n == 1 && fds[0].Revents == unix.POLLIN
}
