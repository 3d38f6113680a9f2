package bundle

import (
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
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"spor/package/manifest"
	"spor/package/seal"
)

// Bounds of what is read into memory on the desk, in bytes.
const (
	maxRecord   = 16 << 20
	maxManifest = 8 << 30   // it is held compressed
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
	Manifest    *manifest.Manifest // without its long lists, Outcomes and Entries; nil where none was found or its signature does not match
	Digest      string             // SHA-256 of manifest.json, hex
	Signer      string             // fingerprint of the key that signed it, or the ends of volumes where there is none
	Volumes     []manifest.Volume  // those that were read, in order
	Authentic   []int              // volumes that by themselves prove to be what was sealed: read to their end, and signed
	Items       int
	Bytes       int64
	Differences []Difference // empty: all is as it was sealed
}

// Whole tells whether everything is there and is as it was sealed.
func (v *Verdict) Whole() bool { return v.Manifest != nil && len(v.Differences) == 0 }

// A Taker is given what a bundle holds while it is checked, such as to extract it. Nothing it is given is certain
// before the Verdict is.
type Taker interface {
	// Create begins a file of the archive: evidence, or one of the bundle's own (manifest.json). Of a sparse file it is
	// given what is stored, the map and the runs.
	Create(name string) (io.WriteCloser, error)
	// Keep says that an item is complete and matches its record: os.ErrExist where there is one of its name already.
	Keep(e manifest.Entry) error
}

// Check reads the volumes of one bundle, in any order given, and compares all with all: seals, hashes, records,
// signatures, manifest. Memory does not grow with the items' size, and by some hundred bytes an item. It stops only where
// nothing can be opened (seal.ErrWrongKey), the taker fails, or ctx ends; every other fault is a Difference and the
// reading goes on.
func Check(ctx context.Context, volumes []string, key *seal.Key, taker Taker) (*Verdict, error) {
	c := &checker{ctx: ctx, key: key, taker: taker, records: map[int]recorded{}, volumes: map[int]manifest.Volume{}}
	for _, name := range c.inOrder(volumes) {
		if err := c.volume(name); err != nil {
			return &c.verdict, err
		}
	}
	if c.locked != nil && c.verdict.Bundle == "" { // one damaged volume must not hide the others, but a wrong key opens none
		return &c.verdict, c.locked
	}
	c.conclude()
	return &c.verdict, nil
}

// inOrder sorts by the number that each volume says it has, whatever its file is called; where it says none, by that of
// the name.
func (c *checker) inOrder(volumes []string) []string {
	if len(volumes) < 2 {
		return volumes
	}
	numbers := map[string]int{}
	for _, name := range volumes {
		if numbers[name] = c.peek(name); numbers[name] == 0 {
			numbers[name] = numberOf(name)
		}
	}
	return slices.SortedStableFunc(slices.Values(volumes), func(a, b string) int {
		return cmp.Or(cmp.Compare(numbers[a], numbers[b]), cmp.Compare(filepath.Base(a), filepath.Base(b)))
	})
}

// maxPeek bounds what is read of a volume to learn its number, in bytes: session keys for hundreds of recipients, and
// the first frame.
const maxPeek = 1 << 20

// peek reads no more than the header, and believes it for the order alone; 0: it cannot be read. Why is said later.
func (c *checker) peek(name string) int {
	f, err := os.Open(name)
	if err != nil || c.ctx.Err() != nil {
		return 0
	}
	defer f.Close() // read only
	plain, err := seal.Open(io.LimitReader(f, maxPeek), c.key)
	if err != nil {
		return 0
	}
	z, err := zstd.NewReader(plain, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return 0
	}
	defer z.Close()
	archive := &unarchiver{r: z}
	m, err := archive.next()
	if err != nil {
		return 0
	}
	data, err := readSmall(m, archive)
	var head header
	if err != nil || json.Unmarshal(data, &head) != nil {
		return 0
	}
	return head.Volume
}

// numberOf is the NNN of BASE.NNN.tar.zst.pgp, which may have more digits; 0: there is none.
func numberOf(name string) int {
	base, _, found := strings.Cut(filepath.Base(name), ".tar.zst.pgp")
	if !found {
		return 0
	}
	n, err := strconv.Atoi(base[strings.LastIndexByte(base, '.')+1:])
	if err != nil {
		return 0
	}
	return n
}

