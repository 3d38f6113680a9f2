package definitions_test

import (
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/artifacts/definitions"
	"spor/artifacts/schema"
)

func load(t *testing.T) *schema.Set {
	t.Helper()
	set, err := definitions.Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Check(); err != nil {
		t.Fatal(err)
	}
	return set
}

// TestEveryDefinition holds what the command line and the generated list of sources promise of each.
func TestEveryDefinition(t *testing.T) {
	labels := []string{artifacts.LabelRequired, artifacts.LabelSecret, artifacts.LabelBulk}
	for _, d := range load(t).All() {
		title, _, _ := strings.Cut(d.Doc, "\n")
		if len(title) > 80 || !strings.HasSuffix(title, ".") {
			t.Errorf("%s:%d: %s: the first line of doc has %d bytes, or no full stop: %q", d.File, d.Line, d.Name, len(title), title)
		}
		if len(d.SupportedOS) != 1 || !strings.HasPrefix(d.Name, string(d.SupportedOS[0])) || !strings.HasPrefix(d.File, strings.ToLower(string(d.SupportedOS[0]))+"/") {
			t.Errorf("%s:%d: %s: the name and the folder do not begin with its one system, %v", d.File, d.Line, d.Name, d.SupportedOS)
		}
		profiles := 0
		for _, label := range d.Labels {
			if slices.ContainsFunc(artifacts.Profiles, func(p artifacts.Profile) bool { return p.Name == label }) {
				profiles++
			} else if !slices.Contains(labels, label) {
				t.Errorf("%s:%d: %s: label %q means nothing", d.File, d.Line, d.Name, label)
			}
		}
		if profiles == 0 {
			t.Errorf("%s:%d: %s: belongs to no profile: %q", d.File, d.Line, d.Name, d.Labels)
		}
		for _, s := range d.Sources {
			if s.Type == artifacts.SourceCommand || s.Type == artifacts.SourceWMI {
				t.Errorf("%s:%d: %s: %s is never executed", d.File, d.Line, d.Name, s.Type)
			}
		}
	}
}
