package accounts

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/image"
	"spor/collect/live/livetest"
)

// A public key made for this test, and a hash that must come out nowhere. ssh-keygen -l is the oracle of the fingerprint.
const (
	ed25519Key = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
	secretHash = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC"
)

func login(kind uint16, user, host string, at int64) string {
	b := make([]byte, 384)
	binary.LittleEndian.PutUint16(b, kind)
	copy(b[8:], "pts/0")
	copy(b[44:], user)
	copy(b[76:], host)
	binary.LittleEndian.PutUint32(b[340:], uint32(at))
	return string(b)
}

func lastlog(uid int, host string, at int64) string {
	b := make([]byte, 292*(uid+1))
	r := b[292*uid:]
	binary.LittleEndian.PutUint32(r, uint32(at))
	copy(r[4:], "tty1")
	copy(r[36:], host)
	return string(b)
}

func made() livetest.Tree {
	return livetest.Tree{
		"/etc/passwd": livetest.Text("root:x:0:0:root:/root:/bin/bash\ntoor:x:00:0::/root:/bin/bash\nanna:x:1000:100:Anna,,,:/home/anna:/bin/zsh\nold:$1$abc$defghijklmnopqrstuvwxyz:1001:100::/gone:\n" +
			"daemon:x:2:2::/:/usr/sbin/nologin\nopen::1003:100::/:/bin/bash\n+::::::\nshort:x:9\n"),
		"/etc/shadow": livetest.Text("root:!" + secretHash + ":20000:0:99999:7:::\ntoor:" + secretHash + ":20000:0:90:7::20100:\nanna:" + secretHash + ":0:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n"),
		"/etc/group":  livetest.Text("root:x:0:\nusers:x:100:\nsudo:x:27:anna,anna\ndocker:x:999:anna\n"),
		"/etc/shells": livetest.Text("# s\n/bin/bash\n"),
		"/bin/bash":   livetest.Text("x"),
		"/etc/sudoers": livetest.Text("Defaults env_reset\nUser_Alias ADMINS = anna, \\\n  root : OTHERS = x\nCmnd_Alias C = /bin/ls\n%sudo ALL=(ALL:ALL) ALL # all\n#1001 ALL = NOPASSWD: /bin/ls, SETENV: /opt/x\n" +
			"ADMINS,%nobody h1,h2 = (www) NOPASSWD:ALL\n@includedir sudoers.d\n#include /etc/sudoers\nnot a rule\n"),
		"/etc/sudoers.d/90-x":             livetest.Text("ALL ALL=(root) /bin/id\n#includedir /etc/sudoers.d\n"),
		"/etc/sudoers.d/90-x.bak":         livetest.Text("evil ALL=ALL\n"),
		"/etc/doas.conf":                  livetest.Text("permit nopass keepenv :wheel as root cmd ls\ndeny x\n"),
		"/etc/ssh/sshd_config":            livetest.Text("AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%u\n"),
		"/etc/ssh/keys/anna":              livetest.Text("ssh-ed25519 " + ed25519Key + "\n"),
		"/home/anna/.ssh/authorized_keys": livetest.Text("# c\nno-pty,command=\"a b\" ssh-ed25519 " + ed25519Key + " anna@x  y\nssh-rsa notbase64! x\n"),
		"/home/anna/.ssh/known_hosts":     livetest.Text("|1|a ssh-rsa A\n\n# c\nb ssh-rsa A\n"),
		"/home/anna/.ssh/id_ed25519":      livetest.Text("PRIVATE"),
		"/home/anna/.ssh/id_ed25519.pub":  livetest.Text("public"),
		"/home/anna":                      livetest.Node{Stat: artifacts.Stat{Kind: artifacts.Directory, UID: "1000", Mode: fs.ModeSetgid | 0o750}},
		"/var/log/wtmp":                   livetest.Text(login(7, "anna", "192.0.2.1", 100) + login(7, "anna", "192.0.2.2", 300) + login(8, "anna", "", 400) + login(2, "reboot", "", 500)),
		"/var/log/btmp":                   livetest.Text(login(6, "root", "192.0.2.9", 50) + login(6, "root", "192.0.2.8", 60) + login(6, "nobody knows", "x", 1)),
		"/var/log/lastlog":                livetest.Text(lastlog(1000, "192.0.2.2", 300)),
		"/var/lib/wtmpdb/wtmp.db":         livetest.Text("SQLite format 3"),
	}
}

func host(tree livetest.Tree) *artifacts.Host {
	return &artifacts.Host{OS: artifacts.Linux, Files: tree.Files(), Users: []artifacts.User{{Name: "anna", ID: "1000"}, {Name: "ghost", ID: "1009", Home: "/home/ghost"}}}
}

