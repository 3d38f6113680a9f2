package schema

import (
	"strings"
	"testing"

	"spor/artifacts"
)

const mixed = `
name: Mixed
doc: |
  All kinds of sources.

  And more words.
sources:
- type: FILE
  attributes: {paths: ['/etc/passwd', '/etc/missing*', '/etc', '/etc/pipe', '%%users.sid%%/x', '%%environ_none%%/y', '/a/../b', '/']}
- type: PATH
  attributes: {paths: ['/etc', '/var/run', '/none', '/et*']}
- type: FILE
  attributes: {paths: ['C:\x', 'C:\y'], separator: '\'}
  supported_os: [Windows]
- type: COMMAND
  attributes: {cmd: /bin/rpm, args: [-qa, 7]}
- type: WMI
  attributes: {query: SELECT * FROM X, base_object: 'winmgmts:\root'}
- type: REGISTRY_KEY
  attributes: {keys: ['HKEY_LOCAL_MACHINE\Software']}
supported_os: [Linux, Windows]
`

func TestOutcomes(t *testing.T) {
	f := newFake(artifacts.Linux, "/etc/passwd", "/etc/pipe |", "/run/x", "/var/run -> ../run")
	rec := run(t, definitions(t, mixed), linuxHost(f), Options{})
	same(t, "taken", rec.taken, []string{"Mixed /etc/passwd", "Mixed /etc/pipe"})
	same(t, "noted", rec.notes, []string{
		"Mixed skipped %%users.sid%%/x: no value for %%users.sid%% on this host",
		"Mixed skipped %%environ_none%%/y: no value for %%environ_none%% on this host",
		`Mixed skipped /a/../b: not a pattern that can be looked for: ".." in a pattern`,
		"Mixed skipped /: the pattern names the root of the tree",
		`Mixed skipped C:\x and 1 more: a source for [Windows]`,
		"Mixed skipped : never executed: /bin/rpm -qa 7",
		"Mixed skipped : never executed: SELECT * FROM X",
		`Mixed skipped HKEY_LOCAL_MACHINE\Software: there is no registry to ask on this host or image`,
		"Mixed absent /etc/missing*",
		"Mixed absent /none",
		"Mixed collected /et*: listed for another pattern of the definition",
		"Mixed skipped /etc: a directory, where the definition means a file",
		"Mixed collected /etc: 1 listed, without content",
		"Mixed collected /var/run: 1 listed, without content",
	})
	same(t, "lines", rec.lines, []string{
		`Mixed {"path":"/etc","kind":"directory","size":0,"mode":"----------"}`,
		`Mixed {"path":"/var/run","kind":"link","size":0,"mode":"----------","link":"../run"}`,
	})
}

func TestPlanned(t *testing.T) {
	set := definitions(t, mixed)
	plan := NewPlan(set, linuxHost(newFake(artifacts.Linux)), Options{})
	got := plan.Planned(plan.All())
	if len(got) != 1 || len(got[0].Paths) != 8 || len(got[0].Left) != 8 || got[0].Paths[0] != "/etc/passwd" {
		t.Errorf("planned %+v", got)
	}
	c := plan.All()[0]
	if c.Doc != "All kinds of sources." || c.Order != artifacts.Decisive || strings.Join(c.Profiles, ",") != "full" {
		t.Errorf("collector %+v", c)
	}
}

const guarded = `
name: Keys
doc: Secret keys.
sources:
- type: FILE
  attributes: {paths: ['%%users.homedir%%/.ssh/id_*', '/data/vault/*']}
supported_os: [Linux]
labels: [full, secret]
---
name: Homes
doc: All there is.
sources:
- type: FILE
  attributes: {paths: ['%%users.homedir%%/**5', '/srv/**']}
supported_os: [Linux]
`

// TestSecrets holds that what a secret definition names is in no other's hands, by whatever link or spelling.
func TestSecrets(t *testing.T) {
	f := newFake(artifacts.Linux,
		"/home/anna -> /data/anna", "/data/anna/.ssh/id_rsa", "/data/anna/.ssh/config", "/data/anna/.bash_history -> .ssh/id_rsa",
		"/srv/innocent -> /data/vault/k", "/data/vault/k", "/root/.ssh/id_ed25519", "/root/x",
	)
	set := definitions(t, guarded)
	options := Options{Take: []artifacts.Path{"/data"}}
	const why = ": secret by another definition: taken only with --include-secrets"
	rec := run(t, set, linuxHost(f), options)
	same(t, "taken", rec.taken, []string{
		"take /data/anna/.bash_history", "take /data/anna/.ssh/config",
		"Homes /root/x", "Homes /data/anna/.bash_history", "Homes /data/anna/.ssh/config", "Homes /srv/innocent",
	})
	for _, p := range []string{"take skipped /data/anna/.ssh/id_rsa", "take skipped /data/vault/k", "Homes skipped /data/anna/.ssh/id_rsa", "Homes skipped /root/.ssh/id_ed25519", "Homes skipped /data/vault/k"} {
		rec.has(t, p+why)
	}
	options.Secrets = true
	rec = run(t, set, linuxHost(f), options)
	if n := len(rec.taken); n != 14 {
		t.Errorf("with secrets %d were taken, want 14:\n%s", n, strings.Join(rec.taken, "\n"))
	}
}

