package sample

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
)

// lock gives the writer that encrypts one file's packed bytes onto w.
func (w *Writer) lock(out io.Writer) (io.WriteCloser, error) {
	if w.opts.Cipher == ZipCrypto {
		return newTraditional(out, w.opts.Password)
	}
	return newAES(out, w.opts.Password)
}

// Sizes of AE-2 with 256 bits, in bytes.
const (
	saltSize   = 16
	keySize    = 32
	checkSize  = 2 // tells a wrong password from damage
	authSize   = 10
	iterations = 1000
)

// aesLock is AE-2: salt, password check, content in AES counter mode, and the first ten bytes of HMAC-SHA1 over what
// is encrypted.
type aesLock struct {
	w     io.Writer
	block cipher.Block
	mac   hash.Hash
	count uint64 // of the block in the key stream; little-endian, from 1
	keys  [aes.BlockSize]byte
	left  int // bytes of keys not used yet
	buf   [4096]byte
}

func newAES(w io.Writer, password string) (*aesLock, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails, crypto/rand
	key, err := pbkdf2.Key(sha1.New, password, salt, iterations, 2*keySize+checkSize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key[:keySize])
	if err != nil {
		return nil, err
	}
	l := &aesLock{w: w, block: block, mac: hmac.New(sha1.New, key[keySize:2*keySize])}
	_, err = w.Write(append(salt, key[2*keySize:]...))
	return l, err
}

func (l *aesLock) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n := copy(l.buf[:], b[done:])
		for i := range l.buf[:n] {
			if l.left == 0 {
				l.next()
			}
			l.buf[i] ^= l.keys[aes.BlockSize-l.left]
			l.left--
		}
		l.mac.Write(l.buf[:n])
		if m, err := l.w.Write(l.buf[:n]); err != nil {
			return done + m, err
		}
		done += n
	}
	return done, nil
}

func (l *aesLock) next() {
	l.count++
	var counter [aes.BlockSize]byte
	binary.LittleEndian.PutUint64(counter[:], l.count)
	l.block.Encrypt(l.keys[:], counter[:])
	l.left = aes.BlockSize
}

func (l *aesLock) Close() error {
	_, err := l.w.Write(l.mac.Sum(nil)[:authSize])
	return err
}

// traditional is ZipCrypto: three keys that the password begins and the plain bytes go on with.
type traditional struct {
	w    io.Writer
	keys [3]uint32
	buf  [4096]byte
}

// newTraditional begins with twelve random bytes; the last is the high byte of the DOS time, which is zero here, where
// the checksum is not known beforehand (APPNOTE 6.1.6; Info-ZIP does so).
func newTraditional(w io.Writer, password string) (*traditional, error) {
	t := &traditional{w: w, keys: [3]uint32{0x12345678, 0x23456789, 0x34567890}}
	for _, c := range []byte(password) {
		t.update(c)
	}
	head := make([]byte, 12)
	rand.Read(head[:11])
	_, err := t.Write(head)
	return t, err
}

func (t *traditional) update(plain byte) {
	t.keys[0] = crc32.IEEETable[byte(t.keys[0])^plain] ^ t.keys[0]>>8
	t.keys[1] = (t.keys[1]+t.keys[0]&0xff)*134775813 + 1
	t.keys[2] = crc32.IEEETable[byte(t.keys[2])^byte(t.keys[1]>>24)] ^ t.keys[2]>>8
}

func (t *traditional) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n := copy(t.buf[:], b[done:])
		for i, plain := range t.buf[:n] {
			k := t.keys[2]&0xffff | 2
			t.buf[i] = plain ^ byte(k*(k^1)>>8)
			t.update(plain)
		}
		if m, err := t.w.Write(t.buf[:n]); err != nil {
			return done + m, err
		}
		done += n
	}
	return done, nil
}

// Close does nothing: the cipher has no end.
func (*traditional) Close() error { return nil }
