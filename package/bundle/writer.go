// Package bundle is the sealed evidence archive: the Writer is the Sink of a collection, Check reads it back. A volume
// is an OpenPGP message over zstd frames over a tar archive, so that `gpg -d V | zstd -d | tar x` opens it. Each item is
// followed by its record; each volume ends with its own signed list, the last one with the signed manifest too.
// docs/bundle-format.md has it to the byte.
package bundle

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
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
	// longRecord is from where on room is made for a record too: one of thousands of parts, or of many attributes.
	longRecord = reserve / 4
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
	Temp       func() (Temp, error) // makes a temporary file for the records of large collections, sealed; nil: they are kept in memory
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

// A trailer is the last file but one of every volume that was finished, volumes/NNN.end.json. The last is its detached
// signature by the key of the run, so that a volume that is left alone proves what it holds.
type trailer struct {
	Format  int             `json:"format"`
	Bundle  string          `json:"bundle"`
	Volume  int             `json:"volume"`
	Header  string          `json:"header_sha256"`  // of volumes/NNN.json
	Records int             `json:"records"`        // in this volume
	First   int             `json:"first"`          // number of the first of them; 0: there is none
	Final   int             `json:"final"`          // and of the last
	Digest  string          `json:"records_sha256"` // of the records of this volume, one after the other
	Open    []manifest.Part `json:"open,omitempty"` // files of this volume whose record follows in a later one
	Last    bool            `json:"last"`
}

// A Writer writes a bundle. It is not safe for concurrent use.
type Writer struct {
	store   Store
	base    string
	opts    Options
	bundle  string
	names   names
	buf     []byte
	line    []byte // a record
	codec   *zstd.Encoder
	vol     *volume
	done    []manifest.Volume
	entries *ledger // the records
	items   int
	bytes   int64
	err     error // of the store; nothing goes after it

	outcomes iter.Seq[artifacts.Outcome] // once it is closed
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
	codec, err := newCodec()
	if err != nil {
		return nil, err
	}
	var id [16]byte
	rand.Read(id[:])
	w := &Writer{
		store: store, base: base, opts: opts, bundle: hex.EncodeToString(id[:]), codec: codec, done: []manifest.Volume{},
		entries: newLedger(pages{temp: opts.Temp}), buf: make([]byte, wholeItem),
	}
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
	p := &putting{Writer: w, entry: manifest.Entry{Number: w.items + 1, Item: it}}
	cut, err := p.store(r)
	if err == nil {
		p.finish(cut)
		err = w.record(&p.entry)
	}
	if w.err = err; err != nil {
		return artifacts.Stored{}, err
	}
	return artifacts.Stored{Name: p.entry.Name, Size: p.entry.Size, SHA256: p.entry.SHA256, Cut: cut}, nil
}

// record writes an entry behind its item and keeps it for the manifest.
func (w *Writer) record(e *manifest.Entry) error {
	data := append(e.AppendJSON(w.line[:0]), '\n')
	w.line = data
	if len(data) > longRecord {
		if err := w.makeRoom(int64(len(data))); err != nil {
			return err
		}
	}
	w.items++
	w.bytes += e.Size
	if _, err := w.entries.Write(data); err != nil {
		return err
	}
	return w.vol.record(e, data)
}

func (w *Writer) nextVolume() error {
	if err := w.closeVolume(false); err != nil {
		return err
	}
	return w.openVolume()
}

