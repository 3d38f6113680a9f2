package accounts

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// SudoRules takes one Rule for each line of sudoers that lets somebody do something.
var SudoRules = &artifacts.Collector{
	Name:     "sudo-rules",
	Doc:      "Rules of sudo and doas: who may run what as whom, and where no password is asked",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
		r := &reader{ctx: ctx, host: h, files: h.Files, rec: rec}
		for _, rule := range r.sudoers().rules {
			if err := rec.Record(rule); err != nil {
				return err
			}
		}
		r.settle()
		return nil
	},
}

// A Rule is one line of live/sudo-rules.jsonl, and part of an Account: sudoers(5).
type Rule struct {
	Path       artifacts.Path `json:"path"`
	Line       int            `json:"line"`            // where it begins, from 1
	Users      []string       `json:"users"`           // "anna", "%wheel", "#1000", "ALL", "ADMINS"
	Hosts      string         `json:"hosts,omitempty"` //
	RunAs      string         `json:"run_as,omitempty"`
	NoPassword bool           `json:"no_password,omitempty"` // for some command of it
	All        bool           `json:"all,omitempty"`         // any command
	SetEnv     bool           `json:"setenv,omitempty"`      // he may hand on his environment: LD_PRELOAD too
	Commands   string         `json:"commands"`              // as it stands, tags among them
}

// maxRules bounds the rules, and how deep files include others.
const (
	maxRules    = 5000
	maxIncludes = 200
	maxJoined   = 64 << 10 // bytes of lines that go on in the next
	maxMembers  = 10_000   // of aliases within one another, looked through for one account and rule
)

// sudoRules are the rules with the aliases of users that they name.
type sudoRules struct {
	rules   []Rule
	aliases map[string][]string
	files   int
	seen    map[artifacts.Path]bool
}

func (r *reader) sudoers() *sudoRules {
	s := &sudoRules{aliases: map[string][]string{}, seen: map[artifacts.Path]bool{}}
	for _, p := range []artifacts.Path{"/etc/sudoers", "/usr/local/etc/sudoers", "/usr/etc/sudoers"} {
		r.sudoersFile(s, p)
	}
	for _, p := range []artifacts.Path{"/etc/doas.conf", "/usr/local/etc/doas.conf", "/etc/opendoas.conf"} {
		r.doas(s, p)
	}
	return s
}

var include = regexp.MustCompile(`^[#@](include|includedir)\s+(.+)$`)

// sudoersFile reads a file and what it includes, each once. Names with a dot, or that end in ~, are passed over in a folder, as
// sudo does.
func (r *reader) sudoersFile(s *sudoRules, p artifacts.Path) {
	if s.seen[p] || s.files >= maxIncludes {
		return
	}
	s.seen[p] = true
	s.files++
	number, long, began := 0, "", 0
	for line := range strings.Lines(string(r.read(p, procfs.Small))) {
		number++
		line = strings.TrimSpace(line)
		if long == "" {
			began = number
		}
		if before, ok := strings.CutSuffix(line, `\`); ok && len(long) < maxJoined {
			long += before + " "
			continue
		}
		line, long = strings.TrimSpace(long+line), ""
		if m := include.FindStringSubmatch(line); m != nil {
			r.include(s, p, m[1], strings.Trim(m[2], `"`))
			continue
		}
		line = uncomment(line)
		if line == "" || strings.HasPrefix(line, "Defaults") || len(s.rules) >= maxRules {
			continue
		}
		if kind, rest, ok := strings.Cut(line, "_Alias"); ok && !strings.ContainsAny(kind, " \t") {
			if kind == "User" {
				s.alias(rest)
			}
			continue
		}
		s.add(p, began, procfs.Text(line))
	}
}

// uncomment takes a comment off; "#1000" and "%#1000" are no comments.
func uncomment(line string) string {
	for i := 0; i < len(line); i++ {
		if line[i] != '#' || i > 0 && line[i-1] == '\\' {
			continue
		}
		if i+1 < len(line) && line[i+1] >= '0' && line[i+1] <= '9' {
			continue
		}
		return strings.TrimSpace(line[:i])
	}
	return line
}

