// Package kit is the one small file a CERT hands out with the unchanged agent for a case: to whom to seal, where to
// send, what to take, whom to call. It is JSON, cleartext-signed with the CERT's key so that people can read it and
// `gpg --verify` checks it.
package kit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"spor/package/seal"
)

// Format is the version of the kit's fields.
const Format = 1

// maxKit bounds a kit file, in bytes.
const maxKit = 1 << 20

// Why a kit is refused.
var (
	ErrNotKit   = errors.New("not a kit")
	ErrExpired  = errors.New("kit has expired")
	ErrUnsigned = errors.New("kit is not signed by the CERT this program was built for")
)

// A Kit is what a CERT decides for a case.
type Kit struct {
	Format     int       `json:"format"`
	Case       string    `json:"case"`
	Recipients []string  `json:"recipients"`       // armored public keys
	Upload     []string  `json:"upload,omitempty"` // URLs, tried in order
	Stream     bool      `json:"stream,omitempty"` // send from memory and write nothing to a disk of the host
	Token      string    `json:"token,omitempty"`  // write-only, for this case
	Pin        string    `json:"pin,omitempty"`    // SHA-256 of the receiver's public key (SubjectPublicKeyInfo), hex
	Profiles   []string  `json:"profiles,omitempty"`
	TLP        string    `json:"tlp,omitempty"`
	Language   string    `json:"language,omitempty"` // is, nb or en
	Contact    Contact   `json:"contact,omitzero"`
	Made       time.Time `json:"made"`
	Expires    time.Time `json:"expires,omitzero"` // zero: never
	Signer     string    `json:"signer,omitempty"` // armored public key of who signs the kit
}

// Contact is whom the person at the machine can reach.
type Contact struct {
	Name  string `json:"name,omitempty"`
	Phone string `json:"phone,omitempty"`
	Mail  string `json:"mail,omitempty"`
}

// Write gives the kit's file, signed where a signer is given.
func Write(k Kit, signer *seal.Signer) ([]byte, error) {
	k.Format = Format
	if signer != nil {
		k.Signer = signer.PublicKey
	}
	text, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return nil, err
	}
	text = append(text, '\n')
	if signer == nil {
		return text, nil
	}
	return signer.SignText(text)
}

// Read reads a kit and checks its signature and expiry. The signature proves the kit unaltered since it was signed by
// the key of the given fingerprint; that the key is the CERT's is certain only where demanded names its fingerprint,
// as a build for one CERT does. An unsigned kit has an empty fingerprint.
func Read(data []byte, demanded string, now time.Time) (k *Kit, fingerprint string, err error) {
	if len(data) > maxKit {
		return nil, "", fmt.Errorf("%w: larger than %d bytes", ErrNotKit, maxKit)
	}
	text, err := seal.ReadText(data)
	if err != nil {
		return nil, "", err
	}
	d := json.NewDecoder(bytes.NewReader(text.Plain))
	d.DisallowUnknownFields()
	k = new(Kit)
	if err := d.Decode(k); err != nil {
		return nil, "", fmt.Errorf("%w: %v", ErrNotKit, err)
	}
	if k.Format != Format {
		return nil, "", fmt.Errorf("%w of format %d", ErrNotKit, Format)
	}
	if k.Signer != "" { // a kit that names its signer was signed: without the signature it is an altered one
		if fingerprint, err = text.Verify(k.Signer); err != nil {
			return nil, "", err
		}
	} else if text.Signed() {
		return nil, "", fmt.Errorf("%w: the kit does not name its signer", seal.ErrSignature)
	}
	if demanded != "" && !strings.EqualFold(demanded, fingerprint) {
		return nil, fingerprint, fmt.Errorf("%w (%s)", ErrUnsigned, demanded)
	}
	if !k.Expires.IsZero() && now.After(k.Expires) {
		return nil, fingerprint, fmt.Errorf("%w on %s", ErrExpired, k.Expires.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return k, fingerprint, nil
}
