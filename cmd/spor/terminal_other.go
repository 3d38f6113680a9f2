//go:build !linux && !windows

package main

import "os"

// isTerminal tells whether a stream ends at a device, which may be a person.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

func locale() string { return os.Getenv("LANG") }

func elevated() bool { return os.Geteuid() == 0 }

const otherFolder = "/Volumes/usb"

func columns(any) int { return 80 }

func pasted(any) bool { return false }