// Close writes the manifest, signs it, and ends the last volume. What the writer knows it fills in, but for m.Entries,
// which go from compressed memory straight into the bundle. So do the outcomes, which are asked for several times; nil:
// they are those of m. It returns all volumes and the SHA-256 of the manifest.
func (w *Writer) Close(m *manifest.Manifest, outcomes iter.Seq[artifacts.Outcome]) (volumes []manifest.Volume, digest string, err error) {
	defer w.entries.packed.close() //nolint:errcheck // a file that is not needed any more
	if outcomes == nil {
		outcomes = slices.Values(m.Outcomes)
	}
	w.outcomes = outcomes
	if w.err != nil {
		return w.done, "", w.err
	}
	defer func() { w.err = errors.Join(err, errors.New("bundle is closed")) }()
	size, err := w.manifestSize(m)
	if err != nil {
		return w.done, "", err
	}
	if err := w.makeRoom(size + reserve); err != nil {
		return w.done, "", err
	}
	if len(m.Volumes) != len(w.done) { // the manifest goes into a volume of its own, and names the one before
		if size, err = w.manifestSize(m); err != nil {
			return w.done, "", err
		}
	}
	sum := sha256.New()
	now := w.opts.Now()
	if err := w.vol.begin(member{name: manifestName, kind: typeFile, size: size, mod: now}); err != nil {
		return w.done, "", err
	}
	sig, err := w.signManifest(m, io.MultiWriter(w.vol.tar, sum))
	if err != nil {
		return w.done, "", err
	}
	if err := w.vol.whole(signatureName, sig, now); err != nil {
		return w.done, "", err
	}
	if err := w.closeVolume(true); err != nil {
		return w.done, "", err
	}
	return w.done, hex.EncodeToString(sum.Sum(nil)), nil
}

// manifestSize fills in what the writer knows of the manifest and tells how long its canonical form is.
func (w *Writer) manifestSize(m *manifest.Manifest) (int64, error) {
	m.Format, m.Bundle, m.Volumes = manifest.Format, w.bundle, w.done
	m.Recipients, m.Signer = w.recipients(), w.signer()
	m.Totals = manifest.Count(w.outcomes)
	m.Totals.Items, m.Totals.Bytes = w.items, w.bytes
	var size counter
	err := w.writeManifest(&size, m, func(*bufio.Writer) error { return nil })
	return int64(size) + max(w.entries.size-1, 0), err // a comma for each line feed but the last
}

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// signManifest writes the manifest and signs it on the way.
func (w *Writer) signManifest(m *manifest.Manifest, to io.Writer) ([]byte, error) {
	r, pipe := io.Pipe()
	go func() { pipe.CloseWithError(w.writeManifest(pipe, m, w.eachRecord)) }()
	sig, err := w.opts.Signer.SignStream(io.TeeReader(r, to))
	return sig, errors.Join(err, r.Close())
}

// writeManifest writes the canonical form: outcomes and entries one by one, for there may be a million.
func (w *Writer) writeManifest(to io.Writer, m *manifest.Manifest, entries func(*bufio.Writer) error) error {
	head := *m
	head.Outcomes, head.Entries = []artifacts.Outcome{}, []manifest.Entry{}
	data, err := json.Marshal(head)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(to, 64<<10)
	out.Write(bytes.TrimSuffix(data, []byte(`[],"entries":[]}`)))
	out.WriteByte('[')
	first := true
	for o := range w.outcomes {
		if !first {
			out.WriteByte(',')
		}
		first = false
		data = o.AppendJSON(data[:0])
		out.Write(data)
	}
	out.WriteString(`],"entries":[`)
	if err := entries(out); err != nil {
		return err
	}
	out.WriteString("]}\n")
	return out.Flush()
}

// eachRecord writes the records with commas for the line feeds between them.
func (w *Writer) eachRecord(out *bufio.Writer) error {
	r, err := w.entries.open()
	if err != nil {
		return err
	}
	defer r.Close()
	held := false // a line feed that may be the last one
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		for part := buf[:n]; len(part) > 0; {
			if held {
				out.WriteByte(',')
				held = false
			}
			line, rest, found := bytes.Cut(part, []byte{'\n'})
			out.Write(line)
			part, held = rest, found
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Abort ends the bundle as it is: finished volumes stay, the one in the making stays unfinished and says so by its name.
func (w *Writer) Abort() error {
	if w.vol == nil {
		return nil
	}
	v := w.vol
	w.vol, w.err = nil, errors.New("bundle was given up")
	return errors.Join(v.frames.Close(), v.dest.Abort(), w.entries.packed.close())
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