func TestAccounts(t *testing.T) {
	got, notes := livetest.Run[Account](t, Collector, host(made()))
	if len(notes) != 1 || notes[0].Path != "/var/lib/wtmpdb/wtmp.db" {
		t.Errorf("notes %v", notes)
	}
	by := map[string]Account{}
	for _, a := range got {
		by[a.Name] = a
		text, err := json.Marshal(a)
		if err != nil || strings.Contains(string(text), "$y$") || strings.Contains(string(text), "tnSYvahC") || strings.Contains(string(text), "defghij") || strings.Contains(string(text), "PRIVATE") {
			t.Errorf("%s: %v, or a secret is in it: %s", a.Name, err, text)
		}
	}
	if len(got) != 7 {
		t.Errorf("%d accounts, want 7: %v", len(got), by)
	}
	changed := time.Unix(20000*86400, 0).UTC()
	for name, want := range map[string]Password{
		"root": {State: "locked", Algorithm: "yescrypt", Changed: changed}, "toor": {State: "set", Algorithm: "yescrypt", Changed: changed, MaxDays: 90, Expires: time.Unix(20100*86400, 0).UTC()},
		"anna": {State: "set", Algorithm: "yescrypt", MustSet: true}, "old": {State: "in passwd", Algorithm: "md5crypt"}, "open": {State: "empty"},
		"daemon": {State: "locked", Changed: time.Unix(19000*86400, 0).UTC()}, "ghost": {State: "none"},
	} {
		if got := by[name].Password; got != want {
			t.Errorf("password of %s: got %+v, want %+v", name, got, want)
		}
	}
	if r := by["toor"]; r.UID != "0" || !slices.Equal(r.Twins, []string{"root"}) || r.Line != 2 || !r.CanLogin || !*r.ShellListed || r.ShellGone {
		t.Errorf("toor: %+v", r)
	}
	if r := by["root"]; r.Failed != 2 || r.FailedOrigin != 2 || r.FailedLast.Unix() != 60 || r.Sessions != 0 {
		t.Errorf("root: %+v", r)
	}
	if d := by["daemon"]; d.CanLogin || !d.ShellGone {
		t.Errorf("daemon: %+v", d)
	}
	if o := by["old"]; o.HomeState != "missing" || !o.CanLogin || len(o.Sudo) != 2 || !o.Sudo[0].NoPassword || o.Sudo[0].All || !o.Sudo[0].SetEnv {
		t.Errorf("old: %+v", o)
	}
	a := by["anna"]
	if !slices.Equal(a.Groups, []string{"users", "sudo", "docker"}) || !slices.Equal(a.Privileged, []string{"sudo", "docker"}) || *a.ShellListed || !a.ShellGone || a.FullName != "Anna" {
		t.Errorf("anna: %+v", a)
	}
	if a.HomeState != "folder" || a.HomeMode != "2750" || a.KnownHosts != 2 || a.PrivateKeys != 1 {
		t.Errorf("anna's home: %+v", a)
	}
	if want := (&Login{time.Unix(300, 0).UTC(), "tty1", "192.0.2.2"}); !reflect.DeepEqual(a.LastLogin, want) || a.Sessions != 2 || a.LastSession.Host != "192.0.2.2" {
		t.Errorf("anna's logins: %+v %+v %d", a.LastLogin, a.LastSession, a.Sessions)
	}
	const print = "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"
	if len(a.Keys) != 2 || a.Keys[0].Options != `no-pty,command="a b"` || a.Keys[0].Comment != "anna@x  y" || a.Keys[0].Line != 2 || a.Keys[1].Path != "/etc/ssh/keys/anna" || a.Keys[1].Fingerprint != print {
		t.Errorf("anna's keys: %+v, want fingerprint %s", a.Keys, print)
	}
	if len(a.Sudo) != 3 {
		t.Errorf("anna's rules: %+v", a.Sudo)
	}
}

