package bundle

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"
	"time"

	"spor/package/manifest"
	"spor/package/seal"
)

// A volume is the chain that the archive's bytes run through: tar, zstd, OpenPGP, SHA-256 and the store.
type volume struct {
	number int
	name   string
	dest   Volume
	buffer *bufio.Writer
	sealed hash.Hash
	out    atomic.Int64 // sealed bytes given to the store, by the frames' goroutine
	seal   io.WriteCloser
	frames *frames
	tar    *archiver
	in     int64 // archive bytes since out was last known for sure
	files  int

	header  string // SHA-256
	records int
	first   int
	final   int
	digest  hash.Hash       // of the records
	open    []manifest.Part // since the last record

	same   map[[sha256.Size]byte]string // small items by their content
	linked map[string]manifest.Entry    // by name: items whose file has other names too
}

func (w *Writer) openVolume() error {
	v := &volume{
		number: len(w.done) + 1, sealed: sha256.New(), digest: sha256.New(),
		same: map[[sha256.Size]byte]string{}, linked: map[string]manifest.Entry{},
	}
	v.name = fmt.Sprintf("%s.%03d.tar.zst.pgp", w.base, v.number)
	var err error
	if v.dest, err = w.store.Create(v.name); err != nil {
		return err
	}
	v.buffer = bufio.NewWriterSize(countWriter{v}, 256<<10)
	if v.seal, err = seal.New(v.buffer, w.opts.Recipients); err != nil {
		return errors.Join(err, v.dest.Abort())
	}
	v.frames = newFrames(v.seal, v.through, w.codec)
	v.tar = &archiver{w: v.frames}
	w.vol = v
	data, err := jsonLine(header{
		Format: manifest.Format, Bundle: w.bundle, Volume: v.number, Case: w.opts.Case, TLP: w.opts.TLP,
		Host: w.opts.Host, Started: w.opts.Started, Recipients: w.recipients(), Signer: w.signer(),
	})
	if err != nil {
		return err
	}
	v.header = hexSum(data)
	return v.whole(fmt.Sprintf("%s%03d.json", volumesDir, v.number), data, w.opts.Started)
}

type countWriter struct{ v *volume }

func (c countWriter) Write(b []byte) (int, error) {
	n, err := c.v.dest.Write(b)
	c.v.sealed.Write(b[:n])
	c.v.out.Add(int64(n))
	return n, err
}

// through lets nothing that was sealed wait on its way to the store: a run that is killed loses but the frames that
// were not compressed yet.
func (v *volume) through() error {
	if f, ok := v.seal.(interface{ Flush() error }); ok {
		if err := f.Flush(); err != nil {
			return err
		}
	}
	return v.buffer.Flush()
}

func (w *Writer) closeVolume(last bool) error {
	v := w.vol
	w.vol = nil
	if err := w.end(v, last); err != nil {
		return errors.Join(err, v.dest.Abort())
	}
	if err := v.dest.Commit(); err != nil {
		return err
	}
	w.done = append(w.done, manifest.Volume{Number: v.number, Name: v.name, Size: v.out.Load(), SHA256: hex.EncodeToString(v.sealed.Sum(nil))})
	return nil
}

// end writes the trailer and its signature, and ends the layers.
func (w *Writer) end(v *volume, last bool) error {
	err := func() error {
		data, err := jsonLine(trailer{
			Format: manifest.Format, Bundle: w.bundle, Volume: v.number, Header: v.header, Records: v.records, First: v.first, Final: v.final,
			Digest: hex.EncodeToString(v.digest.Sum(nil)), Open: v.open, Last: last,
		})
		if err != nil {
			return err
		}
		sig, err := w.opts.Signer.Sign(data)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s%03d.end.json", volumesDir, v.number)
		if err := v.whole(name, data, w.opts.Now()); err != nil {
			return err
		}
		return errors.Join(v.whole(name+".sig", sig, w.opts.Now()), v.tar.Close())
	}()
	if err = errors.Join(err, v.frames.Close()); err != nil {
		return err
	}
	return errors.Join(v.seal.Close(), v.buffer.Flush())
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
	if err := v.frames.Flush(); err != nil {
		return err
	}
	v.in = 0 // the seal was flushed after the last frame
	return nil
}

// begin begins a file of the archive.
func (v *volume) begin(m member) error {
	v.in += m.size + 5*block
	v.files++
	return v.tar.begin(m)
}

func (v *volume) whole(name string, data []byte, mod time.Time) error {
	if err := v.begin(member{name: name, kind: typeFile, size: int64(len(data)), mod: mod}); err != nil {
		return err
	}
	_, err := v.tar.Write(data)
	return err
}

func jsonLine(value any) ([]byte, error) {
	data, err := json.Marshal(value)
	return append(data, '\n'), err
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (v *volume) record(e *manifest.Entry, data []byte) error {
	v.digest.Write(data)
	v.records++
	if v.first == 0 {
		v.first = e.Number
	}
	v.final, v.open = e.Number, v.open[:0]
	return v.whole(fmt.Sprintf("%s%08d.json", recordsDir, e.Number), data, e.Read)
}

// remember keeps an item that stands whole in this volume, for others of the same content.
func (v *volume) remember(e *manifest.Entry) {
	if e.Size >= leastSame && e.Size < wholeItem && len(v.same) < maxOriginals {
		if sum, err := hex.DecodeString(e.SHA256); err == nil {
			v.same[[sha256.Size]byte(sum)] = e.Name
		}
	}
	if e.Links > 1 && e.Size > 0 && len(v.linked) < maxOriginals {
		v.linked[e.Name] = manifest.Entry{Size: e.Size, SHA256: e.SHA256, SHA1: e.SHA1, MD5: e.MD5}
	}
}
