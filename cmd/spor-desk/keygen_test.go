package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"spor/cmd/internal/cli"
	"spor/package/seal"
	"spor/package/seal/sealtest"
)

func TestReadSecret(t *testing.T) {
	for typed, want := range map[string]string{
		"secret\r": "secret", "secret\nmore": "secret", "\n": "", "sedd\x7f\x7fcret\n": "secret", "lyþ\x08kill\n": "lykill",
		"wrong\x15right\n": "right", "\x7f\x7fa\n": "a",
	} {
		if got, err := readSecret(strings.NewReader(typed)); err != nil || string(got) != want {
			t.Errorf("typed %q: %q, %v; want %q", typed, got, err, want)
		}
	}
	for typed, want := range map[string]error{"sec\x03": cli.ErrInterrupted, "\x04": cli.ErrInterrupted, "cut": io.EOF} {
		if got, err := readSecret(strings.NewReader(typed)); !errors.Is(err, want) {
			t.Errorf("typed %q: %q, error %v, want %v", typed, got, err, want)
		}
	}
	if _, err := readSecret(strings.NewReader(strings.Repeat("x", maxPassphrase+1) + "\n")); err == nil {
		t.Error("a passphrase without an end is read")
	}
}

// TestKeysOfGnuPG opens with private keys that never leave GnuPG.
func TestKeysOfGnuPG(t *testing.T) {
	for _, program := range []string{"gpg", "gpg-agent", "gpgconf"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("SKIPPED: no %s here; keys in GnuPG's agent were not tried", program)
		}
	}
	home, err := os.MkdirTemp("", "gnupg") // its socket's name must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GNUPGHOME", home)
	t.Cleanup(func() {
		if err := errors.Join(exec.Command("gpgconf", "--kill", "all").Run(), os.RemoveAll(home)); err != nil {
			t.Log(err)
		}
	})
	streams := cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}
	for name, kind := range map[string]packet.Config{"Curve25519": {}, "RSA": {Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048}} {
		public, private := sealtest.Pair(t, kind)
		if _, _, err := gnupg(private, "--import"); err != nil {
			t.Fatal(err)
		}
		message, to := seals(t, public)
		key, err := openKey(streams, "gpg:"+cli.Groups(to.Fingerprint), "")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if key.UserID != to.UserID || key.Fingerprint != to.Fingerprint {
			t.Errorf("%s: key of %s, %s; want %s", name, key.UserID, key.Fingerprint, to)
		}
		r, err := seal.Open(bytes.NewReader(message), key)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != "evidence" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		stranger, _ := sealtest.Pair(t, packet.Config{})
		message, _ = seals(t, stranger)
		if _, err := seal.Open(bytes.NewReader(message), key); !errors.Is(err, seal.ErrWrongKey) {
			t.Errorf("%s: a stranger's message: error %v, want %v", name, err, seal.ErrWrongKey)
		}
	}
	for _, name := range []string{"gpg:", "gpg:test@example.org", "gpg:" + strings.Repeat("0", 40)} {
		var e *cli.Error
		if _, err := openKey(streams, name, ""); !errors.As(err, &e) || e.Code != cli.Key {
			t.Errorf("key %q: error %v, want exit code %d", name, err, cli.Key)
		}
	}
	// Without GnuPG the key is simply not there.
	public, _ := sealtest.Pair(t, packet.Config{})
	message, to := seals(t, public)
	t.Setenv("PATH", t.TempDir())
	if _, err := gnupgSessionKey(to.Fingerprint, message); !errors.Is(err, seal.ErrWrongKey) || !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("without gpg: %v", err)
	}
}

func seals(t *testing.T, public string) (message []byte, to seal.Recipient) {
	t.Helper()
	all, err := seal.ReadRecipients(strings.NewReader(public), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := seal.New(&out, all)
	if err == nil {
		_, err = io.WriteString(w, "evidence")
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), all[0]
}

func TestKeygenWithoutAPassphrase(t *testing.T) {
	t.Setenv("SPOR_DESK_PASSPHRASE", "")
	var said bytes.Buffer
	dir := filepath.Join(t.TempDir(), "keys")
	code := run(context.Background(), []string{"keygen", "--name", "N", "--email", "n@example.org", "--out", dir}, cli.Streams{In: strings.NewReader("x\n"), Out: &said, Err: &said})
	if _, err := os.Stat(dir); code != cli.Usage || err == nil || !strings.Contains(said.String(), "--passphrase-file") {
		t.Errorf("code %d, %v, said %q", code, err, said.String())
	}
}
