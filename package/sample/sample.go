// Package sample packs malware the way CERTs ask for it: a zip locked with a short password that accompanies the
// report, with a word in its name that says what it holds, so that nobody opens it by mistake and no scanner on the way
// takes it out. It is written as a stream.
//
// The files in it have harmless names; what they are called on the host, and their hashes, stand in a list that is the
// last file of the zip, and is locked too.
//
// AES-256 is the AE-2 format of WinZip (winzip.com/en/support/aes-encryption), which 7-Zip opens and Info-ZIP's unzip
// does not. ZipCrypto is the encryption of the ZIP specification itself (PKWARE APPNOTE.TXT 6.3.10, chapter 6.1), which
// everything opens. It is weak, and here that does not matter: the password stands beside the zip, and the bundle
// around it is sealed.
package sample

import (
	"archive/zip"
	"compress/flate"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"path"
	"strings"
	"time"
)

// DefaultPassword is the one everybody who exchanges malware knows.
const DefaultPassword = "infected"

// A Cipher is how the zip is locked.
type Cipher string

// The ciphers.
const (
	AES256    Cipher = "aes256"
	ZipCrypto Cipher = "zipcrypto"
)

// ParseCipher reads the name of a cipher; empty is AES256.
func ParseCipher(name string) (Cipher, error) {
	switch c := Cipher(strings.ToLower(name)); c {
	case "", AES256:
		return AES256, nil
	case ZipCrypto:
		return c, nil
	}
	return "", fmt.Errorf("%q is no way to lock a zip: aes256 or zipcrypto", name)
}

const maxPassword = 64 // bytes

// CheckPassword refuses what another program might encode in another way, or a person cannot type: a password is 1 to
// 64 visible ASCII characters.
func CheckPassword(password string) error {
	if password == "" || len(password) > maxPassword {
		return fmt.Errorf("a password for samples has 1 to %d characters", maxPassword)
	}
	for _, c := range []byte(password) {
		if c <= ' ' || c > '~' {
			return errors.New("a password for samples is of visible ASCII characters, without spaces")
		}
	}
	return nil
}

// Name is the file name of the zip about a case and host, which tells what it holds: in Icelandic SPILLIKODI, in all
// other languages MALWARE. The base must be plain already.
func Name(base, language string) string {
	if language == "is" {
		return base + "-SPILLIKODI.zip"
	}
	return base + "-MALWARE.zip"
}

// A Sample is one file in the zip.
type Sample struct {
	Name     string    `json:"name"`              // in the zip
	Path     string    `json:"path"`              // on the host, as it is to be shown
	Size     int64     `json:"size"`              // bytes
	Modified time.Time `json:"modified,omitzero"` // as the host claims it, UTC
	MD5      string    `json:"md5,omitempty"`     // of the content, lower-case hex
	SHA1     string    `json:"sha1,omitempty"`    //
	SHA256   string    `json:"sha256"`            //
	Cut      string    `json:"cut,omitempty"`     // why it is not whole
}

// Options are how to lock. The zero value is AES-256 with DefaultPassword.
type Options struct {
	Password string
	Cipher   Cipher
}

// A Writer writes a zip. It is not safe for concurrent use.
type Writer struct {
	zip  *zip.Writer
	opts Options
	list []Sample
}

// NewWriter begins a zip on w.
func NewWriter(w io.Writer, o Options) (*Writer, error) {
	if o.Password == "" {
		o.Password = DefaultPassword
	}
	var err error
	if o.Cipher, err = ParseCipher(string(o.Cipher)); err != nil {
		return nil, err
	}
	if err := CheckPassword(o.Password); err != nil {
		return nil, err
	}
	return &Writer{zip: zip.NewWriter(w), opts: o, list: []Sample{}}, nil
}