type checker struct {
	ctx     context.Context
	key     *seal.Key
	taker   Taker
	verdict Verdict

	reading   // the volume that is being read
	records   map[int]recorded
	volumes   map[int]manifest.Volume
	manifest  *ledger
	digest    string // of the manifest
	signature []byte
	signer    string // public key that the volumes name
	ended     bool   // the last volume's end was seen
	locked    error  // a volume is sealed to another key

	item pending
}

// reading is what is known of a volume while it is read.
type reading struct {
	head      header
	headSum   string
	sums      hash.Hash // of the records
	count     int
	first     int
	final     int
	end       *trailer
	endData   []byte
	endSig    []byte
	faults    int                // differences of this volume itself
	originals map[uint64]content // items that stand whole in the volume, by their name's key
}

// content is what an item's bytes are known by.
type content struct {
	size   int64
	sha256 [sha256.Size]byte
}

// recorded is what is remembered of a record: its hash, without the line feed.
type recorded struct {
	sum    [sha256.Size]byte
	volume int
}

// pending is the item whose content was read and whose record is still to come.
type pending struct {
	sum   contentHash
	parts []manifest.Part
	link  string // it is a link to this item, whose content is
	same  content
	cut   bool // the last part is not whole
}

// differ notes a fault of the volume that is being read.
func (c *checker) differ(item, format string, args ...any) {
	c.faults++
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
	c.reading = reading{sums: sha256.New(), originals: map[uint64]content{}}
	err = c.opened(sealed)
	switch {
	case c.ctx.Err() != nil:
		return context.Cause(c.ctx)
	case errors.Is(err, errTaker):
		return err
	case err != nil:
		if errors.Is(err, seal.ErrWrongKey) {
			c.locked = err
		}
		c.differ("", "%s: %v", filepath.Base(name), err)
		c.unconfirmed()
	}
	if _, err := io.Copy(io.Discard, sealed); err != nil {
		c.differ("", "%s: %v", filepath.Base(name), err)
	}
	if c.head.Volume == 0 {
		if c.faults == 0 {
			c.differ("", "%s: has no header", filepath.Base(name))
		}
		return nil
	}
	c.volumes[c.head.Volume] = manifest.Volume{
		Number: c.head.Volume, Name: filepath.Base(name), Size: sealed.n, SHA256: hex.EncodeToString(sealed.hash.Sum(nil)),
	}
	if c.faults == 0 {
		c.verdict.Authentic = append(c.verdict.Authentic, c.head.Volume)
	}
	return nil
}

// unconfirmed says what became of an item whose volume ends before its record.
func (c *checker) unconfirmed() {
	p := &c.item
	if p.cut {
		last := p.parts[len(p.parts)-1]
		c.differ(last.Name, "is cut off: %d bytes of it were read; it is not confirmed by a record", last.Size)
		p.parts, p.cut = p.parts[:len(p.parts)-1], false
	}
	for len(p.parts) > 0 {
		last := p.parts[len(p.parts)-1]
		if last.Volume != c.head.Volume {
			return // its volume's own end vouches for it
		}
		c.differ(last.Name, "has no record that confirms it; %d bytes of it were read", last.Size)
		p.parts = p.parts[:len(p.parts)-1]
	}
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
	archive := &unarchiver{r: z}
	for {
		m, err := archive.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = c.member(m, archive)
		}
		if err != nil && errors.Is(err, errTaker) {
			return err
		}
		if err != nil {
			return fmt.Errorf("torn after %d items: %w", c.count, err)
		}
	}
	// Only the end of the message says that none of it was altered.
	if _, err := io.Copy(io.Discard, z); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return err
	}
	c.atEnd()
	return nil
}

// member reads one file of the archive.
func (c *checker) member(m member, r io.Reader) error {
	switch {
	case c.head.Format == 0:
		return c.begin(m, r)
	case m.kind != typeFile && m.kind != typeLink:
		c.differ(m.name, "is of type %q, which no bundle holds", m.kind)
		return nil
	case strings.HasPrefix(m.name, recordsDir):
		return c.record(m, r)
	case strings.HasPrefix(m.name, volumesDir):
		return c.trailer(m, r)
	case m.name == manifestName || m.name == signatureName:
		return c.own(m, r)
	case !validName(m.name):
		c.differ(m.name, "is a name that no bundle holds; it was not extracted")
		return nil
	case m.kind == typeLink:
		return c.link(m)
	}
	return c.content(m, r)
}

