package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"spor/build/release"
)

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, target := range release.Targets() {
		for _, complaint := range checkDocs(list(t, target)) {
			t.Errorf("%s: %s", target, complaint)
		}
	}
}

func checkDocs(pkgs []*pkg) (complaints []string) {
	for _, p := range pkgs {
		if p.own() == "" || len(p.GoFiles) == 0 {
			continue
		}
		want := []string{"Package " + p.Name + " "}
		if p.Name == "main" { // a command begins with its name
			name := filepath.Base(p.ImportPath)
			want = []string{strings.ToUpper(name[:1]) + name[1:] + " ", "Command " + name + " "}
		}
		if !slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(p.Doc, w) }) {
			complaints = append(complaints, fmt.Sprintf("%s: package comment begins %q, want one of %q", p.own(), p.Doc, want))
		}
	}
	return complaints
}

func TestDocRuleBites(t *testing.T) {
	for _, tt := range []struct {
		p    pkg
		want int
	}{
		{pkg{ImportPath: "spor/collect", Name: "collect", Doc: "Package collect is the engine.", GoFiles: []string{"a.go"}}, 0},
		{pkg{ImportPath: "spor/collect", Name: "collect", GoFiles: []string{"a.go"}}, 1},
		{pkg{ImportPath: "spor/collect", Name: "collect", Doc: "The engine.", GoFiles: []string{"a.go"}}, 1},
		{pkg{ImportPath: "spor/cmd/spor", Name: "main", Doc: "Spor collects.", GoFiles: []string{"a.go"}}, 0},
		{pkg{ImportPath: "spor/cmd/spor", Name: "main", GoFiles: []string{"a.go"}}, 1},
		{pkg{ImportPath: "spor/only/tests", Name: "tests"}, 0},
	} {
		if got := checkDocs([]*pkg{&tt.p}); len(got) != tt.want {
			t.Errorf("%+v: got %q, want %d complaints", tt.p, got, tt.want)
		}
	}
}

// An init function hides what runs on a victim's machine behind an import.
func TestNoInitFunctions(t *testing.T) {
	for _, file := range tracked(t) {
		if !strings.HasSuffix(file, ".go") {
			continue
		}
		for _, complaint := range checkInit(file, read(t, file)) {
			t.Error(complaint)
		}
	}
}

func checkInit(name string, source []byte) (complaints []string) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	for _, decl := range f.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			complaints = append(complaints, fmt.Sprintf("%s: func init: lists are tables that can be read", fset.Position(fn.Pos())))
		}
	}
	return complaints
}

func TestInitRuleBites(t *testing.T) {
	for source, want := range map[string]int{
		"package p\nfunc init() { register() }":          1,
		"package p\ntype t struct{}\nfunc (t) init() {}": 0,
		"package p\nvar init_ = 1":                       0,
		"package p\nfunc":                                1,
	} {
		if got := checkInit("p.go", []byte(source)); len(got) != want {
			t.Errorf("%q: got %q, want %d complaints", source, got, want)
		}
	}
}

// Whoever embeds a type that writes its own JSON writes that, and nothing of himself.
func TestWhatWritesItselfIsNotEmbedded(t *testing.T) {
	sources := map[string][]byte{}
	for _, file := range tracked(t) {
		if strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") {
			sources[file] = read(t, file)
		}
	}
	for _, complaint := range checkEmbedded(sources) {
		t.Error(complaint)
	}
}

func checkEmbedded(sources map[string][]byte) (complaints []string) {
	fset := token.NewFileSet()
	var files []*ast.File
	writers := map[string]bool{} // package.Type
	for name, source := range sources {
		f, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
		if err != nil {
			return []string{err.Error()}
		}
		files = append(files, f)
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if ok && fn.Recv != nil && (fn.Name.Name == "MarshalJSON" || fn.Name.Name == "MarshalText") {
				writers[typeName(f, fn.Recv.List[0].Type)] = true
			}
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.StructType); ok {
				for _, field := range s.Fields.List {
					if name := typeName(f, field.Type); len(field.Names) == 0 && writers[name] {
						complaints = append(complaints, fmt.Sprintf("%s: %s is embedded, and is all that JSON gets of the struct", fset.Position(field.Pos()), name))
					}
				}
			}
			return true
		})
	}
	return complaints
}

// typeName is package.Type, as other packages write it.
func typeName(f *ast.File, e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(f, e.X)
	case *ast.Ident:
		return f.Name.Name + "." + e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name + "." + e.Sel.Name
		}
	}
	return ""
}

func TestEmbeddedRuleBites(t *testing.T) {
	times := []byte("package artifacts\ntype Times struct{}\nfunc (t Times) MarshalJSON() ([]byte, error) { return nil, nil }")
	for source, want := range map[string]int{
		"package p\ntype r struct { Path string; artifacts.Times }": 1,
		"package p\ntype r struct { *artifacts.Times }":             1,
		"package p\ntype r struct { Times artifacts.Times }":        0,
		"package artifacts\ntype r struct { Times }":                1,
		"package p\ntype r struct { other.Times }":                  0,
		"package p\nfunc f() { _ = struct{ artifacts.Times }{} }":   1,
	} {
		if got := checkEmbedded(map[string][]byte{"times.go": times, "p.go": []byte(source)}); len(got) != want {
			t.Errorf("%q: got %q, want %d complaints", source, got, want)
		}
	}
}

// What is only true on the machine that wrote it has no place in the tree: the checkout's own folder, the module and
// build caches.
func TestNoMachinePaths(t *testing.T) {
	paths := []string{root(t)}
	for _, name := range []string{"GOMODCACHE", "GOCACHE"} {
		out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, strings.TrimSpace(string(out)))
	}
	for _, file := range tracked(t) {
		for _, complaint := range checkPaths(file, read(t, file), paths) {
			t.Error(complaint)
		}
	}
}

func checkPaths(name string, content []byte, paths []string) (complaints []string) {
	for _, path := range paths {
		if strings.Count(path, "/") < 2 || !bytes.Contains(content, []byte(path)) {
			continue // a folder such as /src may stand in any text
		}
		for n, line := range bytes.Split(content, []byte("\n")) {
			if bytes.Contains(line, []byte(path)) {
				complaints = append(complaints, fmt.Sprintf("%s:%d: the path %s is of this machine", name, n+1, path))
			}
		}
	}
	return complaints
}

func TestPathRuleBites(t *testing.T) {
	for text, want := range map[string]int{
		"see /home/anna/spor/README.md":             1,
		"a\n/home/anna/spor\n\"/home/anna/spor/x\"": 2,
		"paths: ['/home/*/.bash_history']":          0,
		"/src/a.c":                                  0,
	} {
		if got := checkPaths("f", []byte(text), []string{"/home/anna/spor", "/src"}); len(got) != want {
			t.Errorf("%q: got %q, want %d complaints", text, got, want)
		}
	}
}

// tracked gives the files of the project: those in git, and those that would be added.
func tracked(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "-co", "--exclude-standard")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("SKIPPED: the sources are not in git here, so nothing says which files are theirs: %v", err)
	}
	var files []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if info, err := os.Lstat(filepath.Join(cmd.Dir, name)); err == nil && info.Mode().IsRegular() {
			files = append(files, name)
		}
	}
	return files
}

// read gives a file of the project; what is not text is empty.
func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), name))
	if err != nil {
		t.Fatal(err)
	}
	if !utf8.Valid(b) {
		return nil
	}
	return b
}
