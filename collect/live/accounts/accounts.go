// Package accounts tells of each account of a Linux host what lets somebody in and what he may then do: uid and its twins,
// the state of the password (never the password's hash), groups, rules of sudo, keys of SSH, and when it was last used.
//
// Read are passwd(5), shadow(5), group(5), sudoers(5), authorized_keys of sshd(8), lastlog(8), wtmp and btmp of utmp(5), through
// artifacts.Host alone: a mounted disk gives the same as the running host.
package accounts

import (
	"cmp"
	"context"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/live/packages"
	"spor/collect/live/procfs"
)

// Collector takes one Account for each account, and for each folder in /home that has none.
var Collector = &artifacts.Collector{
	Name:     "accounts",
	Doc:      "Accounts: uid twins, state of the password, groups, sudo, SSH keys, last and failed logins",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Required: true,
	Collect:  collect,
}

// An Account is one line of live/accounts.jsonl. What is zero or absent is not known. No password and no hash of one is in
// it.
type Account struct {
	Name     string         `json:"name"`
	UID      string         `json:"uid"`
	GID      string         `json:"gid,omitempty"`
	FullName string         `json:"full_name,omitempty"`
	Source   artifacts.Path `json:"source,omitempty"` // "/etc/passwd"; empty: only a folder in /home tells of it
	Line     int            `json:"line,omitempty"`   // in it, from 1
	Twins    []string       `json:"twins,omitempty"`  // other accounts of the same uid: they are the same to the system

	Password Password `json:"password,omitzero"`

	Shell       artifacts.Path `json:"shell,omitempty"`
	CanLogin    bool           `json:"can_login"`               // the shell lets somebody in: it is none of nologin, false, sync, halt, shutdown
	ShellListed *bool          `json:"shell_listed,omitempty"`  // in /etc/shells; nil: there is no such file
	ShellGone   bool           `json:"shell_missing,omitempty"` // no such file

	Home         artifacts.Path `json:"home,omitempty"`
	HomeState    string         `json:"home_state,omitempty"` // "folder", "missing", "link", "remote" (not looked at), "denied", "file"
	HomeUID      string         `json:"home_uid,omitempty"`   // owner
	HomeMode     string         `json:"home_mode,omitempty"`  // octal
	HomeModified time.Time      `json:"home_modified,omitzero"`
	HomeBorn     time.Time      `json:"home_born,omitzero"`

	Groups     []string `json:"groups,omitempty"`     // names, the primary first
	Privileged []string `json:"privileged,omitempty"` // those of them that amount to root or read everything: PrivilegedGroups
	Sudo       []Rule   `json:"sudo,omitempty"`       // rules that are for it, by name, uid, group or alias, or for ALL

	Keys        []Key `json:"keys,omitempty"`         // that let somebody in
	KnownHosts  int   `json:"known_hosts,omitempty"`  // lines of known_hosts
	PrivateKeys int   `json:"private_keys,omitempty"` // files in .ssh that a .pub file stands beside, or id_*; not read

	LastLogin    *Login    `json:"last_login,omitempty"`   // of lastlog
	LastSession  *Login    `json:"last_session,omitempty"` // of wtmp
	Sessions     int       `json:"sessions,omitempty"`     // logins in wtmp, as far as it was read
	Failed       int       `json:"failed,omitempty"`       // logins in btmp, as far as it was read
	FailedLast   time.Time `json:"failed_last,omitzero"`   //
	FailedFrom   []string  `json:"failed_from,omitempty"`  // hosts, at most 16
	FailedOrigin int       `json:"failed_hosts,omitempty"` // how many
}

// Password is the state of a password.
type Password struct {
	State     string    `json:"state"`               // "set", "empty" (anyone can be it), "locked", "never set", "in passwd" (set, and anyone can read the hash), "unknown" (shadow could not be read), "none" (no line in shadow)
	Algorithm string    `json:"algorithm,omitempty"` // "yescrypt", "sha512crypt", "md5crypt", "descrypt", …; of a locked one too
	Changed   time.Time `json:"changed,omitzero"`    // day
	MaxDays   int       `json:"max_days,omitempty"`
	Expires   time.Time `json:"account_expires,omitzero"` // day
	MustSet   bool      `json:"must_change,omitempty"`    // at the next login
}

// A Login is when and from where somebody logged in.
type Login struct {
	Time     time.Time `json:"time"`
	Terminal string    `json:"terminal,omitempty"`
	Host     string    `json:"host,omitempty"`
}

// PrivilegedGroups are those whose members are root in all but name, or read what others may not.
var PrivilegedGroups = []string{"root", "sudo", "wheel", "admin", "docker", "lxd", "libvirt", "kvm", "disk", "shadow", "adm", "systemd-journal", "kmem", "podman", "incus-admin", "wireshark"}