func (c *checker) begin(m member, r io.Reader) error {
	data, err := readSmall(m, r)
	if err != nil {
		return err
	}
	var head header
	if err := json.Unmarshal(data, &head); err != nil || !strings.HasPrefix(m.name, volumesDir) || head.Volume < 1 || head.Bundle == "" {
		return errors.New("does not begin with the header of a bundle")
	}
	if head.Format != manifest.Format {
		return fmt.Errorf("is of format %d; this program reads %d", head.Format, manifest.Format)
	}
	v := &c.verdict
	if v.Bundle == "" {
		v.Bundle, v.Case, v.Host, v.TLP, c.signer = head.Bundle, head.Case, head.Host, head.TLP, head.Signer.PublicKey
	}
	c.head, c.headSum = head, hexSum(data)
	if head.Bundle != v.Bundle {
		c.head.Volume = 0
		return fmt.Errorf("belongs to another bundle (%s, case %s), not to %s", head.Bundle, head.Case, v.Bundle)
	}
	if _, twice := c.volumes[head.Volume]; twice {
		c.head.Volume = 0
		return fmt.Errorf("volume %d was given twice", head.Volume)
	}
	if head.Signer.PublicKey != c.signer {
		c.differ("", "names another signer, %s", head.Signer.Fingerprint)
	}
	return nil
}

func (c *checker) trailer(m member, r io.Reader) error {
	data, err := readSmall(m, r)
	if err != nil {
		return err
	}
	if strings.HasSuffix(m.name, ".sig") {
		c.endSig = data
		return nil
	}
	c.end, c.endData = new(trailer), data
	if err := json.Unmarshal(data, c.end); err != nil {
		c.differ(m.name, "%v", err)
		c.end = nil
	}
	return nil
}

// atEnd holds the volume to what its signed end says of it.
func (c *checker) atEnd() {
	if c.end == nil {
		c.differ("", "has no end: it was never finished, or was cut")
		c.unconfirmed()
		return
	}
	signer, err := seal.Verify(c.signer, c.endData, c.endSig)
	if err != nil {
		c.differ("", "the signature of its end: %v", err)
	} else if c.verdict.Signer == "" {
		c.verdict.Signer = signer
	}
	switch end := c.end; {
	case end.Bundle != c.head.Bundle || end.Volume != c.head.Volume || end.Header != c.headSum:
		c.differ("", "has the end of another volume")
	case end.Records != c.count || end.First != c.first || end.Final != c.final || end.Digest != hex.EncodeToString(c.sums.Sum(nil)):
		c.differ("", "its %d records are not the %d that were written", c.count, end.Records)
	case end.Last:
		c.ended = true
	}
	here := slices.DeleteFunc(slices.Clone(c.item.parts), func(p manifest.Part) bool { return p.Volume != c.head.Volume })
	if !slices.Equal(here, c.end.Open) {
		c.differ("", "holds %d files without a record, not the %d that were written", len(here), len(c.end.Open))
	}
}

// own reads the manifest or its signature.
func (c *checker) own(m member, r io.Reader) error {
	sum := sha256.New()
	kept := newLedger(pages{})
	r = io.TeeReader(io.LimitReader(r, maxManifest), io.MultiWriter(sum, kept))
	if m.name == signatureName {
		data, err := readSmall(m, r)
		if err != nil {
			return err
		}
		c.signature = data
		return c.hand(m.name, bytes.NewReader(data))
	}
	err := c.hand(m.name, r)
	if err == nil {
		c.manifest, c.digest = kept, hex.EncodeToString(sum.Sum(nil))
	}
	return err
}

// content reads evidence.
func (c *checker) content(m member, r io.Reader) error {
	if n := len(c.item.parts); n > 0 && itemOf(c.item.parts[n-1].Name) != itemOf(m.name) {
		c.recordLost()
	}
	if len(c.item.parts) == 0 {
		c.item.sum = contentHash{hash: sha256.New()}
	}
	part := manifest.Part{Name: m.name, Volume: c.head.Volume}
	own := contentHash{hash: sha256.New()}
	to := io.Writer(&c.item.sum)
	if isPart(m.name) {
		to = io.MultiWriter(&c.item.sum, &own)
	}
	before := c.item.sum.n
	err := c.hand(m.name, io.TeeReader(r, to))
	part.Size = c.item.sum.n - before
	if isPart(m.name) {
		part.SHA256, _ = own.upTo(part.Size)
	}
	c.item.parts = append(c.item.parts, part)
	c.item.cut = err != nil
	return err
}

// recordLost says so of an item that another follows. That a part ends in an earlier volume is no fault of this one.
func (c *checker) recordLost() {
	for _, p := range c.item.parts {
		if p.Volume == c.head.Volume {
			c.differ(p.Name, "has no record that confirms it")
			continue
		}
		c.verdict.Differences = append(c.verdict.Differences, Difference{p.Volume, p.Name, "has no record that confirms it: what follows it is lost"})
	}
	c.item = pending{}
}

