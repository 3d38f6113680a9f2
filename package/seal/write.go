package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1" // the modification detection code of RFC 4880 is SHA-1
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/bits"

	"github.com/ProtonMail/gopenpgp/v2/constants"
	"github.com/ProtonMail/gopenpgp/v2/crypto"
)

// Sizes of the packets around the content (RFC 4880, sections 4.2.2, 5.9, 5.13 and 5.14), in bytes.
const (
	chunk       = 1 << 16          // of the content, in one partial length: measured, more is not faster
	firstLeast  = 512              // the least that a first partial length may be
	block       = aes.BlockSize    // the cipher's
	prefixSize  = block + 2        // random bytes, the last two of them twice
	literalHead = 6                // "b", no name, no date: in the literal packet before the content
	codeSize    = 2 + sha1.Size    // the modification detection code packet at the very end
	lead        = prefixSize + 1   // prefix and tag, before the literal packet's first length
	bodyAt      = block + lead + 5 // where the body stands in the Writer's buffer: at most this much goes before it
)

// Held is the most that a sealing stream holds back of what was written to it, in bytes, where Flush is not called.
const Held = chunk

// A Writer seals what is written to it into one OpenPGP message. It is not safe for concurrent use, keeps a few chunks
// in memory, and runs nothing in the background: to abandon it, forget it. (Hashing on another core was measured. It
// cost an eighth to a fifth more CPU for the handing over, on cores that the compressor before us has use for.)
//
// gopenpgp makes the session key and its packets. The encrypted data packet is ours, because gopenpgp encrypts it byte
// by byte. CFB, which the format asks for, is computed through CBC, whose implementation in the standard library is not
// deprecated and works on many blocks at a time: with K(1) = E(0) and K(i+1) = E(P(i) ^ K(i)), which is CBC over a block
// of zeros and then the plaintext, CFB's ciphertext is C(i) = P(i) ^ K(i).
type Writer struct {
	w   io.Writer
	err error // sticky: of w, or errClosed

	sum   hash.Hash
	cbc   cipher.BlockMode
	key   [block]byte // the keystream of the block that comes next, or is begun
	used  int         // bytes of that block that were sealed already
	begun [block]byte // these bytes

	buf     []byte // the begun block, lead and length; then, at bodyAt, the body
	body    int    // bytes of it
	stream  []byte // keystream of one piece
	out     []byte // packets' bytes of one piece
	started bool   // something of the encrypted packet was written
}

var errClosed = errors.New("the sealed message has ended")

// New begins an OpenPGP message to the recipients on w, and writes its key packets, one for each recipient. What is
// written to it is sealed as it comes, but for the last Held bytes; Flush leaves none behind. Close ends the message but
// does not close w. A message without Close is a torn one: its beginning can still be opened.
func New(w io.Writer, to []Recipient) (*Writer, error) {
	session, err := crypto.GenerateSessionKeyAlgo(constants.AES256)
	if err != nil {
		return nil, err
	}
	packets, err := keyPackets(session, to)
	if err != nil {
		return nil, err
	}
	cipherBlock, err := aes.NewCipher(session.Key)
	if err != nil {
		return nil, err
	}
	s := &Writer{
		w: w, sum: sha1.New(),
		cbc: cipher.NewCBCEncrypter(cipherBlock, make([]byte, block)),
		buf: make([]byte, bodyAt+chunk+codeSize), stream: make([]byte, bodyAt+chunk+codeSize+2*block),
		out: make([]byte, 0, bodyAt+chunk+codeSize+64),
	}
	s.cbc.CryptBlocks(s.key[:], s.key[:])
	s.body = copy(s.buf[bodyAt:], []byte{'b', 0, 0, 0, 0, 0})
	if err := s.write(packets); err != nil {
		return nil, err
	}
	return s, nil
}

// keyPackets encrypts the session key to each recipient once, by the subkey that gopenpgp chooses: the newest that is
// valid and meant for it.
func keyPackets(session *crypto.SessionKey, to []Recipient) ([]byte, error) {
	if len(to) == 0 {
		return nil, errors.New("no recipient to seal to")
	}
	var all []byte
	done := map[string]bool{}
	for _, r := range to {
		if done[r.Fingerprint] {
			continue
		}
		done[r.Fingerprint] = true
		moveClockTo(born(r.key.GetEntity()))
		ring, err := crypto.NewKeyRing(r.key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r, err)
		}
		packet, err := ring.EncryptSessionKey(session)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r, err)
		}
		all = append(all, packet...)
	}
	return all, nil
}

