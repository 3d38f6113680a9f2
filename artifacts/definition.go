package artifacts

import "slices"

// A Definition says in data what lies where, in the schema of ForensicArtifacts
// (github.com/ForensicArtifacts/artifacts, docs/Artifacts definition format and style guide).
type Definition struct {
	Name        string
	Aliases     []string
	Doc         string
	Sources     []Source
	SupportedOS []OS     // empty: any
	Labels      []string // profiles, and LabelRequired, LabelSecret, LabelBulk
	URLs        []string
	File        string // where it was read
	Line        int
}

// Labels beside the names of profiles.
const (
	LabelRequired = "required" // its absence is a gap that matters
	LabelSecret   = "secret"   // only with --include-secrets
	LabelBulk     = "bulk"     // large: taken last
)

// Has tells whether the definition carries a label.
func (d *Definition) Has(label string) bool { return slices.Contains(d.Labels, label) }

// Supports tells whether the definition is meant for a system.
func (d *Definition) Supports(os OS) bool {
	return len(d.SupportedOS) == 0 || slices.Contains(d.SupportedOS, os)
}

// A Source is one place of a definition.
type Source struct {
	Type        SourceType
	Paths       []string   // FILE, PATH: patterns
	Separator   string     // of Paths; empty: "/"
	Names       []string   // ARTIFACT_GROUP: other definitions
	Keys        []string   // REGISTRY_KEY: patterns
	Pairs       []KeyValue // REGISTRY_VALUE
	Command     string     // COMMAND: never executed
	Args        []string
	Query       string // WMI: never executed
	BaseObject  string
	SupportedOS []OS
}

// A KeyValue names one value of a registry key.
type KeyValue struct{ Key, Value string }

// SourceType is one of the schema's source types.
type SourceType string

// The source types of the schema.
const (
	SourceFile          SourceType = "FILE"
	SourcePath          SourceType = "PATH"
	SourceGroup         SourceType = "ARTIFACT_GROUP"
	SourceRegistryKey   SourceType = "REGISTRY_KEY"
	SourceRegistryValue SourceType = "REGISTRY_VALUE"
	SourceCommand       SourceType = "COMMAND"
	SourceWMI           SourceType = "WMI"
)
