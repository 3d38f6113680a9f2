package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"spor/artifacts"
)

// tree is a made-up host's files: content by path; a nil entry is denied.
type tree map[artifacts.Path]*entry

type entry struct {
	kind    artifacts.Kind
	content string
	size    int64 // as the host claims it; negative: that of the content
	link    artifacts.Path
	hang    bool  // reading never ends
	fail    error // after the content
	grow    bool  // longer once it was read
}

func file(content string) *entry { return &entry{kind: artifacts.Regular, content: content, size: -1} }

func (t tree) Roots() []artifacts.Path { return []artifacts.Path{"/"} }

func (t tree) ReadDir(artifacts.Path) ([]artifacts.DirEntry, error) {
	return nil, errors.ErrUnsupported
}

func (t tree) Mount(artifacts.Path) (artifacts.Mount, bool) { return artifacts.Mount{}, false }

func (t tree) Readlink(p artifacts.Path) (artifacts.Path, error) { return t[p].link, nil }

func (t tree) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	e, ok := t[p]
	switch {
	case !ok:
		return artifacts.Stat{}, &fs.PathError{Op: "lstat", Path: string(p), Err: fs.ErrNotExist}
	case e == nil:
		return artifacts.Stat{}, &fs.PathError{Op: "lstat", Path: string(p), Err: fs.ErrPermission}
	}
	return e.stat(), nil
}

func (e *entry) stat() artifacts.Stat {
	st := artifacts.Stat{Kind: e.kind, Size: e.size, Times: artifacts.Times{Modified: time.Unix(1e9, 0)}}
	if e.size < 0 {
		st.Size = int64(len(e.content))
	}
	return st
}

func (t tree) Open(p artifacts.Path) (artifacts.File, error) {
	e := t[p]
	var r io.Reader = strings.NewReader(e.content)
	if e.hang {
		r = io.MultiReader(r, hanging{make(chan int)})
	}
	if e.fail != nil {
		r = io.MultiReader(r, failing{e.fail})
	}
	return &open{Reader: r, e: e}, nil
}

type hanging struct{ never chan int }

func (h hanging) Read([]byte) (int, error) { return <-h.never, io.EOF }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type open struct {
	io.Reader
	e     *entry
	asked bool
}

func (o *open) Stat() (artifacts.Stat, error) {
	st := o.e.stat()
	if o.e.grow && o.asked {
		st.Size++
	}
	o.asked = true
	return st, nil
}
func (o *open) Method() string { return "made up" }
func (o *open) Close() error   { return nil }

// shelf is a sink that keeps what it gets.
type shelf struct {
	items   []artifacts.Item
	content []string
	after   []string
	full    int // puts before it fails; 0: never
}

var errFull = errors.New("no space left")

func (s *shelf) Put(_ context.Context, it artifacts.Item, r io.Reader) (artifacts.Stored, error) {
	if s.full > 0 && len(s.items) == s.full {
		return artifacts.Stored{}, errFull
	}
	b, err := io.ReadAll(r)
	after := ""
	if it.After != nil {
		after = it.After()
	}
	s.items, s.content, s.after = append(s.items, it), append(s.content, string(b)), append(s.after, after)
	name := it.Name
	if name == "" {
		name = "files" + string(it.Origin)
	}
	return artifacts.Stored{Name: name, Size: int64(len(b)), Cut: err}, nil
}

var quiet = slog.New(slog.DiscardHandler)

func options() Options { return Options{Log: quiet, Now: time.Now} }

func taking(name string, paths ...artifacts.Path) *artifacts.Collector {
	return &artifacts.Collector{Name: name, Order: artifacts.Decisive, Collect: func(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
		for _, p := range paths {
			if err := rec.Take(ctx, p); err != nil {
				return err
			}
		}
		return nil
	}}
}

func linux(t tree) *artifacts.Host { return &artifacts.Host{OS: artifacts.Linux, Files: t} }

// say writes outcomes as lines to compare.
func say(outcomes []artifacts.Outcome) string {
	var b strings.Builder
	for _, o := range outcomes {
		gap := ""
		if o.Gap {
			gap = " GAP"
		}
		fmt.Fprintf(&b, "%s %s %s: %s%s\n", o.Source, o.Path, o.Status, o.Reason, gap)
	}
	return b.String()
}

