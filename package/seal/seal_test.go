package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/gopenpgp/v2/crypto"

	"spor/package/seal/sealtest"
)

func TestKeysThatCannotBeSealedTo(t *testing.T) {
	now := time.Now()
	good, _ := sealtest.Pair(t, packet.Config{})
	for name, c := range map[string]struct {
		data string
		want error
	}{
		"no key": {"hello", ErrNotKey}, "empty": {"", ErrNotKey}, "armor without a key": {"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n=\n", ErrNotKey},
		"private": {string(sealtest.Private(t)), ErrPrivateKey}, "expired": {sealtest.Expired(t), ErrExpired},
		"revoked": {sealtest.Revoked(t), ErrRevoked}, "sign only": {sealtest.SignOnly(t), ErrCannotEncrypt},
		"too large": {strings.Repeat("x", maxKeyFile+1), ErrNotKey}, "too many": {strings.Repeat(unarmored(t, good), maxKeys+1), ErrNotKey},
		"RSA of 1024 bits":           {sealtest.Weak(t), ErrWeak},
		"of version 3":               {"\x99\x00\x0e\x03\x30\x00\x00\x00\x00\x00\x01\x00\x02\x03\x00\x02\x03", ErrWeak},
		"a good one and a weak one":  {good + sealtest.Weak(t), ErrWeak},
		"a good one and a torn one":  {good + good[:len(good)/2], ErrNotKey},
		"a good one and a message":   {good + strings.ReplaceAll(good, "PUBLIC KEY BLOCK", "MESSAGE"), ErrNotKey},
		"a good one and one unknown": {unarmored(t, good) + "\xc6\x06\x04\x00\x00\x00\x00\x63", ErrNotKey},
	} {
		_, err := ReadRecipients(strings.NewReader(c.data), now)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

func unarmored(t testing.TB, text string) string {
	t.Helper()
	keys, err := unarmor([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(keys)
}

// Several keys in a file are all sealed to, however they were put together.
func TestFilesWithManyKeys(t *testing.T) {
	one, oneKey := sealtest.Pair(t, packet.Config{})
	two, twoKey := sealtest.Pair(t, packet.Config{Algorithm: packet.PubKeyAlgoEd25519, V6Keys: true})
	both, err := OpenKey(bytes.NewReader(append(oneKey, twoKey...)), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"two armored blocks": one + "\nwords between\n" + two, "two binary": unarmored(t, one) + unarmored(t, two),
	} {
		to, err := ReadRecipients(strings.NewReader(data), time.Now())
		if err != nil || len(to) != 2 || to[0].Fingerprint == to[1].Fingerprint {
			t.Fatalf("%s: %v, %v", name, to, err)
		}
		for _, r := range to {
			if got, err := openAll(sealed(t, []Recipient{r}, content(9), steps["at once"]), both); err != nil || len(got) != 9 {
				t.Errorf("%s, sealed to %s, opened with both private keys: %d bytes, %v", name, r, len(got), err)
			}
		}
	}
}

// TestKeysOfGnuPG: keys that GnuPG made, with several subkeys, an expired one, and what it makes that is too weak.
func TestKeysOfGnuPG(t *testing.T) {
	gpg := gnupg(t)
	for _, c := range []struct {
		primary string
		subkeys []string // kind, usage, expiry
		want    error
	}{
		{"rsa2048", []string{"rsa2048 encr"}, nil},
		{"ed25519", []string{"cv25519 encr", "cv25519 encr 20200101T000000"}, nil},
		{"nistp256", []string{"nistp384 encr", "nistp521 encr"}, nil},
		{"ed25519", []string{"rsa2048 encr", "ed25519 sign"}, nil},
		{"rsa1024", []string{"cv25519 encr"}, ErrWeak},
		{"ed25519", []string{"cv25519 encr", "rsa1024 encr"}, ErrWeak},
		{"ed25519", []string{"cv25519 encr 20200101T000000"}, ErrExpired},
		{"ed25519", nil, ErrCannotEncrypt},
		{"dsa2048", []string{"cv25519 encr"}, nil},
		{"ed25519 sha1", []string{"cv25519 encr"}, nil},
	} {
		kind, digest, _ := strings.Cut(c.primary, " ")
		name := strings.Join(append([]string{c.primary}, c.subkeys...), ", ")
		mail := strings.NewReplacer(" ", "", ",", "").Replace(name) + "@example.org"
		var options []string
		if digest != "" {
			options = []string{"--cert-digest-algo", digest}
		}
		// In the past, one second after the other, so that the last subkey is the newest.
		gpg(nil, append(options, "--faked-system-time", "20190101T000000!", "--quick-gen-key", mail, kind, "sign", "never")...)
		fpr := fingerprint(string(gpg(nil, "--with-colons", "--list-keys", mail)))
		for i, sub := range c.subkeys {
			args := append(options, "--faked-system-time", fmt.Sprintf("2019010%dT000000!", i+2), "--quick-add-key", fpr)
			gpg(nil, append(args, strings.Fields(sub)...)...)
		}
		to, err := ReadRecipients(bytes.NewReader(gpg(nil, "--export", mail)), time.Now())
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
		if err != nil {
			continue
		}
		if _, err := ReadRecipients(bytes.NewReader(gpg(nil, "--export", mail)), time.Unix(0, 0)); err != nil {
			t.Errorf("%s, on a host whose clock stopped: %v", name, err)
		}
		message := sealed(t, to, content(999), steps["flushed"])
		if got := gpg(message, "--decrypt"); !bytes.Equal(got, content(999)) {
			t.Errorf("%s: gpg gives %d bytes", name, len(got))
		}
		key, err := OpenKey(bytes.NewReader(gpg(nil, "--export-secret-keys", mail)), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := openAll(message, key); err != nil || !bytes.Equal(got, content(999)) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		// The subkey is the one that gopenpgp's own stream takes.
		var out bytes.Buffer
		if _, err := key.ring.EncryptStream(&out, crypto.NewPlainMessageMetadata(true, "", 0), nil); err != nil {
			t.Fatal(err)
		}
		if ours, theirs := keyID(t, message), keyID(t, out.Bytes()); ours != theirs {
			t.Errorf("%s: sealed to subkey %X, gopenpgp to %X", name, ours, theirs)
		}
	}
}

func fingerprint(colons string) string {
	_, after, _ := strings.Cut(colons, "\nfpr:")
	return strings.Trim(strings.SplitN(after, "\n", 2)[0], ":")
}

func keyID(t *testing.T, message []byte) uint64 {
	t.Helper()
	p, err := packet.Read(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	return p.(*packet.EncryptedKey).KeyId
}

func FuzzReadRecipients(f *testing.F) {
	f.Add([]byte(sealtest.Weak(f)))
	f.Add([]byte(sealtest.SignOnly(f)))
	f.Add(sealtest.Private(f))
	public, _ := sealtest.Pair(f, packet.Config{Algorithm: packet.PubKeyAlgoEd25519, V6Keys: true})
	f.Add([]byte(public))
	f.Add([]byte(unarmored(f, sealtest.Revoked(f))))
	f.Fuzz(func(t *testing.T, data []byte) {
		to, err := ReadRecipients(bytes.NewReader(data), time.Now())
		if err != nil {
			return
		}
		if _, err := New(io.Discard, to); err != nil {
			t.Errorf("%d recipients were taken, and then: %v", len(to), err)
		}
	})
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
