package image

import (
	"io/fs"
	"os"
	"syscall"
	"time"

	"spor/artifacts"
)

func openFile(root *os.Root, name string) (f *os.File, method string, err error) {
	f, err = root.Open(name)
	return f, "read", err
}

func openDir(root *os.Root, name string) (*os.File, error) { return root.Open(name) }

func (*folder) stat(_ string, info fs.FileInfo) artifacts.Stat { return statOf(info) }

func (*file) stat(info fs.FileInfo) artifacts.Stat { return statOf(info) }

func statOf(info fs.FileInfo) artifacts.Stat {
	st := artifacts.Stat{Kind: kind(info.Mode()), Size: info.Size()}
	st.Times.Modified = info.ModTime().UTC()
	if s, ok := info.Sys().(*syscall.Win32FileAttributeData); ok {
		st.Attributes = s.FileAttributes
		st.Times.Born = time.Unix(0, s.CreationTime.Nanoseconds()).UTC()
		st.Times.Accessed = time.Unix(0, s.LastAccessTime.Nanoseconds()).UTC()
	}
	return st
}

// mountsBelow knows of none here.
func mountsBelow(string) ([]artifacts.Mount, error) { return nil, nil }
