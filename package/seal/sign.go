package seal

import (
	"fmt"
	"strings"

	"github.com/ProtonMail/gopenpgp/v2/crypto"
)

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
