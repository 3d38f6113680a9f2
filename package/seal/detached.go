package seal

import (
	"fmt"
	"io"
	"strings"

	"github.com/ProtonMail/gopenpgp/v2/crypto"
)

// SignStream is Sign for what is too large to hold in memory.
func (s *Signer) SignStream(r io.Reader) ([]byte, error) {
	sig, err := s.ring.SignDetachedStream(r)
	if err != nil {
		return nil, err
	}
	return sig.GetBinary(), nil
}

// VerifyStream is Verify for what is too large to hold in memory. It reads r to its end.
func VerifyStream(publicKey string, r io.Reader, signature []byte) (fingerprint string, err error) {
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
	if err := ring.VerifyDetachedStream(r, crypto.NewPGPSignature(signature), 0); err != nil {
		return "", fmt.Errorf("%w: %v", ErrSignature, err)
	}
	return strings.ToUpper(key.GetFingerprint()), nil
}
