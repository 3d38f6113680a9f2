package collected

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"spor/artifacts"
	"spor/timeline"
	"spor/timeline/collected/sevenzip"
)

// suffixes are the names of archives; what is in one of another name is not looked for.
var suffixes = []string{".zip", ".tar", ".tgz", ".txz", ".tzst", ".tbz2", ".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2", ".7z"}

func archiveName(name string) bool {
	return suffix(name) != ""
}

func suffix(name string) string {
	name = strings.ToLower(name)
	if i := slices.IndexFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) }); i >= 0 {
		return suffixes[i]
	}
	return ""
}

// An archive is one whose files are known.
type archive struct {
	label   string // for people, and before the names of files that have no other
	entries []entry
	from    io.ReaderAt // what the files lie in, expanded; of a zip nil
	size    int64       // of that
	budget  *budget     // of a zip, and of the sparse files of a tar
	scout   *scout
	inner   map[int]*archive // by the number of the entry
	err     error            // what is wrong with it, if anything
}

// An entry is a file in an archive. There are a million in some: it has no more than what tells it from others.
type entry struct {
	rel      string
	size     int64
	modified time.Time // UTC; zero: not known
	at       int64     // where it begins in what the archive is read from; of a sparse file of a tar its number
	sparse   bool
	zipped   *zip.File // of a zip
}

const maxNested = 3 // archives within archives

// errNone says that a file is no archive, whatever its name.
var errNone = errors.New("it is no archive, for all its name")

