package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/build/release"
	collectors "spor/collect/live"
)

var update = flag.Bool("update", false, "rewrite docs/windows-proof.md")

// A proof is a row of testdata/proof.tsv: what the agent for Windows can do, and which tests show it. Tests are named by
// their folder and function.
type proof struct {
	name, what     string
	wine, fixtures []string
}

const proofIntro = `# What was proved of the agent for Windows, and how

Made from the tests: each name is a test that ` + "`make test`" + ` runs. Under wine, spor.exe itself runs, beside a Windows that is
made up and lies in places; on images and fixtures, the same code reads what real systems left: disks, hives, logs, buffers
as Windows returns them. **What neither can show, only a real Windows shows.** The last column is filled from
pages of ` + "`spor check --host`" + ` that people with one have sent: put yours into ` + "`cmd/internal/e2e/testdata/real/`" + ` as a text file,
run ` + "`go test ./cmd/internal/e2e -run TestProof -update`" + `, and it is in the table.

`

// TestProof holds docs/windows-proof.md against the tests that there are, and asks for a row of every collector.
func TestProof(t *testing.T) {
	root, err := release.Root()
	if err != nil {
		t.Fatal(err)
	}
	rows := proofs(t)
	there := allTests(t, root)
	named := map[string]bool{}
	for _, r := range rows {
		named[r.name] = true
		for _, test := range slices.Concat(r.wine, r.fixtures) {
			if !there[test] {
				t.Errorf("%s: there is no test %s", r.name, test)
			}
		}
	}
	for _, c := range collectors.All() {
		if c.Supports(artifacts.Windows) && !named[c.Name] {
			t.Errorf("the collector %s has no row in testdata/proof.tsv", c.Name)
		}
	}
	page := []byte(proofIntro + proofTable(rows, realPages(t)))
	name := filepath.Join(root, "docs", "windows-proof.md")
	if *update {
		if err := os.WriteFile(name, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if stands, err := os.ReadFile(name); err != nil || !bytes.Equal(stands, page) {
		t.Errorf("docs/windows-proof.md is not what the tests come to: go test ./cmd/internal/e2e -run TestProof -update (%v)", err)
	}
}

func proofs(t *testing.T) (rows []proof) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "proof.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 4 {
			t.Fatalf("proof.tsv: %d columns in %q", len(f), line)
		}
		rows = append(rows, proof{f[0], f[1], strings.Fields(f[2]), strings.Fields(f[3])})
	}
	return rows
}

// allTests are the tests of the house, as folder.Name.
func allTests(t *testing.T, root string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && name != "."):
			return fs.SkipDir
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") {
				all[filepath.ToSlash(filepath.Dir(name))+"."+fn.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// realPages reads what `spor check --host` said on real machines: source, then what it said where.
func realPages(t *testing.T) map[string][]string {
	t.Helper()
	said := map[string][]string{}
	for _, name := range glob(t, filepath.Join("testdata", "real", "*.txt")) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		host := strings.TrimSuffix(filepath.Base(name), ".txt")
		for line := range strings.Lines(string(data)) {
			if f := strings.Fields(line); len(f) > 1 {
				switch f[0] {
				case "works", "partly", "FAILS", "nothing":
					said[f[1]] = append(said[f[1]], f[0]+" on "+host)
				}
			}
		}
	}
	return said
}

func proofTable(rows []proof, real map[string][]string) string {
	var b strings.Builder
	fmt.Fprint(&b, "| | what | under wine | on images and fixtures | on a real Windows |\n|---|---|---|---|---|\n")
	tests := func(names []string) string {
		if len(names) == 0 {
			return "not"
		}
		return strings.Join(names, ", ")
	}
	for _, r := range rows {
		there := "**never run**"
		if len(real[r.name]) > 0 {
			there = strings.Join(real[r.name], ", ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.name, r.what, tests(r.wine), tests(r.fixtures), there)
	}
	return b.String()
}
