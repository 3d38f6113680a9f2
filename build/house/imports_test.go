package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"spor/build/release"
)

// layers say which packages of ours a package of ours may import, by name within the module; the first row whose
// pattern fits is the package's. "x/..." is x and all below it. A package without a row is a complaint: whoever adds a
// layer says here what it stands on.
var layers = []layer{
	{"artifacts", nil},
	{"artifacts/hive", nil}, // hives from bytes: of a host, of an image, of an opened bundle
	{"artifacts/...", []string{"artifacts/..."}},
	{"collect/...", []string{"artifacts", "artifacts/hive", "collect/..."}}, // neither the bundle nor the definitions' YAML
	{"package/manifest", []string{"artifacts"}},
	{"package/seal", nil},
	{"package/seal/...", []string{"package/seal"}},
	{"package/sample", nil},
	{"package/bundle", []string{"artifacts", "package/manifest", "package/seal"}},
	{"timeline", []string{"artifacts"}},
	{"timeline/lines", nil},
	{"timeline/dates", nil},
	{"timeline/textlog", []string{"timeline", "timeline/dates", "timeline/lines"}},
	{"timeline/format/...", []string{"artifacts", "artifacts/hive", "timeline", "timeline/dates", "timeline/format/...", "timeline/lines", "timeline/sqlite", "timeline/textlog"}},
	{"timeline/sqlite", []string{"timeline"}},
	{"timeline/collected", []string{"artifacts", "artifacts/hive", "timeline", "timeline/collected/..."}}, // a hive tells whose files they are
	{"timeline/...", []string{"artifacts", "timeline", "timeline/format/..."}},
	{"detect/...", []string{"artifacts", "timeline", "detect/..."}},
	{"upload/...", []string{"upload/..."}},
	{"report/incident", nil}, // the form itself: the agent reads it too
	{"report", []string{"artifacts", "package/...", "timeline", "detect", "report/..."}},
	{"build/kit", []string{"package/seal"}},
	{"build/kit/...", []string{"build/kit"}},
	{"build/...", []string{"build/..."}},
	{"cmd/...", []string{"..."}},
}

type layer struct {
	pkg string
	may []string
}

// direct bans name what a package of ours must not import itself. Tests may.
var direct = []struct {
	pkgs, imports []string
	why           string
}{
	{
		pkgs:    []string{"artifacts/...", "collect/...", "package/...", "timeline/...", "detect/...", "upload/...", "report/...", "build/kit/..."},
		imports: []string{"flag", "github.com/spf13/..."},
		why:     "only cmd knows flags",
	},
	{
		// All but cmd/spor-desk, which runs the CERT's own GnuPG.
		pkgs:    []string{"artifacts/...", "collect/...", "package/...", "timeline/...", "detect/...", "upload/...", "report/...", "cmd/spor/...", "cmd/internal/...", "build/kit/..."},
		imports: []string{"os/exec", "plugin"},
		why:     "nothing executes a program of the host",
	},
	{
		pkgs:    []string{"timeline/format/...", "timeline/sqlite"},
		imports: []string{"os", "os/...", "syscall", "net", "net/http", "path/filepath", "golang.org/x/sys/..."},
		why:     "a parser gets bytes and knows nothing of where they came from",
	},
	{
		pkgs:    []string{"collect/live/..."},
		imports: []string{"os/user", "net/http"},
		why:     "a collector reaches the machine through Host and system calls",
	},
}

// deep bans name what must not be linked into what a package builds, by itself or through others.
var deep = []struct {
	pkg  string
	bans []string
	why  string
}{
	{"cmd/spor", []string{"spor/upload/receive/...", "github.com/tus/tusd/..."}, "the agent has no server"},
	{"cmd/spor", []string{"html/template", "spor/report", "spor/build/kit/instruction"}, "the agent has no HTML engine"},
	{"cmd/spor", []string{"plugin", "net/rpc", "net/http/pprof", "expvar"}, "the agent opens no door"},
	{"cmd/...", []string{"testing", "testing/...", "net/http/httptest"}, "what tests need stays with the tests"},
	{"collect", []string{"spor/package/...", "spor/artifacts/schema/...", "github.com/goccy/...", "github.com/ProtonMail/..."}, "the engine knows neither the bundle nor the definitions' YAML"},
	{"collect/...", []string{"spor/package/...", "net/http"}, "collecting knows nothing of packing and sending"},
	{"artifacts", []string{"github.com/...", "os/exec", "net"}, "the vocabulary stands alone"},
	{"upload", []string{"github.com/ProtonMail/...", "github.com/tus/..."}, "uploading moves opaque bytes"},
}

