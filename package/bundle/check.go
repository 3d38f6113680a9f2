package bundle

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"spor/package/manifest"
	"spor/package/seal"
)

// Bounds of what is read into memory on the desk, in bytes.
const (
	maxRecord   = 1 << 20
	maxManifest = 1 << 30
	maxWindow   = 128 << 20 // of zstd
)

// A Difference is something that is not as the bundle says it is.
type Difference struct {
	Volume int    `json:"volume,omitempty"` // 0: the bundle as a whole
	Item   string `json:"item,omitempty"`   // its name in the bundle
	What   string `json:"what"`
}

func (d Difference) String() string {
	var b strings.Builder
	if d.Volume > 0 {
		fmt.Fprintf(&b, "volume %d: ", d.Volume)
	}
	if d.Item != "" {
		b.WriteString(d.Item + ": ")
	}
	return b.String() + d.What
}

// A Verdict is what Check found.
type Verdict struct {
	Bundle      string
	Case        string
	Host        string
	TLP         string
	Manifest    *manifest.Manifest // nil where none was found or its signature does not match
	Digest      string             // SHA-256 of manifest.json, hex
	Signer      string             // fingerprint of the key that signed it
	Volumes     []manifest.Volume  // those that were read, in order
	Items       int
	Bytes       int64
	Differences []Difference // empty: all is as it was sealed
}

// Whole tells whether everything is there and is as it was sealed.
func (v *Verdict) Whole() bool { return v.Manifest != nil && len(v.Differences) == 0 }

// A Taker is given what a bundle holds while it is checked, such as to extract it. Nothing it is given is certain
// before the Verdict is.
type Taker interface {
	// Create begins a file of the archive: evidence, or one of the bundle's own (manifest.json).
	Create(name string) (io.WriteCloser, error)
	// Keep says that an item is complete and matches its record.
	Keep(e manifest.Entry) error
}

// Check reads the volumes of one bundle, in any order given, and compares all with all: seals, hashes, records,
// manifest, signature. Memory does not grow with the items' size. It stops only where nothing can be opened
// (seal.ErrWrongKey), the taker fails, or ctx ends; every other fault is a Difference and the reading goes on.
func Check(ctx context.Context, volumes []string, key *seal.Key, taker Taker) (*Verdict, error) {
	c := &checker{ctx: ctx, key: key, taker: taker, records: map[int]manifest.Entry{}, volumes: map[int]manifest.Volume{}}
	for _, name := range inOrder(volumes) {
		if err := c.volume(name); err != nil {
			return &c.verdict, err
		}
	}
	c.conclude()
	return &c.verdict, nil
}

// inOrder sorts by the number in the name, where there is one.
func inOrder(volumes []string) []string {
	return slices.SortedStableFunc(slices.Values(volumes), func(a, b string) int {
		return cmp.Compare(filepath.Base(a), filepath.Base(b))
	})
}

type checker struct {
	ctx     context.Context
	key     *seal.Key
	taker   Taker
	verdict Verdict

	head      header // of the volume being read
	records   map[int]manifest.Entry
	volumes   map[int]manifest.Volume
	manifest  []byte
	signature []byte
	signer    string // public key that the volumes name
	ended     bool   // the last volume's end was seen

	item pending
}

// pending is the item whose content was read and whose record is still to come.
type pending struct {
	sum   contentHash
	parts []manifest.Part
}

func (c *checker) differ(item, format string, args ...any) {
	c.verdict.Differences = append(c.verdict.Differences, Difference{c.head.Volume, item, fmt.Sprintf(format, args...)})
}

