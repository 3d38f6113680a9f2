package definitions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/artifacts/schema"
	engine "spor/collect"
	"spor/collect/image"
)

// An example is a file that a pattern of a definition names.
type example struct {
	def     *artifacts.Definition
	pattern string
	path    string // below the root, absolute
	listing bool   // PATH: by name alone
}

// examples makes one file for each pattern of each definition for Linux. What a wildcard stands for is the definition's
// own number, so that few of them stand in each other's way.
func examples(set *schema.Set) []example {
	var all []example
	for i, d := range set.All() {
		if !d.Supports(artifacts.Linux) {
			continue
		}
		for _, s := range d.Sources {
			for _, p := range s.Paths {
				all = append(all, example{d, p, instance(p, fmt.Sprintf("x%d", i)), s.Type == artifacts.SourcePath})
			}
		}
	}
	return all
}

var stars = regexp.MustCompile(`^\*\*[0-9]*$`)

// instance is a path that a pattern matches, with a word for each wildcard.
func instance(pattern, word string) string {
	names := strings.Split(strings.ReplaceAll(pattern, "%%users.homedir%%", "/home/anna"), "/")
	if len(names) > 3 && names[1] == "home" && strings.Contains(names[2], "*") {
		names[2] = "bert" // each folder there is a user's, whose patterns come on top
	}
	for i, name := range names {
		if stars.MatchString(name) {
			names[i] = word
			continue
		}
		var b strings.Builder
		for j := 0; j < len(name); j++ {
			class := strings.IndexByte(name[j:], ']')
			switch {
			case name[j] == '*':
				b.WriteString(word)
			case name[j] == '?' || strings.HasPrefix(name[j:], "[!"):
				b.WriteByte('q')
			case name[j] == '[' && class > 0:
				b.WriteByte(name[j+1])
			default:
				b.WriteByte(name[j])
			}
			if name[j] == '[' && class > 0 {
				j += class
			}
		}
		names[i] = b.String()
	}
	return strings.Join(names, "/")
}

// bag is a sink that keeps everything.
type bag struct {
	items   []artifacts.Item
	content [][]byte
}

func (s *bag) Put(_ context.Context, it artifacts.Item, r io.Reader) (artifacts.Stored, error) {
	b, err := io.ReadAll(r)
	s.items, s.content = append(s.items, it), append(s.content, b)
	return artifacts.Stored{Name: fmt.Sprintf("files/%d", len(s.items)), Size: int64(len(b)), Cut: err}, nil
}

// run collects a folder through the engine, by all that the profiles choose.
func run(t *testing.T, set *schema.Set, dir string, secrets bool) (*bag, *engine.Report) {
	t.Helper()
	h, err := image.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return runOn(t, set, h, secrets)
}

// runOn collects all there is of a host.
func runOn(t *testing.T, set *schema.Set, h *artifacts.Host, secrets bool) (*bag, *engine.Report) {
	t.Helper()
	plan := schema.NewPlan(set, h, schema.Options{Secrets: secrets})
	chosen, err := schema.Choose(plan.All(), h.OS, schema.Selection{Profiles: []string{"full", "memory"}, Set: set})
	if err != nil {
		t.Fatal(err)
	}
	sink := &bag{}
	report, err := engine.Run(t.Context(), h, plan.Collectors(chosen), sink, engine.Options{
		Secrets: secrets, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return sink, report
}

const passwd = "anna:x:1000:1000::/home/anna:/bin/sh\n"

// grow writes the files of a made-up Linux, each with its own text, and leaves out what is a folder for others.
func grow(t *testing.T, dir string, files map[string]string) (made map[string]bool) {
	t.Helper()
	made = make(map[string]bool, len(files))
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(b, a) }) // what lies deeper comes first
	for _, name := range names {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if st, err := os.Stat(full); err == nil && st.IsDir() {
			continue
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(files[name]), 0o600)); err != nil {
			t.Fatal(err)
		}
		made[name] = true
	}
	full, accounts := filepath.Join(dir, "etc", "passwd"), passwd
	if made["/root/.bash_history"] {
		accounts += "root:x:0:0::/root:/bin/sh\n"
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(accounts), 0o600)); err != nil {
		t.Fatal(err)
	}
	return made
}

