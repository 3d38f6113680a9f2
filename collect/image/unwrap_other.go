//go:build !windows

package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"spor/collect/image/ewf"
	"spor/collect/image/piece"
	"spor/collect/image/qcow2"
	"spor/collect/image/vhd"
	"spor/collect/image/vmdk"
)

// Formats names what images are read, in few words.
const Formats = "raw, E01, VHD, VHDX, VMDK, qcow2"

const formats = "an image of a disk (MBR or GPT) or of a volume: raw, in pieces too (.001), E01, VHD, VHDX, VMDK and qcow2"

// A wrapped is a disk in a format of its own.
type wrapped interface {
	io.ReaderAt
	Size() int64
	Notes() []string
}

var (
	_ wrapped = (*ewf.Disk)(nil)
	_ wrapped = (*vhd.Disk)(nil)
	_ wrapped = (*vmdk.Disk)(nil)
	_ wrapped = (*qcow2.Disk)(nil)
)

// unwrapAs opens the disk that an image holds by the marks of its format, the first and the last of its bytes.
func (d *disk) unwrapAs(head []byte, name string) error {
	foot := make([]byte, 512)
	if n, _ := d.ReadAt(foot, d.size-512); n < len(foot) {
		foot = nil
	}
	is := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	beside := d.beside(filepath.Dir(name))
	var w wrapped
	var format string
	var err error
	switch {
	case is(ewf.Magic), is(ewf.Magic2):
		var e *ewf.Disk
		if e, err = ewf.Open(d.ReaderAt, d.size, filepath.Base(name), beside); err == nil {
			maps.Copy(d.about, e.About)
		}
		w, format = e, "E01"
	case is(vhd.MagicX):
		w, err = vhd.OpenX(d.ReaderAt, d.size)
		format = "VHDX"
	case is(vhd.Magic), bytes.HasPrefix(foot, []byte(vhd.Magic)):
		w, err = vhd.Open(d.ReaderAt, d.size)
		format = "VHD"
	case is(vmdk.Magic), is(vmdk.MagicDescriptor):
		w, err = vmdk.Open(d.ReaderAt, d.size, beside)
		format = "VMDK"
	case is("COWD"):
		return fmt.Errorf("a snapshot of VMware ESX is %w", ErrFormat)
	case is(qcow2.Magic):
		w, err = qcow2.Open(d.ReaderAt)
		format = "qcow2"
	default:
		return d.split(name, beside)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", format, err)
	}
	d.ReaderAt, d.size, d.notes = w, w.Size(), w.Notes()
	d.about["format"] = format
	return nil
}

// maxPieces bounds how many files an image may have: .001 to .999.
const maxPieces = 999

// split joins the pieces of a raw image (dd | split, FTK): name.001, name.002 and so on, as many as there are.
func (d *disk) split(name string, beside piece.Sibling) error {
	stem, ok := strings.CutSuffix(filepath.Base(name), ".001")
	if !ok {
		return nil
	}
	parts := []piece.Piece{{From: d.ReaderAt, Length: d.size}}
	for n := 2; n <= maxPieces; n++ {
		r, size, err := beside(fmt.Sprintf("%s.%03d", stem, n))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		parts = append(parts, piece.Piece{From: r, Length: size})
		d.size += size
	}
	d.ReaderAt = side(parts)
	return nil
}

// side is files that lie side by side.
type side []piece.Piece

// ReadAt implements io.ReaderAt.
func (s side) ReadAt(p []byte, off int64) (int, error) {
	size := int64(0)
	for _, part := range s {
		size += part.Length
	}
	return piece.ReadAt(p, off, size, func(off int64) (piece.Piece, error) {
		i := 0
		for ; off >= s[i].Length; i++ {
			off -= s[i].Length
		}
		return piece.Piece{From: s[i].From, At: off, Length: s[i].Length - off}, nil
	})
}

// beside opens files in the folder of an image, and no others: what names them is in the image.
func (d *disk) beside(dir string) piece.Sibling {
	return func(name string) (io.ReaderAt, int64, error) {
		if name != filepath.Base(name) || name == "." || name == ".." || strings.ContainsAny(name, "\\\x00") {
			return nil, 0, fmt.Errorf("%q does not lie beside the image", name)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, 0, err
		}
		defer root.Close()
		f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return nil, 0, err
		}
		st, err := f.Stat()
		if err == nil && !st.Mode().IsRegular() {
			err = fmt.Errorf("%q is not a regular file", name)
		}
		if err != nil {
			f.Close()
			return nil, 0, err
		}
		d.files = append(d.files, f)
		return f, st.Size(), nil
	}
}
