package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spor/cmd/internal/cli"
	"spor/package/bundle"
	"spor/timeline"
	"spor/timeline/collected"
	"spor/timeline/export"
	"spor/timeline/formats"
	"spor/timeline/packed"
)

// timelineOptions are the flags of `spor-desk timeline`.
type timelineOptions struct {
	key     keyOptions
	format  string
	out     string
	summary bool
	since   string
	quiet   bool
}

func timelineCommand(s cli.Streams) *cobra.Command {
	o := &timelineOptions{}
	var names []string
	for _, f := range export.Formats {
		names = append(names, f.Name)
	}
	cmd := &cobra.Command{
		Use:   "timeline INPUT...",
		Short: "One sorted timeline of opened folders, bundles, other collectors' archives, or any files of evidence",
		Example: `  spor-desk timeline cases/2026-017 --out 2026-017.jsonl
  spor-desk timeline uac-web01-linux-20260309090000.tar.gz Collection-FS02.zip kape --out all.jsonl
  spor-desk timeline /var/log/wtmp --summary`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, inputs []string) error { return runTimeline(cmd.Context(), o, inputs, s) },
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", export.Formats[0].Name, strings.Join(names, ", "))
	f.StringVar(&o.out, "out", "", "`file` to write (default: standard output)")
	f.BoolVar(&o.summary, "summary", false, "no events, but a JSON line for each file: parser, records, first, last")
	f.StringVar(&o.since, "since", "", "no events before a `time` or longer ago: 2026-11-20, 7d, 36h")
	f.BoolVar(&o.quiet, "quiet", false, "warnings and errors only")
	o.key.flags(cmd)
	return cmd
}

// collectSeldom lets memory be collected less often than is the default: a timeline makes much that lives for one event, and
// what it holds is bounded. The bound on all of it keeps the program below 128 MiB.
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(100 << 20)
	}
}

func runTimeline(ctx context.Context, o *timelineOptions, inputs []string, s cli.Streams) error {
	format := export.Find(o.format)
	if format == nil {
		return cli.Fail(cli.Usage, "", fmt.Errorf("no format is called %q", o.format))
	}
	r := &timeline.Reader{Formats: formats.Desk(), Packings: packed.All()}
	if o.since != "" {
		var err error
		if r.Since, err = cli.ParseSince(o.since, time.Now()); err != nil {
			return cli.Fail(cli.Usage, "", fmt.Errorf("--since: %w", err))
		}
	}
	dir, err := os.MkdirTemp("", "spor-timeline-")
	if err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	defer os.RemoveAll(dir)
	sources, err := openInputs(ctx, o, inputs, dir, s)
	if err != nil {
		return err
	}
	evidence, err := collected.Open(ctx, sources, collected.Options{Dir: dir, Packings: r.Packings})
	if err != nil && ctx.Err() != nil {
		return cli.Fail(cli.Interrupted, "", context.Cause(ctx))
	}
	if err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	defer evidence.Close()
	r.Formats = append(webForms(ctx, evidence.Files()), r.Formats...)
	p := newProgress(s.Err, o.quiet)
	err = writeTimeline(ctx, o, &reading{Reader: r, evidence: evidence, dir: dir, progress: p}, format, s.Out)
	p.end()
	if err != nil && ctx.Err() != nil {
		return cli.Fail(cli.Interrupted, "", context.Cause(ctx))
	}
	var known *cli.Error
	if err != nil && !errors.As(err, &known) {
		return cli.Fail(cli.Failed, "", err)
	}
	return err
}

// writeTimeline writes to standard output, or to a file that has its name only when it is whole.
func writeTimeline(ctx context.Context, o *timelineOptions, r *reading, format *export.Format, standard io.Writer) error {
	out, done, err := create(o.out, standard)
	if err != nil {
		return cli.Fail(cli.Usage, "", err)
	}
	w := bufio.NewWriterSize(out, 1<<20)
	if o.summary {
		err = r.summarise(ctx, w)
	} else {
		err = r.writeEvents(ctx, format, w)
	}
	err = errors.Join(err, w.Flush())
	var known *cli.Error
	whole := err == nil || errors.As(err, &known) && known.Code == cli.Gaps
	return errors.Join(err, done(whole && ctx.Err() == nil))
}

// create opens what a command writes to. done closes it: what is whole gets its name, what is not is removed. What exists
// and is no file, as /dev/stdout or a pipe, is written to as it is.
func create(name string, standard io.Writer) (w io.Writer, done func(whole bool) error, err error) {
	if name == "" {
		return standard, func(bool) error { return nil }, nil
	}
	part := name + ".part"
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		part, flags = name, os.O_WRONLY
	}
	f, err := os.OpenFile(part, flags, 0o600)
	if err != nil {
		return nil, nil, err
	}
	return f, func(whole bool) error {
		err := f.Close()
		switch {
		case part == name:
			return err
		case whole && err == nil:
			return os.Rename(part, name)
		default:
			return errors.Join(err, os.Remove(part))
		}
	}, nil
}

// openInputs gives the folders and files to read: bundles among the inputs are opened into dir first.
func openInputs(ctx context.Context, o *timelineOptions, inputs []string, dir string, s cli.Streams) ([]string, error) {
	var sources, volumes []string
	for _, name := range inputs {
		if _, err := os.Stat(name); err != nil {
			return nil, cli.Fail(cli.Usage, "", err)
		}
		if strings.HasSuffix(name, ".tar.zst.pgp") {
			volumes = append(volumes, name)
			continue
		}
		sources = append(sources, name)
	}
	for i, group := range byBundle(volumes) {
		if o.key.key == "" {
			return nil, cli.Fail(cli.Key, "give the private key with --key", fmt.Errorf("%s is sealed", group[0]))
		}
		to := filepath.Join(dir, fmt.Sprint(i))
		root, err := newFolder(to)
		if err != nil {
			return nil, cli.Fail(cli.Failed, "", err)
		}
		v, err := check(ctx, s, o.key, group, bundle.NewExtractor(root))
		root.Close()
		if err != nil {
			return nil, err
		}
		if !v.Whole() {
			return nil, cli.Fail(cli.Integrity, "spor-desk verify lists all; spor-desk open --recover extracts what can be", fmt.Errorf("%s: %s", group[0], v.Differences[0]))
		}
		sources = append(sources, to)
	}
	return sources, nil
}

