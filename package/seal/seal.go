// Package seal puts OpenPGP (RFC 4880, readable by every GnuPG and Sequoia) around a stream: sealing to Recipients on
// the affected host, opening with a Key at the CERT, and the detached signature over a manifest by a key made for one
// run. It wraps gopenpgp and knows nothing of what it seals.
package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/gopenpgp/v2/constants"
	"github.com/ProtonMail/gopenpgp/v2/crypto"
)

// Why a key cannot be used. Each error that wraps one of these says in words what to do.
var (
	ErrNotKey        = errors.New("not an OpenPGP key")
	ErrPrivateKey    = errors.New("a private key")
	ErrExpired       = errors.New("key has expired")
	ErrRevoked       = errors.New("key has been revoked")
	ErrCannotEncrypt = errors.New("key has no part that can encrypt")
	ErrWrongKey      = errors.New("sealed to another key")
	ErrPassphrase    = errors.New("wrong or missing passphrase")
	ErrDamaged       = errors.New("not a whole OpenPGP message")
	ErrSignature     = errors.New("signature does not match")
)

// maxKeyFile bounds what is read of a key file, in bytes. Keys with photographs and hundreds of signatures stay far below.
const maxKeyFile = 4 << 20

// A Recipient is a public key that a bundle can be sealed to.
type Recipient struct {
	Fingerprint string // upper-case hex
	UserID      string
	key         *crypto.Key
}

// ReadRecipients reads the public keys of a file, armored or binary, and checks that each can be sealed to at the given
// time. The errors are the ones of this package, wrapped.
func ReadRecipients(r io.Reader, now time.Time) ([]Recipient, error) {
	entities, err := readEntities(r)
	if err != nil {
		return nil, err
	}
	var all []Recipient
	for _, e := range entities {
		rec, err := newRecipient(e, now)
		if err != nil {
			return nil, err
		}
		all = append(all, rec)
	}
	return all, nil
}

func newRecipient(e *openpgp.Entity, now time.Time) (Recipient, error) {
	rec := Recipient{Fingerprint: fmt.Sprintf("%X", e.PrimaryKey.Fingerprint), UserID: userID(e)}
	if e.PrivateKey != nil {
		return rec, fmt.Errorf("%s is %w: it must never be on an affected host; export the public key alone", rec, ErrPrivateKey)
	}
	at := now
	if at.Before(e.PrimaryKey.CreationTime) {
		at = e.PrimaryKey.CreationTime.Add(time.Second) // the host's clock is behind: the key is not to blame
	}
	if e.Revoked(at) {
		return rec, fmt.Errorf("%s: %w", rec, ErrRevoked)
	}
	if sig, _ := e.PrimarySelfSignature(); sig != nil && e.PrimaryKey.KeyExpired(sig, at) {
		return rec, fmt.Errorf("%s: %w; ask the CERT for its current one", rec, ErrExpired)
	}
	if _, ok := e.EncryptionKey(at); !ok {
		return rec, fmt.Errorf("%s: %w", rec, whyNoEncryption(e, at))
	}
	key, err := crypto.NewKeyFromEntity(e)
	if err != nil {
		return rec, fmt.Errorf("%s: %w", rec, err)
	}
	rec.key = key
	return rec, nil
}

// whyNoEncryption tells an encryption subkey that has expired or was revoked from a key that never had one.
func whyNoEncryption(e *openpgp.Entity, at time.Time) error {
	for _, sub := range e.Subkeys {
		switch {
		case sub.Sig == nil || !sub.Sig.FlagsValid || !(sub.Sig.FlagEncryptCommunications || sub.Sig.FlagEncryptStorage):
		case sub.Revoked(at):
			return fmt.Errorf("its encryption subkey: %w", ErrRevoked)
		case sub.PublicKey.KeyExpired(sub.Sig, at):
			return fmt.Errorf("its encryption subkey: %w", ErrExpired)
		}
	}
	return ErrCannotEncrypt
}

