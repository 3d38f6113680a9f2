package screens

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

var (
	kernel32          = windows.NewLazySystemDLL("kernel32.dll")
	procOpenClip      = user32.NewProc("OpenClipboard")
	procCloseClip     = user32.NewProc("CloseClipboard")
	procClipOwner     = user32.NewProc("GetClipboardOwner")
	procClipFormats   = user32.NewProc("EnumClipboardFormats")
	procClipData      = user32.NewProc("GetClipboardData")
	procGlobalLock    = kernel32.NewProc("GlobalLock")
	procGlobalUnlock  = kernel32.NewProc("GlobalUnlock")
	procGlobalSize    = kernel32.NewProc("GlobalSize")
	errClipboardInUse = errors.New("another program has it open")
)

const (
	maxClip    = 1 << 20 // bytes
	maxFormats = 200
)

// clipboard reads what lies there as text. The text may be made only now, by the program that offered it, which may hang.
func clipboard(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
	var own uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &own); err != nil {
		return fmt.Errorf("our own session: %w", err)
	}
	if own == 0 {
		return errors.New("we run in session 0, which has no clipboard of people's: run as the user to have theirs")
	}
	c := Clip{Session: int(own)}
	var err error
	if late := winapi.Within(ctx, patience, func() { err = c.read() }); late != nil {
		return late
	}
	if err != nil {
		return err
	}
	if len(c.Formats) == 0 {
		rec.Note(artifacts.Outcome{Status: artifacts.Absent, Reason: "the clipboard is empty"})
	}
	return rec.Record(c)
}

func (c *Clip) read() error {
	runtime.LockOSThread() // the clipboard is open for a thread
	defer runtime.UnlockOSThread()
	opened := uintptr(0)
	for range 10 {
		var err error
		if opened, _, err = winapi.Call(procOpenClip, 0); err != nil {
			return err
		}
		if opened != 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if opened == 0 {
		return errClipboardInUse
	}
	defer func() { _, _, _ = winapi.Call(procCloseClip) }()
	if owner, _, err := winapi.Call(procClipOwner); err == nil && owner != 0 {
		var pid uint32
		if _, err := windows.GetWindowThreadProcessId(windows.HWND(owner), &pid); err == nil {
			c.PID = int(pid)
		}
	}
	for format := uintptr(0); len(c.Formats) < maxFormats; {
		var err error
		if format, _, err = winapi.Call(procClipFormats, format); err != nil || format == 0 {
			break
		}
		c.Formats = append(c.Formats, uint32(format))
	}
	const unicode = 13 // CF_UNICODETEXT, which the system makes of other text too
	data, _, err := winapi.Call(procClipData, unicode)
	if err != nil || data == 0 {
		return err // there is something else, or nothing
	}
	size, _, err := winapi.Call(procGlobalSize, data)
	if err != nil {
		return err
	}
	p, last, err := winapi.Call(procGlobalLock, data)
	if err != nil || p == 0 {
		return errors.Join(err, failure(last))
	}
	defer func() { _, _, _ = winapi.Call(procGlobalUnlock, data) }()
	c.Cut = size > maxClip
	c.Text = winapi.DecodeBytes(unsafe.Slice(*(**byte)(unsafe.Pointer(&p)), min(size, maxClip)))
	return nil
}
