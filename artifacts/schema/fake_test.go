package schema

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"spor/artifacts"
)

// fake is a made-up tree. Names are given with "/" and end in "/" for a directory, "name -> text" for a link, and
// "name |" for a FIFO.
type fake struct {
	os     artifacts.OS
	kinds  map[artifacts.Path]artifacts.Kind
	links  map[artifacts.Path]artifacts.Path
	names  map[artifacts.Path][]artifacts.DirEntry
	mounts map[artifacts.Path]artifacts.Mount
	denied map[artifacts.Path]bool
	hidden map[artifacts.Path]bool // not listed
	exact  bool                    // names are found in their own case alone
	listed map[artifacts.Path]int
	looked map[artifacts.Path]int
}

func newFake(os artifacts.OS, lines ...string) *fake {
	f := &fake{
		os: os, kinds: map[artifacts.Path]artifacts.Kind{}, links: map[artifacts.Path]artifacts.Path{},
		names:  map[artifacts.Path][]artifacts.DirEntry{},
		mounts: map[artifacts.Path]artifacts.Mount{}, denied: map[artifacts.Path]bool{}, hidden: map[artifacts.Path]bool{},
		listed: map[artifacts.Path]int{}, looked: map[artifacts.Path]int{},
	}
	for _, root := range f.Roots() {
		f.kinds[root] = artifacts.Directory
	}
	for _, line := range lines {
		p, text, isLink := strings.Cut(line, " -> ")
		kind := artifacts.Regular
		switch {
		case isLink:
			kind = artifacts.Symlink
		case strings.HasSuffix(p, "/"):
			kind = artifacts.Directory
		case strings.HasSuffix(p, " |"):
			p, kind = strings.TrimSuffix(p, " |"), artifacts.Pipe
		}
		f.add(f.host(p), kind)
		f.links[f.host(p)] = artifacts.Path(text)
	}
	return f
}

