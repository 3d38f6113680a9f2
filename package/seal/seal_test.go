package seal

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"spor/package/seal/sealtest"
)

func TestKeysThatCannotBeSealedTo(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		data string
		want error
	}{
		"no key": {"hello", ErrNotKey}, "empty": {"", ErrNotKey}, "armor without a key": {"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n=\n", ErrNotKey},
		"private": {string(sealtest.Private(t)), ErrPrivateKey}, "expired": {sealtest.Expired(t), ErrExpired},
		"revoked": {sealtest.Revoked(t), ErrRevoked}, "sign only": {sealtest.SignOnly(t), ErrCannotEncrypt},
		"too large": {strings.Repeat("x", maxKeyFile+1), ErrNotKey},
	} {
		_, err := ReadRecipients(strings.NewReader(c.data), now)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

func generate(t *testing.T, passphrase []byte) (to []Recipient, private string) {
	t.Helper()
	public, private, fingerprint, err := Generate("CERT", "cert@example.org", passphrase)
	if err != nil {
		t.Fatal(err)
	}
	// A host whose clock is a year behind must still be able to seal.
	to, err = ReadRecipients(strings.NewReader(public), time.Now().AddDate(-1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if to[0].Fingerprint != fingerprint || to[0].UserID != "CERT <cert@example.org>" {
		t.Errorf("recipient %v, want %s", to[0], fingerprint)
	}
	return to, private
}

func TestSealAndOpen(t *testing.T) {
	first, firstKey := generate(t, nil)
	second, secondKey := generate(t, []byte("leyndarmál"))
	secret := func() ([]byte, error) { return []byte("leyndarmál"), nil }
	for _, size := range []int{0, 1, 511, 512, 513, 16 << 10, 1<<16 - 1, 1 << 16, 1<<20 + 1} {
		plain := bytes.Repeat([]byte("evidence"), size/8+1)[:size]
		var sealed bytes.Buffer
		w, err := New(&sealed, append(first, second...))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, private := range []string{firstKey, secondKey} {
			key, err := OpenKey(strings.NewReader(private), secret)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Open(bytes.NewReader(sealed.Bytes()), key)
			if err != nil {
				t.Fatalf("size %d: %v", size, err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("size %d: %d bytes, %v", size, len(got), err)
			}
		}
		torn, err := OpenKey(strings.NewReader(firstKey), nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Open(bytes.NewReader(sealed.Bytes()[:sealed.Len()-1]), torn)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("size %d without its last byte: error %v, want %v", size, err, ErrDamaged)
		}
	}
}

func TestPassphrase(t *testing.T) {
	_, private := generate(t, []byte("right"))
	for name, ask := range map[string]func() ([]byte, error){
		"none": nil, "wrong": func() ([]byte, error) { return []byte("wrong"), nil }, "refused": func() ([]byte, error) { return nil, io.EOF },
	} {
		if _, err := OpenKey(strings.NewReader(private), ask); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%s: error %v, want %v", name, err, ErrPassphrase)
		}
	}
}

func TestSignatures(t *testing.T) {
	s, err := NewSigner("run")
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewSigner("other")
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("{\"manifest\":1}\n")
	sig, err := s.Sign(data)
	if err != nil {
		t.Fatal(err)
	}
	if fp, err := Verify(s.PublicKey, data, sig); err != nil || fp != s.Fingerprint {
		t.Errorf("fingerprint %q, %v; want %q", fp, err, s.Fingerprint)
	}
	if _, err := Verify(other.PublicKey, data, sig); !errors.Is(err, ErrSignature) {
		t.Errorf("another key's signature: error %v", err)
	}
	if _, err := Verify(s.PublicKey, append(data, ' '), sig); !errors.Is(err, ErrSignature) {
		t.Errorf("altered data: error %v", err)
	}
	signed, err := s.SignText([]byte("line\n- dash\nþorn\n"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := ReadText(signed)
	if err != nil || string(text.Plain) != "line\n- dash\nþorn\n" {
		t.Fatalf("text %q, %v", text.Plain, err)
	}
	if fp, err := text.Verify(s.PublicKey); err != nil || fp != s.Fingerprint {
		t.Errorf("text: fingerprint %q, %v", fp, err)
	}
	for name, altered := range map[string][]byte{
		"altered": bytes.Replace(signed, []byte("line"), []byte("lime"), 1), "more after it": append(signed, "more"...), "cut": signed[:len(signed)/2],
	} {
		text, err := ReadText(altered)
		if err == nil {
			_, err = text.Verify(s.PublicKey)
		}
		if !errors.Is(err, ErrSignature) {
			t.Errorf("%s text: error %v, want %v", name, err, ErrSignature)
		}
	}
}

func FuzzReadText(f *testing.F) {
	f.Add([]byte("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{}\n-----BEGIN PGP SIGNATURE-----\n\n=x\n-----END PGP SIGNATURE-----\n"))
	s, err := NewSigner("run")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := ReadText(data)
		if err != nil {
			return
		}
		if _, err := text.Verify(s.PublicKey); err == nil {
			t.Errorf("verified what was never signed: %q", data)
		}
	})
}
