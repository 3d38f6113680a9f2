// Package piece reads disks whose bytes lie in pieces, as the formats of disk images keep them.
package piece

import (
	"errors"
	"fmt"
	"io"
)

// A Piece is a stretch of a disk that lies in one place.
type Piece struct {
	From   io.ReaderAt // nil: the stretch was never written and reads as zeros
	At     int64       // in From
	Length int64       // bytes, from the place that was asked for; more than zero
}

// A Sibling is a function that opens a file beside an image, by its bare name, and gives its size in bytes.
type Sibling func(name string) (r io.ReaderAt, size int64, err error)

// ErrDamaged is in the chain of errors about images that contradict themselves.
var ErrDamaged = errors.New("the image is damaged")

// Damaged says what of an image is damaged.
func Damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// ReadAt fills p from byte off of a disk of so many bytes, whose pieces find tells. What find cannot tell is the error,
// behind the bytes before it; nothing is made up.
func ReadAt(p []byte, off, size int64, find func(off int64) (Piece, error)) (n int, err error) {
	if off < 0 || off >= size {
		return 0, io.EOF
	}
	end := error(nil)
	if int64(len(p)) > size-off {
		p, end = p[:size-off], io.EOF
	}
	for n < len(p) {
		at := off + int64(n)
		piece, err := find(at)
		if err == nil && piece.Length <= 0 {
			err = Damaged("a piece of %d bytes", piece.Length)
		}
		if err != nil {
			return n, fmt.Errorf("byte %d of the disk: %w", at, err)
		}
		part := p[n:]
		part = part[:min(int64(len(part)), piece.Length)]
		if piece.From == nil {
			clear(part)
		} else if got, err := piece.From.ReadAt(part, piece.At); got < len(part) {
			return n + got, fmt.Errorf("byte %d of the disk, byte %d of the image: %w", at+int64(got), piece.At+int64(got), early(err))
		}
		n += len(part)
	}
	return n, end
}

// early turns the end of an image, which is not the end of the disk, into an error that says so.
func early(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("the image ends early: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// Full reads a structure of an image, all of it.
func Full(r io.ReaderAt, b []byte, at int64) error {
	if at < 0 {
		return Damaged("a place before the beginning")
	}
	if n, err := r.ReadAt(b, at); n < len(b) {
		return fmt.Errorf("byte %d of the image: %w", at+int64(n), early(err))
	}
	return nil
}
