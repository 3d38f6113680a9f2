package persistence

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"

	"spor/artifacts"
)

// sshKeys records the keys that run a command of their own, or set what programs load (sshd(8), "authorized_keys file
// format"), and what sshd itself runs (sshd_config(5)). The keys of accounts are the accounts collector's.
func sshKeys(x *examiner) {
	for _, h := range x.homes {
		for _, name := range []string{"/.ssh/authorized_keys", "/.ssh/authorized_keys2"} {
			p := h.dir + artifacts.Path(name)
			for n, line := range plain(x.read(p)) {
				options := keyOptions(line)
				if options == "" {
					continue
				}
				for _, m := range keyRuns.FindAllStringSubmatch(options, 8) {
					command := strings.ReplaceAll(m[2], `\"`, `"`)
					x.emit(Entry{Kind: "ssh-key", Path: p, Line: n, Name: strings.ToLower(m[1]), User: h.user, When: "a logon with this key", Command: command, Targets: x.targets(command)})
				}
			}
		}
	}
	files := []artifacts.Path{"/etc/ssh/sshd_config"}
	for _, dir := range []artifacts.Path{"/etc/ssh/sshd_config.d", "/usr/share/ssh/sshd_config.d"} {
		for _, f := range x.list(dir) {
			files = append(files, artifacts.Linux.Join(dir, f.Name))
		}
	}
	for _, p := range files {
		for n, line := range plain(x.read(p)) {
			m := sshdRuns.FindStringSubmatch(line)
			if m == nil || m[2] == "none" || strings.EqualFold(m[1], "Subsystem") && strings.HasSuffix(m[2], "internal-sftp") {
				continue
			}
			command := m[2]
			if strings.EqualFold(m[1], "Subsystem") {
				_, command = cut(command, 1)
			}
			x.emit(Entry{Kind: "sshd", Path: p, Line: n, Name: m[1], When: "a logon by ssh", Command: m[2], Targets: x.targets(command)})
		}
	}
}

var (
	keyRuns  = regexp.MustCompile(`(?i)(?:^|,)(command|environment)="((?:[^"\\]|\\.)*)"`)
	sshdRuns = regexp.MustCompile(`(?i)^(ForceCommand|AuthorizedKeysCommand|AuthorizedPrincipalsCommand|Subsystem|SecurityKeyProvider|PKCS11Provider|AuthorizedKeysFile|SetEnv)[\s=]+(.+)$`)
	keyTypes = regexp.MustCompile(`^(?:sk-)?(?:ssh-|ecdsa-|rsa-)[a-z0-9@.-]+$`)
)

// keyOptions is what stands before the type of a key; empty where nothing does.
func keyOptions(line string) string {
	if keyTypes.MatchString(firstWord(line)) {
		return ""
	}
	inside := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && inside:
			i++
		case c == '"':
			inside = !inside
		case (c == ' ' || c == '\t') && !inside:
			return line[:i]
		}
	}
	return ""
}

// sudoers records the programs that rules name and that are of no package: whoever may write to one is root. The rules
// themselves are the accounts collector's.
func sudoers(x *examiner) {
	files := []artifacts.Path{"/etc/sudoers", "/usr/local/etc/sudoers"}
	for _, f := range x.list("/etc/sudoers.d") {
		files = append(files, artifacts.Linux.Join("/etc/sudoers.d", f.Name))
	}
	for _, p := range files {
		for n, line := range joined(x.read(p)) {
			if strings.HasPrefix(line, "Defaults") || strings.HasPrefix(line, "@") {
				continue
			}
			_, commands, _ := strings.Cut(line, "=")
			seen := map[string]bool{}
			for _, w := range sudoProgram.FindAllString(commands, 64) {
				if seen[w] {
					continue
				}
				seen[w] = true
				if about := x.describe(artifacts.Path(path.Clean(w))); about.Package == "" && !x.isDir(about.Path) {
					x.emit(Entry{Kind: "sudoers", Path: p, Line: n, Name: firstWord(line), When: "sudo", Command: w, Details: line, Targets: []File{about}})
				}
			}
		}
	}
}

var sudoProgram = regexp.MustCompile(`/[^\s,:!*?\\()=]+`)