// isPart tells whether a file is called like the part of an item.
func isPart(name string) bool { return itemOf(name) != name }

// itemOf gives the name of the item that a file is, or is called like a part of.
func itemOf(name string) string {
	i := strings.LastIndex(name, ".part")
	if i > 0 && len(name) >= i+8 && strings.Trim(name[i+5:], "0123456789") == "" {
		return name[:i]
	}
	return name
}

func (c *checker) link(m member) error {
	same, ok := c.originals[key(m.link)]
	if !ok {
		c.differ(m.name, "is a link to %q, which is no whole item before it", m.link)
	}
	c.item = pending{link: m.link, same: same}
	return nil
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

func (c *checker) record(m member, r io.Reader) error {
	data, err := readSmall(m, r)
	if err != nil {
		return err
	}
	item := c.item
	c.item = pending{}
	c.sums.Write(data)
	c.count++
	var e manifest.Entry
	if err := json.Unmarshal(data, &e); err != nil {
		c.differ(m.name, "%v", err)
		return nil
	}
	if c.first == 0 {
		c.first = e.Number
	}
	c.final = e.Number
	if _, twice := c.records[e.Number]; twice || m.name != fmt.Sprintf("%s%08d.json", recordsDir, e.Number) {
		c.differ(e.Name, "has a record out of place: %s", m.name)
		return nil
	}
	c.records[e.Number] = recorded{sha256.Sum256(bytes.TrimSuffix(data, []byte("\n"))), c.head.Volume}
	c.verdict.Items++
	c.verdict.Bytes += e.Size
	if c.lacks(&item, &e) {
		return nil
	}
	if what := item.against(&e); what != "" {
		c.differ(e.Name, "%s", what)
		return nil
	}
	c.remember(&e)
	if c.taker == nil {
		return nil
	}
	switch err := c.taker.Keep(e); {
	case errors.Is(err, os.ErrExist):
		c.differ(e.Name, "is in the bundle twice; the first was extracted")
	case err != nil:
		return fmt.Errorf("%w %s: %w", errTaker, e.Name, err)
	}
	return nil
}

// lacks tells of an item some of whose parts were in volumes that are lost. Those that are there are held to what the
// record says of each, and the loss is no fault of this volume.
func (c *checker) lacks(item *pending, e *manifest.Entry) bool {
	if len(e.Parts) == 0 || len(item.parts) >= len(e.Parts) {
		return false
	}
	var lost []Difference
	have := item.parts
	for _, want := range e.Parts {
		if len(have) > 0 && have[0].Name == want.Name {
			got := have[0]
			if have = have[1:]; got.Volume != want.Volume || got.SHA256 != want.SHA256 && e.Padding == 0 {
				c.differ(got.Name, "is not the part that was written")
			}
			continue
		}
		if want.Volume == c.head.Volume {
			return false
		}
		lost = append(lost, Difference{want.Volume, want.Name, "is lost with its volume; the other parts are not joined"})
	}
	c.verdict.Differences = append(c.verdict.Differences, lost...)
	return true
}

// remember keeps what later items of the volume may be links to.
func (c *checker) remember(e *manifest.Entry) {
	if e.Link != "" || e.SameAs != "" || len(e.Parts) > 0 || e.Sparse != nil || e.Size < 1 {
		return
	}
	if sum, err := hex.DecodeString(e.SHA256); err == nil && len(sum) == sha256.Size {
		c.originals[key(e.Name)] = content{e.Size, [sha256.Size]byte(sum)}
	}
}

// against compares what was read with what the record says; empty: the same.
func (p *pending) against(e *manifest.Entry) string {
	switch {
	case e.Link != "":
		if len(p.parts) > 0 || p.link != "" {
			return "is a link and has content"
		}
		return ""
	case e.SameAs != p.link || p.link != "" && len(p.parts) > 0:
		return fmt.Sprintf("is a link to %q, not to %q", p.link, e.SameAs)
	case p.link != "":
		if e.Size != p.same.size || e.SHA256 != hex.EncodeToString(p.same.sha256[:]) {
			return fmt.Sprintf("its content is not that of %s", p.link)
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

func readSmall(m member, r io.Reader) ([]byte, error) {
	if m.size > maxRecord {
		return nil, fmt.Errorf("%w: %s is %d bytes long", errArchive, m.name, m.size)
	}
	return io.ReadAll(r)
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
