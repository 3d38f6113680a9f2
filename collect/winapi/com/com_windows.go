package com

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/collect/winapi"
)

var (
	ole32    = windows.NewLazySystemDLL("ole32.dll")
	oleaut32 = windows.NewLazySystemDLL("oleaut32.dll")

	procCoCreateInstance     = ole32.NewProc("CoCreateInstance")
	procCoInitializeSecurity = ole32.NewProc("CoInitializeSecurity")
	procCoSetProxyBlanket    = ole32.NewProc("CoSetProxyBlanket")
	procSysAllocStringLen    = oleaut32.NewProc("SysAllocStringLen")
	procSysFreeString        = oleaut32.NewProc("SysFreeString")
	procVariantClear         = oleaut32.NewProc("VariantClear")
)

// ErrTime is why a call was left behind.
var ErrTime = errors.New("no answer in time: the call was left behind")

var security sync.Once

// Do runs f in a thread of its own that has COM initialised, and waits for it no longer than limit or ctx. Once that is
// over its error is the reason, f is left behind where it hangs, and what it was to fill in must not be looked at. A
// panic of f is one of the caller.
func Do(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, ErrTime)
	defer cancel()
	type end struct {
		err      error
		panicked any
	}
	done := make(chan end, 1)
	go func() {
		var e end
		defer func() {
			e.panicked = recover()
			done <- e
		}()
		e.err = initialised(ctx, f)
	}()
	select {
	case e := <-done:
		if e.panicked != nil {
			panic(e.panicked)
		}
		return e.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func initialised(ctx context.Context, f func(context.Context) error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := windows.CoInitializeEx(0, windows.COINIT_MULTITHREADED); err != nil && !errors.Is(err, syscall.Errno(1)) { // S_FALSE: it was already
		return fmt.Errorf("CoInitializeEx: %w", err)
	}
	defer windows.CoUninitialize()
	// Servers may act for us. Where somebody else in this process was first, their choice stays.
	security.Do(func() {
		const levelDefault, impersonate = 0, 3
		_, _, _ = winapi.Call(procCoInitializeSecurity, 0, ^uintptr(0), 0, 0, levelDefault, impersonate, 0, 0, 0)
	})
	return f(ctx)
}

// An Object is what an interface pointer points to.
type Object struct{ methods *[256]uintptr }

// Call calls a method by its number in the interface, from 0 for QueryInterface. Pointers among the arguments are kept.
//
//go:uintptrescapes
func (o *Object) Call(method int, args ...uintptr) error {
	if o == nil || o.methods == nil {
		return errNoObject
	}
	if r := o.Status(method, args...); int32(r) < 0 {
		return Error(r)
	}
	return nil
}

// Status calls a method of an object that is none of nil, whose successes are several.
//
//go:uintptrescapes
func (o *Object) Status(method int, args ...uintptr) uint32 {
	r, _, _ := syscall.SyscallN(o.methods[method], append([]uintptr{uintptr(unsafe.Pointer(o))}, args...)...)
	return uint32(r)
}

var errNoObject = errors.New("no object was returned")

// Release gives the object back.
func (o *Object) Release() {
	if o != nil && o.methods != nil {
		_, _, _ = syscall.SyscallN(o.methods[2], uintptr(unsafe.Pointer(o)))
	}
}

// Object calls a method whose last argument returns an object.
//
//go:uintptrescapes
func (o *Object) Object(method int, args ...uintptr) (*Object, error) {
	var out *Object
	err := o.Call(method, append(args, winapi.Held(uintptr(unsafe.Pointer(&out))))...)
	runtime.KeepAlive(&out)
	if err == nil && out == nil {
		err = errNoObject
	}
	return out, err
}

// As gives another interface of the object (QueryInterface).
func (o *Object) As(id *windows.GUID) (*Object, error) {
	return o.Object(0, uintptr(unsafe.Pointer(id)))
}

// Text calls a method that returns a BSTR.
func (o *Object) Text(method int) (string, error) {
	var s *uint16
	if err := o.Call(method, uintptr(unsafe.Pointer(&s))); err != nil {
		return "", err
	}
	return OwnedString(s), nil
}

// WideText calls a method that returns a string which CoTaskMemFree frees.
func (o *Object) WideText(method int) (string, error) {
	var s *uint16
	if err := o.Call(method, uintptr(unsafe.Pointer(&s))); err != nil || s == nil {
		return "", err
	}
	defer windows.CoTaskMemFree(unsafe.Pointer(s))
	return windows.UTF16PtrToString(s), nil
}

// Number calls a method that returns a 32-bit number.
func (o *Object) Number(method int) (int32, error) {
	var n int32
	err := o.Call(method, uintptr(unsafe.Pointer(&n)))
	return n, err
}

// Bool calls a method that returns a VARIANT_BOOL.
func (o *Object) Bool(method int) (bool, error) {
	var b int16
	err := o.Call(method, uintptr(unsafe.Pointer(&b)))
	return b != 0, err
}

// Float calls a method that returns a double: a DATE is one.
func (o *Object) Float(method int) (float64, error) {
	var f float64
	err := o.Call(method, uintptr(unsafe.Pointer(&f)))
	return f, err
}

// Create makes an object of a class, in whatever process serves it.
func Create(class, id *windows.GUID) (*Object, error) {
	const anywhere = 1 | 4 | 16 // CLSCTX_INPROC_SERVER, LOCAL_SERVER, REMOTE_SERVER
	var out *Object
	r, _, err := winapi.Call(procCoCreateInstance, uintptr(unsafe.Pointer(class)), 0, anywhere, uintptr(unsafe.Pointer(id)), uintptr(unsafe.Pointer(&out)))
	runtime.KeepAlive(&out)
	switch {
	case err != nil:
		return nil, err
	case int32(r) < 0:
		return nil, Error(uint32(r))
	case out == nil:
		return nil, errNoObject
	}
	return out, nil
}

// Encrypted makes the calls to an object of another process private and lets it act as us, which some of WMI's
// namespaces ask for. An object of our own process has no such setting.
func (o *Object) Encrypted() {
	const winNT, privacy, impersonate = 10, 6, 3
	_, _, _ = winapi.Call(procCoSetProxyBlanket, uintptr(unsafe.Pointer(o)), winNT, 0, 0, privacy, impersonate, 0, 0)
}

// A String is a BSTR of ours.
type String struct{ p *uint16 }

// NewString copies a string. Free gives it back.
func NewString(s string) String {
	u := winapi.Encode(s)
	r, _, err := winapi.Call(procSysAllocStringLen, uintptr(unsafe.Pointer(unsafe.SliceData(append(u, 0)))), uintptr(len(u)))
	if err != nil {
		return String{}
	}
	return String{*(**uint16)(unsafe.Pointer(&r))}
}

// Arg is the string as an argument.
func (s String) Arg() uintptr { return uintptr(unsafe.Pointer(s.p)) }

// Free gives the string back.
func (s String) Free() { freeString(s.p) }

// OwnedString reads a BSTR that a method returned, and frees it.
func OwnedString(p *uint16) string {
	defer freeString(p)
	return text(p)
}

func freeString(p *uint16) { _, _, _ = winapi.Call(procSysFreeString, uintptr(unsafe.Pointer(p))) }

// maxText bounds one string, in UTF-16 units.
const maxText = 4 << 20

// text reads a BSTR: its length in bytes stands before it.
func text(p *uint16) string {
	if p == nil {
		return ""
	}
	n := *(*uint32)(unsafe.Add(unsafe.Pointer(p), -4)) / 2
	return winapi.Decode(unsafe.Slice(p, min(n, maxText)))
}
