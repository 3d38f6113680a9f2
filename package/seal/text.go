package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/gopenpgp/v2/crypto"
)

// SignText gives text with a cleartext signature around it (RFC 4880, section 7), which people can read and `gpg
// --verify` checks. Spaces at the ends of lines are not covered by the signature and do not survive.
func (s *Signer) SignText(text []byte) ([]byte, error) {
	key, err := s.ring.GetKey(0)
	if err != nil {
		return nil, err
	}
	signing, ok := key.GetEntity().SigningKey(crypto.GetTime())
	if !ok || signing.PrivateKey == nil {
		return nil, errors.New("the key cannot sign")
	}
	var out bytes.Buffer
	w, err := clearsign.Encode(&out, signing.PrivateKey, nil)
	if err != nil {
		return nil, err
	}
	if _, err = w.Write(text); err != nil {
		return nil, err
	}
	if err = w.Close(); err != nil {
		return nil, err
	}
	signed := out.Bytes()
	at := bytes.LastIndex(signed, []byte(signatureBegin))
	block, err := armor.Decode(bytes.NewReader(signed[at:]))
	if err != nil {
		return nil, err
	}
	signature, err := io.ReadAll(block.Body)
	if err != nil {
		return nil, err
	}
	armored, err := armorSignature(signature)
	return append(signed[:at], armored...), err
}

// What a signed text begins with, and its signature.
var textBegin = regexp.MustCompile(`^-----BEGIN PGP SIGNED MESSAGE-----\r?\nHash: [A-Z0-9]+\r?\n\r?\n`)

const signatureBegin = "-----BEGIN PGP SIGNATURE-----"

// armorSignature writes a signature as GnuPG does, with a checksum (RFC 4880, section 6.1). A signature says nothing of the
// few bytes of itself that are no part of what is signed; the checksum does, so that no byte of the file can change
// without it being said.
func armorSignature(signature []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := armor.EncodeWithChecksumOption(&out, "PGP SIGNATURE", nil, true)
	if err != nil {
		return nil, err
	}
	if _, err = w.Write(signature); err != nil {
		return nil, err
	}
	err = w.Close()
	out.WriteByte('\n')
	return out.Bytes(), err
}

// A Text is text that may be signed.
type Text struct {
	Plain     []byte // without the signature; not to be believed before Verify
	block     *clearsign.Block
	signature []byte // armored, lines ending in LF
}

// ReadText finds the signature around a text. Text without one is not an error: Signed tells.
func ReadText(data []byte) (*Text, error) {
	if !bytes.Contains(data, []byte("-----BEGIN PGP SIGNED MESSAGE-----")) {
		return &Text{Plain: data}, nil
	}
	block, rest := clearsign.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%w: the signed text is torn", ErrSignature)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%w: something follows the signed text", ErrSignature)
	}
	if !textBegin.Match(data) {
		return nil, fmt.Errorf("%w: the signed text does not begin as one", ErrSignature)
	}
	signature := bytes.ReplaceAll(data[bytes.LastIndex(data, []byte(signatureBegin)):], []byte("\r\n"), []byte("\n"))
	return &Text{Plain: block.Plaintext, block: block, signature: signature}, nil
}

// Signed tells whether there is a signature to verify.
func (t *Text) Signed() bool { return t.block != nil }

// Verify checks the signature by the one public key given and returns that key's fingerprint.
func (t *Text) Verify(publicKey string) (fingerprint string, err error) {
	if t.block == nil {
		return "", fmt.Errorf("%w: there is none", ErrSignature)
	}
	keys, err := readEntities(strings.NewReader(publicKey))
	if err != nil {
		return "", err
	}
	signature, err := io.ReadAll(io.LimitReader(t.block.ArmoredSignature.Body, maxKeyFile))
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrSignature, err)
	}
	if armored, err := armorSignature(signature); err != nil || !bytes.Equal(armored, t.signature) {
		return "", fmt.Errorf("%w: it is not as it was written", ErrSignature)
	}
	signer, err := openpgp.CheckDetachedSignature(keys[:1], bytes.NewReader(t.block.Bytes), bytes.NewReader(signature), nil)
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrSignature, err)
	}
	return fmt.Sprintf("%X", signer.PrimaryKey.Fingerprint), nil
}