func TestEveryPathEndsInAnOutcome(t *testing.T) {
	host := linux(tree{
		"/log":    file("one\n"),
		"/denied": nil,
		"/fifo":   {kind: artifacts.Pipe},
		"/link":   {kind: artifacts.Symlink, link: "/log"},
		"/torn":   {kind: artifacts.Regular, content: "half", size: 8, fail: errors.New("read: I/O error")},
		"/proc/x": {kind: artifacts.Regular, content: "pseudo", size: 0},
		"/grew":   {kind: artifacts.Regular, content: "abc", size: -1, grow: true},
		"/own":    file("binary"),
		"/cloud":  {kind: artifacts.Placeholder},
	})
	host.Self = []artifacts.Path{"/own"}
	sink := &shelf{}
	rep, err := Run(t.Context(), host, []*artifacts.Collector{
		taking("a", "/log", "/denied", "/fifo", "/link", "/torn", "/proc/x", "/grew", "/own", "/cloud", "/gone"), taking("b", "/log"),
	}, sink, options())
	if err != nil {
		t.Fatal(err)
	}
	want := `a /log collected: 
a /denied denied: lstat: permission denied
a /fifo skipped: is a pipe; only files are read
a /link collected: 
a /torn truncated: read: I/O error
a /proc/x collected: 
a /grew collected: 
a /own skipped: is our own
a /cloud skipped: is a placeholder; only files are read
a /gone failed: vanished before it was read
b /log collected: taken for a
`
	if got := say(rep.Outcomes.List()); got != want {
		t.Errorf("outcomes:\n%s\nwant:\n%s", got, want)
	}
	if got := strings.Join(sink.content, "|"); got != "one\n||half|pseudo|abc" {
		t.Errorf("content %q", got)
	}
	if sink.items[1].Link != "/log" {
		t.Errorf("link target %q, want /log", sink.items[1].Link)
	}
	if got := strings.Join(sink.after, "|"); got != "||||grew" {
		t.Errorf("what happened while reading: %q", got)
	}
}

func TestOrderOfVolatility(t *testing.T) {
	var ran []string
	mark := func(name string, order artifacts.Order) *artifacts.Collector {
		return &artifacts.Collector{Name: name, Order: order, Collect: func(context.Context, *artifacts.Host, artifacts.Recorder) error {
			ran = append(ran, name)
			return nil
		}}
	}
	_, err := Run(t.Context(), linux(nil), []*artifacts.Collector{
		mark("bulk", artifacts.Bulk), mark("walk", artifacts.Walk), mark("v1", artifacts.Volatile), mark("state", artifacts.State), mark("v2", artifacts.Volatile),
	}, &shelf{}, options())
	if got := strings.Join(ran, " "); err != nil || got != "v1 v2 state walk bulk" {
		t.Errorf("ran %q, %v", got, err)
	}
}

func TestRequiredAndUnfit(t *testing.T) {
	nothing := func(context.Context, *artifacts.Host, artifacts.Recorder) error { return nil }
	needed := taking("needed", "/gone")
	needed.Required = true
	rep, err := Run(t.Context(), linux(tree{}), []*artifacts.Collector{
		{Name: "live", Needs: artifacts.NeedsLive, Collect: nothing},
		{Name: "registry", Needs: artifacts.NeedsRegistry, Collect: nothing},
		{Name: "other", OS: []artifacts.OS{artifacts.Windows}, Collect: nothing},
		{Name: "secret", Secret: true, Required: true, Collect: nothing},
		{Name: "empty", Collect: nothing},
		needed,
		{Name: "bad", Collect: func(context.Context, *artifacts.Host, artifacts.Recorder) error { return errors.New("no such call") }},
		{Name: "panics", Collect: func(context.Context, *artifacts.Host, artifacts.Recorder) error { panic("oh") }},
	}, &shelf{}, options())
	if err != nil {
		t.Fatal(err)
	}
	want := `live  skipped: needs the running system
registry  skipped: needs a registry
other  skipped: is not for Linux
secret  skipped: holds secrets; --include-secrets takes it
empty  absent: nothing found
bad  failed: no such call
panics  failed: panic: oh
needed /gone failed: vanished before it was read GAP
needed  absent: nothing of it is on this host GAP
`
	if got := say(rep.Outcomes.List()); got != want {
		t.Errorf("outcomes:\n%s\nwant:\n%s", got, want)
	}
	if got := len(rep.Gaps()); got != 2 {
		t.Errorf("%d gaps, want 2", got)
	}
}

