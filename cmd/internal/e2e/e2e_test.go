package e2e

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"spor/package/seal/sealtest"
)

// bin is the folder of the two programs, built once for all tests.
var bin string

// builtIn is the variable that names it to a test that runs itself again.
const builtIn = "SPOR_E2E_BIN"

func TestMain(m *testing.M) {
	if bin = os.Getenv(builtIn); bin != "" { // a test that runs itself again
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "spor-e2e-")
	if err != nil {
		panic(err)
	}
	bin = dir
	for _, name := range []string{"spor", "spor-desk"} {
		if out, err := build(runtime.GOOS, filepath.Join(bin, name), "spor/cmd/"+name); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n%s", name, err, out)
			os.Exit(1)
		}
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// build builds a program with the flags of the release, so that what is tested is what is shipped.
func build(goos, out, pkg string) ([]byte, error) {
	flags, err := os.ReadFile("../../../build/release/flags.txt")
	if err != nil {
		return nil, err
	}
	args := append([]string{"build"}, strings.Fields(string(flags))...)
	link := "-s -w"
	if goos == "windows" {
		packed, err := os.ReadFile("../../../build/release/link.txt")
		if err != nil {
			return nil, err
		}
		link += " " + strings.TrimSpace(string(packed))
		small, err := os.ReadFile("../../../build/release/small.txt")
		if err != nil {
			return nil, err
		}
		args = append(args, strings.Fields(string(small))...)
	}
	cmd := exec.Command("go", append(args, "-ldflags="+link, "-o", out, pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH=amd64")
	if goos == runtime.GOOS {
		cmd.Env = append(cmd.Env, "GOARCH="+runtime.GOARCH)
	}
	return cmd.CombinedOutput()
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			for name, key := range map[string]string{"expired.asc": sealtest.Expired(t), "revoked.asc": sealtest.Revoked(t), "signonly.asc": sealtest.SignOnly(t), "weak.asc": sealtest.Weak(t)} {
				if err := os.WriteFile(filepath.Join(env.WorkDir, name), []byte(key), 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "receiver": receiver, "flip": flip, "json": jsonField, "lines": lines, "samehash": sameHash, "setenv": setenv,
		},
		RequireUniqueNames: true,
	})
}

// exits CODE PROGRAM ARG... runs a program that must end with just this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("%s ended with %d, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(args[1:], " "), got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// receiver STORE starts a receiver, which ends with the script, and sets URL and PIN.
func receiver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: receiver STORE")
	}
	r, err := startReceiver(ts.MkAbs(args[0]), "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(r.stop)
	ts.Setenv("URL", r.url)
	ts.Setenv("PIN", r.pin)
}

// setenv NAME FILE sets a variable to the first line of a file, such as stdout.
func setenv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: setenv NAME FILE")
	}
	line, _, _ := strings.Cut(ts.ReadFile(args[1]), "\n")
	ts.Setenv(args[0], line)
}

// flip FILE changes one bit in the middle of a file.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	for _, pattern := range args {
		names, err := filepath.Glob(ts.MkAbs(pattern))
		ts.Check(err)
		for _, name := range names {
			b, err := os.ReadFile(name)
			ts.Check(err)
			b[len(b)/2] ^= 1
			ts.Check(os.WriteFile(name, b, 0o600))
		}
	}
}

// json FILE PATH WANT compares a field of a JSON file, such as host.hostname, as text.
func jsonField(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: [!] json FILE PATH WANT")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	for name := range strings.SplitSeq(args[1], ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			i, err := strconv.Atoi(name)
			ts.Check(err)
			if i >= len(x) {
				ts.Fatalf("%s: %s has %d elements", args[0], args[1], len(x))
			}
			v = x[i]
		default:
			ts.Fatalf("%s: nothing at %s", args[0], args[1])
		}
	}
	if got := fmt.Sprint(v); (got == args[2]) == neg {
		ts.Fatalf("%s: %s is %q, want %q (negated: %v)", args[0], args[1], got, args[2], neg)
	}
}

// lines FILE N: a file has just so many lines.
func lines(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := strings.Count(ts.ReadFile(args[0]), "\n"); (got == want) == neg {
		ts.Fatalf("%s has %d lines, want %d (negated: %v)", args[0], got, want, neg)
	}
}

// samehash A B: two files, which may be patterns, have the same content.
func sameHash(ts *testscript.TestScript, neg bool, args []string) {
	var sums []string
	for _, pattern := range args {
		names, err := filepath.Glob(ts.MkAbs(pattern))
		ts.Check(err)
		if len(names) != 1 {
			ts.Fatalf("%s is %d files", pattern, len(names))
		}
		sum, err := fileHash(names[0])
		ts.Check(err)
		sums = append(sums, sum)
	}
	if (len(slices.Compact(sums)) == 1) == neg {
		ts.Fatalf("%v: hashes %v", args, sums)
	}
}

func fileHash(name string) (string, error) {
	b, err := os.ReadFile(name)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), err
}

func hashOf(t *testing.T, name string) string {
	t.Helper()
	sum, err := fileHash(name)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// A running is a receiver that runs.
type running struct {
	cmd      *exec.Cmd
	url, pin string
}

// startReceiver starts the desk's receiver and waits until it listens.
func startReceiver(store, listen string) (*running, error) {
	cmd := exec.Command(filepath.Join(bin, "spor-desk"), "receive", "--listen", listen, "--store", store)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &running{cmd: cmd}
	scanner := bufio.NewScanner(out)
	for r.pin == "" && scanner.Scan() {
		if rest, ok := strings.CutPrefix(scanner.Text(), "listening at "); ok {
			r.url = rest
		}
		if rest, ok := strings.CutPrefix(scanner.Text(), "pin "); ok {
			r.pin = rest
		}
	}
	if r.pin == "" {
		r.kill()
		return nil, fmt.Errorf("the receiver did not start: %s", stderr.String())
	}
	return r, nil
}

func (r *running) kill() {
	r.cmd.Process.Kill()
	r.cmd.Wait()
}

func (r *running) stop() {
	r.cmd.Process.Signal(os.Interrupt)
	done := make(chan error, 1)
	go func() { done <- r.cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		r.kill()
	}
}

// run runs one of the programs in a folder and returns its output and exit code.
func run(t *testing.T, dir, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, name), args...)
	cmd.Dir = dir
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// must runs a program that must end with one of the codes.
func must(t *testing.T, dir string, codes []int, name string, args ...string) (stdout string) {
	t.Helper()
	stdout, stderr, code := run(t, dir, name, args...)
	if !slices.Contains(codes, code) {
		t.Fatalf("%s %s ended with %d, want %v\n%s\n%s", name, strings.Join(args, " "), code, codes, stdout, stderr)
	}
	return stdout
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}
