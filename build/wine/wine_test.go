package wine_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spor/build/wine"
)

// TestRun runs testdata/echo: arguments, environment, both outputs and the exit code have to come through.
func TestRun(t *testing.T) {
	rig := wine.ForTest(t)
	exe := filepath.Join(t.TempDir(), "echo.exe")
	wine.Build(t, exe, "build", "-o", exe, "./build/wine/testdata/echo")
	got, err := rig.Run(t.Context(), []string{"SPOR_TEST=Þórður"}, exe, "a b", `c"d`)
	if err != nil {
		t.Fatal(err)
	}
	want := wine.Result{Stdout: []byte(`["a b" "c\"d"] "Þórður" windows`), Stderr: []byte("to stderr"), Code: 7}
	if string(got.Stdout) != string(want.Stdout) || string(got.Stderr) != string(want.Stderr) || got.Code != want.Code {
		t.Errorf("got %q, %q, %d\nwant %q, %q, %d", got.Stdout, got.Stderr, got.Code, want.Stdout, want.Stderr, want.Code)
	}
}

// TestWindows runs under wine the tests of every package that has some for Windows alone.
func TestWindows(t *testing.T) {
	rig := wine.ForTest(t)
	packages := wine.TestedPackages(t)
	if !slices.Contains(packages, "spor/collect/host") {
		t.Errorf("packages with tests for Windows: %s: collect/host is not among them", strings.Join(packages, " "))
	}
	for _, pkg := range packages {
		t.Run(strings.TrimPrefix(pkg, "spor/"), func(t *testing.T) { wine.Test(t, rig, pkg) })
	}
}
