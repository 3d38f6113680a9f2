package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnattended runs the jobs of docs/unattended.md as they stand there, against this very host: with an ssh that connects to
// nobody, and with Ansible's local connection.
func TestUnattended(t *testing.T) {
	if testing.Short() {
		t.Skip("short: NOT checked that the documented jobs run")
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "unattended.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	public, private := keys(t, dir)
	receiver, err := startReceiver(filepath.Join(dir, "store"), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.stop()
	must(t, dir, []int{0}, "spor-desk", "kit", "--single-file", "--stream", "--recipient", public, "--sign-key", private, "--store", filepath.Join(dir, "store"),
		"--upload", receiver.url, "--case", "2026-017", "--agent", filepath.Join(bin, "spor"), "--out", filepath.Join(dir, "job"))
	arrived := func() int { return len(glob(t, filepath.Join(dir, "store", "2026-017", "*.pgp"))) }
	job := filepath.Join(dir, "job")

	t.Run("ssh", func(t *testing.T) {
		write(t, filepath.Join(job, "hosts"), "one\n", 0o600)
		write(t, filepath.Join(job, "ssh"), "#!/bin/sh\nshift\nexec sh -c \"$*\"\n", 0o700)
		cmd := exec.CommandContext(t.Context(), "sh", "-c", fenced(t, string(page), "sh"))
		cmd.Dir = job
		cmd.Env = append(os.Environ(), "PATH="+job+":"+os.Getenv("PATH"), "TMPDIR="+dir)
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != "one 0" && got != "one 3" || arrived() != 1 {
			t.Errorf("%v, %d bundles arrived\n%s", err, arrived(), out)
		}
		if left := glob(t, filepath.Join(dir, "tmp.*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	t.Run("ansible", func(t *testing.T) {
		if _, err := exec.LookPath("ansible-playbook"); err != nil || os.Geteuid() != 0 {
			t.Skip("SKIPPED: no ansible-playbook here, or not root")
		}
		before := arrived()
		host := filepath.Join(dir, "root") + "/"
		if err := os.Mkdir(host, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(job, "play.yaml"), strings.ReplaceAll(fenced(t, string(page), "yaml"), "/root/", host), 0o600)
		write(t, filepath.Join(job, "inventory"), "[affected]\nlocalhost ansible_connection=local\n", 0o600)
		cmd := exec.CommandContext(t.Context(), "ansible-playbook", "-i", "inventory", "play.yaml")
		cmd.Dir = job
		cmd.Env = append(os.Environ(), "ANSIBLE_LOCAL_TEMP="+dir, "ANSIBLE_REMOTE_TEMP="+dir, "ANSIBLE_NOCOLOR=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "failed=0") || arrived() != before+1 {
			t.Errorf("%v, %d bundles arrived\n%s", err, arrived()-before, out)
		}
		if left := glob(t, host+"*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

// fenced is the one block of a page in a language.
func fenced(t *testing.T, page, language string) string {
	t.Helper()
	_, block, ok := strings.Cut(page, "\n```"+language+"\n")
	block, _, end := strings.Cut(block, "\n```\n")
	if !ok || !end {
		t.Fatalf("the page has no block of %s", language)
	}
	return block + "\n"
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
