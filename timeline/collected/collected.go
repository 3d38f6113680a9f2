// Package collected gives the files of evidence in whatever a desk is handed: opened bundles, loose files and folders, and
// what other collectors make, as folders or as archives (zip, 7z, tar, tar in gzip, xz, zstd or bzip2), archives within archives
// too. Names of files become what they were on the host, and each collection has its host, as far as can be told:
//
//   - KAPE and CyLR: drives as folders, "C/Windows/…" (KapeDocs, "--tdest"; CyLR 2.2, src/ArchiveFile)
//   - Velociraptor's offline collector 0.7: "uploads/ACCESSOR/…" with escaped names, client_info.json
//     (github.com/Velocidex/velociraptor, reporting/container.go)
//   - UAC 3: "[root]/…", live_response, bodyfile (tclahr.github.io/uac-docs)
//   - Cat-Scale: tars of /var/log and more within its own (github.com/WithSecureLabs/LinuxCatScale)
//   - any tree of a Linux: "etc/…", "var/log/…"
//
// An archive that is a file of the host is left as what it is. Nothing is ever written under a name of an archive.
package collected

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"spor/artifacts"
	"spor/timeline"
)

// Options are what archives are opened with.
type Options struct {
	Dir      string              // for what an archive is expanded to; its files are gone with Close
	Packings []*timeline.Packing // that a tar may be in, beside gzip
	MaxBytes int64               // that one archive may expand to; zero: 256 GiB
	MaxFiles int                 // of one archive; zero: 2^20
}

func (o Options) maxBytes() int64 { return cmp.Or(o.MaxBytes, 256<<30) }

func (o Options) maxFiles() int { return cmp.Or(o.MaxFiles, 1<<20) }

// Inputs are what a desk was handed, with its archives open.
type Inputs struct {
	opts    Options
	sources []source
	closers []io.Closer
	zones   map[string]*time.Location // of hosts, as far as one of their collections tells it
	names   map[string]bool           // that stand in for the name of a host
}

// A source is an input: a folder or a loose file, or an archive.
type source struct {
	name    string   // of a folder or file
	scout   *scout   // of a folder: what was found in it; nil: it is a file, or an opened bundle's
	archive *archive // nil: it is none
}

// Open looks into all inputs for collections and archives. What is wrong with an archive is no error here: Files tells it.
// An input that lies in another, or was named before, is not read again.
func Open(ctx context.Context, names []string, o Options) (*Inputs, error) {
	in := &Inputs{opts: o, zones: map[string]*time.Location{}, names: map[string]bool{}}
	for _, name := range distinct(names) {
		info, err := os.Stat(name)
		if err != nil {
			in.Close()
			return nil, err
		}
		s := source{name: name}
		switch {
		case info.IsDir():
			s.scout = in.folder(ctx, name)
		case archiveName(name):
			s.archive = in.archive(ctx, fromDisk(name, info), name, "", 0)
		}
		in.sources = append(in.sources, s)
		if err := context.Cause(ctx); err != nil {
			in.Close()
			return nil, err
		}
	}
	return in, nil
}

// Close closes all archives and removes what they were expanded to.
func (in *Inputs) Close() error {
	var errs []error
	for _, c := range slices.Backward(in.closers) {
		errs = append(errs, c.Close())
	}
	in.closers = nil
	return errors.Join(errs...)
}