func (r Recipient) String() string {
	if r.UserID == "" {
		return "key " + r.Fingerprint
	}
	return fmt.Sprintf("key %s (%s)", r.Fingerprint, r.UserID)
}

// Armor gives the public key as text.
func (r Recipient) Armor() (string, error) { return r.key.GetArmoredPublicKey() }

func userID(e *openpgp.Entity) string {
	if id := e.PrimaryIdentity(); id != nil {
		return id.Name
	}
	return ""
}

func readEntities(r io.Reader) (openpgp.EntityList, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrNotKey, maxKeyFile)
	}
	var list openpgp.EntityList
	if bytes.Contains(data, []byte("-----BEGIN PGP")) {
		list, err = openpgp.ReadArmoredKeyRing(bytes.NewReader(data))
	} else {
		list, err = openpgp.ReadKeyRing(bytes.NewReader(data))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNotKey, err)
	}
	if len(list) == 0 {
		return nil, ErrNotKey
	}
	return list, nil
}

// Held is the most that a sealing stream holds back of what was written to it, in bytes.
const Held = 64 << 10

// New begins an OpenPGP message to the recipients on w. What is written to it is sealed as it comes, but for the last
// Held bytes; Close ends the message but does not close w. A message without Close is a torn one: its beginning can
// still be opened.
func New(w io.Writer, to []Recipient) (io.WriteCloser, error) {
	if len(to) == 0 {
		return nil, errors.New("no recipient to seal to")
	}
	var ring *crypto.KeyRing
	for _, r := range to {
		moveClockTo(r.key.GetEntity().PrimaryKey.CreationTime)
		if ring == nil {
			kr, err := crypto.NewKeyRing(r.key)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r, err)
			}
			ring = kr
			continue
		}
		if err := ring.AddKey(r.key); err != nil {
			return nil, fmt.Errorf("%s: %w", r, err)
		}
	}
	plain, err := ring.EncryptStream(w, crypto.NewPlainMessageMetadata(true, "", 0), nil)
	if err != nil {
		return nil, err
	}
	return bites{plain}, nil
}

// bites writes in small pieces: the library's partial-length writers, one around the other, each hold back up to twice
// what they were last given.
type bites struct{ io.WriteCloser }

func (b bites) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = b.WriteCloser.Write(p[n:min(n+Held/4, len(p))])
		n += m
	}
	return n, err
}

// moveClockTo lets gopenpgp believe in a key that is younger than the host's clock says it can be: a wrong clock on an
// affected host must not stop the collection. The library's time then stands still, which only the date inside the
// signature shows.
func moveClockTo(created time.Time) {
	if time.Unix(crypto.GetUnixTime(), 0).Before(created) {
		crypto.UpdateTime(created.Unix() + 1)
	}
}

// A Key opens what was sealed to it. It exists at the CERT only.
type Key struct {
	Fingerprint string
	UserID      string
	ring        *crypto.KeyRing
}

// OpenKey reads a private key, armored or binary; passphrase is asked only where the key is locked, and may be nil.
func OpenKey(r io.Reader, passphrase func() ([]byte, error)) (*Key, error) {
	entities, err := readEntities(r)
	if err != nil {
		return nil, err
	}
	if entities[0].PrivateKey == nil {
		return nil, fmt.Errorf("%w: it is a public key; opening needs the private one", ErrWrongKey)
	}
	key, err := crypto.NewKeyFromEntity(entities[0])
	if err != nil {
		return nil, err
	}
	if locked, err := key.IsLocked(); err != nil {
		return nil, err
	} else if locked {
		if key, err = unlock(key, passphrase); err != nil {
			return nil, err
		}
	}
	ring, err := crypto.NewKeyRing(key)
	if err != nil {
		return nil, err
	}
	return &Key{Fingerprint: strings.ToUpper(key.GetFingerprint()), UserID: userID(key.GetEntity()), ring: ring}, nil
}

