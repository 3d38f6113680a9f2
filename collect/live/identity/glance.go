package identity

import (
	"cmp"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// Glance names a Linux system by its files alone, running or on an image. Architecture and Source are the caller's to
// fill.
func Glance(f artifacts.Files) artifacts.Identity {
	r := &reader{files: f}
	rel, around := r.release(), r.surround()
	name := r.hostname()
	return artifacts.Identity{
		Hostname:  name,
		FQDN:      r.fqdn(name),
		Domain:    r.domain().Name,
		MachineID: cmp.Or(r.line("/etc/machine-id"), r.line("/var/lib/dbus/machine-id")),
		OS:        artifacts.Linux,
		OSName:    rel.Name,
		OSVersion: rel.Version,
		Kernel:    r.line("/proc/sys/kernel/osrelease"),
		Platform:  strings.Join(slices.DeleteFunc([]string{around.Container, around.Hypervisor}, empty), ", "),
	}
}

func empty(s string) bool { return s == "" }

// A reader reads files of a Linux host and keeps what it was refused. What is not there is empty and no matter.
type reader struct {
	files artifacts.Files
	notes []artifacts.Outcome
}

// read gives what there is of a file, at most max bytes.
func (r *reader) read(p artifacts.Path, max int64) []byte {
	data, err := procfs.Read(r.files, p, max)
	if o, bad := procfs.Outcome(p, err); bad {
		r.notes = append(r.notes, o)
	}
	return data
}

// line gives the first line of a file.
func (r *reader) line(p artifacts.Path) string {
	line, _, _ := strings.Cut(string(r.read(p, procfs.Small)), "\n")
	return procfs.Text(strings.Trim(line, " \t\r\x00"))
}

func (r *reader) exists(p artifacts.Path) bool {
	_, err := r.files.Lstat(p)
	return err == nil
}

func (r *reader) hostname() string {
	return cmp.Or(r.line("/proc/sys/kernel/hostname"), r.line("/etc/hostname"))
}

// fqdn is the name that the host's own files give: no name server is asked, for that would leave a trace and warn
// whoever listens.
func (r *reader) fqdn(hostname string) string {
	if hostname == "" || strings.Contains(hostname, ".") {
		return hostname
	}
	for line := range procfs.Lines(r.read("/etc/hosts", procfs.Small)) {
		line, _, _ = strings.Cut(line, "#")
		names := strings.Fields(line)
		if len(names) < 2 || !slices.Contains(names[1:], hostname) && !strings.HasPrefix(names[1], hostname+".") {
			continue
		}
		for _, name := range names[1:] {
			if strings.HasPrefix(name, hostname+".") && !strings.HasPrefix(name, "localhost.") {
				return procfs.Text(name)
			}
		}
	}
	if d := r.line("/proc/sys/kernel/domainname"); d != "" && d != "(none)" {
		return hostname + "." + d
	}
	return ""
}

// release reads os-release(5), and what came before it.
func (r *reader) release() Release {
	data := r.read("/etc/os-release", procfs.Small)
	if len(data) == 0 {
		data = r.read("/usr/lib/os-release", procfs.Small)
	}
	m := procfs.Map(data, "=")
	rel := Release{
		ID: m["ID"], Like: strings.Fields(m["ID_LIKE"]), Name: cmp.Or(m["PRETTY_NAME"], m["NAME"]),
		Version: m["VERSION_ID"], Build: m["BUILD_ID"], Codename: m["VERSION_CODENAME"],
	}
	for _, p := range []artifacts.Path{"/etc/redhat-release", "/etc/SuSE-release", "/etc/alpine-release"} {
		if rel.Name == "" {
			rel.Name = r.line(p)
		}
	}
	if v := r.line("/etc/debian_version"); rel.ID == "debian" && v != "" {
		rel.Build = v // "12.5", where VERSION_ID says "12"
	}
	return rel
}

// resolver reads resolv.conf(5). Where that names the stub of systemd-resolved, the servers behind it are added.
func (r *reader) resolver() Resolver {
	var out Resolver
	for _, p := range []artifacts.Path{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"} {
		for line := range procfs.Lines(r.read(p, procfs.Small)) {
			words := strings.Fields(procfs.Text(line))
			switch words[0] {
			case "nameserver":
				out.Servers = appendNew(out.Servers, words[1:]...)
			case "search":
				out.Search = appendNew(out.Search, words[1:]...)
			case "options":
				out.Options = appendNew(out.Options, words[1:]...)
			case "domain":
				if len(words) > 1 {
					out.Domain = words[1]
				}
			}
		}
	}
	for line := range procfs.Lines(r.read("/etc/hosts", procfs.Small)) {
		out.Hosts = append(out.Hosts, procfs.Text(strings.Join(strings.Fields(line), " ")))
	}
	return out
}

// maxServers bounds the servers and domains of one list.
const maxServers = 1000

func appendNew(list []string, more ...string) []string {
	for _, s := range more {
		if s != "" && len(list) < maxServers && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// domain gathers what the host's configuration says of the directory it belongs to. Of files that may hold a password
// (sssd.conf, smb.conf) only the named keys are kept.
func (r *reader) domain() Domain {
	var d Domain
	r.settings(&d, "/etc/sssd/sssd.conf", map[string]func(string){
		"ad_domain":   func(v string) { d.Name = v },
		"ipa_domain":  func(v string) { d.Name = v },
		"domains":     func(v string) { d.Name = cmp.Or(d.Name, firstWord(v)) },
		"krb5_realm":  func(v string) { d.Realm = v },
		"ad_server":   func(v string) { d.Servers = appendNew(d.Servers, list(v)...) },
		"ipa_server":  func(v string) { d.Servers = appendNew(d.Servers, list(v)...) },
		"ldap_uri":    func(v string) { d.Servers = appendNew(d.Servers, list(v)...) },
		"id_provider": func(v string) { d.Joined = v },
		"workgroup":   func(v string) { d.Workgroup = v },
		"krb5_server": func(v string) { d.Servers = appendNew(d.Servers, list(v)...) },
		"ad_forest":   func(v string) { d.Forest = v },
	})
	r.settings(&d, "/etc/ipa/default.conf", map[string]func(string){
		"domain": func(v string) { d.Name, d.Joined = cmp.Or(d.Name, v), cmp.Or(d.Joined, "ipa") },
		"realm":  func(v string) { d.Realm = cmp.Or(d.Realm, v) },
		"server": func(v string) { d.Servers = appendNew(d.Servers, v) },
	})
	r.settings(&d, "/etc/samba/smb.conf", map[string]func(string){
		"workgroup": func(v string) { d.Workgroup = cmp.Or(d.Workgroup, v) },
		"realm":     func(v string) { d.Realm = cmp.Or(d.Realm, v) },
		"security": func(v string) {
			if strings.EqualFold(v, "ads") {
				d.Joined = cmp.Or(d.Joined, "ad")
			}
		},
	})
	r.settings(&d, "/etc/krb5.conf", map[string]func(string){
		"default_realm": func(v string) { d.Realm = cmp.Or(d.Realm, v) },
	})
	r.settings(&d, "/etc/resolv.conf", map[string]func(string){
		"domain": func(v string) { d.Name = cmp.Or(d.Name, v) },
	})
	if d.Name == "" && d.Realm != "" {
		d.Name = strings.ToLower(d.Realm)
	}
	return d
}

// settings hands the values of "key = value" lines, or "key value" ones, to the functions by key, and notes the file as a
// source where one was used.
func (r *reader) settings(d *Domain, p artifacts.Path, use map[string]func(string)) {
	used := false
	for line := range procfs.Lines(r.read(p, procfs.Small)) {
		i := strings.IndexAny(line, "= \t")
		if i < 0 || line[0] == ';' || line[0] == '[' {
			continue
		}
		key, value := strings.ToLower(line[:i]), procfs.Text(strings.Trim(line[i:], "= \t"))
		if set := use[key]; set != nil && value != "" {
			set(value)
			used = true
		}
	}
	if used {
		d.Sources = append(d.Sources, p)
	}
}

func firstWord(s string) string {
	if words := list(s); len(words) > 0 {
		return words[0]
	}
	return ""
}

// list cuts at commas and spaces.
func list(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' })
}