// volume reads one volume to its end. Faults of the volume are differences.
func (c *checker) volume(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() // read only
	sealed := &sealedReader{r: f, ctx: c.ctx, hash: sha256.New()}
	c.head = header{}
	before := len(c.verdict.Differences)
	err = c.opened(sealed)
	switch {
	case c.ctx.Err() != nil:
		return context.Cause(c.ctx)
	case errors.Is(err, seal.ErrWrongKey), errors.Is(err, errTaker):
		return err
	case err != nil:
		c.differ("", "%s: %v", filepath.Base(name), err)
	}
	if _, err := io.Copy(io.Discard, sealed); err != nil {
		c.differ("", "%s: %v", filepath.Base(name), err)
	}
	if c.head.Volume == 0 && len(c.verdict.Differences) == before {
		c.differ("", "%s: has no header", filepath.Base(name))
	}
	if c.head.Volume > 0 {
		c.volumes[c.head.Volume] = manifest.Volume{
			Number: c.head.Volume, Name: filepath.Base(name), Size: sealed.n, SHA256: hex.EncodeToString(sealed.hash.Sum(nil)),
		}
	}
	return nil
}

func (c *checker) opened(sealed io.Reader) error {
	plain, err := seal.Open(sealed, c.key)
	if err != nil {
		return err
	}
	z, err := zstd.NewReader(plain, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	defer z.Close()
	archive := tar.NewReader(z)
	digest, n := sha256.New(), 0
	var end *trailer
	for {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("torn after %d items: %w", n, err)
		}
		switch {
		case h.Typeflag != tar.TypeReg:
			c.differ(h.Name, "is of type %q, which no bundle holds", h.Typeflag)
		case c.head.Format == 0:
			err = c.begin(h, archive)
		case strings.HasPrefix(h.Name, recordsDir):
			n++
			err = c.record(h, io.TeeReader(archive, digest))
		case strings.HasPrefix(h.Name, volumesDir):
			end, err = readJSON[trailer](archive, h)
		default:
			err = c.content(h, archive)
		}
		if err != nil {
			return err
		}
	}
	c.atEnd(end, n, digest)
	// Only the end of the message says that none of it was altered.
	if _, err := io.Copy(io.Discard, z); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, plain)
	return err
}

func (c *checker) begin(h *tar.Header, r io.Reader) error {
	head, err := readJSON[header](r, h)
	if err != nil || !strings.HasPrefix(h.Name, volumesDir) || head.Volume < 1 || head.Bundle == "" {
		return errors.New("does not begin with the header of a bundle")
	}
	if head.Format != manifest.Format {
		return fmt.Errorf("is of format %d; this program reads %d", head.Format, manifest.Format)
	}
	v := &c.verdict
	if v.Bundle == "" {
		v.Bundle, v.Case, v.Host, v.TLP, c.signer = head.Bundle, head.Case, head.Host, head.TLP, head.Signer.PublicKey
	}
	c.head = *head
	if head.Bundle != v.Bundle {
		c.head.Volume = 0
		return fmt.Errorf("belongs to another bundle (%s, case %s), not to %s", head.Bundle, head.Case, v.Bundle)
	}
	if _, twice := c.volumes[head.Volume]; twice {
		return fmt.Errorf("volume %d was given twice", head.Volume)
	}
	return nil
}

func (c *checker) atEnd(end *trailer, records int, digest hash.Hash) {
	switch {
	case end == nil:
		c.differ("", "has no end: it was never finished, or was cut")
	case end.Bundle != c.head.Bundle || end.Volume != c.head.Volume:
		c.differ("", "has the end of another volume")
	case end.Records != records || end.Digest != hex.EncodeToString(digest.Sum(nil)):
		c.differ("", "its %d records are not the %d that were written", records, end.Records)
	case end.Last:
		c.ended = true
	}
}