// distinct leaves out inputs that are another, or lie in it.
func distinct(names []string) (kept []string) {
	real := make([]string, len(names))
	for i, name := range names {
		real[i] = name
		if abs, err := filepath.Abs(name); err == nil {
			real[i] = abs
		}
		if followed, err := filepath.EvalSymlinks(real[i]); err == nil {
			real[i] = followed
		}
	}
	for i, name := range names {
		within := func(j int) bool {
			rel, err := filepath.Rel(real[j], real[i])
			return err == nil && filepath.IsLocal(rel) && (rel != "." || j < i)
		}
		if !slices.ContainsFunc(indexes(len(names)), func(j int) bool { return j != i && within(j) }) {
			kept = append(kept, name)
		}
	}
	return kept
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// Files gives all files of evidence, in the order of the inputs. An error is about one file, folder or archive, and the
// stream goes on.
func (in *Inputs) Files() iter.Seq2[*timeline.File, error] {
	return func(consume func(*timeline.File, error) bool) {
		yield := func(f *timeline.File, err error) bool {
			if err == nil && f.Zone == nil && f.Host != "" {
				f.Zone = in.zones[f.Host]
			}
			return consume(f, err)
		}
		for _, s := range in.sources {
			if s.archive != nil {
				if !s.archive.files(yield) {
					return
				}
				continue
			}
			for f, err := range timeline.Files(s.name) {
				if err == nil && f.Loose && s.scout != nil {
					rel := below(s.name, string(f.Path))
					if a := s.scout.archives[rel]; a != nil {
						if !a.files(yield) {
							return
						}
						continue
					}
					s.scout.place(f, rel)
				}
				if !yield(f, err) {
					return
				}
			}
		}
	}
}

// zone takes note of a host's: what one collection tells is so for another of the same host, and the same record in both has the
// same time.
func (in *Inputs) zone(host string, zone *time.Location) {
	if zone != nil && in.zones[host] == nil {
		in.zones[host] = zone
	}
}

// alone is a name that stands in for that of a host, or the whole path, where another has it: what two folders of one name hold is
// not of one host.
func (in *Inputs) alone(name, whole string) string {
	if in.names[name] {
		return whole
	}
	in.names[name] = true
	return name
}

// below is the name of a file within a folder.
func below(folder, name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, folder), "/")
}

// folder looks for collections and archives in a folder.
func (in *Inputs) folder(ctx context.Context, name string) *scout {
	base := filepath.Base(name)
	if abs, err := filepath.Abs(name); err == nil {
		base = filepath.Base(abs)
	}
	s := newScout("", in.alone(base, name))
	var packed []*timeline.File
	for f, err := range timeline.Files(name) {
		if ctx.Err() != nil {
			return s
		}
		if err != nil { // told when the files are read
			continue
		}
		if !f.Loose {
			in.zone(f.Host, f.Zone)
			continue
		}
		rel := below(name, string(f.Path))
		f.Open = func() (io.ReadCloser, error) { return openBelow(name, rel) } // the stream's own ends with it
		s.see(rel, func() *timeline.File { return f })
		if archiveName(rel) {
			packed = append(packed, f)
		}
	}
	s.settle(ctx, in, func(link string) string {
		target, _ := os.Readlink(filepath.Join(name, filepath.FromSlash(link))) // a name that was found below it
		return target
	})
	for _, f := range packed {
		rel := below(name, string(f.Path))
		if s.tree(rel) != nil || ctx.Err() != nil { // a file of the host
			continue
		}
		s.archives[rel] = in.archive(ctx, f, string(f.Path), "", 0)
	}
	return s
}

// openBelow opens a file of a folder, and nothing that a link leads to outside of it.
func openBelow(folder, rel string) (io.ReadCloser, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.Open(filepath.FromSlash(rel))
}

// fromDisk is a file that was named itself.
func fromDisk(name string, info fs.FileInfo) *timeline.File {
	return &timeline.File{
		Path: artifacts.Path(name), Loose: true, Size: info.Size(),
		Item: artifacts.Item{Origin: artifacts.Path(name), Times: artifacts.Times{Modified: info.ModTime().UTC()}},
		Open: func() (io.ReadCloser, error) { return os.Open(name) },
	}
}

// content reads a small file, up to a bound.
func content(f *timeline.File, most int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, most))
}

// A spool is a temporary file, which is gone with the inputs.
type spool struct{ *timeline.Temp }

func (in *Inputs) temp() (spool, error) {
	t, err := timeline.CreateTemp(in.opts.Dir)
	if err != nil {
		return spool{}, err
	}
	in.closers = append(in.closers, t)
	return spool{t}, nil
}

// fill puts behind what it has what is read, up to a bound, and says how much that was. What was copied before an error stays.
func (s spool) fill(ctx context.Context, r io.Reader, most int64) (n int64, err error) {
	b := make([]byte, 256<<10)
	for {
		if err := context.Cause(ctx); err != nil {
			return n, err
		}
		k, err := r.Read(b)
		if int64(k) > most-n {
			return n, fmt.Errorf("it expands to more than %d bytes", most)
		}
		if _, err := s.Write(b[:k]); err != nil {
			return n, err
		}
		n += int64(k)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// spool copies all that is read to a temporary file.
func (in *Inputs) spool(ctx context.Context, r io.Reader, most int64) (spool, int64, error) {
	t, err := in.temp()
	if err != nil {
		return t, 0, err
	}
	n, err := t.fill(ctx, r, most)
	return t, n, err
}
