package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"spor/artifacts"
)

// An expander replaces %%…%% by what it stands for on one host.
type expander struct {
	host  *artifacts.Host
	drive string // "C:" of Windows
}

// maxExpansion bounds what one pattern can become: a terminal server has hundreds of users, not more.
const maxExpansion = 10_000

func newExpander(h *artifacts.Host) *expander {
	drive := strings.TrimRight(h.Environ["systemdrive"], `\`)
	if drive == "" && h.OS == artifacts.Windows {
		drive = "C:"
		if root := h.Environ["systemroot"]; len(root) > 1 && root[1] == ':' {
			drive = root[:2]
		} else if h.Files != nil && len(h.Files.Roots()) > 0 {
			drive = strings.TrimRight(string(h.Files.Roots()[0]), `\`)
		}
	}
	return &expander{host: h, drive: drive}
}

// expand gives what a text stands for: once for each user where it speaks of users, all %%users.…%% of one text being
// of the same user. Missing is the first variable that has no value on this host, if the text has no expansion. What a
// variable stands for is quoted, so that a bracket in a user's name is no wildcard.
func (e *expander) expand(text string) (all []string, missing string) {
	if !strings.Contains(text, "%%") {
		return []string{text}, ""
	}
	users := e.host.Users
	if !strings.Contains(strings.ToLower(text), "%%users.") {
		users = []artifacts.User{{}}
	} else if len(users) == 0 {
		return nil, firstVariable(text)
	}
	seen := make(map[string]bool, len(users))
	for i := range users {
		s, lacks := e.forUser(text, &users[i])
		if lacks != "" {
			missing = cmp.Or(missing, lacks)
			continue
		}
		if !seen[s] && len(all) < maxExpansion {
			seen[s] = true
			all = append(all, s)
		}
	}
	if len(all) > 0 {
		missing = ""
	}
	return all, missing
}

func firstVariable(text string) string {
	_, rest, _ := strings.Cut(text, "%%")
	variable, _, _ := strings.Cut(rest, "%%")
	return variable
}

func (e *expander) forUser(text string, u *artifacts.User) (expanded, missing string) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "%%")
		variable, after, closed := strings.Cut(rest, "%%")
		if !ok || !closed {
			b.WriteString(text)
			return b.String(), ""
		}
		value := e.value(strings.ToLower(variable), u)
		if value == "" {
			return "", variable
		}
		b.WriteString(before)
		b.WriteString(quote(value))
		text = after
	}
}

// value of a variable for one user; empty where there is none.
func (e *expander) value(variable string, u *artifacts.User) string {
	if system, ok := strings.CutPrefix(variable, "environ_"); ok {
		return e.environ(system)
	}
	home := strings.TrimRight(string(u.Home), `/\`)
	if home == "" {
		home = string(u.Home) // "/"
	}
	old := e.host.OS == artifacts.Windows && strings.Contains(strings.ToLower(home), `\documents and settings\`)
	below := func(now, then string) string {
		if e.host.OS != artifacts.Windows || home == "" {
			return ""
		}
		if old {
			return home + then
		}
		return home + now
	}
	switch variable {
	case "users.homedir", "users.userprofile":
		return home
	case "users.username":
		return u.Name
	case "users.sid":
		if strings.HasPrefix(u.ID, "S-") {
			return u.ID
		}
	case "users.appdata":
		return below(`\AppData\Roaming`, `\Application Data`)
	case "users.localappdata":
		return below(`\AppData\Local`, `\Local Settings\Application Data`)
	case "users.localappdata_low":
		return below(`\AppData\LocalLow`, `\Local Settings\Application Data`)
	case "users.temp":
		return below(`\AppData\Local\Temp`, `\Local Settings\Temp`)
	}
	return ""
}

// stands lists what answers for a variable, in order: the schema spells some otherwise than the system does, and asks
// for fall-backs.
var stands = map[string][]string{
	"allusersappdata": {"allusersappdata", "programdata"},
	"allusersprofile": {"allusersprofile", "programdata"},
	"programdata":     {"programdata", "allusersappdata"},
	"programfilesx86": {"programfilesx86", "programfiles(x86)"},
	"systemroot":      {"systemroot", "windir"},
	"windir":          {"windir", "systemroot"},
}

func (e *expander) environ(variable string) string {
	if variable == "systemdrive" {
		return e.drive
	}
	names, ok := stands[variable]
	if !ok {
		names = []string{variable}
	}
	for _, n := range names {
		if v := e.host.Environ[n]; v != "" {
			return v
		}
	}
	return ""
}

// paths compiles one pattern of a FILE or PATH source. The outcomes are about what could not be planned.
func (e *expander) paths(text, separator string) ([]pattern, []artifacts.Outcome) {
	os := e.host.OS
	if separator != "" && separator != os.Separator() && os == artifacts.Linux {
		text = strings.ReplaceAll(text, separator, "/")
	}
	return e.compile(text, os.FoldsCase(), func(expanded string) (pattern, []string, error) {
		parts, err := split(os, expanded, e.drive)
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" || s == "." })
		spelled := strings.Join(parts, os.Separator())
		if os != artifacts.Windows {
			spelled = "/" + spelled
		}
		p := pattern{text: artifacts.Path(spelled)}
		if os == artifacts.Windows {
			parts, p.stream = cutStream(parts)
		}
		return p, parts, err
	})
}

// keys compiles one pattern of a registry source.
func (e *expander) keys(text string) ([]pattern, []artifacts.Outcome) {
	return e.compile(text, true, func(expanded string) (pattern, []string, error) {
		parts := strings.Split(expanded, `\`)
		if long, ok := rootKeys[strings.ToUpper(parts[0])]; ok {
			parts[0] = long
		}
		return pattern{text: artifacts.Path(strings.Join(parts, `\`))}, parts, nil
	})
}

var rootKeys = map[string]string{
	"HKLM": "HKEY_LOCAL_MACHINE", "HKU": "HKEY_USERS", "HKCU": "HKEY_CURRENT_USER",
	"HKCR": "HKEY_CLASSES_ROOT", "HKCC": "HKEY_CURRENT_CONFIG",
}

func (e *expander) compile(text string, fold bool, cut func(string) (pattern, []string, error)) (all []pattern, left []artifacts.Outcome) {
	skip := func(p artifacts.Path, format string, args ...any) {
		left = append(left, artifacts.Outcome{Path: p, Status: artifacts.Skipped, Reason: fmt.Sprintf(format, args...)})
	}
	expanded, missing := e.expand(text)
	if missing != "" {
		skip(artifacts.Path(text), "no value for %%%%%s%%%% on this host", missing)
	}
	if len(expanded) == maxExpansion {
		skip(artifacts.Path(text), "only the first %d expansions are looked for", maxExpansion)
	}
	seen := make(map[artifacts.Path]bool, len(expanded))
	for _, s := range expanded {
		p, parts, err := cut(s)
		if err == nil {
			p.names, err = compile(parts, fold)
		}
		switch {
		case err != nil:
			skip(artifacts.Path(unquote(s)), "not a pattern that can be looked for: %v", err)
		case len(p.names) == 0:
			skip(artifacts.Path(unquote(s)), "the pattern names the root of the tree")
		case !seen[p.text]:
			seen[p.text] = true
			p.text = artifacts.Path(unquote(string(p.text)))
			if len(expanded) > 1 {
				p.asked = artifacts.Path(text)
			}
			all = append(all, p)
		}
	}
	return all, left
}