// content reads evidence, or one of the bundle's own files.
func (c *checker) content(h *tar.Header, r io.Reader) error {
	switch {
	case h.Name == manifestName || h.Name == signatureName:
		data, err := io.ReadAll(io.LimitReader(r, maxManifest))
		if err != nil {
			return err
		}
		if h.Name == manifestName {
			c.manifest = data
		} else {
			c.signature = data
		}
		return c.hand(h.Name, bytes.NewReader(data))
	case !validName(h.Name):
		c.differ(h.Name, "is a name that no bundle holds; it was not extracted")
		return nil
	}
	before := c.item.sum.n
	if len(c.item.parts) == 0 {
		c.item.sum = contentHash{hash: sha256.New()}
		before = 0
	}
	err := c.hand(h.Name, io.TeeReader(r, &c.item.sum))
	c.item.parts = append(c.item.parts, manifest.Part{Name: h.Name, Volume: c.head.Volume, Size: c.item.sum.n - before})
	return err
}

var errTaker = errors.New("cannot extract")

// hand gives a file to the taker. A fault of r comes back as it is, one of the taker as errTaker.
func (c *checker) hand(name string, r io.Reader) error {
	if c.taker == nil {
		_, err := io.Copy(io.Discard, r)
		return err
	}
	w, err := c.taker.Create(name)
	if errors.Is(err, os.ErrExist) {
		c.differ(name, "is in the bundle twice; the first was extracted")
		_, err = io.Copy(io.Discard, r)
		return err
	}
	if err != nil {
		return fmt.Errorf("%w %s: %w", errTaker, name, err)
	}
	src := &source{r: r}
	_, err = io.Copy(w, struct{ io.Reader }{src})
	if err = errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("%w %s: %w", errTaker, name, err)
	}
	return src.err
}

func (c *checker) record(h *tar.Header, r io.Reader) error {
	item := c.item
	c.item = pending{}
	e, err := readJSON[manifest.Entry](r, h)
	if err != nil {
		c.differ(h.Name, "%v", err)
		return nil
	}
	if _, twice := c.records[e.Number]; twice || h.Name != fmt.Sprintf("%s%08d.json", recordsDir, e.Number) {
		c.differ(e.Name, "has a record out of place: %s", h.Name)
		return nil
	}
	c.records[e.Number] = *e
	c.verdict.Items++
	c.verdict.Bytes += e.Size
	if what := item.against(e); what != "" {
		c.differ(e.Name, "%s", what)
		return nil
	}
	if c.taker == nil {
		return nil
	}
	if err := c.taker.Keep(*e); err != nil {
		return fmt.Errorf("%w %s: %w", errTaker, e.Name, err)
	}
	return nil
}

// against compares what was read with what the record says; empty: the same.
func (p *pending) against(e *manifest.Entry) string {
	if e.Link != "" {
		if len(p.parts) > 0 {
			return "is a link and has content"
		}
		return ""
	}
	want := e.Parts
	if len(want) == 0 {
		want = []manifest.Part{{Name: e.Name}}
	}
	if len(want) != len(p.parts) {
		return fmt.Sprintf("has %d of %d parts", len(p.parts), len(want))
	}
	for i := range want {
		if want[i].Name != p.parts[i].Name {
			return fmt.Sprintf("the content before its record is of %s", p.parts[i].Name)
		}
	}
	if p.sum.n != e.Size+e.Padding {
		return fmt.Sprintf("has %d bytes, not %d", p.sum.n-e.Padding, e.Size)
	}
	if sum, ok := p.sum.upTo(e.Size); !ok || sum != e.SHA256 {
		return "its content does not match its SHA-256"
	}
	return ""
}

