package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"spor/package/manifest"
)

// Unconfirmed ends the names of extracted files that no record has confirmed (yet). No item's name can end so.
const Unconfirmed = "%unconfirmed"

// An Extractor writes what a bundle holds into one folder and nowhere else: names that lead out of it do not pass
// os.Root, and nothing that is there already is overwritten. Content is called NAME%unconfirmed until its record was
// read and fits; what is still called so at the end was torn. volumes/NNN.records.jsonl has the records of the items
// that each volume confirmed, for the case that there is no manifest that names them.
type Extractor struct{ root *os.Root }

var _ Taker = (*Extractor)(nil)

// NewExtractor extracts into a folder.
func NewExtractor(root *os.Root) *Extractor { return &Extractor{root} }

// Create makes a new file, readable by its owner alone.
func (x *Extractor) Create(name string) (io.WriteCloser, error) {
	if name != manifestName && name != signatureName {
		name += Unconfirmed
	}
	return x.create(name)
}

func (x *Extractor) create(name string) (*os.File, error) {
	if dir := path.Dir(name); dir != "." {
		if err := x.root.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	return x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// Keep gives an item its name: joins its parts, cuts its padding off, makes it sparse again, and sets the times that the
// host claimed.
func (x *Extractor) Keep(e manifest.Entry) error {
	if e.Link != "" {
		return x.list(e)
	}
	if _, err := x.root.Lstat(e.Name); err == nil {
		return fmt.Errorf("%s: %w", e.Name, os.ErrExist)
	}
	if err := x.place(e); err != nil {
		return err
	}
	if err := x.list(e); err != nil || e.Times.Modified.IsZero() {
		return err
	}
	accessed := e.Times.Accessed
	if accessed.IsZero() {
		accessed = e.Times.Modified
	}
	return x.setTimes(e.Name, accessed, e.Times.Modified)
}

func (x *Extractor) place(e manifest.Entry) error {
	if e.SameAs != "" {
		return x.same(e)
	}
	waiting := e.Name + Unconfirmed
	if len(e.Parts) > 0 {
		if err := x.join(waiting, e.Parts); err != nil {
			return err
		}
	}
	if e.Padding > 0 {
		if err := x.truncate(waiting, e.Size); err != nil {
			return err
		}
	}
	if e.Sparse != nil {
		return x.sparse(waiting, e)
	}
	return x.root.Rename(waiting, e.Name)
}

// list appends an item's record to the list of its volume.
func (x *Extractor) list(e manifest.Entry) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := x.root.MkdirAll("volumes", 0o700); err != nil {
		return err
	}
	volume := e.Volume
	if n := len(e.Parts); n > 0 {
		volume = e.Parts[n-1].Volume
	}
	f, err := x.root.OpenFile(RecordsOf(volume), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Close())
}

// RecordsOf is where an Extractor lists the items that a volume confirmed.
func RecordsOf(volume int) string { return fmt.Sprintf("%s%03d.records.jsonl", volumesDir, volume) }

// setTimes sets what the desk's file system can hold; a time beyond it is in the manifest all the same.
func (x *Extractor) setTimes(name string, accessed, modified time.Time) error {
	if modified.Year() < 1902 || modified.Year() > 2200 || accessed.Year() < 1902 || accessed.Year() > 2200 {
		return nil
	}
	return x.root.Chtimes(name, accessed, modified)
}

// same makes an item out of the one with the same content. A small one is copied, for its times are its own.
func (x *Extractor) same(e manifest.Entry) error {
	if e.Size > wholeItem {
		if dir := path.Dir(e.Name); dir != "." {
			if err := x.root.MkdirAll(dir, 0o700); err != nil {
				return err
			}
		}
		if x.root.Link(e.SameAs, e.Name) == nil {
			return nil
		}
	}
	out, err := x.create(e.Name)
	if err != nil {
		return err
	}
	return errors.Join(x.copy(e.SameAs, out), out.Close())
}

func (x *Extractor) sparse(waiting string, e manifest.Entry) error {
	out, err := x.create(e.Name)
	if err != nil {
		return err
	}
	stored, err := x.root.Open(waiting)
	if err != nil {
		return errors.Join(err, out.Close())
	}
	err = errors.Join(restore(out, stored, e.Sparse.Size), stored.Close(), out.Close())
	if err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	return x.remove(waiting)
}

func (x *Extractor) truncate(name string, size int64) error {
	f, err := x.root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

func (x *Extractor) join(name string, parts []manifest.Part) error {
	out, err := x.create(name)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := x.copy(p.Name+Unconfirmed, out); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", p.Name, err), out.Close())
		}
		if err := x.remove(p.Name + Unconfirmed); err != nil {
			return errors.Join(err, out.Close())
		}
	}
	return out.Close()
}

// remove deletes a file that was made here. Not every system can by its handle (wine cannot): then by its name, which is a
// checked one.
func (x *Extractor) remove(name string) error {
	if x.root.Remove(name) == nil {
		return nil
	}
	return os.Remove(filepath.Join(x.root.Name(), filepath.FromSlash(name)))
}

func (x *Extractor) copy(name string, to io.Writer) error {
	f, err := x.root.Open(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, f)
	return errors.Join(err, f.Close())
}