// A pkg is what go list tells of a package.
type pkg struct {
	ImportPath                string
	Name                      string
	Doc                       string
	Dir                       string
	Standard                  bool
	Imports                   []string
	Deps                      []string
	GoFiles                   []string
	TestGoFiles, XTestGoFiles []string
}

const module = "spor"

// own is the package's name within the module, and "" for packages of others.
func (p *pkg) own() string {
	if rest, ok := strings.CutPrefix(p.ImportPath, module+"/"); ok {
		return rest
	}
	return ""
}

// fits tells whether a package's name is one that a pattern means: itself, "x/..." for x and all below, "..." for any.
func fits(pattern, name string) bool {
	if pattern == "..." {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == prefix || strings.HasPrefix(name, prefix+"/")
	}
	return name == pattern
}

func fitsAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return fits(p, name) })
}

// checkImports gives what the tables above are broken by.
func checkImports(pkgs []*pkg) (complaints []string) {
	for _, p := range pkgs {
		name := p.own()
		if name == "" {
			continue
		}
		complaints = append(complaints, checkLayer(p, name)...)
		for _, rule := range direct {
			for _, imp := range p.Imports {
				if fitsAny(rule.pkgs, name) && fitsAny(rule.imports, imp) {
					complaints = append(complaints, fmt.Sprintf("%s imports %s: %s", name, imp, rule.why))
				}
			}
		}
		for _, rule := range deep {
			for _, dep := range p.Deps {
				if fits(rule.pkg, name) && fitsAny(rule.bans, dep) {
					complaints = append(complaints, fmt.Sprintf("%s links %s: %s", name, dep, rule.why))
				}
			}
		}
	}
	return complaints
}

func checkLayer(p *pkg, name string) (complaints []string) {
	i := slices.IndexFunc(layers, func(l layer) bool { return fits(l.pkg, name) })
	if i < 0 {
		return []string{fmt.Sprintf("%s: no row in layers says what it may import", name)}
	}
	for _, imp := range p.Imports {
		other, ok := strings.CutPrefix(imp, module+"/")
		switch {
		case !ok:
		case fits("cmd/internal/...", other) && fits("cmd/...", name): // what both commands share
		case strings.HasPrefix(other, name+"/internal/"): // what a command keeps apart
		case strings.HasPrefix(other, "cmd/"):
			complaints = append(complaints, fmt.Sprintf("%s imports %s: nothing imports a command", name, other))
		case !fitsAny(layers[i].may, other):
			complaints = append(complaints, fmt.Sprintf("%s imports %s: %s may import %v", name, other, layers[i].pkg, layers[i].may))
		}
	}
	return complaints
}

func TestImports(t *testing.T) {
	for _, target := range release.Targets() {
		for _, complaint := range checkImports(list(t, target)) {
			t.Errorf("%s: %s", target, complaint)
		}
	}
}

