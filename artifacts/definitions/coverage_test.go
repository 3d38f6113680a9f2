package definitions_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/artifacts/configured"
	"spor/artifacts/listing"
	"spor/artifacts/schema"
	"spor/collect/live"
)

var update = flag.Bool("update", false, "rewrite docs/coverage-linux.md")

// A row is one line of testdata/linux-coverage.tsv: what a public list knows of Linux, and what we make of it.
type row struct {
	list, name string
	places     []string // an example of each place it names
	by         []string // collectors of live state
	members    []string // other rows, of a group
	why        string   // what there is to say; where nothing takes it, the reason

	definitions []string // that take the places, found out
	missing     []string // places that nothing takes
}

func coverage(t *testing.T) []*row {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "linux-coverage.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []*row
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		cells := strings.Split(lines.Text(), "\t")
		if len(cells) != 5 {
			t.Fatalf("%q: %d cells, want 5", lines.Text(), len(cells))
		}
		r := &row{list: cells[0], name: cells[1], why: cells[4]}
		if cells[2] != "" {
			r.places = strings.Split(cells[2], "; ")
		}
		if group, ok := strings.CutPrefix(cells[3], "="); ok {
			r.members = strings.Fields(group)
		} else {
			r.by = strings.Fields(cells[3])
		}
		rows = append(rows, r)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// TestCoverage makes up a host with a file at every place of both public lists, collects it, and holds that each is
// taken; docs/coverage-linux.md says by whom.
func TestCoverage(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the made-up host has names that Windows cannot hold")
	}
	rows, set := coverage(t), load(t)
	files := map[string]string{}
	for _, r := range rows {
		for _, p := range r.places {
			files[p] = p + "\n"
		}
	}
	dir := t.TempDir()
	made := grow(t, dir, files)
	sink, report := run(t, set, dir, true)
	sources := map[string][]string{}
	for _, o := range report.Outcomes {
		if o.Status == artifacts.Collected && o.Path != "" {
			sources[string(o.Path)] = append(sources[string(o.Path)], o.Source)
		}
	}
	for listed := range origins(t, sink) {
		if source, p, ok := strings.Cut(listed, " "); ok && source != "" {
			sources[p] = append(sources[p], source)
		}
	}
	for _, r := range rows {
		for _, p := range r.places {
			if by := best(sources[p]); len(by) > 0 {
				r.definitions = append(r.definitions, by...)
			} else if made[p] {
				r.missing = append(r.missing, p)
			}
		}
		slices.Sort(r.definitions)
		r.definitions = slices.Compact(r.definitions)
		if len(r.missing) > 0 {
			t.Errorf("%s %s: not taken: %s", r.list, r.name, strings.Join(r.missing, "; "))
		}
	}
	page := render(t, rows, set)
	name := filepath.Join("..", "..", "docs", "coverage-linux.md")
	if *update {
		if err := os.WriteFile(name, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stands, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(stands, page) {
		t.Errorf("%s is not what the definitions come to: go test ./artifacts/definitions -run Coverage -update (%v)", name, err)
	}
}

// best leaves out those that take whole folders where others mean the place.
func best(sources []string) []string {
	slices.Sort(sources)
	sources = slices.Compact(sources)
	exact := slices.DeleteFunc(slices.Clone(sources), func(s string) bool {
		return strings.HasPrefix(s, "LinuxAll") || s == "LinuxLogsAnywhere" || strings.HasSuffix(s, "Listing") && len(sources) > 1
	})
	if len(exact) > 0 {
		return exact[:1]
	}
	return sources[:min(1, len(sources))]
}

// render writes the page, and holds each row to what it says.
func render(t *testing.T, rows []*row, set *schema.Set) []byte {
	t.Helper()
	var collectors []string
	for _, c := range slices.Concat(live.All(), configured.All(), []*artifacts.Collector{listing.Collector}) {
		collectors = append(collectors, c.Name)
	}
	byName := map[string]*row{}
	for _, r := range rows {
		byName[r.list+"/"+r.name] = r
	}
	var body bytes.Buffer
	count := map[string][2]int{}
	list := ""
	for _, r := range rows {
		if r.list != list {
			list = r.list
			fmt.Fprintf(&body, "\n## %s\n\n| what | taken by | remark |\n|---|---|---|\n", list)
		}
		for _, c := range r.by {
			if !slices.Contains(collectors, c) {
				t.Errorf("%s %s: there is no collector %q", r.list, r.name, c)
			}
		}
		for _, m := range r.members {
			if byName[r.list+"/"+m] == nil {
				t.Errorf("%s %s: its member %q has no row", r.list, r.name, m)
			}
		}
		var taken []string
		for _, name := range r.definitions {
			if d := set.Get(name); d != nil && d.Has(artifacts.LabelSecret) {
				name += " (secret)"
			}
			taken = append(taken, name)
		}
		taken = append(taken, r.by...)
		if len(r.members) > 0 {
			taken = append(taken, "its members: "+strings.Join(r.members, ", "))
		}
		n := count[list]
		n[1]++
		if len(taken) > 0 {
			n[0]++
		} else if r.why == "" {
			t.Errorf("%s %s: neither taken nor reasoned", r.list, r.name)
		} else {
			taken = []string{"not taken"}
		}
		count[list] = n
		fmt.Fprintf(&body, "| %s | %s | %s |\n", r.name, strings.Join(taken, ", "), r.why)
	}
	var page bytes.Buffer
	page.WriteString("# What of Linux is collected\n\nGenerated by `go test ./artifacts/definitions -run Coverage -update` from `testdata/linux-coverage.tsv`, by collecting a\n" +
		"made-up host that holds a file at each place. The lists are the Linux names of ForensicArtifacts, and the places and states a\n" +
		"live-response script of shell commands asks for. What is marked secret is taken with `--include-secrets` alone; most takes\n" +
		"`--profile full`. A name with a capital is a definition, one without a collector.\n\n| list | rows | taken |\n|---|---|---|\n")
	for _, list := range []string{"ForensicArtifacts", "live response"} {
		n := count[list]
		fmt.Fprintf(&page, "| %s | %d | %d (%.1f %%) |\n", list, n[1], n[0], 100*float64(n[0])/float64(n[1]))
		if n[0]*100 < n[1]*95 {
			t.Errorf("%s: only %d of %d rows are taken", list, n[0], n[1])
		}
	}
	page.Write(body.Bytes())
	return page.Bytes()
}

// TestCoverageKnowsTheLists holds the table against the lists themselves, which are no part of the project: every name
// is in it and no other, and every path that ForensicArtifacts has for Linux.
func TestCoverageKnowsTheLists(t *testing.T) {
	dir := os.Getenv("SPOR_REFERENCE")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "reference")
	}
	known := map[string]map[string]*row{"ForensicArtifacts": {}, "live response": {}}
	for _, r := range coverage(t) {
		known[r.list][r.name] = r
	}
	for list, name := range map[string]string{"ForensicArtifacts": "forensicartifacts-linux-names.txt", "live response": "linux-artifacts.tsv"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Skipf("SKIPPED: the table of what is covered is not held against the public lists: %v", err)
		}
		n := 0
		for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			cells := strings.Split(line, "\t")
			key := strings.TrimSpace(cells[0])
			if list == "live response" {
				if i == 0 {
					continue
				}
				key += "/" + cells[1]
			}
			if n++; known[list][key] == nil {
				t.Errorf("%s: %s has no row", list, key)
			}
		}
		if n != len(known[list]) {
			t.Errorf("%s: the table has %d rows, the list %d", list, len(known[list]), n)
		}
	}
	public, err := schema.Load(os.DirFS(filepath.Join(dir, "forensicartifacts")))
	if err != nil {
		t.Fatal(err)
	}
	places := 0
	for name, r := range known["ForensicArtifacts"] {
		d := public.Get(name)
		if d == nil {
			continue
		}
		for _, s := range d.Sources {
			if len(s.SupportedOS) > 0 && !slices.Contains(s.SupportedOS, artifacts.Linux) || s.Separator == `\` {
				continue
			}
			for _, p := range s.Paths {
				if strings.HasPrefix(p, "/private/") || strings.HasPrefix(p, "%%environ") || strings.Contains(p, "appdata") || strings.Contains(p, `\`) {
					continue // of other systems
				}
				if places++; !slices.Contains(r.places, instance(p, "x")) {
					t.Errorf("%s: no example of %s in the table, such as %s", name, p, instance(p, "x"))
				}
			}
		}
	}
	t.Logf("%d places", places)
}