func (r *reader) include(s *sudoRules, from artifacts.Path, kind, name string) {
	name = strings.ReplaceAll(name, "%h", r.host.Identity.Hostname)
	if !path.IsAbs(name) {
		name = path.Join(path.Dir(string(from)), name)
	}
	if kind == "include" {
		r.sudoersFile(s, artifacts.Path(path.Clean(name)))
		return
	}
	dir := artifacts.Path(path.Clean(name))
	if r.remote(dir) {
		return
	}
	entries, err := r.files.ReadDir(dir)
	r.note(dir, err)
	for _, e := range entries {
		if e.Kind != artifacts.Directory && !strings.Contains(e.Name, ".") && !strings.HasSuffix(e.Name, "~") {
			r.sudoersFile(s, artifacts.Linux.Join(dir, e.Name))
		}
	}
}

// alias reads "NAME = a, b : OTHER = c".
func (s *sudoRules) alias(text string) {
	for part := range strings.SplitSeq(text, ":") {
		name, members, ok := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); ok && name != "" && len(s.aliases) < maxRules {
			s.aliases[name] = append(s.aliases[name], list(members)...)
		}
	}
}

func list(s string) (all []string) {
	for w := range strings.SplitSeq(s, ",") {
		if w = strings.TrimSpace(w); w != "" {
			all = append(all, strings.Trim(w, `"`))
		}
	}
	return all
}

var (
	sudoRule  = regexp.MustCompile(`^((?:[^\s,]+\s*,\s*)*[^\s,=]+)\s+([^=]+?)\s*=\s*(?:\(([^)]*)\)\s*)?(.*)$`)
	anyThing  = regexp.MustCompile(`(?:^|[:,\s])ALL\s*(?:,|$)`)
	runAsElse = regexp.MustCompile(`\(([^)]*)\)`)
)

func (s *sudoRules) add(p artifacts.Path, line int, text string) {
	m := sudoRule.FindStringSubmatch(text)
	if m == nil {
		return
	}
	rule := Rule{
		Path: p, Line: line, Users: list(m[1]), Hosts: strings.TrimSpace(m[2]), RunAs: strings.TrimSpace(m[3]), Commands: m[4],
		NoPassword: strings.Contains(m[4], "NOPASSWD:"), SetEnv: strings.Contains(m[4], "SETENV:") && !strings.Contains(m[4], "NOSETENV:"),
	}
	rule.All = anyThing.MatchString(runAsElse.ReplaceAllString(rule.Commands, " "))
	s.rules = append(s.rules, rule)
}

// doas reads doas.conf(5): "permit [nopass] [keepenv] who [as whom] [cmd what]".
func (r *reader) doas(s *sudoRules, p artifacts.Path) {
	n := 0
	for line := range strings.Lines(string(r.read(p, procfs.Small))) {
		n++
		w := strings.Fields(procfs.Text(line))
		if len(w) < 2 || w[0] != "permit" || len(s.rules) >= maxRules {
			continue
		}
		rule := Rule{Path: p, Line: n, RunAs: "root", All: true, Commands: strings.Join(w, " ")}
		for i := 1; i < len(w); i++ {
			switch {
			case w[i] == "nopass":
				rule.NoPassword = true
			case w[i] == "keepenv":
				rule.SetEnv = true
			case w[i] == "as" && i+1 < len(w):
				i++
				rule.RunAs = w[i]
			case w[i] == "cmd":
				rule.All = false
				i = len(w)
			case rule.Users == nil && w[i] != "persist" && w[i] != "nolog" && !strings.ContainsAny(w[i], "{}="):
				who := w[i]
				if g, ok := strings.CutPrefix(who, ":"); ok {
					who = "%" + g
				}
				rule.Users = []string{who}
			}
		}
		s.rules = append(s.rules, rule)
	}
}

// of are the rules that are for an account.
func (s *sudoRules) of(a *Account, groups memberships) (mine []Rule) {
	for _, rule := range s.rules {
		left := maxMembers
		if s.names(rule.Users, a, groups, &left) {
			if mine = append(mine, rule); len(mine) >= 100 {
				break
			}
		}
	}
	return mine
}

// names tells whether one of the users of a rule is an account. Left is how many more are looked at: aliases may name
// one another.
func (s *sudoRules) names(who []string, a *Account, groups memberships, left *int) bool {
	for _, w := range who {
		if *left--; *left < 0 {
			return false
		}
		group, isGroup := strings.CutPrefix(w, "%")
		if gid, ok := strings.CutPrefix(group, "#"); isGroup && ok {
			group = groups[gid]
		}
		switch {
		case w == a.Name, w == "#"+a.UID, w == "ALL":
			return true
		case isGroup && group != "" && slices.Contains(a.Groups, group):
			return true
		case s.aliases[w] != nil && s.names(s.aliases[w], a, groups, left):
			return true
		}
	}
	return false
}
