package screens

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/collect/winapi"
)

var (
	user32                       = windows.NewLazySystemDLL("user32.dll")
	gdi32                        = windows.NewLazySystemDLL("gdi32.dll")
	procDPIContext               = user32.NewProc("SetThreadDpiAwarenessContext") // since Windows 10 1607
	procDPIAware                 = user32.NewProc("SetProcessDPIAware")
	procMetrics                  = user32.NewProc("GetSystemMetrics")
	procGetDC                    = user32.NewProc("GetDC")
	procReleaseDC                = user32.NewProc("ReleaseDC")
	procCompatibleDC             = gdi32.NewProc("CreateCompatibleDC")
	procDeleteDC                 = gdi32.NewProc("DeleteDC")
	procCompatibleBitmap         = gdi32.NewProc("CreateCompatibleBitmap")
	procCreateDIBSection         = gdi32.NewProc("CreateDIBSection")
	procSelectObject             = gdi32.NewProc("SelectObject")
	procDeleteObject             = gdi32.NewProc("DeleteObject")
	procBitBlt                   = gdi32.NewProc("BitBlt")
	procGdiFlush                 = gdi32.NewProc("GdiFlush")
	errNoDesktop                 = errors.New("there is no desktop to copy")
	errNoReason                  = errors.New("refused without a reason: there is no display, or it is of another session")
	errTooLarge                  = errors.New("the desktop has more pixels than we copy")
	perMonitorAware              = ^uintptr(3) // DPI_AWARENESS_CONTEXT_PER_MONITOR_AWARE_V2, which is -4
	bandRows                     = 64
	srcCopy              uintptr = 0xcc0020
	captureBlt           uintptr = 0x40000000 // windows that are layered too
)

// maxPixels bounds a picture: 16 monitors of 3840 × 2160.
const maxPixels = 16 * 3840 * 2160

// look copies the desktop of the session we are in, and lists its windows.
func look() (Shot, []byte) {
	runtime.LockOSThread() // what a thread draws with is its own
	defer runtime.UnlockOSThread()
	if r, _, err := winapi.Call(procDPIContext, perMonitorAware); err != nil || r == 0 { // else the system would tell us of smaller screens
		_, _, _ = winapi.Call(procDPIAware)
	}
	s := Shot{Taken: time.Now().UTC()}
	s.Desktop = inputDesktop()
	picture, err := s.copy()
	if err != nil {
		s.Error = err.Error()
	}
	s.list()
	return s, picture
}

func metric(n uintptr) int {
	r, _, err := winapi.Call(procMetrics, n)
	if err != nil {
		return 0
	}
	return int(int32(r))
}

// copy makes the picture of all monitors together.
func (s *Shot) copy() ([]byte, error) {
	const left, top, width, height, monitors = 76, 77, 78, 79, 80 // SM_XVIRTUALSCREEN, …, SM_CMONITORS
	s.X, s.Y, s.Width, s.Height, s.Monitors = metric(left), metric(top), metric(width), metric(height), metric(monitors)
	if s.Width <= 0 || s.Height <= 0 {
		return nil, errNoDesktop
	}
	if s.Width > maxPixels/s.Height {
		return nil, errTooLarge
	}
	screen, _, err := winapi.Call(procGetDC, 0)
	if err != nil || screen == 0 {
		return nil, errors.Join(errNoDesktop, err)
	}
	defer func() { _, _, _ = winapi.Call(procReleaseDC, 0, screen) }()
	whole, err := newSurface(screen)
	if err != nil {
		return nil, err
	}
	defer whole.free()
	if err := whole.bitmap(procCompatibleBitmap, screen, uintptr(s.Width), uintptr(s.Height)); err != nil {
		return nil, fmt.Errorf("room for the picture: %w", err)
	}
	if err := whole.copy(s.Width, s.Height, screen, s.X, s.Y, srcCopy|captureBlt); err != nil {
		return nil, fmt.Errorf("copy of the screen: %w", err)
	}
	var out bytes.Buffer
	s.Look, err = whole.encode(&out, screen, s.Width, s.Height)
	return out.Bytes(), err
}

// A surface is something to draw on.
type surface struct{ dc, old, object uintptr }

func newSurface(like uintptr) (*surface, error) {
	dc, last, err := winapi.Call(procCompatibleDC, like)
	if err != nil || dc == 0 {
		return nil, fmt.Errorf("a device context: %w", errors.Join(err, failure(last)))
	}
	return &surface{dc: dc}, nil
}

// bitmap gives the surface its pixels, by the call that makes them. Pointers among the arguments are kept.
//
//go:uintptrescapes
func (s *surface) bitmap(proc *windows.LazyProc, args ...uintptr) error {
	object, last, err := winapi.Call(proc, args...)
	if err != nil || object == 0 {
		return errors.Join(err, failure(last))
	}
	s.object = object
	s.old, _, err = winapi.Call(procSelectObject, s.dc, object)
	return err
}

// copy draws a part of another surface at the left upper corner of this one.
func (s *surface) copy(width, height int, from uintptr, x, y int, how uintptr) error {
	r, last, err := winapi.Call(procBitBlt, s.dc, 0, 0, uintptr(width), uintptr(height), from, uintptr(x), uintptr(y), how)
	if err == nil && r == 0 {
		err = failure(last)
	}
	return err
}

// failure is the error of a call that failed, also where the system does not say why.
func failure(last windows.Errno) error {
	if last == 0 {
		return errNoReason
	}
	return last
}

func (s *surface) free() {
	if s.object != 0 {
		_, _, _ = winapi.Call(procSelectObject, s.dc, s.old)
		_, _, _ = winapi.Call(procDeleteObject, s.object)
	}
	_, _, _ = winapi.Call(procDeleteDC, s.dc)
}

// encode reads the picture through a narrow band of pixels that lies in our memory, so that little of it is there at
// once.
func (s *surface) encode(out *bytes.Buffer, screen uintptr, width, height int) (look string, err error) {
	band, err := newSurface(screen)
	if err != nil {
		return "", err
	}
	defer band.free()
	info := struct { // BITMAPINFOHEADER
		size          uint32
		width, height int32
		planes, bits  uint16
		compression   uint32
		rest          [5]uint32
	}{size: 40, width: int32(width), height: -int32(bandRows), planes: 1, bits: 32} // a negative height: the first row is on top
	var pixels unsafe.Pointer
	if err := band.bitmap(procCreateDIBSection, screen, uintptr(unsafe.Pointer(&info)), 0, uintptr(unsafe.Pointer(&pixels)), 0, 0); err != nil {
		return "", fmt.Errorf("room for a band of the picture: %w", err)
	}
	if pixels == nil {
		return "", errNoDesktop
	}
	rows := unsafe.Slice((*byte)(pixels), 4*width*bandRows)
	c := newCanvas(out, width, height)
	for y := 0; y < height; y += bandRows {
		n := min(bandRows, height-y)
		if err := band.copy(width, n, s.dc, 0, y, srcCopy); err != nil {
			return "", fmt.Errorf("picture from row %d: %w", y, err)
		}
		_, _, _ = winapi.Call(procGdiFlush)
		for i := range n {
			c.add(rows[4*width*i : 4*width*(i+1)])
		}
	}
	return c.end()
}
