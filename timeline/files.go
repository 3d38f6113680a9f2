package timeline

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"time"

	"spor/artifacts"
)

// A File is a file of evidence at the desk.
type File struct {
	Host   string
	Path   artifacts.Path // origin; of a loose file, the name it was given by
	SHA256 string         // as the manifest has it; empty: not known
	Item   artifacts.Item // with the times on the host; of a loose file only when it was modified
	Size   int64
	Zone   *time.Location
	Loose  bool // no manifest speaks for it: its times are not the host's
	Open   func() (io.ReadCloser, error)
	Beside func(suffix string) io.ReadCloser // as Input.Beside; may be nil
}

// Bounds of what a folder made on a hostile host may ask for.
const (
	maxManifest = 1 << 30
	maxDepth    = 256
)

// Files gives the files of evidence at name: the items of an opened folder (one with a manifest.json) in the manifest's
// order, with their origins and times; of any other folder all regular files in order of name, and the items of opened
// folders in it; or the one file. Links are not followed. An error is about one file or folder, and the stream goes on.
func Files(name string) iter.Seq2[*File, error] {
	return func(yield func(*File, error) bool) {
		info, err := os.Stat(name)
		if err != nil {
			yield(nil, err)
			return
		}
		if !info.IsDir() {
			f := looseFile(name, info, func() (io.ReadCloser, error) { return os.Open(name) })
			f.Beside = func(suffix string) io.ReadCloser { return beside(name+suffix, os.Lstat, os.Open) }
			yield(f, nil)
			return
		}
		root, err := os.OpenRoot(name)
		if err != nil {
			yield(nil, err)
			return
		}
		defer root.Close()
		m, err := readManifest(root)
		switch {
		case err == nil:
			m.below(root, yield)
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNotOurs):
			w := walker{root: root, prefix: name, yield: yield}
			w.dir(".", 0)
		default:
			yield(nil, err)
		}
	}
}

// beside opens a regular file, if there is one.
func beside(name string, stat func(string) (fs.FileInfo, error), open func(string) (*os.File, error)) io.ReadCloser {
	if info, err := stat(name); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := open(name)
	if err != nil {
		return nil
	}
	return f
}

func looseFile(name string, info fs.FileInfo, open func() (io.ReadCloser, error)) *File {
	return &File{
		Path: artifacts.Path(name), Loose: true, Size: info.Size(), Open: open,
		Item: artifacts.Item{Origin: artifacts.Path(name), Times: artifacts.Times{Modified: info.ModTime().UTC()}},
	}
}

// folder is what of a manifest the timeline needs.
type folder struct {
	Format int    `json:"format"`
	Bundle string `json:"bundle"`
	Host   struct {
		Hostname string `json:"hostname"`
	} `json:"host"`
	Clock   artifacts.Clock `json:"clock"`
	Entries []struct {
		artifacts.Item
		Size   int64  `json:"size"`
		SHA256 string `json:"sha256"`
	} `json:"entries"`
}

var errNotOurs = errors.New("manifest.json is no manifest of a bundle")

func readManifest(root *os.Root) (*folder, error) {
	f, err := root.Open("manifest.json")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseManifest(f)
}

func parseManifest(r io.Reader) (*folder, error) {
	var m folder
	if err := json.NewDecoder(io.LimitReader(r, maxManifest)).Decode(&m); err != nil || m.Format == 0 || m.Bundle == "" {
		return nil, errNotOurs
	}
	return &m, nil
}

// Opened gives the items of an opened folder that lies elsewhere than in a folder, by its manifest.json and what opens its files
// by their names in it.
func Opened(manifest io.Reader, open func(name string) (io.ReadCloser, error)) (iter.Seq2[*File, error], error) {
	m, err := parseManifest(manifest)
	if err != nil {
		return nil, err
	}
	beside := func(name string) io.ReadCloser {
		if r, err := open(name); err == nil {
			return r
		}
		return nil
	}
	return func(yield func(*File, error) bool) { m.files(open, beside, yield) }, nil
}

