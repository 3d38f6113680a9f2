// Package sealtest makes keys for tests: of every kind, and those that a collection must refuse.
package sealtest

import (
	"bytes"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Expired is a public key that was valid for one day, two years ago.
func Expired(t testing.TB) string {
	return public(t, entity(t, packet.Config{Time: func() time.Time { return time.Now().AddDate(-2, 0, 0) }, KeyLifetimeSecs: 86400}))
}

// Revoked is a public key with a revocation.
func Revoked(t testing.TB) string {
	e := entity(t, packet.Config{})
	if err := e.RevokeKey(packet.KeyCompromised, "lost", nil); err != nil {
		t.Fatal(err)
	}
	return public(t, e)
}

// SignOnly is a public key without a part that can encrypt.
func SignOnly(t testing.TB) string {
	e := entity(t, packet.Config{})
	e.Subkeys = nil
	return public(t, e)
}

// Weak is an RSA key of 1024 bits.
func Weak(t testing.TB) string {
	return public(t, entity(t, packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 1024}))
}

// Pair is a key pair of a kind, the public half armored, the private one binary.
func Pair(t testing.TB, c packet.Config) (publicKey string, privateKey []byte) {
	e := entity(t, c)
	var b bytes.Buffer
	if err := e.SerializePrivate(&b, nil); err != nil {
		t.Fatal(err)
	}
	return public(t, e), b.Bytes()
}

// Private is a whole key pair, binary.
func Private(t testing.TB) []byte {
	_, private := Pair(t, packet.Config{})
	return private
}

func entity(t testing.TB, c packet.Config) *openpgp.Entity {
	t.Helper()
	if c.Algorithm == 0 {
		c.Algorithm = packet.PubKeyAlgoEdDSA
	}
	e, err := openpgp.NewEntity("Test", "", "test@example.org", &c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func public(t testing.TB, e *openpgp.Entity) string {
	t.Helper()
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Serialize(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
