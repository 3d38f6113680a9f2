package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/gopenpgp/v2/constants"
	"github.com/ProtonMail/gopenpgp/v2/crypto"
)

// A Key opens what was sealed to it. It exists at the CERT only.
type Key struct {
	Fingerprint string // upper-case hex
	UserID      string
	ring        *crypto.KeyRing                          // nil where the private half is elsewhere
	ids         []uint64                                 // its parts there
	ask         func(packets []byte) (SessionKey, error) // the one who has it
}

// A SessionKey is what one message is encrypted with.
type SessionKey struct {
	Cipher byte // by the numbers of RFC 4880, section 9.2; zero: the message itself names it
	Key    []byte
}

// RemoteKey is a private key that is not ours to read, such as one on a smart card. Its parts have the given ids. ask is
// handed those session key packets of a message that are for them or for nobody by name, one after the other, and
// returns the session key.
func RemoteKey(fingerprint, userID string, ids []uint64, ask func(packets []byte) (SessionKey, error)) *Key {
	return &Key{Fingerprint: fingerprint, UserID: userID, ids: ids, ask: ask}
}

// OpenKey reads the private keys of a file, armored or binary; what was sealed to any of them opens. passphrase is asked
// once, and only where a key is locked; it may be nil.
func OpenKey(r io.Reader, passphrase func() ([]byte, error)) (*Key, error) {
	entities, err := readEntities(r)
	if err != nil {
		return nil, err
	}
	var k *Key
	if passphrase != nil {
		passphrase = sync.OnceValues(passphrase)
	}
	for _, e := range entities {
		if e.PrivateKey == nil {
			return nil, fmt.Errorf("%w: it is a public key; opening needs the private one", ErrWrongKey)
		}
		key, err := unlocked(e, passphrase)
		if err != nil {
			return nil, err
		}
		if k != nil {
			if err := k.ring.AddKey(key); err != nil {
				return nil, err
			}
			continue
		}
		ring, err := crypto.NewKeyRing(key)
		if err != nil {
			return nil, err
		}
		k = &Key{Fingerprint: strings.ToUpper(key.GetFingerprint()), UserID: userID(e), ring: ring}
	}
	return k, nil
}

func unlocked(e *openpgp.Entity, passphrase func() ([]byte, error)) (*crypto.Key, error) {
	key, err := crypto.NewKeyFromEntity(e)
	if err != nil {
		return nil, err
	}
	if locked, err := key.IsLocked(); err != nil || !locked {
		return key, err
	}
	if passphrase == nil {
		return nil, fmt.Errorf("%w: the key is locked", ErrPassphrase)
	}
	secret, err := passphrase()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
	}
	if key, err = key.Unlock(secret); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrPassphrase, err)
	}
	return key, nil
}

// session finds the session key of a message in its first packets.
func (k *Key) session(packets [][]byte) (SessionKey, error) {
	if k.ring == nil {
		return k.remoteSession(packets)
	}
	altered := false
	for _, raw := range packets {
		p, err := packet.Read(bytes.NewReader(raw))
		sealed, ok := p.(*packet.EncryptedKey)
		if err != nil || !ok {
			continue // of a kind we have no key for
		}
		for _, key := range k.decryptionKeys(sealed.KeyId) {
			if err := sealed.Decrypt(key, nil); err == nil && canonical(raw) {
				return SessionKey{Cipher: byte(sealed.CipherFunc), Key: sealed.Key}, nil
			}
			altered = altered || sealed.KeyId != 0
		}
	}
	if altered {
		return SessionKey{}, fmt.Errorf("%w: the session key was altered", ErrDamaged)
	}
	return SessionKey{}, fmt.Errorf("%w than %s", ErrWrongKey, k.Fingerprint)
}

func (k *Key) remoteSession(packets [][]byte) (SessionKey, error) {
	var mine []byte
	for _, raw := range packets {
		p, err := packet.Read(bytes.NewReader(raw))
		if sealed, ok := p.(*packet.EncryptedKey); err == nil && ok && (sealed.KeyId == 0 || slices.Contains(k.ids, sealed.KeyId)) {
			mine = append(mine, raw...)
		}
	}
	if mine == nil {
		return SessionKey{}, fmt.Errorf("%w than %s", ErrWrongKey, k.Fingerprint)
	}
	return k.ask(mine)
}

// decryptionKeys are the private keys with an id, or all for the id zero, which hides whose message it is.
func (k *Key) decryptionKeys(id uint64) (all []*packet.PrivateKey) {
	for _, key := range k.ring.GetKeys() {
		e := key.GetEntity()
		private := []*packet.PrivateKey{e.PrivateKey}
		for _, sub := range e.Subkeys {
			private = append(private, sub.PrivateKey)
		}
		for _, p := range private {
			if p != nil && !p.Encrypted && !p.Dummy() && (id == 0 || p.KeyId == id) {
				all = append(all, p)
			}
		}
	}
	return all
}

// Signer lets a CERT's key sign, such as a kit.
func (k *Key) Signer() (*Signer, error) {
	if k.ring == nil {
		return nil, errors.New("only a private key in a file can sign here")
	}
	key, err := k.ring.GetKey(0)
	if err != nil {
		return nil, err
	}
	return newSigner(key)
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
