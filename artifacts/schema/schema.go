// Package schema turns definitions, which are data, into collectors. It reads the YAML of the ForensicArtifacts schema,
// expands what depends on the host (%%users.homedir%%, %%environ_systemroot%%), and finds all that the patterns of a
// run name in one walk of the tree.
//
// Patterns are those of the schema's "Artifact definition format and style guide"
// (github.com/ForensicArtifacts/artifacts, docs/sources/Format-specification.md). Where the guide leaves a choice, it is
// made like this:
//
//   - `*`, `?` and `[…]` match within one name; `[!…]` and `[^…]` negate; a bracket that never closes stands for itself.
//   - `**` at the end of a path matches everything one to three levels below, `**N` one to N. Within a path it stands
//     for none to that many directories. It follows no link and enters no pseudo file system.
//   - Names are compared as the system does: Windows folds case.
//   - A Windows path without a drive is on the system drive.
//   - On Windows `*:Zone.Identifier` and `**:Zone.Identifier` stand for that alternate data stream of each file that has it.
//   - FILE takes files, and records links and what they lead to. PATH records that a path is there, without content.
//   - A registry key pattern that ends in `*` or `**` also stands for the values of the key before it.
//   - A definition lends its labels to the members of its groups. One without the label of a profile belongs to "full".
//   - What a definition labelled secret names is withheld from all others too, however they spell it.
package schema

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"spor/artifacts"
)

// Set is a collection of definitions, by name and alias. The zero value is empty.
type Set struct {
	definitions []*artifacts.Definition          // in the order they were added
	byName      map[string]*artifacts.Definition // names, then aliases that are no one's name
}

// Bounds of what Load reads.
const (
	maxFiles = 4096
	maxTree  = 16 // levels of folders
)

// Load reads every .yaml and .yml file of a folder and those below it, in order of name. What is wrong with some
// definitions is said in the error, beside the set of the good ones; two of the same name are an error too, and the
// first one stays.
func Load(fsys fs.FS) (*Set, error) {
	set := &Set{}
	files := 0
	var wrong []error
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			wrong = append(wrong, err)
			return nil
		case d.IsDir() && strings.Count(name, "/") >= maxTree:
			wrong = append(wrong, fmt.Errorf("%s: folders are nested more than %d deep", name, maxTree))
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".yaml" && path.Ext(name) != ".yml":
			return nil
		}
		if files++; files > maxFiles {
			return fmt.Errorf("more than %d files", maxFiles)
		}
		wrong = append(wrong, set.load(fsys, name))
		return nil
	})
	return set, errors.Join(append(wrong, err)...)
}

func (s *Set) load(fsys fs.FS, name string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.read(name, f)
}

// Of reads one file of definitions. The set is usable even where there is an error.
func Of(name string, r io.Reader) (*Set, error) {
	set := &Set{}
	return set, set.read(name, r)
}

func (s *Set) read(name string, r io.Reader) error {
	definitions, err := Read(name, r)
	wrong := []error{err}
	for i := range definitions {
		d := &definitions[i]
		if was := s.byName[d.Name]; was != nil && was.Name == d.Name {
			wrong = append(wrong, fmt.Errorf("%s:%d: %s: already defined at %s:%d", d.File, d.Line, d.Name, was.File, was.Line))
			continue
		}
		s.add(d)
	}
	return errors.Join(wrong...)
}

// Merge joins sets; a definition replaces one of the same name in an earlier set, in its place.
func Merge(sets ...*Set) *Set {
	merged := &Set{}
	for _, set := range sets {
		for _, d := range set.All() {
			merged.add(d)
		}
	}
	return merged
}

func (s *Set) add(d *artifacts.Definition) {
	if s.byName == nil {
		s.byName = make(map[string]*artifacts.Definition)
	}
	i := slices.IndexFunc(s.definitions, func(was *artifacts.Definition) bool { return was.Name == d.Name })
	if i < 0 {
		s.definitions = append(s.definitions, d)
	} else {
		was := s.definitions[i]
		s.definitions[i] = d
		for _, alias := range was.Aliases {
			if s.byName[alias] == was {
				delete(s.byName, alias)
			}
		}
	}
	s.byName[d.Name] = d
	for _, alias := range d.Aliases {
		if was := s.byName[alias]; was == nil || was.Name != alias {
			s.byName[alias] = d
		}
	}
}

// All gives the definitions in the order they were read.
func (s *Set) All() []*artifacts.Definition {
	if s == nil {
		return nil
	}
	return s.definitions
}

// Get finds a definition by name or alias; nil where there is none.
func (s *Set) Get(name string) *artifacts.Definition {
	if s == nil {
		return nil
	}
	return s.byName[name]
}

// Check tells which groups name members that do not exist, and which contain themselves. It is asked of the set that
// is used, because a folder's groups may name definitions of another.
func (s *Set) Check() error {
	var wrong []error
	for _, d := range s.All() {
		for _, name := range members(d) {
			if s.Get(name) == nil {
				wrong = append(wrong, fmt.Errorf("%s:%d: %s: group member %q is not defined", d.File, d.Line, d.Name, name))
			}
		}
		for _, m := range s.Members(d.Name) {
			if slices.ContainsFunc(members(m), func(name string) bool { return s.Get(name) == d }) {
				wrong = append(wrong, fmt.Errorf("%s:%d: %s: the group contains itself, through %s", d.File, d.Line, d.Name, m.Name))
			}
		}
	}
	return errors.Join(wrong...)
}

// members are the names a definition groups.
func members(d *artifacts.Definition) []string {
	var names []string
	for i := range d.Sources {
		names = append(names, d.Sources[i].Names...)
	}
	return names
}

// Members gives the definitions that a name stands for: one and, where it is a group, all that belong to it, in
// order. Members of unknown name are left out (see Check).
func (s *Set) Members(name string) []*artifacts.Definition {
	var all []*artifacts.Definition
	for queue := []string{name}; len(queue) > 0; queue = queue[1:] {
		d := s.Get(queue[0])
		if d == nil || slices.Contains(all, d) {
			continue
		}
		all = append(all, d)
		queue = append(queue, members(d)...)
	}
	return all
}

// labels are a definition's own and those of the groups it belongs to.
func (s *Set) labels() map[*artifacts.Definition][]string {
	all := make(map[*artifacts.Definition][]string, len(s.All()))
	for _, d := range s.All() {
		if len(d.Labels) == 0 {
			continue
		}
		for _, m := range s.Members(d.Name) {
			all[m] = append(all[m], d.Labels...)
		}
	}
	for d, labels := range all {
		slices.Sort(labels)
		all[d] = slices.Compact(labels)
	}
	return all
}

// isProfile tells whether a label is the name of a profile.
func isProfile(label string) bool {
	return slices.ContainsFunc(artifacts.Profiles, func(p artifacts.Profile) bool { return p.Name == label })
}

// firstLine is the title of a doc text.
func firstLine(doc string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(doc), "\n")
	return cmp.Or(strings.TrimSpace(line), "(no description)")
}
