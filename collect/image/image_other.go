//go:build !linux && !windows

package image

import (
	"io/fs"
	"os"
	"syscall"

	"spor/artifacts"
)

func openFile(root *os.Root, name string) (f *os.File, method string, err error) {
	f, err = root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	return f, "read", err
}

func openDir(root *os.Root, name string) (*os.File, error) { return root.Open(name) }

func (*folder) stat(_ string, info fs.FileInfo) artifacts.Stat { return statOf(info) }

func (*file) stat(info fs.FileInfo) artifacts.Stat { return statOf(info) }

func statOf(info fs.FileInfo) artifacts.Stat {
	st := artifacts.Stat{Kind: kind(info.Mode()), Size: info.Size(), Mode: info.Mode().Perm()}
	st.Times.Modified = info.ModTime().UTC()
	return st
}

// mountsBelow knows of none here.
func mountsBelow(string) ([]artifacts.Mount, error) { return nil, nil }
