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
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spor/cmd/internal/cli"
	"spor/package/bundle"
	"spor/timeline"
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
}

func timelineCommand(s cli.Streams) *cobra.Command {
	o := &timelineOptions{}
	var names []string
	for _, f := range export.Formats {
		names = append(names, f.Name)
	}
	cmd := &cobra.Command{
		Use:   "timeline INPUT...",
		Short: "One sorted timeline of opened folders, bundles, or any files of evidence",
		Example: `  spor-desk timeline cases/2026-017 --out 2026-017.jsonl
  spor-desk timeline /var/log/wtmp --summary`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, inputs []string) error { return runTimeline(cmd.Context(), o, inputs, s) },
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", export.Formats[0].Name, strings.Join(names, ", "))
	f.StringVar(&o.out, "out", "", "`file` to write (default: standard output)")
	f.BoolVar(&o.summary, "summary", false, "no events, but a JSON line for each file: parser, records, first, last")
	f.StringVar(&o.since, "since", "", "no events before a `time` or longer ago: 2026-11-20, 7d, 36h")
	o.key.flags(cmd)
	return cmd
}

func runTimeline(ctx context.Context, o *timelineOptions, inputs []string, s cli.Streams) error {
	format := export.Find(o.format)
	if format == nil {
		return cli.Fail(cli.Usage, "", fmt.Errorf("no format is called %q", o.format))
	}
	r := &timeline.Reader{Formats: formats.All(), Packings: packed.All()}
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
	r.Formats = append(webForms(ctx, sources), r.Formats...)
	out := io.Writer(s.Out)
	var file *os.File
	if o.out != "" {
		if file, err = os.OpenFile(o.out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
			return cli.Fail(cli.Usage, "", err)
		}
		out = file
	}
	w := bufio.NewWriterSize(out, 1<<20)
	if o.summary {
		err = summarise(ctx, r, sources, w, s)
	} else {
		err = writeEvents(ctx, r, format, sources, dir, w, s)
	}
	err = errors.Join(err, w.Flush())
	if file != nil {
		err = errors.Join(err, file.Close())
	}
	if err != nil && ctx.Err() != nil {
		return cli.Fail(cli.Interrupted, "", context.Cause(ctx))
	}
	var known *cli.Error
	if err != nil && !errors.As(err, &known) {
		return cli.Fail(cli.Failed, "", err)
	}
	return err
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

// each reads every file of the sources. What cannot be read is said and passed over; the count of such files is returned.
func each(ctx context.Context, sources []string, r *timeline.Reader, s cli.Streams, do func(timeline.Summary) error) error {
	unread := 0
	for _, name := range sources {
		for f, err := range timeline.Files(name) {
			if err == nil {
				var sum timeline.Summary
				if sum, err = r.File(ctx, f); err == nil {
					err = do(sum)
				}
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				unread++
				fmt.Fprintf(s.Err, "spor-desk: warning: %v\n", err)
			}
		}
	}
	if unread > 0 {
		return cli.Fail(cli.Gaps, "", fmt.Errorf("%d files could not be read", unread))
	}
	return nil
}

func summarise(ctx context.Context, r *timeline.Reader, sources []string, w io.Writer, s cli.Streams) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return each(ctx, sources, r, s, func(sum timeline.Summary) error { return enc.Encode(sum) })
}

func writeEvents(ctx context.Context, r *timeline.Reader, format *export.Format, sources []string, dir string, w io.Writer, s cli.Streams) error {
	sorter := timeline.NewSorter(timeline.SorterOptions{Dir: dir})
	defer sorter.Close()
	r.Add = sorter.Add
	unread := each(ctx, sources, r, s, func(timeline.Summary) error { return nil })
	if ctx.Err() != nil {
		return unread
	}
	return errors.Join(format.Write(w, sorter.Events()), unread)
}
