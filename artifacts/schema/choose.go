package schema

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"spor/artifacts"
)

// Selection says which collectors a run takes.
type Selection struct {
	Profiles []string // none: artifacts.DefaultProfile
	Only     []string // names or globs (path.Match) of collectors, definitions, their aliases and groups, instead of profiles; "none" names nothing
	Skip     []string // the same, left out
	Set      *Set     // for aliases and groups; may be nil
}

// Choose picks the collectors of a run, in the order given. Those that a profile holds for other systems are left out;
// for what else cannot be run (secret, in need of a running system) the engine has an outcome. A profile that does not
// exist and a name that fits nothing are errors: a slip of the finger must not cost evidence. What the operator named
// to be taken is always chosen.
func Choose(all []*artifacts.Collector, os artifacts.OS, s Selection) ([]*artifacts.Collector, error) {
	profiles := s.Profiles
	if len(profiles) == 0 {
		profiles = []string{artifacts.DefaultProfile}
	}
	profiles, unknown := artifacts.ExpandProfiles(profiles)
	if unknown != "" {
		return nil, fmt.Errorf("there is no profile %q", unknown)
	}
	only, err1 := s.resolve(all, s.Only, "only")
	skip, err2 := s.resolve(all, s.Skip, "skip")
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	var chosen []*artifacts.Collector
	for _, c := range all {
		exactly, named := only[c.Name]
		if len(s.Only) == 0 {
			named = slices.ContainsFunc(c.Profiles, func(p string) bool { return slices.Contains(profiles, p) })
		}
		_, not := skip[c.Name]
		if c.Name == "take" || !not && named && (exactly || c.Supports(os)) {
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}

// resolve gives the names of collectors that some names or globs mean, and whether the name itself was given. Globs look
// at names, aliases and groups alike.
func (s *Selection) resolve(all []*artifacts.Collector, given []string, flag string) (map[string]bool, error) {
	named := make(map[string]bool)
	var wrong []error
	for _, glob := range given {
		if glob == "none" {
			continue
		}
		fits := false
		for _, c := range all {
			if ok, err := path.Match(glob, c.Name); err != nil {
				return nil, fmt.Errorf("--%s %q: %w", flag, glob, err)
			} else if ok {
				named[c.Name], fits = named[c.Name] || glob == c.Name, true
			}
		}
		for _, d := range s.Set.All() {
			if !slices.ContainsFunc(append([]string{d.Name}, d.Aliases...), func(n string) bool { ok, _ := path.Match(glob, n); return ok }) {
				continue
			}
			fits = true
			for _, m := range s.Set.Members(d.Name) {
				named[m.Name] = named[m.Name] || m == d && glob == d.Name
			}
		}
		if !fits {
			wrong = append(wrong, fmt.Errorf("--%s %q names no definition or collector%s", flag, glob, near(all, glob)))
		}
	}
	return named, errors.Join(wrong...)
}

// near suggests a name that differs only in case, or that contains what was given.
func near(all []*artifacts.Collector, given string) string {
	for _, c := range all {
		if strings.Contains(strings.ToLower(c.Name), strings.ToLower(given)) {
			return fmt.Sprintf("; is %q meant?", c.Name)
		}
	}
	return ""
}
