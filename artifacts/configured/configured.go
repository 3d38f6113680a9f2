// Package configured takes what lies where a host's own configuration says: logs, included files and web roots of
// servers that were set up elsewhere than packages set them up. It reads configuration as text through Host, follows
// includes within bounds, and executes nothing; what a variable of a request or a date stands for becomes a wildcard.
//
// A product is one row of Products: where its configuration begins, and how a file of it is read. What the rows know is
// from the products' own manuals.
package configured

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/artifacts/schema"
)

// Kind is what configuration says of a place.
type Kind string

// The kinds of places.
const (
	Config  Kind = "configuration" // read for more places, and taken
	Log     Kind = "log"           // with its rotated predecessors
	Content Kind = "web root"
)

// A Place is a pattern that configuration names. A relative one is below the folder Scope.Base gives.
type Place struct {
	Kind    Kind
	Pattern string
}

// A Product is a program whose configuration names places.
type Product struct {
	Name   string
	Starts []string // patterns of the files its configuration begins with
	Parse  func(s *Scope, text string) iter.Seq[Place]
}

// A Scope is what is known while the files of one product are read, in order.
type Scope struct {
	File artifacts.Path    // that is read
	Base string            // folder of relative names; empty: that of the file
	Vars map[string]string // variables that are set
}

// Bounds of what is read of one host.
const (
	maxFile   = 1 << 20 // bytes of one configuration file
	maxFiles  = 3000    // configuration files
	maxPlaces = 20_000
	maxDepth  = 8 // includes within one another
)

// Collector takes included configuration and logs; WebRoots what web servers give out, as far as it is executed.
var (
	Collector = &artifacts.Collector{
		Name: "configured", Doc: "Logs and configuration where the servers' own configuration says they are",
		OS: []artifacts.OS{artifacts.Linux}, Order: artifacts.Decisive, Profiles: []string{"triage"}, Collect: collectLogs,
	}
	WebRoots = &artifacts.Collector{
		Name: "webroots", Doc: "Scripts, and a listing, of the folders that web servers are set to give out",
		OS: []artifacts.OS{artifacts.Linux}, Order: artifacts.Bulk, Profiles: []string{"webserver"}, Collect: collectRoots,
	}
)

// All gives the collectors of this package.
func All() []*artifacts.Collector { return []*artifacts.Collector{Collector, WebRoots} }

// A record is the line written for a place.
type record struct {
	Product string         `json:"product"`
	File    artifacts.Path `json:"file"` // the configuration that names it
	Kind    Kind           `json:"kind"`
	Pattern artifacts.Path `json:"pattern"`
}

func collectLogs(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	return collect(ctx, h, rec, "configured", func(r record) []artifacts.Source {
		p := string(r.Pattern)
		switch {
		case r.Kind == Content:
			return nil
		case r.Kind == Log && !strings.HasSuffix(p, "*"):
			p += "*"
		}
		return []artifacts.Source{{Type: artifacts.SourceFile, Paths: []string{p}}}
	})
}

// executed are the names of what a web server runs, or is told by.
var executed = []string{
	"*.php*", "*.phtml", "*.phar", "*.asp*", "*.ashx", "*.jsp*", "*.war", "*.cgi", "*.pl", "*.py", "*.sh", "*.cfm", ".htaccess", ".user.ini",
}

func collectRoots(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	return collect(ctx, h, rec, "webroots", func(r record) []artifacts.Source {
		if r.Kind != Content {
			return nil
		}
		root := strings.TrimRight(string(r.Pattern), "/")
		if strings.Count(root, "/") < 2 {
			rec.Note(artifacts.Outcome{Path: r.Pattern, Status: artifacts.Skipped, Reason: "a web root as wide as this is not searched"})
			return nil
		}
		scripts := artifacts.Source{Type: artifacts.SourceFile}
		for _, name := range executed {
			scripts.Paths = append(scripts.Paths, root+"/**8/"+name)
		}
		return []artifacts.Source{scripts, {Type: artifacts.SourcePath, Paths: []string{root + "/**8"}}}
	})
}

// collect finds all places, records those that a run takes, and takes them.
func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, name string, sources func(record) []artifacts.Source) error {
	d := artifacts.Definition{Name: name, Doc: "What configuration names."}
	places, err := discover(ctx, h, rec, Products, nil)
	if err != nil {
		return err
	}
	for _, place := range places {
		more := sources(place)
		if len(more) == 0 {
			continue
		}
		if err := rec.Record(place); err != nil {
			return err
		}
		d.Sources = append(d.Sources, more...)
	}
	if len(d.Sources) == 0 {
		return nil
	}
	return schema.Collect(ctx, h, rec, d)
}

