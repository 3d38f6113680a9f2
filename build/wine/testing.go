package wine

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ForTest opens the rig that all tests of the module share, in .cache/wine of the module or in $SPOR_WINE, and closes
// it when the test ends. Without wine it skips the test, loudly.
func ForTest(t testing.TB) *Rig {
	t.Helper()
	dir := os.Getenv("SPOR_WINE")
	if dir == "" {
		dir = filepath.Join(moduleRoot(t), ".cache", "wine")
	}
	r, err := Open(t.Context(), dir)
	if errors.Is(err, ErrNotInstalled) {
		t.Skipf("NOT TESTED on Windows: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// Test builds the tests of a package for windows/amd64 and runs them in the rig, in the package's own folder.
func Test(t *testing.T, r *Rig, pkg string, args ...string) {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "test.exe")
	Build(t, exe, "test", "-c", "-o", exe, pkg)
	cmd := r.Command(t.Context(), nil, exe, append([]string{"-test.v", "-test.timeout=3m"}, args...)...)
	cmd.Dir = strings.TrimSpace(goWindows(t, "list", "-f", "{{.Dir}}", pkg))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s under wine: %v\n%s", pkg, err, out)
		return
	}
	t.Logf("%s under wine:\n%s", pkg, out)
}

// TestedPackages are the packages of the module with tests that are built for Windows alone.
func TestedPackages(t testing.TB) []string {
	t.Helper()
	const format = `{{range .TestGoFiles}}{{$.ImportPath}} {{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$.ImportPath}} {{.}}{{"\n"}}{{end}}`
	var packages []string
	for line := range strings.Lines(goWindows(t, "list", "-e", "-f", format, "./...")) {
		pkg, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasSuffix(file, "_windows_test.go") && !slices.Contains(packages, pkg) {
			packages = append(packages, pkg)
		}
	}
	return packages
}

// Build runs the go command for windows/amd64, which is to make the file exe.
func Build(t testing.TB, exe string, args ...string) {
	t.Helper()
	goWindows(t, args...)
	if _, err := os.Stat(exe); err != nil {
		t.Fatalf("go %s made nothing: %v", strings.Join(args, " "), err)
	}
}

// goWindows gives the standard output of a go command for windows/amd64.
func goWindows(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = moduleRoot(t)
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// moduleRoot is the next folder upwards that holds a go.mod: tests run in their package's folder.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod in this folder or above")
		}
		dir = up
	}
}
