package e2e

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rounds of each killing test.
const rounds = 20

// keys makes a CERT key pair.
func keys(t *testing.T, dir string) (public, private string) {
	t.Helper()
	must(t, dir, []int{0}, "spor-desk", "keygen", "--name", "CERT", "--email", "cert@example.org", "--out", "keys", "--no-passphrase")
	return filepath.Join(dir, "keys", "cert-public.asc"), filepath.Join(dir, "keys", "cert-private.asc")
}

// noisyHost makes a folder with n files of a mebibyte that cannot be compressed.
func noisyHost(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "var/log"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		b := make([]byte, 1<<20)
		rand.Read(b)
		if err := os.WriteFile(filepath.Join(dir, "var/log", fmt.Sprintf("noise%03d.log", i)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// someTime is a random moment within d.
func someTime(t *testing.T, d time.Duration) time.Duration {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(int64(d)))
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n.Int64())
}

// However a collection dies, no file claims to be complete that is not.
func TestKilledCollectorLeavesNoFalseBundle(t *testing.T) {
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 24)
	args := []string{"collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log", "--volume-size", "8M", "--case", "k"}
	began := time.Now()
	must(t, dir, []int{0}, "spor", append(args, "--out", "whole")...)
	whole := time.Since(began)
	died, torn := 0, 0
	for i := range rounds {
		out := filepath.Join(dir, fmt.Sprintf("out%02d", i))
		cmd := exec.Command(filepath.Join(bin, "spor"), append(args, "--out", out)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(someTime(t, whole))
		cmd.Process.Kill()
		if cmd.Wait() != nil {
			died++
		}
		volumes := glob(t, filepath.Join(out, "*.pgp"))
		parts := glob(t, filepath.Join(out, "*.part"))
		torn += len(parts)
		if len(parts) > 1 {
			t.Errorf("round %d: %d unfinished volumes", i, len(parts))
		}
		if len(volumes) == 0 {
			continue
		}
		stdout, _, code := run(t, dir, "spor-desk", append([]string{"verify", "--key", private}, volumes...)...)
		switch {
		case code == 0 && len(parts) > 0:
			t.Errorf("round %d: verified, with an unfinished volume beside it", i)
		case code == 5 && (!strings.Contains(stdout, "no manifest") || strings.Contains(stdout, "was cut")):
			t.Errorf("round %d: a finished volume is not whole:\n%s", i, stdout)
		case code != 0 && code != 5:
			t.Errorf("round %d: verify ended with %d", i, code)
		}
	}
	t.Logf("%d of %d killed while running, %d left an unfinished volume", died, rounds, torn)
	if died < rounds/4 {
		t.Errorf("only %d of %d were killed while running: the test shows little", died, rounds)
	}
}

// Whichever side dies at whatever moment, the upload goes on and ends with what was sent.
func TestKilledUploadGoesOn(t *testing.T) {
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 24)
	store := filepath.Join(dir, "store")
	listen := freeAddress(t)
	receiver, err := startReceiver(store, listen)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { receiver.kill() }()
	token := strings.TrimSpace(must(t, dir, []int{0}, "spor-desk", "token", "new", "--store", store, "--case", "k"))
	to := []string{"--to", receiver.url, "--token", token, "--pin", receiver.pin}
	killed := map[string]int{}
	for i := range rounds {
		out := filepath.Join(dir, fmt.Sprintf("out%02d", i))
		must(t, dir, []int{0}, "spor", "collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log",
			"--take", fmt.Sprintf("/var/log/noise%03d.log", i), "--case", fmt.Sprintf("k%02d", i), "--out", out)
		volumes := glob(t, filepath.Join(out, "*.pgp"))
		cmd := exec.Command(filepath.Join(bin, "spor"), append(append([]string{"upload"}, to...), volumes...)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(someTime(t, 300*time.Millisecond))
		if i%2 == 0 {
			cmd.Process.Kill()
			if cmd.Wait() != nil {
				killed["sender"]++
			}
		} else {
			receiver.kill()
			killed["receiver"]++
			if receiver, err = startReceiver(store, listen); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil { // it tries again by itself
				t.Errorf("round %d: the sender gave up: %v", i, err)
			}
		}
		must(t, dir, []int{0}, "spor", append(append([]string{"upload"}, to...), volumes...)...)
		for _, v := range volumes {
			if got, want := hashOf(t, filepath.Join(store, "k", filepath.Base(v))), hashOf(t, v); got != want {
				t.Errorf("round %d: %s arrived as %s, sent as %s", i, filepath.Base(v), got, want)
			}
		}
		os.RemoveAll(out)
	}
	t.Logf("killed while running: %v", killed)
	arrived := glob(t, filepath.Join(store, "k", "k00-*.pgp"))
	must(t, dir, []int{0}, "spor-desk", append([]string{"verify", "--key", private}, arrived...)...)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
