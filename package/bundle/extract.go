package bundle

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"spor/package/manifest"
)

// An Extractor writes what a bundle holds into one folder and nowhere else: names that lead out of it do not pass
// os.Root, and nothing that is there already is overwritten.
type Extractor struct{ root *os.Root }

var _ Taker = (*Extractor)(nil)

// NewExtractor extracts into a folder.
func NewExtractor(root *os.Root) *Extractor { return &Extractor{root} }

// Create makes a new file, readable by its owner alone.
func (x *Extractor) Create(name string) (io.WriteCloser, error) {
	if dir := path.Dir(name); dir != "." {
		if err := x.root.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	return x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// Keep joins an item's parts, cuts its padding off and sets the times that the host claimed.
func (x *Extractor) Keep(e manifest.Entry) error {
	if e.Link != "" {
		return nil
	}
	if len(e.Parts) > 0 {
		if err := x.join(e); err != nil {
			return err
		}
	}
	if e.Padding > 0 {
		if err := x.truncate(e.Name, e.Size); err != nil {
			return err
		}
	}
	if e.Times.Modified.IsZero() {
		return nil
	}
	accessed := e.Times.Accessed
	if accessed.IsZero() {
		accessed = e.Times.Modified
	}
	return x.setTimes(e.Name, accessed, e.Times.Modified)
}

// setTimes sets what the desk's file system can hold; a time beyond it is in the manifest all the same.
func (x *Extractor) setTimes(name string, accessed, modified time.Time) error {
	if modified.Year() < 1902 || modified.Year() > 2200 || accessed.Year() < 1902 || accessed.Year() > 2200 {
		return nil
	}
	return x.root.Chtimes(name, accessed, modified)
}

func (x *Extractor) truncate(name string, size int64) error {
	f, err := x.root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

func (x *Extractor) join(e manifest.Entry) error {
	out, err := x.Create(e.Name)
	if err != nil {
		return err
	}
	for _, p := range e.Parts {
		if err := x.move(p.Name, out); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", p.Name, err), out.Close())
		}
	}
	return out.Close()
}

func (x *Extractor) move(name string, to io.Writer) error {
	f, err := x.root.Open(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, f)
	return errors.Join(err, f.Close(), x.root.Remove(name))
}