// Each rule must be able to fail, and must not fail what is allowed.
func TestImportRulesBite(t *testing.T) {
	tests := []struct {
		name, pkg     string
		imports, deps []string
		want          string // part of the complaint; empty: none
	}{
		{"engine imports vocabulary", "collect", []string{"spor/artifacts", "context"}, nil, ""},
		{"engine imports bundle", "collect", []string{"spor/package/bundle"}, nil, "collect imports package/bundle"},
		{"engine links YAML", "collect", nil, []string{"github.com/goccy/go-yaml/ast"}, "collect links github.com/goccy/go-yaml/ast"},
		{"host links sealing", "collect/host", nil, []string{"spor/package/seal"}, "collect/host links spor/package/seal"},
		{"vocabulary imports engine", "artifacts", []string{"spor/collect"}, nil, "artifacts imports collect"},
		{"anything imports a command", "cmd/spor-desk", []string{"spor/cmd/spor"}, nil, "nothing imports a command"},
		{"a command imports its own part", "cmd/spor", []string{"spor/cmd/spor/internal/interview"}, nil, ""},
		{"a command imports another's part", "cmd/spor-desk", []string{"spor/cmd/spor/internal/interview"}, nil, "nothing imports a command"},
		{"a command imports what commands share", "cmd/spor", []string{"spor/cmd/internal/cli"}, nil, ""},
		{"a library imports what commands share", "upload", []string{"spor/cmd/internal/cli"}, nil, "nothing imports a command"},
		{"parser imports os", "timeline/format/utmp", []string{"os"}, nil, "timeline/format/utmp imports os"},
		{"parser imports time", "timeline/format/utmp", []string{"time", "spor/timeline"}, nil, ""},
		{"parser imports a deeper os", "timeline/format/utmp", []string{"os/user"}, nil, "imports os/user"},
		{"library has flags", "upload/tus", []string{"flag"}, nil, "only cmd knows flags"},
		{"library has cobra", "report", []string{"github.com/spf13/cobra"}, nil, "only cmd knows flags"},
		{"command has cobra", "cmd/spor", []string{"github.com/spf13/cobra"}, nil, ""},
		{"agent executes", "cmd/spor", []string{"os/exec"}, nil, "nothing executes"},
		{"desk runs GnuPG", "cmd/spor-desk", []string{"os/exec"}, nil, ""},
		{"collector executes", "collect/live/processes", []string{"os/exec"}, nil, "nothing executes"},
		{"agent links the receiver", "cmd/spor", nil, []string{"spor/upload/receive"}, "no server"},
		{"agent links tusd", "cmd/spor", nil, []string{"github.com/tus/tusd/v2/pkg/handler"}, "no server"},
		{"desk links tusd", "cmd/spor-desk", nil, []string{"github.com/tus/tusd/v2/pkg/handler"}, ""},
		{"agent links templates", "cmd/spor", nil, []string{"html/template"}, "no HTML engine"},
		{"agent links the form", "cmd/spor", nil, []string{"spor/report/incident"}, ""},
		{"agent links the report", "cmd/spor", nil, []string{"spor/report"}, "no HTML engine"},
		{"desk links test keys", "cmd/spor-desk", nil, []string{"testing"}, "stays with the tests"},
		{"sealing imports the manifest", "package/seal", []string{"spor/package/manifest"}, nil, "package/seal imports package/manifest"},
		{"destination imports sealing", "upload/tus", []string{"spor/package/seal"}, nil, "upload/tus imports package/seal"},
		{"timeline imports a bundle", "timeline", []string{"spor/package/bundle"}, nil, "timeline imports package/bundle"},
		{"a layer nobody described", "util", nil, nil, "no row in layers"},
		{"prefix is no folder", "collection", nil, nil, "no row in layers"},
		{"foreign package", "", []string{"spor/cmd/spor"}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &pkg{ImportPath: path.Join(module, tt.pkg), Imports: tt.imports, Deps: tt.deps}
			got := strings.Join(checkImports([]*pkg{p}), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("%s importing %q, linking %q:\ngot  %q\nwant %q", tt.pkg, tt.imports, tt.deps, got, tt.want)
			}
		})
	}
}

// list gives the packages of the module as one target builds them.
func list(t *testing.T, target release.Target) []*pkg {
	t.Helper()
	out, err := release.List(t.Context(), root(t), target, "-e", "-json=ImportPath,Name,Doc,Dir,Standard,Imports,Deps,GoFiles,TestGoFiles,XTestGoFiles", "./...")
	if err != nil {
		t.Fatal(err)
	}
	var pkgs []*pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(pkg)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) < 3 {
		t.Fatalf("go list found %d packages", len(pkgs))
	}
	return pkgs
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := release.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
