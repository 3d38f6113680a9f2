package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pinentry answers GnuPG's agent with the passphrase, as a person would, and counts how often it was asked.
const pinentry = `#!/bin/sh
echo "OK at your service"
while read -r line; do
	case "$line" in
	GETPIN*) echo asked >>"$0.log"; echo "D correct horse"; echo OK ;;
	BYE*) echo OK; exit ;;
	*) echo OK ;;
	esac
done
`

// From key to opened bundle by the shipped programs, for the kinds of keys that GnuPG makes, where the private half never
// leaves GnuPG: its agent asks for the passphrase. The same key as a file wants it too.
func TestKeysThatStayInGnuPG(t *testing.T) {
	need(t, "gpg", "gpg-agent", "gpgconf")
	home, err := os.MkdirTemp("", "gnupg") // its socket's name must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GNUPGHOME", home)
	t.Cleanup(func() {
		exec.Command("gpgconf", "--kill", "all").Run()
		os.RemoveAll(home)
	})
	dir := t.TempDir()
	asks, secret := filepath.Join(home, "pinentry"), filepath.Join(dir, "secret")
	for name, content := range map[string]string{
		asks: pinentry, filepath.Join(home, "gpg-agent.conf"): "pinentry-program " + asks + "\n", secret: "correct horse\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	gpg := func(args ...string) []byte {
		t.Helper()
		out, err := exec.Command("gpg", append([]string{"--batch", "-q", "--pinentry-mode", "loopback", "--passphrase", "correct horse"}, args...)...).Output()
		if err != nil {
			t.Fatalf("gpg %v: %v", args, err)
		}
		return out
	}
	host := noisyHost(t, 1)
	for _, kind := range [][2]string{{"ed25519", "rsa2048"}, {"nistp256", "brainpoolP384r1"}} {
		name := strings.Join(kind[:], "-")
		gpg("--quick-gen-key", name+"@example.org", kind[0], "sign", "never")
		fingerprint := ""
		for line := range strings.Lines(string(gpg("--with-colons", "--list-keys", name+"@example.org"))) {
			if fields := strings.Split(line, ":"); fields[0] == "fpr" && fingerprint == "" {
				fingerprint = fields[9]
			}
		}
		gpg("--quick-add-key", fingerprint, kind[1], "encr", "never")
		public, private := filepath.Join(dir, name+".asc"), filepath.Join(dir, name+"-private.asc")
		for file, content := range map[string][]byte{public: gpg("--export", "--armor", fingerprint), private: gpg("--export-secret-keys", "--armor", fingerprint)} {
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		usb := filepath.Join(dir, name)
		must(t, dir, []int{0}, "spor", "collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log", "--out", usb)
		volumes := glob(t, filepath.Join(usb, "*.pgp"))
		exec.Command("gpgconf", "--kill", "gpg-agent").Run() // which forgets what it was told
		os.Remove(asks + ".log")
		must(t, dir, []int{0}, "spor-desk", append([]string{"verify", "--key", "gpg:" + fingerprint}, volumes...)...)
		if asked, err := os.ReadFile(asks + ".log"); err != nil || strings.Count(string(asked), "asked") != 1 {
			t.Errorf("%s: the agent asked %q: %v", name, asked, err)
		}
		must(t, dir, []int{0}, "spor-desk", append([]string{"verify", "--key", private, "--passphrase-file", secret}, volumes...)...)
		must(t, dir, []int{6}, "spor-desk", append([]string{"verify", "--key", private, "--passphrase-file", public}, volumes...)...)
	}
}
