// Package bundle is the sealed evidence archive: the Writer is the Sink of a collection, Check reads it back. A volume
// is an OpenPGP message over a zstd frame over a tar archive, so that `gpg -d V | zstd -d | tar x` opens it. Each item
// is followed by its record; the last volume ends with the signed manifest. docs/bundle-format.md has it to the byte.
package bundle

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"spor/artifacts"
	"spor/package/manifest"
	"spor/package/seal"
)

// Sizes of the writer, in bytes.
const (
	wholeItem  = 256 << 10 // an item up to this size is read before its header is written, so that its size is exact
	streamPart = 8 << 20   // parts of an item whose size is not known beforehand
	reserve    = 64 << 10  // of a volume, for its end
	// MinVolume is the least volume size that makes sense.
	MinVolume = 1 << 20
	// DefaultVolume fits FAT32 and the file limits of remote-management tools.
	DefaultVolume = 2 << 30
)

// Options say what a bundle is.
type Options struct {
	Case, TLP  string
	Host       string
	Started    time.Time
	Recipients []seal.Recipient
	Signer     *seal.Signer
	VolumeSize int64 // bytes; zero means DefaultVolume
	Now        func() time.Time
}

// A header is the first file of every volume, volumes/NNN.json.
type header struct {
	Format     int                  `json:"format"`
	Bundle     string               `json:"bundle"`
	Volume     int                  `json:"volume"`
	Case       string               `json:"case"`
	TLP        string               `json:"tlp"`
	Host       string               `json:"host"`
	Started    time.Time            `json:"started"`
	Recipients []manifest.Recipient `json:"recipients"`
	Signer     manifest.Signer      `json:"signer"`
}

// A trailer is the last file of every volume that was finished, volumes/NNN.end.json.
type trailer struct {
	Bundle  string `json:"bundle"`
	Volume  int    `json:"volume"`
	Records int    `json:"records"`        // in this volume
	Digest  string `json:"records_sha256"` // of the records of this volume, one after the other
	Last    bool   `json:"last"`
}

// A Writer writes a bundle. It is not safe for concurrent use.
type Writer struct {
	store   Store
	base    string
	opts    Options
	bundle  string
	names   names
	buf     []byte
	vol     *volume
	done    []manifest.Volume
	entries []manifest.Entry
	err     error // of the store; nothing goes after it
}

var _ artifacts.Sink = (*Writer)(nil)

// NewWriter begins a bundle whose volumes are called BASE.001.tar.zst.pgp and so on.
func NewWriter(store Store, base string, opts Options) (*Writer, error) {
	if opts.VolumeSize == 0 {
		opts.VolumeSize = DefaultVolume
	}
	if opts.VolumeSize < MinVolume {
		return nil, fmt.Errorf("volume size %d is below the least, %d", opts.VolumeSize, MinVolume)
	}
	var id [16]byte
	rand.Read(id[:])
	w := &Writer{store: store, base: base, opts: opts, bundle: hex.EncodeToString(id[:]), names: names{}, done: []manifest.Volume{}, entries: []manifest.Entry{}, buf: make([]byte, min(streamPart, opts.VolumeSize/4))}
	for _, own := range []string{manifestName, signatureName, recordsDir + "x", volumesDir + "x"} {
		w.names.claim(own)
	}
	return w, w.openVolume()
}

// Bundle is the random name that all volumes share.
func (w *Writer) Bundle() string { return w.bundle }

// Put stores one item: its content, unless it is a link, and its record.
func (w *Writer) Put(_ context.Context, it artifacts.Item, r io.Reader) (artifacts.Stored, error) {
	if w.err != nil {
		return artifacts.Stored{}, w.err
	}
	if it.Name == "" {
		it.Name = safeName(it.Origin)
	} else if !validName(it.Name) {
		return artifacts.Stored{}, fmt.Errorf("item name %q is not legal in a bundle", it.Name)
	}
	it.Name = w.names.claim(it.Name)
	e := manifest.Entry{Number: len(w.entries) + 1, Item: it}
	p := &putting{Writer: w, entry: &e, hash: sha256.New()}
	var cut error
	if it.Link == "" {
		cut, w.err = p.content(r)
	}
	if w.err != nil {
		return artifacts.Stored{}, w.err
	}
	p.finish(cut)
	if w.err = w.vol.record(e); w.err != nil {
		return artifacts.Stored{}, w.err
	}
	w.entries = append(w.entries, e)
	return artifacts.Stored{Name: e.Name, Size: e.Size, SHA256: e.SHA256, Cut: cut}, nil
}