// byBundle groups volumes by the name before their number.
func byBundle(volumes []string) [][]string {
	var groups [][]string
	at := map[string]int{}
	for _, v := range volumes {
		base := strings.TrimSuffix(v, ".tar.zst.pgp")
		if i := strings.LastIndexByte(base, '.'); i > 0 {
			base = base[:i]
		}
		i, known := at[base]
		if !known {
			i = len(groups)
			at[base] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], v)
	}
	return groups
}

// A reading goes through the evidence and says how far it is.
type reading struct {
	*timeline.Reader
	evidence *collected.Inputs
	dir      string // for what does not fit in memory
	progress *progress

	files    int64 // that a format knew
	damaged  int64 // of those
	inferred inferred
}

// inferred counts the events whose time is not wholly told by the record.
type inferred struct{ years, zones, unknown int64 }

// see looks at the last fields, where the marks stand.
func (n *inferred) see(e *timeline.Event) {
	const most = 4
	for i := max(len(e.Fields)-most, 0); i < len(e.Fields); i++ {
		switch e.Fields[i].Name {
		case "year_inferred":
			n.years++
		case "zone_assumed":
			n.zones++
		case "zone_unknown":
			n.unknown++
		}
	}
}

// words say how many there are; empty: none.
func (n *inferred) words() string {
	var parts []string
	if n.years > 0 {
		parts = append(parts, fmt.Sprintf("of %d the year is inferred (year_inferred)", n.years))
	}
	if known := n.zones - n.unknown; known > 0 {
		parts = append(parts, fmt.Sprintf("of %d the zone is that of their host (zone_assumed)", known))
	}
	if n.unknown > 0 {
		parts = append(parts, fmt.Sprintf("of %d the zone is not known, and UTC stands in (zone_unknown)", n.unknown))
	}
	return strings.Join(parts, "; ")
}

// each reads every file of evidence. What cannot be read is said and passed over; that there was such is the error.
func (r *reading) each(ctx context.Context, do func(timeline.Summary) error) error {
	r.progress.phase("read", r.size(ctx), cli.Bytes)
	unread := 0
	for f, err := range r.evidence.Files() {
		if err == nil {
			err = r.file(ctx, f, do)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			unread++
			r.progress.warn("%v", err)
		}
	}
	if unread > 0 {
		return cli.Fail(cli.Gaps, "", fmt.Errorf("%d files could not be read", unread))
	}
	return nil
}

func (r *reading) file(ctx context.Context, f *timeline.File, do func(timeline.Summary) error) error {
	sum, err := r.File(ctx, r.progress.count(f))
	if err != nil {
		return err
	}
	if sum.Parser != "" {
		r.files++
	}
	if sum.Damaged > 0 {
		r.damaged++
	}
	return do(sum)
}

// size is how many bytes there are to read.
func (r *reading) size(ctx context.Context) (bytes int64) {
	for f, err := range r.evidence.Files() {
		if ctx.Err() != nil {
			return 0
		}
		if err == nil && f.Item.Link == "" {
			bytes += f.Size
		}
	}
	return bytes
}

func (r *reading) summarise(ctx context.Context, w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return r.each(ctx, func(sum timeline.Summary) error { return enc.Encode(sum) })
}

func (r *reading) writeEvents(ctx context.Context, format *export.Format, w io.Writer) error {
	collectSeldom()
	sorter := timeline.NewSorter(timeline.SorterOptions{Dir: r.dir})
	defer sorter.Close()
	taken := int64(0)
	r.Add = func(e *timeline.Event) error {
		taken++
		r.inferred.see(e)
		return sorter.Add(e)
	}
	gaps := r.each(ctx, func(timeline.Summary) error { return nil })
	if ctx.Err() != nil {
		return gaps
	}
	if n, err := sorter.Dropped(); n > 0 {
		gaps = errors.Join(cli.Fail(cli.Gaps, "", fmt.Errorf("%d events are missing: %w", n, err)), gaps)
	}
	r.progress.phase("wrote", taken, events)
	written := int64(0)
	err := format.Write(w, func(yield func(timeline.Event, error) bool) {
		for e, err := range sorter.Events() {
			if ctx.Err() != nil {
				yield(timeline.Event{}, context.Cause(ctx))
				return
			}
			if written++; written%writeStep == 0 {
				r.progress.add(writeStep)
			}
			if !yield(e, err) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	r.told(taken, written)
	return gaps
}

// writeStep is how many events are written before they are counted.
const writeStep = 1 << 12

func events(n int64) string { return fmt.Sprintf("%d events", n) }

// told says at the end what came of it.
func (r *reading) told(taken, written int64) {
	line := fmt.Sprintf("%d events of %d files", written, r.files)
	if taken > written {
		line += fmt.Sprintf("; %d more were the same records again", taken-written)
	}
	if r.damaged > 0 {
		line += fmt.Sprintf("; %d files are damaged in places, --summary says which", r.damaged)
	}
	r.progress.say("%s", line)
	if words := r.inferred.words(); words != "" {
		r.progress.say("records that do not tell their time whole: %s", words)
	}
}