// archive opens an archive. The host is that of the archive in which it lies; empty: it lies in none, or that does not tell.
func (in *Inputs) archive(ctx context.Context, f *timeline.File, label, host string, depth int) *archive {
	base := path.Base(strings.ReplaceAll(label, `\`, "/"))
	base = base[:len(base)-len(suffix(base))]
	a := &archive{label: label, inner: map[int]*archive{}, scout: newScout(cmp.Or(named(base), host), in.alone(base, label))}
	links, err := a.read(ctx, in, f)
	if err != nil {
		a.err = fmt.Errorf("%s: %w", label, err)
	}
	for i := range a.entries {
		a.scout.see(a.entries[i].rel, func() *timeline.File { return a.file(i) })
	}
	a.scout.settle(ctx, in, func(rel string) string { return links[rel] })
	for i := range a.entries {
		e := &a.entries[i]
		if !archiveName(e.rel) || a.scout.tree(e.rel) != nil || ctx.Err() != nil {
			continue
		}
		name := label + "/" + e.rel
		if depth+1 > maxNested {
			a.inner[i] = &archive{err: fmt.Errorf("%s: archives are opened no deeper than %d within each other", name, maxNested)}
			continue
		}
		told := a.scout.host
		if c := a.scout.collection(e.rel); c != nil && !c.named {
			told = c.host
		}
		a.inner[i] = in.archive(ctx, a.file(i), name, told, depth+1)
	}
	if a.scout.host == "" {
		a.scout.host = a.scout.standIn // what two archives tell is not of one host
	}
	return a
}

// opened gives the items of an opened folder that was packed; nil: it is none.
func (a *archive) opened() iter.Seq2[*timeline.File, error] {
	const name = "manifest.json"
	at := slices.IndexFunc(a.entries, func(e entry) bool {
		return e.rel == name || strings.HasSuffix(e.rel, "/"+name) && strings.Count(e.rel, "/") == 1
	})
	if at < 0 {
		return nil
	}
	manifest, err := a.open(&a.entries[at])
	if err != nil {
		return nil
	}
	defer manifest.Close()
	dir, byName := strings.TrimSuffix(a.entries[at].rel, name), map[string]int{}
	for i := range a.entries {
		byName[a.entries[i].rel] = i
	}
	items, err := timeline.Opened(manifest, func(name string) (io.ReadCloser, error) {
		i, ok := byName[dir+name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: a.label + "/" + dir + name, Err: fs.ErrNotExist}
		}
		return a.open(&a.entries[i])
	})
	if err != nil {
		return nil
	}
	return items
}

// files gives the files of an archive, those of archives in it too, and what is wrong with it; false: the consumer had enough.
func (a *archive) files(yield func(*timeline.File, error) bool) bool {
	if items := a.opened(); items != nil {
		for f, err := range items {
			if !yield(f, err) {
				return false
			}
		}
		return a.err == nil || yield(nil, a.err)
	}
	for i := range a.entries {
		if inner := a.inner[i]; inner != nil {
			if !inner.files(yield) {
				return false
			}
			continue
		}
		f := a.file(i)
		a.scout.place(f, a.entries[i].rel)
		if !yield(f, nil) {
			return false
		}
	}
	return a.err == nil || yield(nil, a.err)
}

// file is an entry as a file of evidence, by its name in the archive.
func (a *archive) file(i int) *timeline.File {
	e := &a.entries[i]
	name := artifacts.Path(a.label + "/" + e.rel)
	return &timeline.File{
		Path: name, Loose: true, Size: e.size, Item: artifacts.Item{Origin: name, Times: artifacts.Times{Modified: e.modified}},
		Open:   func() (io.ReadCloser, error) { return a.open(e) },
		Beside: func(suffix string) io.ReadCloser { return a.beside(e.rel + suffix) },
	}
}

func (a *archive) open(e *entry) (io.ReadCloser, error) {
	switch {
	case e.sparse:
		r, err := nth(io.NewSectionReader(a.from, 0, a.size), e.at)
		if err != nil {
			return nil, fmt.Errorf("%s/%s: %w", a.label, e.rel, err)
		}
		return &limited{name: a.label + "/" + e.rel, r: r, budget: a.budget}, nil
	case e.zipped == nil:
		return section{io.NewSectionReader(a.from, e.at, e.size)}, nil
	}
	name := a.label + "/" + e.rel
	r, err := e.zipped.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &limited{name: name, r: r, close: r.Close, budget: a.budget}, nil
}

// beside opens the file of a name, if there is one.
func (a *archive) beside(rel string) io.ReadCloser {
	for i := range a.entries {
		if a.entries[i].rel == rel {
			if r, err := a.open(&a.entries[i]); err == nil {
				return r
			}
		}
	}
	return nil
}

// relative is a name of an archive without what would lead out of it.
func relative(name string) string {
	if !strings.Contains(name, "/") {
		name = strings.ReplaceAll(name, `\`, "/") // as .NET's zips had it before 4.6.1
	}
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// read finds out what an archive is and what it holds; links are the symbolic ones. An error may come with files: those before
// what is damaged.
func (a *archive) read(ctx context.Context, in *Inputs, f *timeline.File) (links map[string]string, err error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	head := make([]byte, 512)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, r.Close())
	}
	head = head[:n]
	whole := io.MultiReader(bytes.NewReader(head), r)
	packing := packingOf(head, in.opts.Packings)
	switch {
	case packing != nil:
		defer r.Close()
		return a.packed(ctx, in, packing, whole, f.Size)
	case !isTar(head) && !bytes.HasPrefix(head, []byte(sevenzip.Magic)) && suffix(a.label) != ".zip": // which may have anything before it
		r.Close()
		return nil, errNone
	}
	at, size, err := in.anywhere(ctx, r, whole, f.Size)
	if err != nil {
		return nil, err
	}
	switch {
	case isTar(head):
		return a.tar(in, at, size)
	case bytes.HasPrefix(head, []byte(sevenzip.Magic)):
		return nil, a.sevenZip(ctx, in, at, size)
	}
	err = a.zip(in, at, size)
	if errors.Is(err, zip.ErrFormat) && !bytes.HasPrefix(head, []byte("PK")) {
		err = errNone
	}
	return nil, err
}

// anywhere gives a file that can be read at any place, copied if it must be. It is closed with the inputs.
func (in *Inputs) anywhere(ctx context.Context, r io.ReadCloser, whole io.Reader, size int64) (io.ReaderAt, int64, error) {
	if at, ok := r.(io.ReaderAt); ok {
		in.closers = append(in.closers, r)
		return at, size, nil
	}
	defer r.Close()
	t, n, err := in.spool(ctx, whole, in.opts.maxBytes())
	return t, n, err
}

// isTar knows a tar by its name of the format, or, as it was before POSIX and some systems still write it, by the checksum of
// its first head, which counts eight blanks for itself.
func isTar(head []byte) bool {
	if len(head) < 512 {
		return false
	}
	if string(head[257:262]) == "ustar" {
		return true
	}
	sum := int64(8 * ' ')
	for i, c := range head[:512] {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	n, err := strconv.ParseInt(strings.Trim(string(head[148:156]), " \x00"), 8, 64)
	return err == nil && n == sum && head[0] != 0
}

var gzipped = timeline.Packing{Name: "gzip", Magic: "\x1f\x8b", Open: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }}

func packingOf(head []byte, packings []*timeline.Packing) *timeline.Packing {
	for _, p := range append([]*timeline.Packing{&gzipped}, packings...) {
		if bytes.HasPrefix(head, []byte(p.Magic)) {
			return p
		}
	}
	return nil
}

// packed expands a tar. What came before damage is read.
func (a *archive) packed(ctx context.Context, in *Inputs, p *timeline.Packing, r io.Reader, size int64) (map[string]string, error) {
	z, err := p.Open(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	b := budget{left: freeRatio + maxRatio*size}
	t, n, damage := in.spool(ctx, &limited{name: p.Name, r: z, budget: &b}, in.opts.maxBytes())
	if t.Temp == nil {
		return nil, damage
	}
	if damage != nil {
		damage = fmt.Errorf("what comes after %d expanded bytes is lost: %w", n, damage)
	}
	head := make([]byte, 512)
	if k, _ := t.ReadAt(head, 0); !isTar(head[:k]) {
		if damage != nil {
			return nil, damage
		}
		return nil, errNone
	}
	links, err := a.tar(in, t, n)
	if damage != nil && err != nil {
		err = damage // it is why
	}
	return links, err
}

// tar lists the files of a tar.
func (a *archive) tar(in *Inputs, at io.ReaderAt, size int64) (links map[string]string, err error) {
	r := io.NewSectionReader(at, 0, size)
	t := tar.NewReader(r)
	links = map[string]string{}
	a.from, a.size, a.budget = at, size, &budget{left: freeRatio + passes*maxRatio*size}
	for n := int64(0); ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return links, nil
		}
		if err != nil {
			return links, fmt.Errorf("damaged behind %d files, the rest is lost: %w", len(a.entries), err)
		}
		if len(a.entries)+len(links) >= in.opts.maxFiles() {
			return links, fmt.Errorf("more than %d files, the rest is not read", in.opts.maxFiles())
		}
		rel := relative(h.Name)
		if h.Typeflag == tar.TypeSymlink {
			links[rel] = h.Linkname
		}
		if !h.FileInfo().Mode().IsRegular() || h.Typeflag == tar.TypeLink {
			continue
		}
		e := entry{rel: rel, size: h.Size, modified: known(h.ModTime), sparse: sparse(h), at: n}
		if !e.sparse {
			if e.at, err = r.Seek(0, io.SeekCurrent); err != nil {
				return links, err
			}
		}
		a.entries = append(a.entries, e)
	}
}

// known is the time at which a file was written last, as the archive has it; one that was left out, which a zip shows as 1979
// and a tar as 1970, is none: the years of a log would be inferred from it.
func known(t time.Time) time.Time {
	if t.Year() <= 1980 {
		return time.Time{}
	}
	return t.UTC()
}

// A section is a part of a file.
type section struct{ *io.SectionReader }

// Close does nothing: the file is closed with all inputs.
func (section) Close() error { return nil }

// sparse tells whether an entry does not lie in the tar as it is.
func sparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for name := range h.PAXRecords {
		if strings.HasPrefix(name, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// nth reads the n-th entry of a tar.
func nth(r io.Reader, n int64) (io.Reader, error) {
	t := tar.NewReader(r)
	for range n + 1 {
		if _, err := t.Next(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// zip lists the files of a zip.
func (a *archive) zip(in *Inputs, at io.ReaderAt, size int64) error {
	z, err := zip.NewReader(at, size)
	if err != nil {
		return fmt.Errorf("its list of files cannot be read, as of one that was cut: %w", err)
	}
	a.budget = &budget{left: freeRatio + passes*maxRatio*size}
	locked := 0
	for _, e := range z.File {
		if !e.Mode().IsRegular() || strings.HasSuffix(e.Name, "/") {
			continue
		}
		if e.Flags&1 != 0 {
			locked++
			continue
		}
		if len(a.entries) >= in.opts.maxFiles() {
			return fmt.Errorf("more than %d files, the rest is not read", in.opts.maxFiles())
		}
		a.entries = append(a.entries, entry{rel: relative(e.Name), size: int64(min(e.UncompressedSize64, 1<<62)), modified: known(e.Modified), zipped: e})
	}
	if locked > 0 {
		return fmt.Errorf("%d files are encrypted: unpack it first, with its password", locked)
	}
	return nil
}

// sevenZip expands the blocks of a 7z, in which files lie one behind the other, and lists them. What cannot be expanded costs its
// block, and what came before the damage is read.
func (a *archive) sevenZip(ctx context.Context, in *Inputs, at io.ReaderAt, size int64) error {
	z, err := sevenzip.Open(at, size)
	if err != nil {
		return err
	}
	if len(z.Files) > in.opts.maxFiles() {
		return fmt.Errorf("more than %d files", in.opts.maxFiles())
	}
	t, err := in.temp()
	if err != nil {
		return err
	}
	a.from = t
	b := &budget{left: freeRatio + maxRatio*size}
	starts, ends := make([]int64, z.Blocks()), make([]int64, z.Blocks())
	total, why := int64(0), error(nil)
	for i := range starts {
		starts[i] = total
		r, err := z.Open(i)
		if err == nil {
			var n int64
			n, err = t.fill(ctx, &limited{name: "7z", r: r, budget: b}, in.opts.maxBytes()-total)
			total += n
		}
		ends[i] = total
		why = cmp.Or(why, err)
	}
	lost := 0
	for _, f := range z.Files {
		start, whole := int64(0), true
		if f.Block >= 0 {
			start = starts[f.Block] + f.Offset
			whole = start+f.Size <= ends[f.Block]
		}
		if !whole {
			lost++
			continue
		}
		a.entries = append(a.entries, entry{rel: relative(f.Name), size: f.Size, modified: known(f.Modified), at: start})
	}
	if why == nil && lost > 0 {
		why = io.ErrUnexpectedEOF
	}
	if why != nil {
		return fmt.Errorf("%d files of it are lost: %w", lost, why)
	}
	return nil
}

// Of what a log is made of, the best compression leaves one part in some hundreds; deflate can make no more than 1,032.
const (
	maxRatio  = 1000
	freeRatio = 4 << 20 // so much may come out of anything
	passes    = 4       // how often a file may be read
)

var errBomb = errors.New("it expands more than a thousandfold, as no evidence does")

// A budget is how many bytes may still come out of an archive, by all its files together: they may lie over each other.
type budget struct{ left int64 }

// limited reads within a budget.
type limited struct {
	name  string // for errors
	r     io.Reader
	close func() error // nil: nothing is to be closed
	*budget
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("%s: %w", l.name, errBomb)
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: %w", l.name, err)
	}
	return n, err
}

// Close implements io.Closer.
func (l *limited) Close() error {
	if l.close == nil {
		return nil
	}
	return l.close()
}