// Add packs the content that r gives, of a file of the host. What r fails with makes a shorter sample that says so; an
// error of Add means that the zip can no longer be written.
func (w *Writer) Add(origin string, modified time.Time, r io.Reader) (Sample, error) {
	s := Sample{Name: harmless(len(w.list)+1, origin), Path: origin, Modified: modified.UTC()}
	hashes := []hash.Hash{md5.New(), sha1.New(), sha256.New()}
	src := &source{r: r}
	var err error
	if s.Size, err = w.file(s.Name, modified, io.TeeReader(src, io.MultiWriter(hashes[0], hashes[1], hashes[2]))); err != nil {
		return s, fmt.Errorf("sample %s: %w", s.Name, err)
	}
	for i, to := range []*string{&s.MD5, &s.SHA1, &s.SHA256} {
		*to = hex.EncodeToString(hashes[i].Sum(nil))
	}
	if src.err != nil {
		s.Cut = src.err.Error()
	}
	w.list = append(w.list, s)
	return s, nil
}

// ListName is the file of the zip that says what the others are.
const ListName = "MALWARE.json"

// Close writes the list and ends the zip.
func (w *Writer) Close() error {
	list, err := json.MarshalIndent(w.list, "", "  ")
	if err != nil {
		return err
	}
	if _, err := w.file(ListName, time.Time{}, strings.NewReader(string(list)+"\n")); err != nil {
		return err
	}
	return w.zip.Close()
}

// harmless is a name that no system runs when it is clicked, and that still tells the analyst what it was: a number, the
// last part of the path in plain letters, and .bin.
func harmless(number int, origin string) string {
	base := path.Base(strings.ReplaceAll(origin, `\`, "/"))
	plain := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '_'
	}, base)
	return fmt.Sprintf("%04d-%s.bin", number, plain[max(0, len(plain)-80):])
}

// source ends at an error of the evidence, and keeps it apart from errors of the zip.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err, err = err, io.EOF
	}
	return n, err
}

// Fields of a zip header that archive/zip has no names for.
const (
	encrypted      = 0x1
	dataDescriptor = 0x8 // sizes and checksum follow the content
	methodAES      = 99
	extraAES       = 0x9901
	extraTime      = 0x5455
	versionAES     = 51
	versionCrypto  = 20
	noDate         = 1<<5 | 1 // 1980-01-01, the first that there is
)

// file packs one file: compressed, then locked.
func (w *Writer) file(name string, modified time.Time, r io.Reader) (size int64, err error) {
	//lint:ignore SA1019 CreateRaw takes the DOS date from here; the true time is in the extra field
	fh := &zip.FileHeader{Name: name, Flags: encrypted | dataDescriptor, Method: zip.Deflate, ReaderVersion: versionCrypto, ModifiedDate: noDate}
	if !modified.IsZero() && modified.Unix() > 0 && modified.Unix() < 1<<31 {
		fh.Extra = binary.LittleEndian.AppendUint32([]byte{extraTime & 0xff, extraTime >> 8, 5, 0, 1}, uint32(modified.Unix()))
	}
	if w.opts.Cipher == AES256 {
		fh.Method, fh.ReaderVersion = methodAES, versionAES
		// vendor version 2, "AE", strength 3: 256 bits, and the true method
		fh.Extra = append(fh.Extra, extraAES&0xff, extraAES>>8, 7, 0, 2, 0, 'A', 'E', 3, byte(zip.Deflate), 0)
	}
	out, err := w.zip.CreateRaw(fh)
	if err != nil {
		return 0, err
	}
	packed := &counter{w: out}
	lock, err := w.lock(packed)
	if err != nil {
		return 0, err
	}
	deflate, err := flate.NewWriter(lock, flate.BestSpeed)
	if err != nil {
		return 0, err
	}
	sum := crc32.NewIEEE()
	size, err = io.Copy(io.MultiWriter(deflate, sum), r)
	if err := errors.Join(err, deflate.Close(), lock.Close()); err != nil {
		return size, err
	}
	if w.opts.Cipher == ZipCrypto { // AE-2 leaves the checksum out: it would tell of the content
		fh.CRC32 = sum.Sum32()
	}
	fh.CompressedSize64, fh.UncompressedSize64 = uint64(packed.n), uint64(size)
	//lint:ignore SA1019 archive/zip writes the data descriptor from them
	fh.CompressedSize, fh.UncompressedSize = low32(packed.n), low32(size)
	return size, nil
}

// low32 is a size in a field that says by all ones that it is too large for it.
func low32(n int64) uint32 { return uint32(min(n, 1<<32-1)) }

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