// maxAccounts is more than the accounts of any host's own files, in bytes of one of them.
const maxAccounts = 32 << 20

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	r := &reader{ctx: ctx, host: h, files: h.Files, rec: rec}
	all := r.passwd()
	if len(all) == 0 {
		return errors.New("no account in /etc/passwd")
	}
	r.shadow(all)
	groups := r.groups(all)
	rules := r.sudoers()
	logins := r.logins()
	defer logins.close()
	shells, known := r.shells()
	keyFiles := r.keyFiles()
	for i := range all {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		a := &all[i]
		r.shell(a, shells, known)
		r.home(a)
		a.Sudo = rules.of(a, groups)
		r.ssh(a, keyFiles)
		logins.add(a)
		if err := rec.Record(*a); err != nil {
			return err
		}
	}
	r.settle()
	return nil
}

type reader struct {
	ctx   context.Context
	host  *artifacts.Host
	files artifacts.Files
	rec   artifacts.Recorder
	notes []artifacts.Outcome
}

func (r *reader) settle() {
	for _, o := range procfs.Distinct(r.notes) {
		r.rec.Note(o)
	}
}

func (r *reader) note(p artifacts.Path, err error) {
	if o, bad := procfs.Outcome(p, err); bad && len(r.notes) < 1000 {
		r.notes = append(r.notes, o)
	}
}

func (r *reader) read(p artifacts.Path, most int64) []byte {
	if r.remote(p) {
		return nil
	}
	data, err := procfs.Read(r.files, p, most)
	r.note(p, err)
	return data
}

// remote tells whether a path lies on a file system whose answer may never come.
func (r *reader) remote(p artifacts.Path) bool {
	for dir := path.Clean(string(p)); ; dir = path.Dir(dir) {
		if m, ok := r.files.Mount(artifacts.Path(dir)); ok {
			return m.Class == artifacts.Remote
		}
		if dir == "/" || dir == "." {
			return false
		}
	}
}