// keys are private keys under names that no definition knows; their content alone gives them away.
var keys = map[string]string{
	"/home/anna/.ssh/work":           "-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n",
	"/etc/myapp/server.cert":         "# the key\n-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n%s\n",
	"/tmp/.cache-1/backup":           "PuTTY-User-Key-File-3: ssh-ed25519\n%s\n",
	"/home/anna/.ssh/config.d/old":   "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n%s\n",
	"/var/log/deploy/output.log":     "-----BEGIN PGP PRIVATE KEY BLOCK-----\n%s\n",
	"/var/spool/odd/x":               "AGE-SECRET-KEY-1%s\n",
	"/usr/local/etc/app/service.txt": "\ufeff-----BEGIN EC PRIVATE KEY-----\r\n%s\n",
}

// TestMadeUpLinux collects a host that holds a file for each place of each definition, with and without secrets: every
// place gives its file, and no byte of a secret is taken without being asked for, by whatever definition.
func TestMadeUpLinux(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the made-up host has names that Windows cannot hold")
	}
	set := load(t)
	all := examples(set)
	files := map[string]string{}
	for _, e := range all {
		if files[e.path] == "" || e.def.Has(artifacts.LabelSecret) && !e.listing {
			files[e.path] = e.path + "\n"
			if e.def.Has(artifacts.LabelSecret) && !e.listing {
				files[e.path] = canary(e.path)
			}
		}
	}
	for name, text := range keys {
		files[name] = fmt.Sprintf(text, canary(name))
	}
	for _, name := range private[artifacts.Linux] {
		if name = "/" + name; files[name] == "" && !strings.HasPrefix(name, "/root/") {
			files[name] = canary(name)
		}
	}
	dir := t.TempDir()
	made := grow(t, dir, files)
	open, report := run(t, set, dir, false)
	for i, content := range open.content {
		for _, name := range canaries.FindAllSubmatch(content, -1) {
			t.Errorf("%s, taken for %s, holds the secret of %s", open.items[i].Origin, open.items[i].Source, name[1])
		}
	}
	complete, _ := run(t, set, dir, true)
	found := map[string]bool{}
	for _, content := range complete.content {
		for _, name := range canaries.FindAllSubmatch(content, -1) {
			found[string(name[1])] = true
		}
	}
	for name := range made {
		if strings.Contains(files[name], canary(name)) && !found[name] {
			t.Errorf("%s: not taken with secrets either", name)
		}
	}
	places(t, all, made, open, complete, report)
}

// places holds each example against what was taken for its definition.
func places(t *testing.T, all []example, made map[string]bool, open, complete *bag, report *engine.Report) {
	t.Helper()
	settled := map[string]artifacts.Outcome{}
	for _, o := range report.Outcomes.List() {
		settled[o.Source+"\x00"+string(o.Path)] = o
	}
	openTaken, completeTaken := origins(t, open), origins(t, complete)
	n := 0
	for _, e := range all {
		if !made[e.path] {
			continue
		}
		n++
		o, noted := settled[e.def.Name+"\x00"+e.path]
		switch {
		case e.def.Has(artifacts.LabelSecret):
			if !completeTaken[e.path] && !completeTaken[e.def.Name+" "+e.path] {
				t.Errorf("%s: %s is not taken with secrets: %s", e.def.Name, e.pattern, e.path)
			}
		case e.listing:
			if !openTaken[e.def.Name+" "+e.path] {
				t.Errorf("%s: %s is not listed: %s", e.def.Name, e.pattern, e.path)
			}
		case !noted:
			t.Errorf("%s: %s did not find %s", e.def.Name, e.pattern, e.path)
		case o.Status != artifacts.Collected && !strings.Contains(o.Reason, "--include-secrets"):
			t.Errorf("%s: %s: %s: %v %s", e.def.Name, e.pattern, e.path, o.Status, o.Reason)
		}
	}
	t.Logf("%d places of %d patterns, %d items", n, len(all), len(open.items))
}

// origins are the paths that were taken, and those that were listed, with the definition in front.
func origins(t *testing.T, b *bag) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for i, it := range b.items {
		if it.Origin != "" {
			all[string(it.Origin)] = true
			continue
		}
		for line := range bytes.Lines(b.content[i]) {
			var listed struct{ Path artifacts.Path }
			if err := json.Unmarshal(line, &listed); err != nil {
				t.Fatalf("%s: %v", it.Name, err)
			}
			all[it.Source+" "+string(listed.Path)] = true
		}
	}
	return all
}

// canary is a text that names the secret file it is in.
func canary(path string) string { return "canary{" + path + "}" }

var canaries = regexp.MustCompile(`canary\{([^}]*)\}`)
