package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spor/build/kit"
	"spor/build/wine"
)

// TestSignedSingleFile puts a kit into spor.exe and signs it: the signature verifies, the kit is found behind it by the program
// itself, and a program that was signed before is refused.
func TestSignedSingleFile(t *testing.T) {
	if testing.Short() {
		t.Skip("short: NOT checked that a signed spor.exe finds its kit")
	}
	if _, err := exec.LookPath("osslsigncode"); err != nil {
		t.Skip("SKIPPED: no osslsigncode here")
	}
	rig := wine.ForTest(t)
	dir := t.TempDir()
	public, private := keys(t, dir)
	exe := filepath.Join(dir, "spor.exe")
	if out, err := build("windows", exe, "spor/cmd/spor"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pack := func(agent, out string, codes ...int) {
		must(t, dir, codes, "spor-desk", "kit", "--recipient", public, "--sign-key", private, "--case", "one-file", "--agent", agent, "--out", out, "--single-file")
	}
	usb := filepath.Join(rig.DriveC(), "one-"+filepath.Base(dir))
	defer os.RemoveAll(usb)
	defer os.Remove(usb + ".zip")
	pack(exe, usb, 0)
	signed := filepath.Join(usb, "spor.exe")
	certificate, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	shell(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=A CERT", "-days", "2", "-addext", "extendedKeyUsage=codeSigning")
	shell(t, "env", "SIGN_CERT="+certificate, "SIGN_KEY="+key, "../../../build/sign.sh", signed)
	shell(t, "osslsigncode", "verify", "-CAfile", certificate, "-in", signed)

	res, err := rig.Run(t.Context(), nil, signed, "check")
	if err != nil || res.Code != 0 || !strings.Contains(string(res.Stdout), "kit for case one-file") {
		t.Errorf("spor.exe check: %d, %v\n%s%s", res.Code, err, res.Stdout, res.Stderr)
	}
	pack(signed, filepath.Join(dir, "again"), 2)

	b, err := os.ReadFile(signed)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := kit.Carried(bytes.NewReader(b), int64(len(b)))
	if err != nil || !bytes.Contains(inside, []byte("one-file")) {
		t.Fatalf("the kit is %q, %v", inside, err)
	}
	b[bytes.Index(b, inside)+len(inside)/2] ^= 1
	if err := os.WriteFile(signed, b, 0o700); err != nil {
		t.Fatal(err)
	}
	if exec.Command("osslsigncode", "verify", "-CAfile", certificate, "-in", signed).Run() == nil {
		t.Error("the signature does not cover the kit")
	}
}

func shell(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
