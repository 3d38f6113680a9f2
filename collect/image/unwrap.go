package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrFormat is in the chain of errors about images that are not read.
var ErrFormat = errors.New("not read; what is read is " + formats + ": convert it (qemu-img convert -O raw, ewfexport)")

// A disk is what an image holds, as bytes.
type disk struct {
	io.ReaderAt
	size  int64             // bytes
	notes []string          // what in the image is damaged or missing
	about map[string]string // what the image says of itself
	files []*os.File        // that it is read from
}

func (d *disk) close() {
	for _, f := range d.files {
		f.Close()
	}
}

// open opens an image by its first file.
func open(name string) (*disk, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	d := &disk{ReaderAt: f, files: []*os.File{f}, about: map[string]string{"format": "raw"}}
	if d.size, err = f.Seek(0, io.SeekEnd); err == nil { // of a device too
		err = d.unwrap(name)
	}
	if err != nil {
		d.close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// unread are the marks of formats that are not read.
var unread = []struct{ magic, format string }{
	{"MSWIM\x00\x00\x00", "WIM"},
	{"\x1f\x8b", "gzip"},
	{"PK\x03\x04", "zip"},
	{"\xfd7zXZ\x00", "xz"},
	{"BZh", "bzip2"},
	{"\x28\xb5\x2f\xfd", "zstd"},
	{"AFF10\r\n\x00", "AFF"},
	{"<<< ", "VDI of VirtualBox"},
}

// unwrap finds out what an image is by its content.
func (d *disk) unwrap(name string) error {
	head := make([]byte, 512)
	if n, err := d.ReadAt(head, 0); n < len(head) {
		return fmt.Errorf("%d bytes: %w", n, err)
	}
	for _, u := range unread {
		if bytes.HasPrefix(head, []byte(u.magic)) {
			return fmt.Errorf("%s is %w", u.format, ErrFormat)
		}
	}
	return d.unwrapAs(head, name)
}