// putting is an item on its way into the archive.
type putting struct {
	*Writer
	entry *manifest.Entry
	hash  hash.Hash
	parts []manifest.Part
}

func (p *putting) finish(cut error) {
	e := p.entry
	e.SHA256 = hex.EncodeToString(p.hash.Sum(nil))
	e.Volume = p.vol.number
	if len(p.parts) > 0 {
		e.Volume = p.parts[0].Volume
		if p.parts[0].Name != e.Name {
			e.Parts = p.parts
		}
	}
	if cut != nil {
		e.Cut = cut.Error()
	}
	if e.After != nil {
		e.Changed = e.After()
	}
}

// content writes the item's bytes as one or more files of the archive. The first error is the evidence's, the second
// the store's.
func (p *putting) content(r io.Reader) (cut, fatal error) {
	head := p.buf[:wholeItem]
	n, err := io.ReadFull(r, head)
	switch {
	case err == nil && p.entry.Item.Size > wholeItem:
		return p.known(head, r)
	case err == nil:
		return p.unknown(n, r)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = nil
	}
	return err, p.part(head[:n], nil, int64(n), true)
}

// known stores an item that says how large it is, of which head is read already: in one piece, or as many as the room
// in the volumes asks for. What the source does not give is made up by zeros in the archive and told in the record.
func (p *putting) known(head []byte, r io.Reader) (cut, fatal error) {
	src := &source{r: r}
	for left := p.entry.Item.Size; left > 0; {
		size, err := p.room(left)
		if err != nil {
			return nil, err
		}
		if len(p.parts) == 0 && size < wholeItem { // head is in the buffer and wants to be whole
			size = min(left, wholeItem)
		}
		last := size == left
		if err := p.part(head, src, size, last && len(p.parts) == 0); err != nil {
			return nil, err
		}
		head, left = nil, left-size
		if src.end {
			break
		}
	}
	return src.err, nil
}