// passwd reads the accounts, and adds those that the host knows by their folder in /home alone.
func (r *reader) passwd() (all []Account) {
	names, uids := map[string]bool{}, map[string][]string{}
	n := 0
	for line := range strings.Lines(string(r.read("/etc/passwd", maxAccounts))) {
		n++
		f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(f) < 7 || f[0] == "" || f[0][0] == '#' || f[0][0] == '+' || f[0][0] == '-' { // NIS: "+::::::" means "all of them"
			continue
		}
		a := Account{
			Name: procfs.Text(f[0]), UID: number(f[2]), GID: number(f[3]), FullName: procfs.Text(strings.TrimRight(f[4], ",")),
			Home: artifacts.Path(f[5]), Shell: artifacts.Path(f[6]), Source: "/etc/passwd", Line: n,
		}
		a.Password = passwordOf(f[1])
		names[a.Name] = true
		uids[a.UID] = append(uids[a.UID], a.Name)
		all = append(all, a)
	}
	for i := range all {
		for _, other := range uids[all[i].UID] {
			if other != all[i].Name && len(all[i].Twins) < 100 {
				all[i].Twins = append(all[i].Twins, other)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	for _, u := range r.host.Users {
		if !names[u.Name] {
			all = append(all, Account{Name: u.Name, UID: u.ID, GID: u.Group, Home: u.Home, Password: Password{State: "none"}})
		}
	}
	return all
}

// number takes the zeros off that a uid may be spelled with: "00" is root too.
func number(s string) string {
	if n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return procfs.Text(s)
}

// passwordOf reads the password field of passwd: "x" says that it is in shadow.
func passwordOf(field string) Password {
	if field == "x" {
		return Password{State: "none"}
	}
	p := stateOf(field)
	if p.State == "set" {
		p.State = "in passwd"
	}
	return p
}

// stateOf says what a field of shadow means: crypt(5), shadow(5), passwd(1). The field goes no further.
func stateOf(field string) Password {
	switch rest := strings.TrimLeft(field, "!*"); {
	case field == "":
		return Password{State: "empty"}
	case rest == "" || rest == "LK" || rest == "NP":
		if field == "!!" || field == "*NP*" {
			return Password{State: "never set"}
		}
		return Password{State: "locked"}
	case len(rest) < len(field):
		return Password{State: "locked", Algorithm: algorithm(rest)}
	default:
		return Password{State: "set", Algorithm: algorithm(field)}
	}
}

// algorithms are the prefixes of crypt(5).
var algorithms = map[string]string{
	"1": "md5crypt", "2": "bcrypt", "2a": "bcrypt", "2b": "bcrypt", "2x": "bcrypt", "2y": "bcrypt", "3": "nt", "5": "sha256crypt", "6": "sha512crypt", "7": "scrypt",
	"y": "yescrypt", "gy": "gost-yescrypt", "sha1": "sha1crypt", "md5": "sunmd5",
}

func algorithm(field string) string {
	if id, ok := strings.CutPrefix(field, "$"); ok {
		id, _, _ = strings.Cut(id, "$")
		id, _, _ = strings.Cut(id, ",")
		return cmp.Or(algorithms[id], "unknown")
	}
	switch {
	case strings.HasPrefix(field, "_") && len(field) == 20:
		return "bsdicrypt"
	case len(field) == 13:
		return "descrypt"
	}
	return "unknown"
}

// shadow adds what shadow tells.
func (r *reader) shadow(all []Account) {
	data, err := procfs.Read(r.files, "/etc/shadow", maxAccounts)
	r.note("/etc/shadow", err)
	byName := map[string]*Account{}
	for i := range all {
		if byName[all[i].Name] == nil {
			byName[all[i].Name] = &all[i]
		}
		if err != nil && all[i].Password.State == "none" && all[i].Source != "" {
			all[i].Password.State = "unknown"
		}
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		a := byName[procfs.Text(f[0])]
		if len(f) < 8 || a == nil || a.Password.State != "none" && a.Password.State != "unknown" {
			continue
		}
		a.Password = stateOf(f[1])
		if f[2] == "0" {
			a.Password.MustSet = true
		}
		a.Password.Changed, a.Password.Expires = day(f[2]), day(f[7])
		if most, err := strconv.Atoi(f[4]); err == nil && most != 99999 {
			a.Password.MaxDays = most
		}
	}
}

// day is a number of days since 1970; zero for 0 and for none.
func day(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n <= 0 || n > 2932896 { // 9999-12-31
		return time.Time{}
	}
	return time.Unix(n*86400, 0).UTC()
}

// memberships are the groups by gid, for rules that name one.
type memberships map[string]string // name by gid

func (r *reader) groups(all []Account) memberships {
	names := memberships{}
	members := map[string][]string{}
	for line := range procfs.Lines(r.read("/etc/group", maxAccounts)) {
		f := strings.Split(procfs.Text(line), ":")
		if len(f) < 4 || f[0] == "" || f[0][0] == '+' || f[0][0] == '-' {
			continue
		}
		if gid := number(f[2]); names[gid] == "" {
			names[gid] = f[0]
		}
		for m := range strings.SplitSeq(f[3], ",") {
			if m = strings.TrimSpace(m); m != "" {
				members[m] = append(members[m], f[0])
			}
		}
	}
	for i := range all {
		a := &all[i]
		if primary := names[a.GID]; primary != "" {
			a.Groups = []string{primary}
		}
		for _, g := range members[a.Name] {
			if !slices.Contains(a.Groups, g) {
				a.Groups = append(a.Groups, g)
			}
		}
		for _, g := range a.Groups {
			if slices.Contains(PrivilegedGroups, g) {
				a.Privileged = append(a.Privileged, g)
			}
		}
	}
	return names
}

func (r *reader) shells() (listed map[string]bool, known bool) {
	listed = map[string]bool{}
	for line := range procfs.Lines(r.read("/etc/shells", procfs.Small)) {
		listed[line] = true
	}
	return listed, len(listed) > 0
}

// noLogin are programs that let nobody in.
var noLogin = map[string]bool{"nologin": true, "false": true, "true": true, "sync": true, "halt": true, "shutdown": true, "git-shell": true}

func (r *reader) shell(a *Account, listed map[string]bool, known bool) {
	if a.Source == "" {
		return
	}
	shell := cmp.Or(string(a.Shell), "/bin/sh") // an empty field means that
	a.CanLogin = !noLogin[path.Base(shell)]
	if known {
		a.ShellListed = new(listed[shell])
	}
	if f, err := procfs.Open(r.files, artifacts.Path(shell)); err == nil {
		f.Close()
	} else if o, bad := procfs.Outcome(artifacts.Path(shell), err); !bad && o.Status == artifacts.Failed {
		a.ShellGone = true
	}
}

func (r *reader) home(a *Account) {
	if !path.IsAbs(string(a.Home)) {
		return
	}
	if r.remote(a.Home) {
		a.HomeState = "remote"
		return
	}
	st, err := r.files.Lstat(a.Home)
	if err != nil {
		a.HomeState = "missing"
		if o, bad := procfs.Outcome(a.Home, err); bad {
			a.HomeState = o.Status.String()
		}
		return
	}
	switch st.Kind {
	case artifacts.Directory:
		a.HomeState = "folder"
	default:
		a.HomeState = st.Kind.String()
	}
	a.HomeUID, a.HomeMode, a.HomeModified, a.HomeBorn = st.UID, packages.Octal(st.Mode), st.Times.Modified, st.Times.Born
}