func (f *fake) host(p string) artifacts.Path {
	p = strings.TrimSuffix(p, "/")
	if f.os == artifacts.Windows {
		p = strings.ReplaceAll(p, "/", `\`)
	}
	return artifacts.Path(p)
}

func (f *fake) add(p artifacts.Path, kind artifacts.Kind) {
	if _, ok := f.kinds[p]; ok {
		return
	}
	f.kinds[p] = kind
	dir, name := f.os.Split(p)
	f.add(dir, artifacts.Directory)
	f.names[dir] = append(f.names[dir], artifacts.DirEntry{Name: name, Kind: kind})
	slices.SortFunc(f.names[dir], func(a, b artifacts.DirEntry) int { return strings.Compare(a.Name, b.Name) })
}

func (f *fake) Roots() []artifacts.Path {
	if f.os == artifacts.Windows {
		return []artifacts.Path{`C:\`, `D:\`}
	}
	return []artifacts.Path{"/"}
}

// find gives the true spelling of a path, and whether the way there is open.
func (f *fake) find(op string, p artifacts.Path) (artifacts.Path, error) {
	dir, _ := f.os.Split(p)
	for d := dir; d != ""; d, _ = f.os.Split(d) {
		if m, ok := f.mounts[d]; ok && m.Class == artifacts.Remote {
			panic("touched below a network mount: " + p)
		}
		if f.kinds[d] != artifacts.Directory && !f.os.FoldsCase() {
			return "", &fs.PathError{Op: op, Path: string(p), Err: fs.ErrNotExist}
		}
	}
	if m, ok := f.mounts[p]; ok && m.Class == artifacts.Remote {
		panic("touched a network mount: " + p)
	}
	if _, ok := f.kinds[p]; ok {
		return p, nil
	}
	if f.os.FoldsCase() && !f.exact {
		for q := range f.kinds {
			if strings.EqualFold(string(q), string(p)) {
				return q, nil
			}
		}
	}
	return "", &fs.PathError{Op: op, Path: string(p), Err: fs.ErrNotExist}
}

func (f *fake) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	f.looked[p]++
	q, err := f.find("lstat", p)
	return artifacts.Stat{Kind: f.kinds[q]}, err
}

func (f *fake) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	q, err := f.find("readdir", p)
	if err != nil {
		return nil, err
	}
	f.listed[q]++
	if f.denied[q] {
		return nil, &fs.PathError{Op: "readdir", Path: string(p), Err: fs.ErrPermission}
	}
	return slices.DeleteFunc(slices.Clone(f.names[q]), func(e artifacts.DirEntry) bool { return f.hidden[f.os.Join(q, e.Name)] }), nil
}

func (f *fake) Readlink(p artifacts.Path) (artifacts.Path, error) {
	_, err := f.find("readlink", p)
	return f.links[p], err
}

func (f *fake) Open(p artifacts.Path) (artifacts.File, error) {
	return nil, &fs.PathError{Op: "open", Path: string(p), Err: artifacts.ErrNotRegular}
}

func (f *fake) Mount(p artifacts.Path) (artifacts.Mount, bool) {
	m, ok := f.mounts[p]
	m.Path = p
	return m, ok
}

// recorder remembers what a run did.
type recorder struct {
	source string
	taken  []string // "Source path"
	notes  []string // "Source status path: reason"
	lines  []string // "Source json"
}

func (r *recorder) Record(v any) error {
	b, err := json.Marshal(v)
	r.lines = append(r.lines, r.source+" "+string(b))
	return err
}

func (r *recorder) Take(_ context.Context, p artifacts.Path) error {
	r.taken = append(r.taken, r.source+" "+string(p))
	return nil
}

func (r *recorder) Put(context.Context, artifacts.Item, io.Reader) error { return nil }

func (r *recorder) Note(o artifacts.Outcome) {
	line := fmt.Sprintf("%s %s %s", r.source, o.Status, o.Path)
	if o.Reason != "" {
		line += ": " + o.Reason
	}
	r.notes = append(r.notes, line)
}

// linuxHost and windowsHost are made-up hosts with two users each.
func linuxHost(f *fake) *artifacts.Host {
	return &artifacts.Host{OS: artifacts.Linux, Files: f, Users: []artifacts.User{
		{Name: "root", ID: "0", Home: "/root"},
		{Name: "anna", ID: "1000", Home: "/home/anna"},
		{Name: "daemon", ID: "1", Home: "/nonexistent"},
	}}
}

func windowsHost(f *fake) *artifacts.Host {
	return &artifacts.Host{
		OS: artifacts.Windows, Files: f,
		Environ: map[string]string{"systemdrive": "C:", "systemroot": `C:\Windows`, "programdata": `C:\ProgramData`, "programfiles(x86)": `C:\Program Files (x86)`},
		Users: []artifacts.User{
			{Name: "anna", ID: "S-1-5-21-1-2-3-1001", Home: `C:\Users\anna`},
			{Name: "bo[b]", Home: `D:\Profiles\bo[b]`},
		},
	}
}

// definitions reads definitions as they stand in a file.
func definitions(t testing.TB, text string) *Set {
	t.Helper()
	set, err := Load(fstest.MapFS{"test.yaml": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Check(); err != nil {
		t.Fatal(err)
	}
	return set
}

// files makes the YAML of definitions with one FILE source each, called A, B, C and so on.
func filesYAML(separator string, patterns ...[]string) string {
	var docs []string
	for i, list := range patterns {
		docs = append(docs, fmt.Sprintf("name: %c\ndoc: Test.\nsources:\n- type: FILE\n  attributes: {paths: ['%s'], separator: '%s'}\n", 'A'+i, strings.Join(list, "', '"), separator))
	}
	return strings.Join(docs, "---\n")
}

// run collects all definitions of a set from a host.
func run(t testing.TB, set *Set, h *artifacts.Host, o Options) *recorder {
	t.Helper()
	return runContext(t, t.Context(), set, h, o)
}

func runContext(t testing.TB, ctx context.Context, set *Set, h *artifacts.Host, o Options) *recorder {
	t.Helper()
	plan := NewPlan(set, h, o)
	chosen, err := Choose(plan.All(), h.OS, Selection{Only: []string{"*"}, Set: set})
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{}
	for _, c := range plan.Collectors(chosen) {
		if c.Secret && !o.Secrets {
			continue
		}
		rec.source = c.Name
		if err := c.Collect(ctx, h, rec); err != nil {
			rec.notes = append(rec.notes, c.Name+" error: "+err.Error())
		}
	}
	return rec
}

// same compares lists and shows both.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// has tells whether a line was noted.
func (r *recorder) has(t *testing.T, line string) {
	t.Helper()
	if !slices.Contains(r.notes, line) {
		t.Errorf("not noted: %s\nnoted:\n  %s", line, strings.Join(r.notes, "\n  "))
	}
}