// containers records what starts with its engine: Docker's hostconfig.json ("RestartPolicy") and config.v2.json, and
// Podman's units, which are units of systemd (quadlets: *.container).
func containers(x *examiner) {
	for _, root := range []artifacts.Path{"/var/lib/docker/containers", "/var/snap/docker/common/var-lib-docker/containers"} {
		for _, f := range x.list(root) {
			x.container(artifacts.Linux.Join(root, f.Name))
		}
	}
	dirs := []artifacts.Path{"/etc/containers/systemd", "/usr/share/containers/systemd", "/run/containers/systemd"}
	for _, h := range x.homes {
		dirs = append(dirs, h.dir+"/.config/containers/systemd")
	}
	for _, dir := range dirs {
		for _, f := range x.list(dir) {
			if !strings.HasSuffix(f.Name, ".container") && !strings.HasSuffix(f.Name, ".kube") {
				continue
			}
			p := artifacts.Linux.Join(dir, f.Name)
			list := x.settings(p, nil)
			x.emit(Entry{
				Kind: "container", Path: p, Name: f.Name, Command: strings.TrimSpace(last(list, "Container.Image", "Kube.Yaml") + " " + last(list, "Container.Exec")),
				Enabled: new(last(list, "Install.WantedBy") != ""), When: last(list, "Install.WantedBy"), Details: "quadlet of podman",
			})
		}
	}
	for _, dir := range []artifacts.Path{"/etc/kubernetes/manifests", "/var/lib/rancher/k3s/server/manifests", "/etc/rancher/k3s"} {
		for _, f := range x.list(dir) {
			if f.Kind != artifacts.Directory {
				x.emit(Entry{Kind: "container", Path: artifacts.Linux.Join(dir, f.Name), Name: f.Name, When: "the kubelet starts", Enabled: new(true), Details: "static manifest of Kubernetes"})
			}
		}
	}
}

func (x *examiner) container(dir artifacts.Path) {
	var host struct {
		RestartPolicy struct{ Name string }
		Binds         []string
		Privileged    bool
		NetworkMode   string
		PidMode       string
		CapAdd        []string
	}
	var config struct {
		Name   string
		Path   string
		Args   []string
		Config struct{ Image, User string }
	}
	p := dir + "/hostconfig.json"
	data := x.read(p)
	if len(data) == 0 {
		return
	}
	if err := json.Unmarshal(data, &host); err != nil {
		x.noteError(p, err)
	}
	data = x.read(dir + "/config.v2.json")
	if err := json.Unmarshal(data, &config); err != nil && len(data) > 0 {
		x.noteError(dir+"/config.v2.json", err)
	}
	var odd []string
	if host.Privileged {
		odd = append(odd, "privileged")
	}
	if host.PidMode == "host" || host.NetworkMode == "host" {
		odd = append(odd, "in the host's namespaces")
	}
	if len(host.CapAdd) > 0 {
		odd = append(odd, "capabilities "+strings.Join(host.CapAdd, " "))
	}
	if len(host.Binds) > 0 {
		odd = append(odd, "sees "+strings.Join(host.Binds, ", "))
	}
	odd = append(odd, "image "+config.Config.Image)
	x.emit(Entry{
		Kind: "container", Path: p, Name: strings.TrimPrefix(config.Name, "/"), User: config.Config.User, When: "restart policy " + host.RestartPolicy.Name,
		Enabled: new(host.RestartPolicy.Name == "always" || host.RestartPolicy.Name == "unless-stopped"),
		Command: strings.Join(append([]string{config.Path}, config.Args...), " "), Details: strings.Join(odd, "; "),
	})
}

// python records sitecustomize and usercustomize, and the lines of .pth files that run code: Python's documentation of
// module site. Those of packages are passed over.
func python(x *examiner) {
	var dirs []artifacts.Path
	roots := []artifacts.Path{"/usr/lib", "/usr/local/lib", "/usr/lib64", "/usr/local/lib64"}
	for _, h := range x.homes {
		roots = append(roots, h.dir+"/.local/lib")
	}
	seen := map[artifacts.Path]bool{}
	for _, root := range roots {
		for _, f := range x.list(root) {
			if !strings.HasPrefix(f.Name, "python") {
				continue
			}
			for _, sub := range []string{"/dist-packages", "/site-packages", ""} {
				dir := artifacts.Linux.Join(root, f.Name+sub)
				if at, err := x.real(dir); err == nil && !seen[at] {
					seen[at] = true
					dirs = append(dirs, dir)
				}
			}
		}
	}
	for _, dir := range dirs {
		for _, f := range x.list(dir) {
			p := artifacts.Linux.Join(dir, f.Name)
			switch {
			case f.Name == "sitecustomize.py" || f.Name == "usercustomize.py":
				about := x.describe(p)
				x.emit(Entry{Kind: "python", Path: p, Name: f.Name, When: "any Python program starts", Config: &about, Targets: []File{about}})
			case strings.HasSuffix(f.Name, ".pth"):
				for n, line := range plain(x.read(p)) {
					if strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "import\t") {
						x.emit(Entry{Kind: "python", Path: p, Line: n, Name: f.Name, When: "any Python program starts", Command: line})
					}
				}
			}
		}
	}
}
