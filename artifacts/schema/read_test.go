package schema

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"spor/artifacts"
)

// reference is the folder of the public ForensicArtifacts definitions, where it is at hand.
func reference(t testing.TB) *Set {
	t.Helper()
	dir := os.Getenv("SPOR_REFERENCE")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "reference")
	}
	dir = filepath.Join(dir, "forensicartifacts")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the public ForensicArtifacts definitions are not here (set SPOR_REFERENCE): %v", err)
	}
	set, err := Load(os.DirFS(dir))
	if err != nil {
		t.Fatalf("Load(%s): %v", dir, err)
	}
	return set
}

// TestReference reads the whole public collection. The figures are those grep counts in it.
func TestReference(t *testing.T) {
	set := reference(t)
	if got, want := len(set.All()), 731; got != want {
		t.Errorf("%d definitions, want %d", got, want)
	}
	if err := set.Check(); err != nil {
		t.Errorf("groups: %v", err)
	}
	got := map[artifacts.SourceType]int{}
	linux := 0
	for _, d := range set.All() {
		for _, s := range d.Sources {
			got[s.Type]++
		}
		if len(d.SupportedOS) > 0 && d.Supports(artifacts.Linux) {
			linux++
		}
		if d.Line == 0 || d.Doc == "" {
			t.Errorf("%s: line %d, doc %q", d.Name, d.Line, d.Doc)
		}
	}
	want := map[artifacts.SourceType]int{
		artifacts.SourceFile: 551, artifacts.SourcePath: 28, artifacts.SourceGroup: 48, artifacts.SourceRegistryKey: 57,
		artifacts.SourceRegistryValue: 116, artifacts.SourceCommand: 10, artifacts.SourceWMI: 27,
	}
	for kind, n := range want {
		if got[kind] != n {
			t.Errorf("%d sources of type %s, want %d", got[kind], kind, n)
		}
	}
	if linux != 249 {
		t.Errorf("%d definitions name Linux, want 249", linux)
	}
}

