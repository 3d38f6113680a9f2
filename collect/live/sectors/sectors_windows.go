package sectors

import (
	"errors"
	"io"
	"io/fs"
	"strconv"

	"spor/artifacts"
	"spor/collect/winapi"
)

// running opens the disks of this machine one after the other. Their numbers have gaps where disks were taken away.
func running(_ *artifacts.Host, note func(artifacts.Outcome), use func(artifacts.Disk) error) error {
	for n := range maxDisks {
		name := "PhysicalDrive" + strconv.Itoa(n)
		d, err := winapi.OpenRaw(name)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				note(failure(`\\.\`+name, err))
			}
			continue
		}
		if d.Size > 0 { // none where a slot is empty
			err = use(artifacts.Disk{Name: `\\.\` + name, Size: d.Size, From: whole{d, d.Size}})
		}
		d.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// whole reads whole sectors of a disk, of whatever size they are, which is all that its driver gives.
type whole struct {
	io.ReaderAt
	size int64
}

const unit = 4096 // bytes: a multiple of every sector's

// ReadAt implements io.ReaderAt.
func (w whole) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= w.size {
		return 0, io.EOF
	}
	from := off / unit * unit
	end := min(w.size, (off+int64(len(p))+unit-1)/unit*unit)
	b := make([]byte, end-from)
	n, err := w.ReaderAt.ReadAt(b, from)
	got := copy(p, b[min(int64(n), off-from):n])
	if got < len(p) && err == nil {
		err = io.EOF
	}
	if got == len(p) {
		err = nil
	}
	return got, err
}
