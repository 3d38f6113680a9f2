package tree

import (
	"io"
	"io/fs"

	"spor/artifacts"
)

// file is a regular file of a volume.
type file struct {
	*io.SectionReader
	content Content
	at      place
}

var (
	_ artifacts.SparseFile   = (*file)(nil)
	_ artifacts.DetailedFile = (*file)(nil)
)

// open prepares what lies at a place for reading.
func (at place) open(p artifacts.Path) (artifacts.File, error) {
	if at.stat.Kind != artifacts.Regular {
		return nil, &fs.PathError{Op: "open", Path: p.String(), Err: artifacts.ErrNotRegular}
	}
	c, err := at.node.Content()
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: p.String(), Err: err}
	}
	return &file{SectionReader: io.NewSectionReader(c, 0, c.Size()), content: c, at: at}, nil
}

// Close implements io.Closer.
func (*file) Close() error { return nil }

// Stat implements artifacts.File.
func (f *file) Stat() (artifacts.Stat, error) { return f.at.described(), nil }

// Method implements artifacts.File.
func (f *file) Method() string { return "raw " + f.at.volume.FileSystem() }

// Extents implements artifacts.SparseFile.
func (f *file) Extents(most int) ([]artifacts.Extent, bool, error) { return f.content.Extents(most) }

// Details implements artifacts.DetailedFile.
func (f *file) Details() (artifacts.Details, error) { return f.at.node.Details() }
