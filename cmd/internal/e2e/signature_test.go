package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spor/build/wine"
)

// A signed program that runs is listed with its signer, and one that was changed after it was signed as such, which is
// a finding. (Wine trusts every root; that Windows says "untrusted_root" of this one only Windows can show.)
func TestSignatureOfWhatRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("short: NOT checked whose signatures are seen under wine")
	}
	if _, err := exec.LookPath("osslsigncode"); err != nil {
		t.Skip("SKIPPED: no osslsigncode here")
	}
	rig := wine.ForTest(t)
	dir := t.TempDir()
	public, private := keys(t, dir)
	exe, signed := filepath.Join(dir, "spor.exe"), filepath.Join(dir, "signed.exe")
	if out, err := build("windows", exe, "spor/cmd/spor"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	certificate, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	shell(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=Þjónusta ehf", "-utf8", "-days", "2", "-addext", "extendedKeyUsage=codeSigning")
	shell(t, "osslsigncode", "sign", "-certs", certificate, "-key", key, "-h", "sha256", "-in", exe, "-out", signed)
	whole, err := os.ReadFile(signed)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(whole)
	copy(changed[bytes.Index(changed, []byte("DOS mode")):], "dos mode") // which nothing reads
	usb := filepath.Join(rig.DriveC(), "signed-"+filepath.Base(dir))
	defer os.RemoveAll(usb)
	for _, tt := range []struct {
		name, status string
		program      []byte
		finding      bool
	}{{"whole", "valid", whole, false}, {"changed", "bad_digest", changed, true}} {
		out := filepath.Join(usb, tt.name)
		if err := os.MkdirAll(out, 0o755); err != nil {
			t.Fatal(err)
		}
		copyFile(t, public, filepath.Join(out, "cert.asc"))
		program := filepath.Join(out, "signed.exe")
		if err := os.WriteFile(program, tt.program, 0o700); err != nil {
			t.Fatal(err)
		}
		folder := `C:\` + filepath.Base(usb) + `\` + tt.name
		res, err := rig.Run(t.Context(), nil, program, "collect", "--recipient", folder+`\cert.asc`, "--only", "processes", "--out", folder)
		if err != nil || res.Code != 0 {
			t.Fatalf("%s: %d, %v\n%s", tt.name, res.Code, err, res.Stderr)
		}
		opened := filepath.Join(dir, tt.name)
		must(t, dir, []int{0}, "spor-desk", "open", glob(t, filepath.Join(out, "*.pgp"))[0], "--key", private, "--out", opened)
		status, signer := signatureOf(t, live(t, opened)["processes"], "signed.exe")
		if status != tt.status || status == "valid" && signer != "Þjónusta ehf" {
			t.Errorf("%s: %q by %q, want %q", tt.name, status, signer, tt.status)
		}
		findings, err := os.ReadFile(filepath.Join(opened, "findings.jsonl"))
		if err != nil || strings.Contains(string(findings), "process-signature-broken") != tt.finding {
			t.Errorf("%s: findings %s, %v", tt.name, findings, err)
		}
	}
}

// signatureOf looks a process up by its name.
func signatureOf(t *testing.T, processes, name string) (status, signer string) {
	t.Helper()
	for line := range strings.Lines(processes) {
		var p struct {
			Name      string `json:"name"`
			Signature struct {
				Status string `json:"status"`
				Signer string `json:"signer"`
			} `json:"exe_signature"`
		}
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatal(err)
		}
		if p.Name == name {
			return p.Signature.Status, p.Signature.Signer
		}
	}
	t.Fatalf("%s is not among the processes", name)
	return "", ""
}