func TestTake(t *testing.T) {
	f := newFake(artifacts.Linux, "/m/a.eml", "/m/[x].eml", "/m/x.eml", "/m/sub/deep/er/est/of/all/f", "/m/empty/", "/n/f", "/m/pipe |")
	tests := []struct {
		take string
		want []string
		note string
	}{
		{"/m/a.eml", []string{"/m/a.eml"}, ""},
		{"/m/[x].eml", []string{"/m/[x].eml", "/m/x.eml"}, ""},
		{"/m/*.eml", []string{"/m/[x].eml", "/m/a.eml", "/m/x.eml"}, ""},
		{"/m/sub", []string{"/m/sub/deep/er/est/of/all/f"}, ""},
		{"/m/sub/", []string{"/m/sub/deep/er/est/of/all/f"}, ""},
		{"/m/empty", nil, ""},
		{"/m/pipe", []string{"/m/pipe"}, ""},
		{"/", []string{"/m/[x].eml", "/m/a.eml", "/m/pipe", "/m/sub/deep/er/est/of/all/f", "/m/x.eml", "/n/f"}, ""},
		{"/gone", nil, "take failed /gone: nothing is there"},
		{"/m/*.none", nil, "take failed /m/*.none: nothing is there"},
		{"/m/../n", nil, `take failed /m/../n: ".." in a pattern`},
	}
	for _, test := range tests {
		rec := run(t, &Set{}, linuxHost(f), Options{Take: []artifacts.Path{artifacts.Path(test.take)}})
		var want []string
		for _, p := range test.want {
			want = append(want, "take "+p)
		}
		same(t, test.take, rec.taken, want)
		if test.note != "" {
			rec.has(t, test.note)
		} else if len(rec.notes) > 0 {
			t.Errorf("%s: noted %q", test.take, rec.notes)
		}
	}
	f = newFake(artifacts.Windows, "C:/Users/anna/Mail/a.msg", "D:/x")
	rec := run(t, &Set{}, windowsHost(f), Options{Take: []artifacts.Path{`c:\users\ANNA\mail`, `D:\`}})
	same(t, "taken", rec.taken, []string{`take C:\Users\anna\Mail\a.msg`, `take D:\x`})
}

const grouped = `
name: Group
doc: A group.
aliases: [Old]
sources:
- type: ARTIFACT_GROUP
  attributes: {names: [One, Two]}
labels: [triage, bulk]
---
name: One
doc: One.
sources:
- {type: FILE, attributes: {paths: [/a]}}
supported_os: [Linux]
---
name: Two
doc: Two.
sources:
- {type: FILE, attributes: {paths: ['C:\b'], separator: '\'}}
supported_os: [Windows]
---
name: Three
doc: Three.
sources:
- {type: FILE, attributes: {paths: [/c]}}
labels: [full, required, secret]
`

func TestChoose(t *testing.T) {
	set := definitions(t, grouped)
	plan := NewPlan(set, linuxHost(newFake(artifacts.Linux)), Options{Take: []artifacts.Path{"/x"}})
	live := &artifacts.Collector{Name: "processes", Profiles: []string{"volatile"}}
	all := append([]*artifacts.Collector{live}, plan.All()...)
	tests := []struct {
		profiles, only, skip string
		want                 string
		fails                string
	}{
		{want: "processes take One"},
		{profiles: "full", want: "processes take One Three"},
		{profiles: "volatile", want: "processes take"},
		{profiles: "triage volatile", skip: "proc*", want: "take One"},
		{only: "none", want: "take"},
		{only: "One", want: "take One"},
		{only: "Group", want: "take One"},
		{only: "Old", want: "take One"},
		{only: "Two", want: "take Two"}, // the engine says that it is for another system
		{only: "T*", want: "take Three"},
		{only: "processes Three", skip: "Three", want: "processes take"},
		{profiles: "everything", fails: `there is no profile "everything"`},
		{only: "thre", fails: `--only "thre" names no definition or collector; is "Three" meant?`},
		{skip: "Nine", fails: `--skip "Nine" names no definition or collector`},
		{only: "[", fails: `--only "[": syntax error in pattern`},
	}
	for _, test := range tests {
		got, err := Choose(all, artifacts.Linux, Selection{
			Profiles: strings.Fields(test.profiles), Only: strings.Fields(test.only), Skip: strings.Fields(test.skip), Set: set,
		})
		var chosen []string
		for _, c := range got {
			chosen = append(chosen, c.Name)
		}
		failed := ""
		if err != nil {
			failed = err.Error()
		}
		if g := strings.Join(chosen, " "); g != test.want || failed != test.fails {
			t.Errorf("%+v: got %q, %q", test, g, failed)
		}
	}
	for _, c := range plan.All() {
		if bulk := c.Name == "One" || c.Name == "Two"; c.Name != "take" && bulk != (c.Order == artifacts.Bulk) {
			t.Errorf("%s: order %v", c.Name, c.Order)
		}
	}
	if ready := plan.Collectors([]*artifacts.Collector{live}); len(ready) != 1 {
		t.Errorf("a walk was planned for what needs none: %v", ready)
	}
}
