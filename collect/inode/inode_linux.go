package inode

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"spor/artifacts"
)

// Bounds of what is kept of one file's attributes, in bytes: a value may have 64 KiB, and some file systems set no limit
// to their number.
const (
	maxNames  = 64 << 10
	maxValues = 64 << 10
)

// Extents lists a file's runs of data, up to size bytes: whole is false where there are more than most, or the file
// system does not tell. It moves the position of the descriptor, and puts it back to the beginning.
func Extents(fd int, size int64, most int) (runs []artifacts.Extent, whole bool, err error) {
	defer func() {
		if _, back := unix.Seek(fd, 0, unix.SEEK_SET); err == nil && back != nil {
			err = back
		}
	}()
	for at := int64(0); at < size; {
		begin, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // a hole up to the end
			return runs, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		end, err := unix.Seek(fd, begin, unix.SEEK_HOLE)
		if err != nil {
			return nil, false, err
		}
		if begin < at || end <= begin { // it changes under our hands
			return nil, false, nil
		}
		if begin >= size {
			break
		}
		if len(runs) == most {
			return nil, false, nil
		}
		end = min(end, size)
		runs = append(runs, artifacts.Extent{Offset: begin, Length: end - begin})
		at = end
	}
	return runs, true, nil
}

// Xattrs reads the extended attributes of an open file. Where there are none, or the file system knows none, the map is
// nil. See artifacts.Item for names and values.
func Xattrs(fd int) (map[string][]byte, error) {
	n, err := unix.Flistxattr(fd, nil)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) || n == 0 && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]byte, min(n+256, maxNames))
	if n, err = unix.Flistxattr(fd, list); err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(strings.Split(string(list[:n]), "\x00"), func(s string) bool { return s == "" })
	attrs := make(map[string][]byte, len(names))
	left := maxValues
	for _, name := range names {
		value := attribute(fd, name, left)
		left -= len(value)
		attrs[artifacts.Path(name).String()] = value
	}
	return attrs, nil
}

// attribute gives a value, not nil, of at most so many bytes, or nil where it cannot be had.
func attribute(fd int, name string, most int) []byte {
	n, err := unix.Fgetxattr(fd, name, nil)
	if err != nil || n > most {
		return nil
	}
	value := make([]byte, n)
	if n, err = unix.Fgetxattr(fd, name, value); n == 0 || err != nil {
		if err != nil {
			return nil
		}
		return []byte{}
	}
	return value[:n]
}