// A reading is a configuration pattern that is still to be looked for.
type reading struct {
	product *Product
	scope   *Scope
	pattern string
	see     func(text string) // is shown the texts; nil: nobody is
}

// Read shows the texts of the configuration of some products, those that are included too: for what they say beside
// places. What cannot be read is left to Collector, which says so.
func Read(ctx context.Context, h *artifacts.Host, see func(text string), products ...string) error {
	some := slices.DeleteFunc(slices.Clone(Products), func(p Product) bool { return !slices.Contains(products, p.Name) })
	_, err := discover(ctx, h, silent{}, some, see)
	return err
}

// silent is a recorder of no outcomes.
type silent struct{ artifacts.Recorder }

func (silent) Note(artifacts.Outcome) {}

// discover reads the configuration of products, level by level of includes, and gives each place once. see, if there is
// one, is shown each text.
func discover(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, products []Product, see func(text string)) ([]record, error) {
	var places []record
	var level []reading
	for i := range products {
		p := &products[i]
		scopes := map[string]*Scope{} // an installation is a folder
		for _, start := range p.Starts {
			dir := path.Dir(start)
			if scopes[dir] == nil {
				scopes[dir] = &Scope{Vars: map[string]string{}}
			}
			level = append(level, reading{p, scopes[dir], start, see})
		}
	}
	known, files := map[string]bool{}, 0
	for depth := 0; len(level) > 0; depth++ {
		if depth > maxDepth {
			rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: fmt.Sprintf("configuration is included more than %d deep", maxDepth)})
			break
		}
		patterns := make([]string, len(level))
		for i := range level {
			patterns[i] = level[i].pattern
		}
		found, err := schema.Find(ctx, h, patterns)
		if err != nil {
			return places, err
		}
		var next []reading
		for i, r := range level {
			for _, file := range found[i] {
				if key := r.product.Name + "\x00" + string(file); !known[key] {
					known[key] = true
					if files++; files > maxFiles {
						rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: fmt.Sprintf("more than %d configuration files", maxFiles)})
						return places, nil
					}
					for place := range r.read(h, rec, file) {
						key := string(place.Kind) + "\x00" + string(place.Pattern)
						if known[key] {
							continue
						}
						if len(places) > maxPlaces {
							rec.Note(artifacts.Outcome{Path: file, Status: artifacts.Truncated, Reason: fmt.Sprintf("more than %d places", maxPlaces)})
							return places, nil
						}
						known[key] = true
						places = append(places, place)
						if place.Kind == Config {
							next = append(next, reading{r.product, r.scope, string(place.Pattern), see})
						}
					}
				}
			}
		}
		level = next
	}
	return places, nil
}

// read gives the places that one file of configuration names.
func (r *reading) read(h *artifacts.Host, rec artifacts.Recorder, file artifacts.Path) iter.Seq[record] {
	return func(yield func(record) bool) {
		text, err := contents(h, file)
		if err != nil {
			rec.Note(artifacts.Outcome{Path: file, Status: artifacts.Failed, Reason: "cannot be read for the places it names: " + err.Error()})
			return
		}
		if r.see != nil {
			r.see(text)
		}
		r.scope.File = file
		if !yield(record{r.product.Name, file, Config, artifacts.Path(schema.Quote(string(file)))}) {
			return
		}
		for place := range r.product.Parse(r.scope, text) {
			pattern, ok := r.scope.absolute(place.Pattern)
			if ok && !yield(record{r.product.Name, file, place.Kind, artifacts.Path(pattern)}) {
				return
			}
		}
	}
}

var errLong = errors.New("longer than a configuration file may be")

func contents(h *artifacts.Host, file artifacts.Path) (string, error) {
	f, err := h.Files.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = errLong
	}
	return string(b), err
}

// nowhere are folders that hold no evidence a log or a setting could name.
var nowhere = []string{"/dev/", "/proc/", "/sys/"}

// absolute is a pattern as the host spells it; not so for what is no path.
func (s *Scope) absolute(pattern string) (string, bool) {
	if len(pattern) > 4096 || strings.ContainsAny(pattern, "\x00\n") || pattern != "/" && strings.Trim(pattern, "/*.") == "" {
		return "", false
	}
	if !strings.HasPrefix(pattern, "/") && !strings.HasPrefix(pattern, "%%users.homedir%%") {
		base := s.Base
		if base == "" {
			base = path.Dir(string(s.File))
		}
		pattern = schema.Quote(base) + "/" + pattern
	}
	if strings.HasPrefix(pattern, "/") {
		pattern = path.Clean(pattern)
	}
	for _, not := range nowhere {
		if strings.HasPrefix(pattern, not) && !strings.HasPrefix(pattern, "/dev/shm/") {
			return "", false
		}
	}
	return pattern, true
}