// Write seals p. An error is that of the writer below, and stays.
func (s *Writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && s.err == nil {
		m := copy(s.buf[bodyAt+s.body:bodyAt+chunk], p)
		s.body, n, p = s.body+m, n+m, p[m:]
		if s.body == chunk {
			s.partial(bodyAt, chunk)
			s.body = 0
		}
	}
	return n, s.err
}

// Flush writes out all that was written so far, but where that is less than the 506 bytes that the message must have
// to be sent in parts. It costs about 30 bytes.
func (s *Writer) Flush() error {
	if s.err != nil || !s.started && s.body < firstLeast {
		return s.err
	}
	at := bodyAt
	for s.body > 0 && s.err == nil {
		n := 1 << (bits.Len(uint(s.body)) - 1)
		s.partial(at, n)
		at, s.body = at+n, s.body-n
	}
	return s.err
}

// Close ends the message.
func (s *Writer) Close() error {
	if s.err != nil {
		if errors.Is(s.err, errClosed) {
			return nil
		}
		return s.err
	}
	from := s.head(bodyAt, definiteLength(s.body))
	end := bodyAt + s.body
	s.buf[end], s.buf[end+1] = tagCode, sha1.Size
	s.sum.Write(s.buf[from : end+2])
	s.sum.Sum(s.buf[end+2 : end+2])
	s.encrypt(from, end+codeSize, false)
	if s.write(s.out) == nil {
		s.err = errClosed
		return nil
	}
	return s.err
}

// partial seals n bytes of the body, a power of two, that stand in the buffer at the given place.
func (s *Writer) partial(at, n int) {
	from := s.head(at, []byte{partialLength(n)})
	s.sum.Write(s.buf[from : at+n])
	s.encrypt(from, at+n, true)
	s.write(s.out) //nolint:errcheck // it stays in s.err
}

// head puts what goes before the body there: the length, and at the beginning of the message the prefix and the
// literal packet's tag. It returns where that begins. Before it stands the begun block.
func (s *Writer) head(at int, length []byte) (from int) {
	if s.started {
		from = at - len(length)
		copy(s.buf[from-s.used:from], s.begun[:])
	} else {
		from = at - len(length) - lead
		prefix := s.buf[from : from+prefixSize]
		rand.Read(prefix[:block]) //nolint:errcheck // never returns one
		copy(prefix[block:], prefix[block-2:block])
		s.buf[from+prefixSize] = tagLiteral
	}
	copy(s.buf[at-len(length):], length)
	return from
}

// encrypt makes of buf[from:to] the bytes of the encrypted packet, in out, in parts or as its definite end.
func (s *Writer) encrypt(from, to int, more bool) {
	plain := s.buf[from:to]
	blocks := s.buf[from-s.used : to] // with the begun block
	whole := len(blocks) / block * block
	copy(s.stream, s.key[:])
	s.cbc.CryptBlocks(s.stream[block:block+whole], blocks[:whole])
	stream := s.stream[s.used:]
	copy(s.key[:], s.stream[whole:])
	s.used = copy(s.begun[:], blocks[whole:])

	var clear []byte
	s.out = s.out[:0]
	if !s.started {
		s.started = true
		s.out, clear = append(s.out, tagEncrypted), []byte{versionCode}
	}
	if !more {
		s.out = append(append(s.out, definiteLength(len(clear)+len(plain))...), clear...)
		s.xor(plain, stream)
		return
	}
	for n := len(clear) + len(plain); n > 0; {
		part := 1 << (bits.Len(uint(n)) - 1)
		s.out = append(append(s.out, partialLength(part)), clear...)
		data := part - len(clear)
		s.xor(plain[:data], stream)
		plain, stream, clear, n = plain[data:], stream[data:], nil, n-part
	}
}

func (s *Writer) xor(plain, stream []byte) {
	n := len(s.out)
	s.out = s.out[:n+len(plain)]
	subtle.XORBytes(s.out[n:], plain, stream)
}

func (s *Writer) write(p []byte) error {
	n, err := s.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	s.err = err
	return err
}