// conclude compares the records with the signed manifest.
func (c *checker) conclude() {
	c.head.Volume = 0
	v := &c.verdict
	for _, n := range slices.Sorted(maps.Keys(c.volumes)) {
		v.Volumes = append(v.Volumes, c.volumes[n])
	}
	if c.manifest == nil {
		c.differ("", "no manifest: the last volume is missing or was never finished")
		return
	}
	signer, err := seal.Verify(c.signer, c.manifest, c.signature)
	if err != nil {
		c.differ(manifestName, "%v", err)
		return
	}
	var m manifest.Manifest
	if err := json.Unmarshal(c.manifest, &m); err != nil {
		c.differ(manifestName, "%v", err)
		return
	}
	sum := sha256.Sum256(c.manifest)
	v.Manifest, v.Signer, v.Digest = &m, signer, hex.EncodeToString(sum[:])
	if m.Bundle != v.Bundle || m.Signer.Fingerprint != signer {
		c.differ(manifestName, "is of bundle %s, signed by %s", m.Bundle, m.Signer.Fingerprint)
	}
	if !c.ended {
		c.differ("", "the end of the last volume is missing")
	}
	c.compareVolumes(&m)
	c.compareEntries(&m)
}

func (c *checker) compareVolumes(m *manifest.Manifest) {
	for _, want := range m.Volumes {
		c.head.Volume = want.Number
		got, ok := c.volumes[want.Number]
		switch {
		case !ok:
			c.differ("", "is missing (%s)", want.Name)
		case got.SHA256 != want.SHA256 || got.Size != want.Size:
			c.differ("", "%s is not the sealed file that the manifest names: SHA-256 %s, not %s", got.Name, got.SHA256, want.SHA256)
		}
	}
	if last := len(m.Volumes) + 1; len(c.volumes) > 0 {
		for n := range c.volumes {
			if n > last {
				c.head.Volume = n
				c.differ("", "is beyond the last volume, %d", last)
			}
		}
	}
	c.head.Volume = 0
}

func (c *checker) compareEntries(m *manifest.Manifest) {
	for _, want := range m.Entries {
		c.head.Volume = want.Volume
		got, ok := c.records[want.Number]
		delete(c.records, want.Number)
		if !ok {
			c.differ(want.Name, "is missing")
			continue
		}
		if !sameJSON(got, want) {
			c.differ(want.Name, "its record is not the one in the manifest")
		}
	}
	for _, n := range slices.Sorted(maps.Keys(c.records)) {
		c.differ(c.records[n].Name, "is not in the manifest")
	}
	c.head.Volume = 0
}

func sameJSON(a, b manifest.Entry) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}

func readJSON[T any](r io.Reader, h *tar.Header) (*T, error) {
	if h.Size > maxRecord {
		return nil, fmt.Errorf("%s is %d bytes long", h.Name, h.Size)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	return v, nil
}

// sealedReader reads a volume's file, hashes it and ends with ctx.
type sealedReader struct {
	r    io.Reader
	ctx  context.Context
	hash hash.Hash
	n    int64
}

func (s *sealedReader) Read(b []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	n, err := s.r.Read(b)
	s.hash.Write(b[:n])
	s.n += int64(n)
	return n, err
}

// contentHash hashes an item's content whose true end, before the padding, only the record tells: zeros at the end are
// held back until something else follows.
type contentHash struct {
	hash hash.Hash
	n    int64 // bytes written, the zeros held back included
	held int64
}

func (c *contentHash) Write(b []byte) (int, error) {
	end := len(b)
	for end > 0 && b[end-1] == 0 {
		end--
	}
	if end > 0 {
		c.release(c.held)
		c.hash.Write(b[:end])
		c.held = 0
	}
	c.held += int64(len(b) - end)
	c.n += int64(len(b))
	return len(b), nil
}

func (c *contentHash) release(n int64) {
	var zero [4096]byte
	for ; n > 0; n -= min(n, int64(len(zero))) {
		c.hash.Write(zero[:min(n, int64(len(zero)))])
	}
}

// upTo ends the hash at the given length; false where what follows is not zeros. An item without content was never
// written to.
func (c *contentHash) upTo(size int64) (string, bool) {
	if c.hash == nil {
		c.hash = sha256.New()
	}
	zeros := size - (c.n - c.held)
	if zeros < 0 || zeros > c.held {
		return "", false
	}
	c.release(zeros)
	return hex.EncodeToString(c.hash.Sum(nil)), true
}
