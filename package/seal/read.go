package seal

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1" // the modification detection code of RFC 4880 is SHA-1
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/ProtonMail/gopenpgp/v2/constants"
	"github.com/ProtonMail/gopenpgp/v2/crypto"
)

// What is read before the encrypted data is bounded, in bytes: a key packet for each recipient, and they are small.
const (
	maxPacket     = 16 << 10
	maxKeyPackets = 1 << 20
)

// Open gives the content of a sealed stream. What is read is not authenticated before Read has returned io.EOF: until
// then, and when it returns another error (ErrDamaged), nothing that was read may be acted on. Nothing may follow the
// message.
//
// A message of the shape that New makes is read by us, which costs less than half of gopenpgp's reading. Any other that
// gopenpgp knows (compressed, signed, of another cipher, with AEAD) is read by gopenpgp.
func Open(r io.Reader, key *Key) (io.Reader, error) {
	in := bufio.NewReaderSize(r, chunk)
	packets, err := readKeyPackets(in)
	if err != nil {
		return nil, err
	}
	session, err := key.session(packets)
	if err != nil {
		return nil, err
	}
	if session.Cipher != aes256 || len(session.Key) != 32 {
		return foreign(in, session)
	}
	c, err := aes.NewCipher(session.Key)
	if err != nil {
		return nil, err
	}
	if !ours(in, c) {
		return foreign(in, session)
	}
	return newReader(in, c)
}

// aes256 is the number of RFC 4880, section 9.2.
const aes256 = 9

// algorithms are gopenpgp's names of RFC 4880's numbers.
var algorithms = map[byte]string{
	2: constants.TripleDES, 3: constants.CAST5, 7: constants.AES128, 8: constants.AES192, aes256: constants.AES256,
}

// foreign leaves the encrypted data to gopenpgp, which checks its integrity before it says io.EOF.
func foreign(in io.Reader, session SessionKey) (io.Reader, error) {
	known := crypto.SessionKey{V6: session.Cipher == 0, Key: session.Key, Algo: algorithms[session.Cipher]}
	content, err := known.DecryptStream(in, nil, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	return &opened{content}, nil
}

type opened struct{ r io.Reader }

func (o *opened) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	return n, err
}

// ours tells whether an encrypted packet is of the shape that New makes, by its first bytes.
func ours(in *bufio.Reader, c cipher.Block) bool {
	const longest = 1 + 5 + 1 + lead // tag, length, version, and up to the tag inside
	head, _ := in.Peek(longest)
	if len(head) < longest || head[0] != tagEncrypted {
		return false
	}
	body := head[1+lengthSize(head[1]):]
	if body[0] != versionCode {
		return false
	}
	var plain [2 * block]byte
	decrypt(c, plain[:], append(make([]byte, block), body[1:1+lead]...), lead)
	return string(plain[block-2:block]) == string(plain[block:prefixSize]) && plain[prefixSize] == tagLiteral
}

// decrypt gives n bytes of plaintext. Before the ciphertext, which begins on a block, stands the block before it.
// The blocks' keystreams do not hang on each other, as they do when encrypting.
func decrypt(c cipher.Block, plain, before []byte, n int) {
	for i := 0; i < n; i += block {
		c.Encrypt(plain[i:i+block], before[i:i+block])
	}
	subtle.XORBytes(plain[:n], plain[:n], before[block:block+n])
}

// A reader reads one encrypted packet with the literal packet in it.
type reader struct {
	sealed packetBody
	cipher cipher.Block
	err    error // sticky; io.EOF once all was verified
	broken error // of the stream below

	before []byte // the last block of the ciphertext before, then that which was read
	buf    []byte // plaintext of it
	plain  []byte // what is left of that

	sum  hash.Hash
	last []byte // the last bytes of the plaintext so far, not hashed yet: at the end, the modification detection code

	body int64 // left of the literal packet's part
	more bool  // and others follow
}