// unknown stores an item of unknown size, of which the first n bytes are in the buffer, in parts that are read whole
// before they are written.
func (p *putting) unknown(n int, r io.Reader) (cut, fatal error) {
	for {
		m, err := io.ReadFull(r, p.buf[n:])
		n += m
		end := err != nil
		if n > 0 || len(p.parts) == 0 {
			if err := p.part(p.buf[:n], nil, int64(n), end && len(p.parts) == 0); err != nil {
				return nil, err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, nil
		case err != nil:
			return err, nil
		}
		n = 0
	}
}

// part writes one file of the archive: head, then what src gives, then zeros up to size.
func (p *putting) part(head []byte, src *source, size int64, whole bool) error {
	if err := p.makeRoom(size); err != nil {
		return err
	}
	name := p.entry.Name
	if !whole {
		name = fmt.Sprintf("%s.part%03d", name, len(p.parts)+1)
	}
	if err := p.vol.file(name, size, p.entry.Times.Modified); err != nil {
		return err
	}
	p.hash.Write(head)
	if _, err := p.vol.tar.Write(head); err != nil {
		return err
	}
	got := int64(len(head))
	if src != nil {
		n, err := io.CopyBuffer(io.MultiWriter(p.vol.tar, p.hash), struct{ io.Reader }{io.LimitReader(src, size-got)}, p.buf)
		if err != nil {
			return err
		}
		got += n
	}
	if got < size {
		p.entry.Padding += size - got
		if _, err := io.CopyN(p.vol.tar, zeros{}, size-got); err != nil {
			return err
		}
	}
	p.entry.Size += got
	p.parts = append(p.parts, manifest.Part{Name: name, Volume: p.vol.number, Size: got})
	return nil
}

// source hides the evidence's error from io.Copy, for which only the archive can fail.
type source struct {
	r   io.Reader
	end bool
	err error // why it ended too early
}

func (s *source) Read(b []byte) (int, error) {
	if s.end {
		return 0, io.EOF
	}
	n, err := s.r.Read(b)
	if err != nil {
		s.end = true
		if err != io.EOF {
			s.err = err
		}
		return n, io.EOF
	}
	return n, nil
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// room tells how much of an item of the given size may go into a file now, beginning a new volume where too little room
// is left.
func (w *Writer) room(size int64) (int64, error) {
	for range 2 {
		free, err := w.vol.free(size, w.opts.VolumeSize)
		if err != nil || free >= size {
			return size, err
		}
		if free >= w.opts.VolumeSize/8 {
			return free, nil
		}
		if err := w.nextVolume(); err != nil {
			return 0, err
		}
	}
	return min(size, w.opts.VolumeSize-2*reserve), nil
}

// makeRoom begins a new volume where this one cannot hold size more bytes, unless it is a fresh one.
func (w *Writer) makeRoom(size int64) error {
	free, err := w.vol.free(size, w.opts.VolumeSize)
	if err != nil || free >= size || w.vol.fresh() {
		return err
	}
	return w.nextVolume()
}

func (w *Writer) nextVolume() error {
	if err := w.closeVolume(false); err != nil {
		return err
	}
	return w.openVolume()
}

// Close writes the manifest, whose lists and totals it fills in, signs it, and ends the last volume. It returns all
// volumes and the SHA-256 of the manifest.
func (w *Writer) Close(m *manifest.Manifest) (volumes []manifest.Volume, digest string, err error) {
	if w.err != nil {
		return w.done, "", w.err
	}
	defer func() { w.err = errors.Join(err, errors.New("bundle is closed")) }()
	data, err := w.complete(m)
	if err != nil {
		return w.done, "", err
	}
	if err := w.makeRoom(int64(len(data)) + reserve); err != nil {
		return w.done, "", err
	}
	if len(m.Volumes) != len(w.done) { // the manifest goes into a volume of its own, and names the one before
		if data, err = w.complete(m); err != nil {
			return w.done, "", err
		}
	}
	sig, err := w.opts.Signer.Sign(data)
	if err != nil {
		return w.done, "", err
	}
	now := w.opts.Now()
	if err := errors.Join(w.vol.whole(manifestName, data, now), w.vol.whole(signatureName, sig, now)); err != nil {
		return w.done, "", err
	}
	if err := w.closeVolume(true); err != nil {
		return w.done, "", err
	}
	sum := sha256.Sum256(data)
	return w.done, hex.EncodeToString(sum[:]), nil
}

// complete fills in what the writer knows of the manifest and gives its canonical form.
func (w *Writer) complete(m *manifest.Manifest) ([]byte, error) {
	m.Format, m.Bundle, m.Volumes, m.Entries = manifest.Format, w.bundle, w.done, w.entries
	m.Recipients, m.Signer = w.recipients(), w.signer()
	m.Count()
	data, err := json.Marshal(m)
	return append(data, '\n'), err
}

// Abort ends the bundle as it is: finished volumes stay, the one in the making stays unfinished and says so by its name.
func (w *Writer) Abort() error {
	if w.vol == nil {
		return nil
	}
	v := w.vol
	w.vol, w.err = nil, errors.New("bundle was given up")
	return errors.Join(v.flush(), v.dest.Abort())
}

func (w *Writer) recipients() []manifest.Recipient {
	list := make([]manifest.Recipient, len(w.opts.Recipients))
	for i, r := range w.opts.Recipients {
		list[i] = manifest.Recipient{Fingerprint: r.Fingerprint, UserID: r.UserID}
	}
	return list
}

func (w *Writer) signer() manifest.Signer {
	return manifest.Signer{Fingerprint: w.opts.Signer.Fingerprint, PublicKey: w.opts.Signer.PublicKey}
}

// A volume is the chain that the archive's bytes run through: tar, zstd, OpenPGP, SHA-256 and the store.
type volume struct {
	number  int
	name    string
	dest    Volume
	buffer  *bufio.Writer
	sealed  hash.Hash
	out     atomic.Int64 // sealed bytes given to the store, by the compressor's goroutine
	seal    io.WriteCloser
	zstd    *zstd.Encoder
	tar     *tar.Writer
	in      int64 // archive bytes since out was last known for sure
	files   int
	records int
	digest  hash.Hash // of the records
}

func (w *Writer) openVolume() error {
	v := &volume{number: len(w.done) + 1, sealed: sha256.New(), digest: sha256.New()}
	v.name = fmt.Sprintf("%s.%03d.tar.zst.pgp", w.base, v.number)
	var err error
	if v.dest, err = w.store.Create(v.name); err != nil {
		return err
	}
	v.buffer = bufio.NewWriterSize(countWriter{v}, 256<<10)
	if v.seal, err = seal.New(v.buffer, w.opts.Recipients); err != nil {
		return errors.Join(err, v.dest.Abort())
	}
	if v.zstd, err = zstd.NewWriter(v.seal, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2)); err != nil {
		return errors.Join(err, v.dest.Abort())
	}
	v.tar = tar.NewWriter(v.zstd)
	w.vol = v
	return v.json(fmt.Sprintf("%s%03d.json", volumesDir, v.number), header{
		Format: manifest.Format, Bundle: w.bundle, Volume: v.number, Case: w.opts.Case, TLP: w.opts.TLP,
		Host: w.opts.Host, Started: w.opts.Started, Recipients: w.recipients(), Signer: w.signer(),
	}, w.opts.Started)
}

type countWriter struct{ v *volume }

func (c countWriter) Write(b []byte) (int, error) {
	n, err := c.v.dest.Write(b)
	c.v.sealed.Write(b[:n])
	c.v.out.Add(int64(n))
	return n, err
}

func (w *Writer) closeVolume(last bool) error {
	v := w.vol
	w.vol = nil
	err := v.json(fmt.Sprintf("%s%03d.end.json", volumesDir, v.number), trailer{
		Bundle: w.bundle, Volume: v.number, Records: v.records, Digest: hex.EncodeToString(v.digest.Sum(nil)), Last: last,
	}, w.opts.Now())
	if err == nil {
		err = errors.Join(v.tar.Close(), v.zstd.Close(), v.seal.Close(), v.buffer.Flush())
	}
	if err != nil {
		return errors.Join(err, v.dest.Abort())
	}
	if err := v.dest.Commit(); err != nil {
		return err
	}
	w.done = append(w.done, manifest.Volume{Number: v.number, Name: v.name, Size: v.out.Load(), SHA256: hex.EncodeToString(v.sealed.Sum(nil))})
	return nil
}

func (v *volume) fresh() bool { return v.files <= 1 }

// free tells how many more bytes of content the volume is sure to hold beside its end, were they incompressible. It
// asks the compressor for its exact state only where an upper bound does not answer whether size fits.
func (v *volume) free(size, limit int64) (int64, error) {
	room := func() int64 { return limit - v.out.Load() - v.in - (v.in+size)/512 - reserve }
	if room() >= size || v.in == 0 {
		return room(), nil
	}
	if err := v.flush(); err != nil {
		return 0, err
	}
	return room(), nil
}

// flush pushes all that was written through to the store.
func (v *volume) flush() error {
	if err := errors.Join(v.zstd.Flush(), v.buffer.Flush()); err != nil {
		return err
	}
	v.in = seal.Held
	return nil
}

func (v *volume) file(name string, size int64, mod time.Time) error {
	if mod.IsZero() || mod.Unix() < 0 {
		mod = time.Unix(0, 0)
	}
	v.in += size + 3*512
	v.files++
	return v.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: mod.Truncate(time.Second)})
}

func (v *volume) whole(name string, data []byte, mod time.Time) error {
	if err := v.file(name, int64(len(data)), mod); err != nil {
		return err
	}
	_, err := v.tar.Write(data)
	return err
}

func (v *volume) json(name string, value any, mod time.Time) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return v.whole(name, append(data, '\n'), mod)
}

func (v *volume) record(e manifest.Entry) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	v.digest.Write(data)
	v.records++
	return v.whole(fmt.Sprintf("%s%08d.json", recordsDir, e.Number), data, e.Read)
}