func TestSudoRules(t *testing.T) {
	got, _ := livetest.Run[Rule](t, SudoRules, host(made()))
	var lines []string
	for _, r := range got {
		lines = append(lines, fmt.Sprintf("%s:%d %v %s (%s) %v %v %s", r.Path, r.Line, r.Users, r.Hosts, r.RunAs, r.NoPassword, r.All, r.Commands))
	}
	want := []string{
		"/etc/sudoers:5 [%sudo] ALL (ALL:ALL) false true ALL",
		"/etc/sudoers:6 [#1001] ALL () true false NOPASSWD: /bin/ls, SETENV: /opt/x",
		"/etc/sudoers:7 [ADMINS %nobody] h1,h2 (www) true true NOPASSWD:ALL",
		"/etc/sudoers.d/90-x:1 [ALL] ALL (root) false false /bin/id",
		"/etc/doas.conf:1 [%wheel]  (root) true false permit nopass keepenv :wheel as root cmd ls",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// TestSparse reads a lastlog that is larger than any disk, as a uid of a directory makes it.
func TestSparse(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	write("etc/passwd", "far:x:3000000000:0::/:/bin/sh\n")
	f, err := os.OpenFile(write("var/log/lastlog", ""), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	record := lastlog(0, "192.0.2.7", 700)
	if _, err := f.WriteAt([]byte(record), 3000000000*292); err != nil {
		t.Skipf("SKIPPED: this file system has no sparse file of 876 GB: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := image.Folder(root)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := livetest.Run[Account](t, Collector, h)
	if len(got) != 1 || got[0].LastLogin == nil || got[0].LastLogin.Host != "192.0.2.7" {
		t.Errorf("got %+v", got)
	}
}

func TestDenied(t *testing.T) {
	tree := made()
	tree["/etc/shadow"] = livetest.Fails(fs.ErrPermission)
	got, notes := livetest.Run[Account](t, Collector, host(tree))
	if got[0].Password.State != "unknown" || !slices.ContainsFunc(notes, func(o artifacts.Outcome) bool { return o.Path == "/etc/shadow" && o.Status == artifacts.Denied }) {
		t.Errorf("got %+v, notes %v", got[0].Password, notes)
	}
}

func TestState(t *testing.T) {
	for field, want := range map[string]Password{
		"": {State: "empty"}, "!": {State: "locked"}, "*": {State: "locked"}, "!!": {State: "never set"}, "!*": {State: "locked"}, "*LK*": {State: "locked", Algorithm: "unknown"},
		"$6$a$b": {State: "set", Algorithm: "sha512crypt"}, "!$6$a$b": {State: "locked", Algorithm: "sha512crypt"}, "abJnggxhB/yWI": {State: "set", Algorithm: "descrypt"},
		"$2b$10$x": {State: "set", Algorithm: "bcrypt"}, "$zz$": {State: "set", Algorithm: "unknown"}, "plain": {State: "set", Algorithm: "unknown"},
	} {
		if got := stateOf(field); got != want {
			t.Errorf("%q: got %+v, want %+v", field, got, want)
		}
	}
}

// FuzzFiles puts anything into every file that is read: no field of shadow may come out, and every rule names somebody.
func FuzzFiles(f *testing.F) {
	f.Add("root:x:0:0:::\nssh-rsa AAAA\n%x ALL=(ALL) ALL\n#includedir /etc\n\\")
	f.Fuzz(func(t *testing.T, data string) {
		for p := range made() {
			tree := made()
			tree[p] = livetest.Text(data)
			rec := &livetest.Recorder{}
			if err := Collector.Collect(t.Context(), host(tree), rec); err != nil && p != "/etc/passwd" {
				t.Errorf("%s: %v", p, err)
			}
			if text, err := json.Marshal(rec.Records); err != nil || strings.Contains(string(text), "tnSYvahC") {
				t.Errorf("%s: %v, or a hash came out", p, err)
			}
			rules, _ := livetest.Run[Rule](t, SudoRules, host(tree))
			for _, r := range rules {
				if len(r.Users) == 0 && !strings.HasSuffix(string(r.Path), "doas.conf") {
					t.Errorf("rule of nobody: %+v", r)
				}
			}
		}
	})
}

// FuzzKey checks that a key that is read has a type and a fingerprint of 43 characters.
func FuzzKey(f *testing.F) {
	f.Add("ssh-ed25519 " + ed25519Key + " x")
	f.Add(`command="\"" ssh-rsa ` + base64.StdEncoding.EncodeToString([]byte("\x00\x00\x00\x01a\x00\x00\x00\x01\x03\x00\x00\x00\x02\x00\xff")))
	f.Fuzz(func(t *testing.T, line string) {
		k, ok := parseKey(line)
		if ok && (k.Type == "" || len(k.Fingerprint) != 50 || k.Bits < 0) {
			t.Errorf("%q: %+v", line, k)
		}
	})
}

// TestAliasesOfAliases holds that aliases of sudo that name one another again and again cost no time.
func TestAliasesOfAliases(t *testing.T) {
	s := &sudoRules{aliases: map[string][]string{}, rules: []Rule{{Users: []string{"A0"}}, {Users: []string{"B"}}}}
	for i := range 8 {
		s.aliases[fmt.Sprintf("A%d", i)] = slices.Repeat([]string{fmt.Sprintf("A%d", (i+1)%8)}, 1000)
	}
	s.aliases["B"] = []string{"C", "D"}
	s.aliases["D"] = []string{"anna"}
	begun := time.Now()
	got := s.of(&Account{Name: "anna"}, nil)
	if len(got) != 1 || got[0].Users[0] != "B" {
		t.Errorf("rules %+v, want that of B alone", got)
	}
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}