func newReader(in *bufio.Reader, c cipher.Block) (io.Reader, error) {
	r := &reader{
		sealed: packetBody{in: in, more: true}, cipher: c, sum: sha1.New(),
		before: make([]byte, block+chunk), buf: make([]byte, chunk), more: true,
	}
	in.Discard(1) //nolint:errcheck // it was peeked at
	var version [1]byte
	if _, err := io.ReadFull(&r.sealed, version[:]); err != nil {
		return nil, torn(err)
	}
	if err := r.fill(); err != nil {
		return nil, torn(err)
	}
	if len(r.plain) < lead {
		return nil, torn(io.ErrUnexpectedEOF)
	}
	r.plain = r.plain[lead:]
	if err := r.begin(); err != nil {
		return nil, err
	}
	return r, nil
}

// begin reads the literal packet's own head: format, name and date.
func (r *reader) begin() error {
	var head [1 + 1]byte
	if _, err := io.ReadFull((*literal)(r), head[:]); err != nil {
		return torn(err)
	}
	if _, err := io.CopyN(io.Discard, (*literal)(r), int64(head[1])+4); err != nil {
		return torn(err)
	}
	return nil
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil || len(p) == 0 {
		return 0, r.err
	}
	n, err := (*literal)(r).Read(p)
	if err == io.EOF {
		err = r.verify()
	}
	r.err = err
	return n, err
}

// literal reads the literal packet's body. Its io.EOF says nothing of the message's integrity, and comes alone.
type literal reader

func (l *literal) Read(p []byte) (n int, err error) {
	r := (*reader)(l)
	for r.body == 0 {
		if !r.more {
			return 0, io.EOF
		}
		if r.body, r.more, err = readLength(r.readByte); err != nil {
			return 0, torn(err)
		}
	}
	if len(r.plain) == 0 {
		if err := r.fill(); err != nil {
			return 0, torn(err)
		}
	}
	n = copy(p, r.plain[:min(int64(len(r.plain)), r.body)])
	r.plain, r.body = r.plain[n:], r.body-int64(n)
	return n, nil
}

func (r *reader) readByte() (byte, error) {
	if len(r.plain) == 0 {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	b := r.plain[0]
	r.plain = r.plain[1:]
	return b, nil
}

// fill decrypts more. It returns io.EOF where the encrypted packet has ended as it should.
func (r *reader) fill() error {
	if r.broken != nil {
		return r.broken
	}
	n, err := io.ReadFull(&r.sealed, r.before[block:])
	switch {
	case n == 0 && err == io.EOF:
		return io.EOF
	case n == 0:
		return torn(err)
	case err != nil && err != io.ErrUnexpectedEOF:
		r.broken = torn(err) // after what came
	}
	decrypt(r.cipher, r.buf, r.before, n)
	copy(r.before, r.before[n:n+block])
	r.plain = r.buf[:n]
	r.hash(r.plain)
	return nil
}

// hash takes plaintext into the sum, but for what may be the code at the end.
func (r *reader) hash(plain []byte) {
	if len(plain) < codeSize { // the end
		all := append(r.last, plain...)
		keep := max(0, len(all)-codeSize)
		r.sum.Write(all[:keep])
		r.last = all[keep:]
		return
	}
	r.sum.Write(r.last)
	keep := len(plain) - codeSize
	r.sum.Write(plain[:keep])
	r.last = append(r.last[:0], plain[keep:]...)
}

// verify reads to the end of the message and checks that it is one. It returns io.EOF if so.
func (r *reader) verify() error {
	left := len(r.plain)
	for left <= codeSize {
		err := r.fill()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		left += len(r.plain)
	}
	if left != codeSize || r.last[0] != tagCode || r.last[1] != sha1.Size {
		return fmt.Errorf("%w: it does not end with its modification detection code", ErrDamaged)
	}
	r.sum.Write(r.last[:2])
	if subtle.ConstantTimeCompare(r.sum.Sum(nil), r.last[2:]) != 1 {
		return fmt.Errorf("%w: it was altered", ErrDamaged)
	}
	switch _, err := r.sealed.in.ReadByte(); err {
	case io.EOF:
		return io.EOF
	case nil:
		return fmt.Errorf("%w: something follows it", ErrDamaged)
	default:
		return torn(err)
	}
}

// torn is the error of a message that ends too early, or cannot be read further.
func torn(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it was cut off", ErrDamaged)
	case errors.Is(err, ErrDamaged):
		return err
	default:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
}
