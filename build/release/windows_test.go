package release

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"debug/pe"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// TestWindowsProgram builds the agent as a release has it: it says its name and version, asks for no more rights than it was
// started with, may open long paths, and stays whole under a signature.
func TestWindowsProgram(t *testing.T) {
	exe := filepath.Join(t.TempDir(), "spor.exe")
	run(t, []string{"VERSION=v1.2.3-4-gabcdef0", "COMMIT=abcdef0"}, "build/compile.sh", "spor", "windows", "amd64", exe)
	resources := resources(t, exe)
	for _, text := range []string{"FileVersion", "v1.2.3-4-gabcdef0", "FileDescription"} {
		if !bytes.Contains(resources, wide(text)) {
			t.Errorf("the version resource lacks %q", text)
		}
	}
	for _, text := range []string{"asInvoker", "longPathAware", "permonitorv2"} {
		if !bytes.Contains(bytes.ToLower(resources), []byte(strings.ToLower(text))) {
			t.Errorf("the manifest lacks %q", text)
		}
	}

	if _, err := exec.LookPath("osslsigncode"); err != nil {
		t.Skip("SKIPPED signing: no osslsigncode here")
	}
	certificate, key := signer(t)
	sign := []string{"SIGN_CERT=" + certificate, "SIGN_KEY=" + key}
	run(t, sign, "build/sign.sh", exe)
	verify := func() error { return exec.Command("osslsigncode", "verify", "-CAfile", certificate, "-in", exe).Run() }
	if err := verify(); err != nil {
		t.Errorf("the signature does not verify: %v", err)
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(exe, b, 0o700); err != nil {
		t.Fatal(err)
	}
	if verify() == nil {
		t.Error("an altered program still verifies")
	}
}

// run executes a script of ours in the root of the sources, with more in the environment.
func run(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, name), args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func resources(t *testing.T, exe string) []byte {
	t.Helper()
	f, err := pe.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	section := f.Section(".rsrc")
	if section == nil {
		t.Fatal("there are no resources in the program")
	}
	b, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wide is text as Windows keeps it.
func wide(text string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

// signer makes a certificate that signs programs, and its key, as PEM files.
func signer(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "A CERT"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
}
