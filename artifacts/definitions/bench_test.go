package definitions_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"spor/artifacts"
	"spor/artifacts/definitions"
	"spor/artifacts/schema"
	"spor/collect/image"
)

// counter counts what a run would take, and reads none of it.
type counter struct {
	taken
	outcomes map[artifacts.Status]int
	paths    map[artifacts.Path]bool
}

func (c *counter) Take(_ context.Context, p artifacts.Path) error { c.paths[p] = true; return nil }
func (c *counter) Note(o artifacts.Outcome)                       { c.outcomes[o.Status]++ }
func (c *counter) Record(v any) error                             { _, err := json.Marshal(v); return err }

// listings counts directories.
type listings struct {
	artifacts.Files
	n, looks int
}

func (l *listings) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	l.n++
	return l.Files.ReadDir(p)
}

func (l *listings) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	l.looks++
	return l.Files.Lstat(p)
}

// BenchmarkWalk finds what all definitions for Linux, ours and the public ones where they are at hand, name on the very
// system it runs on.
func BenchmarkWalk(b *testing.B) {
	ours, err := definitions.Load()
	if err != nil {
		b.Fatal(err)
	}
	sets := map[string]*schema.Set{"spor": ours}
	dir := os.Getenv("SPOR_REFERENCE")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "reference")
	}
	if public, err := schema.Load(os.DirFS(filepath.Join(dir, "forensicartifacts"))); err == nil && len(public.All()) > 0 {
		sets["ForensicArtifacts"] = public
	}
	for name, set := range sets {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				h, err := image.Folder("/")
				if err != nil {
					b.Fatal(err)
				}
				files := &listings{Files: h.Files}
				h.Files = files
				c := &counter{outcomes: map[artifacts.Status]int{}, paths: map[artifacts.Path]bool{}}
				plan := schema.NewPlan(set, h, schema.Options{})
				chosen, err := schema.Choose(plan.All(), h.OS, schema.Selection{Profiles: []string{"full"}, Set: set})
				if err != nil {
					b.Fatal(err)
				}
				for _, collector := range plan.Collectors(chosen) {
					if !collector.Secret {
						if err := collector.Collect(b.Context(), h, c); err != nil {
							b.Error(collector.Name, err)
						}
					}
				}
				patterns := 0
				for _, p := range plan.Planned(chosen) {
					patterns += len(p.Paths)
				}
				b.ReportMetric(float64(len(chosen)), "definitions")
				b.ReportMetric(float64(patterns), "patterns")
				b.ReportMetric(float64(len(c.paths)), "files")
				b.ReportMetric(float64(files.n), "listings")
				b.ReportMetric(float64(files.looks), "lstats")
			}
		})
	}
}
