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
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/gopenpgp/v2/crypto"
)

// Why a key cannot be used. Each error that wraps one of these says in words what to do.
var (
	ErrNotKey        = errors.New("not an OpenPGP key")
	ErrPrivateKey    = errors.New("a private key")
	ErrExpired       = errors.New("key has expired")
	ErrRevoked       = errors.New("key has been revoked")
	ErrCannotEncrypt = errors.New("key has no part that can encrypt")
	ErrWeak          = errors.New("key is too weak to seal to")
	ErrWrongKey      = errors.New("sealed to another key")
	ErrPassphrase    = errors.New("wrong or missing passphrase")
	ErrDamaged       = errors.New("not a whole OpenPGP message")
	ErrSignature     = errors.New("signature does not match")
)

// What is read of a key file is bounded. Keys with photographs and hundreds of signatures stay far below.
const (
	maxKeyFile = 4 << 20 // bytes
	maxKeys    = 100
)

// leastBits is the least size of an RSA or DSA key.
const leastBits = 2048

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
	if born := born(e); at.Before(born) {
		at = born.Add(time.Second) // the host's clock is behind: the key is not to blame
	}
	if e.Revoked(at) {
		return rec, fmt.Errorf("%s: %w", rec, ErrRevoked)
	}
	if sig, _ := e.PrimarySelfSignature(); sig != nil && e.PrimaryKey.KeyExpired(sig, at) {
		return rec, fmt.Errorf("%s: %w; ask the CERT for its current one", rec, ErrExpired)
	}
	encryption, ok := e.EncryptionKey(at)
	if !ok {
		return rec, fmt.Errorf("%s: %w", rec, whyNoEncryption(e, at))
	}
	for _, part := range []*packet.PublicKey{e.PrimaryKey, encryption.PublicKey} {
		if why := weakness(part); why != "" {
			return rec, fmt.Errorf("%s: %w: %s; ask the CERT for one of today's kinds (Curve25519, RSA of 3072 bits or more)", rec, ErrWeak, why)
		}
	}
	key, err := crypto.NewKeyFromEntity(e)
	if err != nil {
		return rec, fmt.Errorf("%s: %w", rec, err)
	}
	rec.key = key
	return rec, nil
}

// born is when the newest part of a key was made, its signatures included.
func born(e *openpgp.Entity) time.Time {
	newest := e.PrimaryKey.CreationTime
	later := func(sig *packet.Signature) {
		if sig != nil && sig.CreationTime.After(newest) {
			newest = sig.CreationTime
		}
	}
	later(e.SelfSignature)
	for _, id := range e.Identities {
		later(id.SelfSignature)
	}
	for _, sub := range e.Subkeys {
		later(sub.Sig)
	}
	return newest
}

// weakness says why a key must not be trusted with evidence, if so: RSA and DSA under 2048 bits (NIST SP 800-131A), and
// ElGamal (RFC 9580, section 9.1). A self-signature over SHA-1 is no reason: who could forge it could as well exchange
// the whole file, which only the way it was handed over protects.
func weakness(k *packet.PublicKey) string {
	bits, err := k.BitLength()
	switch k.PubKeyAlgo {
	case packet.PubKeyAlgoElGamal:
		return "ElGamal"
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly, packet.PubKeyAlgoRSASignOnly:
		if err != nil || bits < leastBits {
			return fmt.Sprintf("RSA of %d bits", bits)
		}
	case packet.PubKeyAlgoDSA:
		if err != nil || bits < leastBits {
			return fmt.Sprintf("DSA of %d bits", bits)
		}
	}
	return ""
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
	if bytes.Contains(data, []byte(armorBegin)) {
		if data, err = unarmor(data); err != nil {
			return nil, err
		}
	}
	keys, err := countKeys(data)
	if err != nil {
		return nil, err
	}
	list, err := openpgp.ReadKeyRing(bytes.NewReader(data))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %v", ErrNotKey, err)
	case len(list) == 0:
		return nil, ErrNotKey
	case len(list) < keys:
		return nil, fmt.Errorf("%w: %d of the %d keys of the file cannot be read", ErrNotKey, keys-len(list), keys)
	}
	return list, nil
}

const armorBegin = "-----BEGIN PGP "

// unarmor gives the keys of all armored blocks of a file, one after the other.
func unarmor(data []byte) (keys []byte, err error) {
	_, data, _ = bytes.Cut(data, []byte(armorBegin))
	for text := range bytes.SplitSeq(data, []byte(armorBegin)) {
		block, err := armor.Decode(io.MultiReader(strings.NewReader(armorBegin), bytes.NewReader(text)))
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrNotKey, err)
		}
		if block.Type != openpgp.PublicKeyType && block.Type != openpgp.PrivateKeyType {
			return nil, fmt.Errorf("%w: a %s", ErrNotKey, block.Type)
		}
		body, err := io.ReadAll(block.Body)
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrNotKey, err)
		}
		keys = append(keys, body...)
	}
	return keys, nil
}

// countKeys counts the primary keys of a file, so that none is passed over without a word, and knows those that are
// too old for the library.
func countKeys(data []byte) (n int, err error) {
	const tagSecretKey, tagPublicKey = 5, 6
	packets := packet.NewOpaqueReader(bytes.NewReader(data))
	for {
		p, err := packets.Next()
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			return 0, fmt.Errorf("%w: %v", ErrNotKey, err)
		case p.Tag != tagSecretKey && p.Tag != tagPublicKey:
			continue
		case len(p.Contents) > 0 && (p.Contents[0] == 2 || p.Contents[0] == 3):
			return 0, fmt.Errorf("%w: it is of OpenPGP version %d, broken since the nineties", ErrWeak, p.Contents[0])
		}
		if n++; n > maxKeys {
			return 0, fmt.Errorf("%w: more than %d keys in a file", ErrNotKey, maxKeys)
		}
	}
}

// moveClockTo lets gopenpgp believe in a key that is younger than the host's clock says it can be: a wrong clock on an
// affected host must not stop the collection. The library's time then stands still, which only the date inside the
// signature shows.
func moveClockTo(created time.Time) {
	if time.Unix(crypto.GetUnixTime(), 0).Before(created) {
		crypto.UpdateTime(created.Unix() + 1)
	}
}