func TestASourceThatHangsIsLeftBehind(t *testing.T) {
	for _, how := range []string{"in a call", "in a read", "politely"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				never := make(chan int)
				hang := &artifacts.Collector{Name: "hang", Collect: func(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
					if err := rec.Record(map[string]int{"before": 1}); err != nil {
						return err
					}
					switch how {
					case "in a read":
						return rec.Take(ctx, "/stuck")
					case "politely":
						<-ctx.Done()
						return ctx.Err()
					}
					<-never
					return rec.Record("too late")
				}}
				host := linux(tree{"/stuck": {kind: artifacts.Regular, content: "begin", size: 10, hang: true}, "/next": file("next")})
				opts := options()
				opts.PerSource = time.Minute
				sink := &shelf{}
				host.Files = stuckClosed{host.Files.(tree), never}
				rep, err := Run(t.Context(), host, []*artifacts.Collector{hang, taking("next", "/next")}, sink, opts)
				close(never)
				if err != nil {
					t.Fatal(err)
				}
				if got := rep.Sources[0].Took; got < time.Minute || got > time.Minute+time.Second {
					t.Errorf("took %v, want a minute", got)
				}
				if !slices.Contains(sink.content, "next") || !slices.Contains(sink.content, "{\"before\":1}\n") {
					t.Errorf("content %q lacks what came before and after", sink.content)
				}
				got := say(rep.Gaps())
				if !strings.Contains(got, ErrSourceTime.Error()) {
					t.Errorf("gaps:\n%s", got)
				}
				if how == "in a read" && !strings.Contains(got, "/stuck failed: reading it did not come to an end") {
					t.Errorf("gaps:\n%s do not name the file that hangs", got)
				}
			})
		})
	}
}

// stuckClosed lets hanging reads end with the test.
type stuckClosed struct {
	tree
	never chan int
}

func (s stuckClosed) Open(p artifacts.Path) (artifacts.File, error) {
	f, err := s.tree.Open(p)
	if e := s.tree[p]; err == nil && e.hang {
		f.(*open).Reader = io.MultiReader(strings.NewReader(e.content), hanging{s.never})
	}
	return f, err
}

func TestInterruptedRunTellsWhatItDidNotReach(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	asked := errors.New("interrupted by the operator")
	first := &artifacts.Collector{Name: "first", Collect: func(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
		err := rec.Record(1)
		cancel(asked)
		return err
	}}
	sink := &shelf{}
	rep, err := Run(ctx, linux(tree{"/log": file("x")}), []*artifacts.Collector{first, taking("second", "/log")}, sink, options())
	if err != nil || !errors.Is(rep.Stopped, asked) {
		t.Fatalf("stopped by %v, error %v", rep.Stopped, err)
	}
	want := "first  collected: \nsecond  skipped: interrupted by the operator\n"
	if got := say(rep.Outcomes.List()); got != want {
		t.Errorf("outcomes:\n%s\nwant:\n%s", got, want)
	}
}

func TestLimitsAreGaps(t *testing.T) {
	opts := options()
	opts.MaxFile, opts.MaxTotal = 4, 6
	sink := &shelf{}
	rep, err := Run(t.Context(), linux(tree{"/a": file("123456"), "/b": file("12"), "/c": file("1")}), []*artifacts.Collector{taking("s", "/a", "/b", "/c")}, sink, opts)
	if err != nil {
		t.Fatal(err)
	}
	want := `s /a truncated: is 6 bytes long; the limit is 4 GAP
s /b collected: 
s /c skipped: size limit of the run reached: 6 bytes GAP
`
	if got := say(rep.Outcomes.List()); got != want {
		t.Errorf("outcomes:\n%s\nwant:\n%s", got, want)
	}
}

func TestAFullSinkEndsTheRun(t *testing.T) {
	rep, err := Run(t.Context(), linux(tree{"/a": file("1"), "/b": file("2"), "/c": file("3")}),
		[]*artifacts.Collector{taking("s", "/a", "/b", "/c"), taking("t", "/c")}, &shelf{full: 1}, options())
	if !errors.Is(err, errFull) {
		t.Fatalf("error %v, want %v", err, errFull)
	}
	if rep.Items != 1 {
		t.Errorf("%d items, want 1", rep.Items)
	}
}

func TestSinceLeavesOldFilesOut(t *testing.T) {
	opts := options()
	opts.Since = time.Unix(2e9, 0)
	rep, err := Run(t.Context(), linux(tree{"/old": file("1")}), []*artifacts.Collector{taking("s", "/old")}, &shelf{}, opts)
	want := "s /old skipped: not changed since 2033-05-18T03:33:20Z\n"
	if got := say(rep.Outcomes.List()); err != nil || got != want {
		t.Errorf("outcomes %q, want %q, %v", got, want, err)
	}
}

