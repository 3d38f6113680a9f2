package screens

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/collect/winapi"
)

// This file holds the only place where the agent starts a program: its own image, in another session. The rule and the
// exception are checked by build/house.

// delegate has a copy of ourselves look at the session of a user's token. It inherits one end of a pipe and nothing else,
// and gets the user's variables, not ours, which may hold a token for the upload.
func delegate(ctx context.Context, token windows.Token, into *Shot) ([]byte, error) {
	inherit := windows.SecurityAttributes{InheritHandle: 1}
	inherit.Length = uint32(unsafe.Sizeof(inherit))
	var read, write windows.Handle
	if err := windows.CreatePipe(&read, &write, &inherit, 1<<16); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	pipe := os.NewFile(uintptr(read), "pipe")
	defer pipe.Close() // read to its end, or given up
	err := windows.SetHandleInformation(read, windows.HANDLE_FLAG_INHERIT, 0)
	var child windows.Handle
	if err == nil {
		child, err = start(token, write)
	}
	windows.CloseHandle(write) // so that the pipe ends with the child
	if err != nil {
		return nil, fmt.Errorf("a copy of us in the session: %w", err)
	}
	defer windows.CloseHandle(child)
	var shot Shot
	var picture []byte
	var errRead error
	err = winapi.Within(ctx, patience, func() { shot, picture, errRead = receive(pipe) })
	if err == nil && errRead == nil {
		_, err = windows.WaitForSingleObject(child, uint32((5 * time.Second).Milliseconds()))
	}
	_ = windows.TerminateProcess(child, 1) // it has ended, or hangs
	switch {
	case err != nil:
		return nil, fmt.Errorf("the copy of us in the session: %w", err)
	case errRead != nil:
		return nil, fmt.Errorf("the copy of us in the session: %w", errRead)
	}
	*into = shot
	return picture, shot.err()
}

// start starts the program that we are, as whom the token is of, on the desktop that its user sees.
func start(token windows.Token, pipe windows.Handle) (windows.Handle, error) {
	own, err := os.Executable()
	if err != nil {
		return 0, err
	}
	image, err := winapi.UTF16(own)
	if err != nil {
		return 0, err
	}
	line, err := winapi.UTF16(`"` + own + `" ` + Argument + " " + strconv.FormatUint(uint64(pipe), 10))
	if err != nil {
		return 0, err
	}
	var environ *uint16
	if err := windows.CreateEnvironmentBlock(&environ, token, false); err != nil {
		return 0, fmt.Errorf("its user's variables: %w", err)
	}
	defer windows.DestroyEnvironmentBlock(environ)
	attributes, err := windows.NewProcThreadAttributeList(1)
	if err != nil {
		return 0, err
	}
	defer attributes.Delete()
	if err := attributes.Update(windows.PROC_THREAD_ATTRIBUTE_HANDLE_LIST, unsafe.Pointer(&pipe), unsafe.Sizeof(pipe)); err != nil {
		return 0, err
	}
	desktop, err := winapi.UTF16(`winsta0\default`)
	if err != nil {
		return 0, err
	}
	startup := windows.StartupInfoEx{ProcThreadAttributeList: attributes.List()}
	startup.Cb, startup.Desktop = uint32(unsafe.Sizeof(startup)), desktop
	const flags = windows.CREATE_UNICODE_ENVIRONMENT | windows.CREATE_NO_WINDOW | windows.EXTENDED_STARTUPINFO_PRESENT
	var p windows.ProcessInformation
	if err := windows.CreateProcessAsUser(token, image, line, nil, nil, true, flags, environ, nil, &startup.StartupInfo, &p); err != nil {
		return 0, err
	}
	windows.CloseHandle(p.Thread)
	return p.Process, nil
}

// Child does what a copy of ourselves was started for, if args are its, and tells whether they were. It gives back
// nothing else than the picture and the titles of its own user's desktop, into the pipe.
func Child(args []string) bool {
	if len(args) != 2 || args[0] != Argument {
		return false
	}
	n, err := strconv.ParseUint(args[1], 10, 0)
	if err != nil {
		return true
	}
	kind, err := windows.GetFileType(windows.Handle(n))
	if err != nil || kind != windows.FILE_TYPE_PIPE {
		return true
	}
	pipe := os.NewFile(uintptr(n), "pipe")
	shot, picture := look()
	_ = send(pipe, shot, picture) // to whom else could it be said
	_ = pipe.Close()
	return true
}