// below gives the items in a folder.
func (m *folder) below(root *os.Root, yield func(*File, error) bool) {
	open := func(name string) (io.ReadCloser, error) { return root.Open(name) }
	m.files(open, func(name string) io.ReadCloser { return beside(name, root.Lstat, root.Open) }, yield)
}

// files gives the items, each opened by its name; optional is for those that need not be there.
func (m *folder) files(open func(name string) (io.ReadCloser, error), optional func(name string) io.ReadCloser, yield func(*File, error) bool) {
	zone := Zone(m.Clock, time.LoadLocation)
	for _, e := range m.Entries {
		if e.Origin == "" && e.Name == "" {
			continue
		}
		name := e.Name
		f := &File{
			Host: m.Host.Hostname, Path: e.Origin, SHA256: e.SHA256, Item: e.Item, Size: e.Size, Zone: zone,
			Open:   func() (io.ReadCloser, error) { return open(name) },
			Beside: func(suffix string) io.ReadCloser { return m.beside(optional, e.Origin+artifacts.Path(suffix)) },
		}
		f.Path = cmp.Or(f.Path, artifacts.Path(name))
		if !yield(f, nil) {
			return
		}
	}
}

// beside opens the item of an origin.
func (m *folder) beside(optional func(name string) io.ReadCloser, origin artifacts.Path) io.ReadCloser {
	for i := range m.Entries {
		if m.Entries[i].Origin == origin {
			return optional(m.Entries[i].Name)
		}
	}
	return nil
}

// Zone is a host's time zone as far as its clock tells, for logs that leave it out. load gives the rules of a zone by its
// IANA name: time.LoadLocation at the desk; on the host what reads its own files without a trace.
func Zone(c artifacts.Clock, load func(name string) (*time.Location, error)) *time.Location {
	if c.Zone != "" && c.Zone != "Local" {
		if zone, err := load(c.Zone); err == nil {
			return zone
		}
	}
	if c.Zone == "" && c.OffsetSeconds == 0 && c.Now.IsZero() {
		return nil
	}
	return time.FixedZone(fmt.Sprintf("UTC%+03d:%02d", c.OffsetSeconds/3600, abs(c.OffsetSeconds)/60%60), c.OffsetSeconds)
}

func abs(n int) int { return max(n, -n) }

// walker goes through a folder of loose files.
type walker struct {
	root   *os.Root
	prefix string
	yield  func(*File, error) bool
}

// dir gives the files below a directory; false: the consumer had enough.
func (w *walker) dir(name string, depth int) bool {
	if depth > maxDepth {
		return w.yield(nil, fmt.Errorf("%s: folders nested deeper than %d", path.Join(w.prefix, name), maxDepth))
	}
	entries, err := w.list(name)
	if err != nil && !w.yield(nil, err) {
		return false
	}
	if depth > 0 && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "manifest.json" }) {
		if ours, goOn := w.opened(name); ours {
			return goOn
		}
	}
	for _, e := range entries {
		child := path.Join(name, e.Name())
		switch {
		case e.IsDir():
			if !w.dir(child, depth+1) {
				return false
			}
		case e.Type().IsRegular():
			if !w.file(child, e) {
				return false
			}
		}
	}
	return true
}

// opened gives the items of an opened folder, if it is one; goOn: the consumer wants more.
func (w *walker) opened(name string) (ours, goOn bool) {
	root, err := w.root.OpenRoot(name)
	if err != nil {
		return false, true
	}
	defer root.Close()
	m, err := readManifest(root)
	if err != nil {
		return false, true
	}
	goOn = true
	m.below(root, func(f *File, err error) bool {
		goOn = w.yield(f, err)
		return goOn
	})
	return true, goOn
}

func (w *walker) list(name string) ([]fs.DirEntry, error) {
	d, err := w.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, err
}

func (w *walker) file(name string, e fs.DirEntry) bool {
	info, err := e.Info()
	if err != nil {
		return w.yield(nil, err)
	}
	f := looseFile(w.prefix+"/"+name, info, func() (io.ReadCloser, error) { return w.root.Open(name) })
	f.Beside = func(suffix string) io.ReadCloser { return beside(name+suffix, w.root.Lstat, w.root.Open) }
	return w.yield(f, nil)
}