func unlock(key *crypto.Key, passphrase func() ([]byte, error)) (*crypto.Key, error) {
	if passphrase == nil {
		return nil, fmt.Errorf("%w: the key is locked", ErrPassphrase)
	}
	secret, err := passphrase()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
	}
	open, err := key.Unlock(secret)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrPassphrase, err)
	}
	return open, nil
}

// Open gives the content of a sealed stream. What is read is not authenticated before Read has returned io.EOF: until
// then, and when it returns another error (ErrDamaged), nothing that was read may be acted on.
func Open(r io.Reader, key *Key) (io.Reader, error) {
	msg, err := key.ring.DecryptStream(r, nil, 0)
	if err != nil {
		if strings.Contains(err.Error(), "incorrect key") { // go-crypto's ErrKeyIncorrect, flattened by gopenpgp
			return nil, fmt.Errorf("%w than %s", ErrWrongKey, key.Fingerprint)
		}
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	return &opened{msg}, nil
}

type opened struct{ r io.Reader }

func (o *opened) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	return n, err
}

// A Signer is a key made for one run. Its private half is never written anywhere.
type Signer struct {
	Fingerprint string // upper-case hex
	PublicKey   string // armored
	ring        *crypto.KeyRing
}

// NewSigner makes a key.
func NewSigner(name string) (*Signer, error) {
	key, err := crypto.GenerateKey(name, "", "x25519", 0)
	if err != nil {
		return nil, err
	}
	return newSigner(key)
}

func newSigner(key *crypto.Key) (*Signer, error) {
	ring, err := crypto.NewKeyRing(key)
	if err != nil {
		return nil, err
	}
	public, err := key.GetArmoredPublicKey()
	if err != nil {
		return nil, err
	}
	return &Signer{Fingerprint: strings.ToUpper(key.GetFingerprint()), PublicKey: public, ring: ring}, nil
}

// Sign gives the binary detached signature over data.
func (s *Signer) Sign(data []byte) ([]byte, error) {
	sig, err := s.ring.SignDetached(crypto.NewPlainMessage(data))
	if err != nil {
		return nil, err
	}
	return sig.GetBinary(), nil
}

// Signer lets a CERT's key sign, such as a kit.
func (k *Key) Signer() (*Signer, error) {
	key, err := k.ring.GetKey(0)
	if err != nil {
		return nil, err
	}
	return newSigner(key)
}

// Verify checks a detached signature, binary or armored, by the one public key given, and returns that key's
// fingerprint. An expired key still verifies: what it signed was signed before.
func Verify(publicKey string, data, signature []byte) (fingerprint string, err error) {
	entities, err := readEntities(strings.NewReader(publicKey))
	if err != nil {
		return "", err
	}
	key, err := crypto.NewKeyFromEntity(entities[0])
	if err != nil {
		return "", err
	}
	ring, err := crypto.NewKeyRing(key)
	if err != nil {
		return "", err
	}
	if err := ring.VerifyDetached(crypto.NewPlainMessage(data), crypto.NewPGPSignature(signature), 0); err != nil {
		return "", fmt.Errorf("%w: %v", ErrSignature, err)
	}
	return strings.ToUpper(key.GetFingerprint()), nil
}

// Generate makes a CERT's key pair, armored. An empty passphrase leaves the private key unlocked.
func Generate(name, email string, passphrase []byte) (public, private, fingerprint string, err error) {
	key, err := crypto.GenerateKey(name, email, "x25519", 0)
	if err != nil {
		return "", "", "", err
	}
	if public, err = key.GetArmoredPublicKey(); err != nil {
		return "", "", "", err
	}
	fingerprint = strings.ToUpper(key.GetFingerprint())
	if len(passphrase) > 0 {
		if key, err = key.Lock(passphrase); err != nil {
			return "", "", "", err
		}
	}
	private, err = key.ArmorWithCustomHeaders("", constants.ArmorHeaderVersion)
	return public, private, fingerprint, err
}
