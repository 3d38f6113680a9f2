package schema

import (
	"os"
	"path/filepath"
	"testing"

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