func TestManyRecordsAreStoredInPieces(t *testing.T) {
	line := strings.Repeat("x", 1<<20)
	many := &artifacts.Collector{Name: "many", Collect: func(_ context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
		for range 20 {
			if err := rec.Record(line); err != nil {
				return err
			}
		}
		return nil
	}}
	sink := &shelf{}
	if _, err := Run(t.Context(), linux(nil), []*artifacts.Collector{many}, sink, options()); err != nil {
		t.Fatal(err)
	}
	var names []string
	lines := 0
	for i, it := range sink.items {
		names = append(names, it.Name)
		lines += strings.Count(sink.content[i], "\n")
	}
	if got := strings.Join(names, " "); got != "live/many.jsonl live/many.2.jsonl live/many.3.jsonl live/many.4.jsonl live/many.5.jsonl" || lines != 20 {
		t.Errorf("stored %q with %d lines", got, lines)
	}
}

func TestADryRunReadsAndStoresNothing(t *testing.T) {
	opts := options()
	opts.Dry = true
	records := &artifacts.Collector{Name: "records", Required: true, Order: artifacts.Decisive, Collect: func(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
		return errors.Join(rec.Record("a line"), rec.Put(ctx, artifacts.Item{Name: "x"}, strings.NewReader("x")), rec.Take(ctx, "/log"))
	}}
	rep, err := Run(t.Context(), linux(tree{"/log": file("one")}), []*artifacts.Collector{records}, nil, opts)
	want := "records  skipped: dry run\nrecords /log skipped: dry run\nrecords  skipped: dry run\n"
	if got := say(rep.Outcomes.List()); err != nil || got != want {
		t.Errorf("outcomes:\n%s\nwant:\n%s\n%v", got, want, err)
	}
}

// What was opened when the collector is done is stored whole, although its own time limit ends with it.
func TestStoringOutlastsTheCollector(t *testing.T) {
	const files, size = 40, smallFile + 1
	host := tree{}
	for i := range files {
		host[artifacts.Path(fmt.Sprint("/", i))] = file(strings.Repeat("x", size))
	}
	all := &artifacts.Collector{Name: "all", Collect: func(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
		for i := range files {
			for range 2 { // the second time while the first is still on its way
				if err := rec.Take(ctx, artifacts.Path(fmt.Sprint("/", i))); err != nil {
					return err
				}
			}
		}
		return nil
	}}
	sink := &shelf{}
	rep, err := Run(t.Context(), &artifacts.Host{OS: artifacts.Linux, Files: host}, []*artifacts.Collector{all}, sink,
		Options{Log: slog.New(slog.DiscardHandler), Now: time.Now, PerSource: time.Hour})
	if err != nil || len(sink.items) != files || rep.Outcomes.Len() != 2*files {
		t.Fatalf("%d items, %d outcomes, %v; want %d, %d, no error", len(sink.items), rep.Outcomes.Len(), err, files, 2*files)
	}
	for i, o := range rep.Outcomes.List() {
		path, reason := artifacts.Path(fmt.Sprint("/", i/2)), []string{"", "taken for all"}[i%2]
		if o.Path != path || o.Status != artifacts.Collected || o.Reason != reason || o.Bytes != size {
			t.Errorf("outcome %d: %+v, want %s collected, %d bytes, reason %q", i, o, path, size, reason)
		}
	}
}

type broken struct{}

func (broken) Put(context.Context, artifacts.Item, io.Reader) (artifacts.Stored, error) {
	panic("out of order")
}

// A panic where something is stored ends the source that brought it, and no other.
func TestPanicInTheSink(t *testing.T) {
	take := func(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error { return rec.Take(ctx, "/a") }
	note := func(_ context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
		rec.Note(artifacts.Outcome{Path: "/b", Status: artifacts.Denied})
		return nil
	}
	rep, err := Run(t.Context(), &artifacts.Host{OS: artifacts.Linux, Files: tree{"/a": file("a")}},
		[]*artifacts.Collector{{Name: "one", Collect: take}, {Name: "two", Collect: note}}, broken{},
		Options{Log: slog.New(slog.DiscardHandler), Now: time.Now})
	want := []artifacts.Outcome{
		{Source: "one", Status: artifacts.Failed, Reason: "panic: out of order"},
		{Source: "two", Path: "/b", Status: artifacts.Denied},
	}
	if err != nil || !slices.Equal(rep.Outcomes.List(), want) {
		t.Errorf("%+v, %v; want %+v", rep.Outcomes.List(), err, want)
	}
}