func TestReadFaults(t *testing.T) {
	const good = "name: Good\ndoc: Good.\nsources:\n- {type: FILE, attributes: {paths: [/a]}}\n"
	tests := []struct {
		name, text string
		want       []string // errors
		good       int
	}{
		{"nothing", "", nil, 0},
		{"comments", "# a\n---\n# b\n--- # c\n", nil, 0},
		{"crlf", strings.ReplaceAll(good, "\n", "\r\n"), nil, 1},
		{"syntax", good + "---\nname: Bad\ndoc: x\nsources: [\n---\n" + strings.Replace(good, "Good", "Better", 1), []string{"f.yaml:8: Bad: not YAML: sequence end token ']' not found"}, 2},
		{"unknown key", good + "sources_: 1\nname_: 2\n", []string{`f.yaml:5: Good: unknown key "sources_" in a definition`, `f.yaml:6: Good: unknown key "name_" in a definition`}, 0},
		{"known keys", good + "labels: [a]\nurls: []\naliases: [b]\nconditions: [c]\nprovides: [d]\nsupported_os: [Linux]\n", nil, 1},
		{"twice", good + "doc: again\n", []string{`f.yaml:5: Good: not YAML: mapping key "doc" already defined at [2:1]`}, 0},
		{"no name", "doc: x\nsources:\n- {type: FILE, attributes: {paths: [/a]}}\n", []string{"f.yaml:1: (definition without name): has no name"}, 0},
		{"bad name", "name: ../x\ndoc: x\nsources:\n- {type: FILE, attributes: {paths: [/a]}}\n", []string{`f.yaml:1: ../x: name: "../x" is not made of letters, digits, '_', '.' and '-'`}, 0},
		{"empty", "---\nname: A\n", []string{"f.yaml:2: A: has no doc", "f.yaml:2: A: has no sources"}, 0},
		{"type", "name: A\ndoc: x\nsources:\n- {type: FIEL, attributes: {paths: [/a]}}\n", []string{`f.yaml:4: A: source type "FIEL" is not known`}, 0},
		{"attribute", "name: A\ndoc: x\nsources:\n- type: FILE\n  attributes:\n    path: [/a]\n", []string{`f.yaml:6: A: unknown key "path" in a FILE source`, "f.yaml:4: A: a FILE source needs paths"}, 0},
		{"no attributes", "name: A\ndoc: x\nsources:\n- type: FILE\n", []string{"f.yaml:4: A: a FILE source has no attributes"}, 0},
		{"not a list", "name: A\ndoc: x\nsources:\n- type: FILE\n  attributes: {paths: /a}\n", []string{"f.yaml:5: A: paths is not a list but a string"}, 0},
		{"not a mapping", "- a\n", []string{"f.yaml:1: (definition without name): a definition is not a mapping but a sequence"}, 0},
		{"system", good + "supported_os: [Linus]\n", []string{`f.yaml:5: Good: supported_os: "Linus" is none of Android, Darwin, ESXi, iOS, Linux, Windows`}, 0},
		{"separator", "name: A\ndoc: x\nsources:\n- {type: FILE, attributes: {paths: [/a], separator: ':'}}\n", []string{`f.yaml:4: A: separator ":" is neither / nor \`}, 0},
		{"pair", "name: A\ndoc: x\nsources:\n- {type: REGISTRY_VALUE, attributes: {key_value_pairs: [{key: K}]}}\n", []string{"f.yaml:4: A: a key_value_pair needs both key and value"}, 0},
		{"alias", "name: A\ndoc: x\nsources: &s\n- {type: FILE, attributes: {paths: [/a]}}\nurls: *s\n", []string{"f.yaml:3: A: sources is not a list but a anchor"}, 0},
		{"long", "name: A\ndoc: " + strings.Repeat("x", maxDocument) + "\n", []string{": longer than 65536 bytes"}, 0},
		{"deep", "name: A\ndoc: " + strings.Repeat("[", maxDocument-20) + "\n", []string{"f.yaml:2: A: more than 64 brackets are open"}, 0},
	}
	for _, test := range tests {
		got, err := Read("f.yaml", strings.NewReader(test.text))
		if len(got) != test.good {
			t.Errorf("%s: %d good definitions, want %d", test.name, len(got), test.good)
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		for _, want := range test.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: got error\n  %s\nwant in it\n  %s", test.name, text, want)
			}
		}
		if test.want == nil && err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestLoad(t *testing.T) {
	const one = "name: One\ndoc: First.\naliases: [Eins]\nsources:\n- {type: FILE, attributes: {paths: [/a]}}\n"
	const other = "name: One\ndoc: Second.\nsources:\n- {type: FILE, attributes: {paths: [/b]}}\n"
	const group = "name: G\ndoc: Group.\nsources:\n- {type: ARTIFACT_GROUP, attributes: {names: [One, Eins, %s]}}\n"
	first, err := Load(fstest.MapFS{"a.yaml": {Data: []byte(one)}, "sub/b.yml": {Data: []byte(other)}, "c.txt": {Data: []byte("no")}})
	if want := "sub/b.yml:1: One: already defined at a.yaml:1"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	second, err := Load(fstest.MapFS{"x.yaml": {Data: []byte(other)}, "g.yaml": {Data: []byte(strings.ReplaceAll(group, "%s", "Missing, G"))}})
	if err != nil {
		t.Fatal(err)
	}
	all := Merge(first, second)
	if d := all.Get("One"); len(all.All()) != 2 || d == nil || d.Doc != "Second." || d.File != "x.yaml" {
		t.Errorf("after Merge: %+v", d)
	}
	if d := all.Get("Eins"); d != nil {
		t.Errorf("an alias outlived its definition: %+v", d)
	}
	err = all.Check()
	for _, want := range []string{`g.yaml:1: G: group member "Missing" is not defined`, `g.yaml:1: G: group member "Eins" is not defined`, "g.yaml:1: G: the group contains itself, through G"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check: got %v, want in it %s", err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(mixed))
	f.Add([]byte(guarded))
	f.Add([]byte("name: &a [*a, {b: !!x |\n  c}]\n---\n? x\n: y\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Read("f.yaml", strings.NewReader(string(data)))
		lines := strings.Count(string(data), "\n") + 1
		for _, d := range got {
			if d.Name == "" || len(d.Sources) == 0 || d.Line < 1 || d.Line > lines {
				t.Errorf("%q: accepted %+v", data, d)
			}
		}
		if err != nil && !strings.HasPrefix(err.Error(), "f.yaml:") {
			t.Errorf("%q: the error does not begin with the place: %v", data, err)
		}
	})
}
