// Package upload sends finished files to where they are wanted: it goes on from where the other side stands, tries
// again with growing pauses, and believes only the other side's own receipt. It knows files as opaque bytes by name.
//
// The sender keeps no state. What an upload is, is told by the file's name, size and SHA-256, so the same command with
// the same file goes on after a crash, a reboot, or from another machine.
package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// An Object is what is sent, as the other side is to have it.
type Object struct {
	Name   string // see CheckName
	Size   int64  // bytes
	SHA256 string // of the content, lower-case hex
}

// A Receipt is the other side's own word on what lies on its disk, of which it has read every byte again. It is not
// signed: what binds it to the receiver is the connection it came over, of which the certificate was checked.
type Receipt struct {
	Case      string    `json:"case,omitempty"`
	Name      string    `json:"name"`
	Size      int64     `json:"size"`   // bytes found
	SHA256    string    `json:"sha256"` // of those bytes, lower-case hex
	Received  time.Time `json:"received"`
	Receiver  string    `json:"receiver"`                   // what the receiver calls itself
	Announced string    `json:"announced_sha256,omitempty"` // what the sender had said, where the content is something else
}

// A Destination is one place that takes objects. It is used by one goroutine at a time. Errors that would come again
// if the same were tried again wrap one of the package's sentinels other than ErrUnreachable; any other error is worth
// another attempt.
type Destination interface {
	// Offset says how many bytes of the object the other side has, and prepares it for those to come.
	Offset(ctx context.Context, o Object) (int64, error)
	// Append sends what the object holds from offset on, which r gives: Size-offset bytes. The offset is one that
	// Offset gave. r is not read after Append has returned. After an error any part of it may have arrived.
	Append(ctx context.Context, o Object, offset int64, r io.Reader) error
	// Commit asks for the receipt of an object that was sent whole, and waits for it. Where the receipt is about other
	// content than the object's, it is returned with ErrIntegrity.
	Commit(ctx context.Context, o Object) (Receipt, error)
}

// A Checker is a destination that can say beforehand whether it would take an object. It asks the other side and leaves
// nothing there.
type Checker interface {
	Check(ctx context.Context) error
}

// What a command branches on.
var (
	ErrUnauthorized = errors.New("the receiver does not accept the token")
	ErrCertificate  = errors.New("the server is not the one it should be")
	ErrQuota        = errors.New("the receiver has no room")
	ErrConflict     = errors.New("the receiver has another file of that name")
	ErrRefused      = errors.New("the receiver refuses")
	ErrIntegrity    = errors.New("what arrived is not what was sent")
	ErrUnreachable  = errors.New("the receiver could not be reached, or the connection broke")
)

// errSource is about our own file, not the other side.
var errSource = errors.New("the file to send cannot be read")

// permanent tells errors that would come again.
func permanent(err error) bool {
	for _, target := range []error{ErrUnauthorized, ErrCertificate, ErrQuota, ErrConflict, ErrRefused, ErrIntegrity, errSource} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// ConcernsAll tells errors that the next file would meet too.
func ConcernsAll(err error) bool {
	for _, target := range []error{ErrUnauthorized, ErrCertificate, ErrQuota, ErrUnreachable, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// A Source is one finished file to send. It must not change while it is sent; if it does, that is found and the
// upload ends with ErrIntegrity.
type Source struct {
	Name string // at the receiver
	Open func() (io.ReadSeekCloser, error)
}

// File is the source that is a file of this machine, sent under its own name.
func File(path string) Source {
	return Source{
		Name: filepath.Base(path),
		Open: func() (io.ReadSeekCloser, error) { return os.Open(path) },
	}
}

const maxName = 200 // bytes; leaves room for suffixes under the 255 of most file systems

// CheckName tells whether a name can be given to an object: A-Z a-z 0-9 . _ - and no more, no leading dot or dash, no
// trailing dot, none of the names Windows keeps for devices, at most 200 bytes. The error wraps ErrRefused.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w an empty name", ErrRefused)
	case len(name) > maxName:
		return fmt.Errorf("%w a name of %d bytes: at most %d", ErrRefused, len(name), maxName)
	case name[0] == '.' || name[0] == '-' || name[len(name)-1] == '.' || !plain(name) || device(name):
		return fmt.Errorf("%w the name %q: letters, digits and . _ - only, not beginning with . or -", ErrRefused, name)
	}
	return nil
}

func plain(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// device tells the names that Windows opens as devices, whatever stands after the first dot
// (learn.microsoft.com/windows/win32/fileio/naming-a-file).
func device(name string) bool {
	base := name
	for i := range name {
		if name[i] == '.' {
			base = name[:i]
			break
		}
	}
	b := []byte(base)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	switch s := string(b); {
	case s == "CON", s == "PRN", s == "AUX", s == "NUL":
		return true
	default:
		return len(s) == 4 && (s[:3] == "COM" || s[:3] == "LPT")
	}
}
