package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"spor/cmd/internal/cli"
	"spor/package/bundle"
	"spor/report"
)

// reportOptions are the flags of `spor-desk report`.
type reportOptions struct {
	key       keyOptions
	out, lang string

	share, mail, misp, stix string // files for others; empty: not wanted
}

func reportCommand(s cli.Streams) *cobra.Command {
	o := &reportOptions{}
	cmd := &cobra.Command{
		Use: "report INPUT... --out FILE.html",
		Long: `The first page of a case: one HTML file that needs nothing else.

For others: --share writes the page as it may be handed on at most, without the reporter and with personal data reduced;
--mail the same as text; --misp and --stix the indicators of the findings. All carry the TLP mark of the case.`,
		Short: "The first page of a case: of one or more opened folders or bundles",
		Example: `  spor-desk report cases/2026-017 --lang is --out 2026-017.html
  spor-desk report opened/srv1 opened/srv2 --out case.html`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, inputs []string) error {
			return runReport(cmd.Context(), s, inputs, *o)
		},
	}
	o.key.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", "`file` to write")
	f.StringVar(&o.lang, "lang", "en", "is, nb or en")
	f.StringVar(&o.share, "share", "", "also the page as it may be handed on: a `file`")
	f.StringVar(&o.mail, "mail", "", "also a text ready to be mailed, as little as --share: a `file`")
	f.StringVar(&o.misp, "misp", "", "also the indicators as a MISP event: a `file`")
	f.StringVar(&o.stix, "stix", "", "also the indicators as STIX 2.1: a `file`")
	cmd.MarkFlagsOneRequired("out", "share", "mail", "misp", "stix")
	return cmd
}

func runReport(ctx context.Context, s cli.Streams, inputs []string, o reportOptions) error {
	if err := language(o.lang); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "spor-report-")
	if err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	defer os.RemoveAll(dir)
	folders, err := openHosts(ctx, s, o.key, inputs, dir)
	if err != nil {
		return err
	}
	if err := writeReport(ctx, folders, o); err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	for _, name := range []string{o.out, o.share, o.mail, o.misp, o.stix} {
		if name != "" {
			fmt.Fprintln(s.Out, name)
		}
	}
	return nil
}

// opened is a folder a report is made of.
type opened struct {
	folder string
	stays  bool // the page may link into it
}

// openHosts gives the folder of each host: bundles among the inputs are opened into dir first.
func openHosts(ctx context.Context, s cli.Streams, k keyOptions, inputs []string, dir string) ([]opened, error) {
	var folders []opened
	var volumes []string
	for _, name := range inputs {
		st, err := os.Stat(name)
		if err != nil {
			return nil, cli.Fail(cli.Usage, "", err)
		}
		if st.IsDir() {
			folders = append(folders, opened{name, true})
		} else {
			volumes = append(volumes, name)
		}
	}
	for i, group := range byBundle(volumes) {
		folder := filepath.Join(dir, fmt.Sprint(i))
		root, err := newFolder(folder)
		if err != nil {
			return nil, cli.Fail(cli.Failed, "", err)
		}
		v, err := check(ctx, s, k, group, bundle.NewExtractor(root))
		root.Close()
		if err != nil {
			return nil, err
		}
		if !v.Whole() {
			return nil, cli.Fail(cli.Integrity, "spor-desk verify lists all", fmt.Errorf("%s: %s", group[0], v.Differences[0]))
		}
		folders = append(folders, opened{folder, false})
	}
	return folders, nil
}

// writeReport makes the first page of opened folders.
func writeReport(ctx context.Context, folders []opened, o reportOptions) error {
	page := report.Page{Language: o.lang}
	for _, f := range folders {
		root, err := os.OpenRoot(f.folder)
		if err != nil {
			return err
		}
		defer root.Close()
		in, err := report.Load(ctx, root.FS())
		if err != nil {
			return fmt.Errorf("%s: %w", f.folder, err)
		}
		in.Beside = ""
		if f.stays {
			in.Beside = beside(o.out, f.folder)
		}
		page.Hosts = append(page.Hosts, in)
	}
	return writeAll(ctx, page, o)
}

// writeAll writes what was asked for: what is whole first, then what is reduced for others.
func writeAll(ctx context.Context, page report.Page, o reportOptions) error {
	c := report.NewCase(page.Hosts)
	whole := func(w io.Writer) error { return page.Write(ctx, w) }
	err := errors.Join(writeFile(o.out, whole), writeFile(o.misp, c.WriteMISP), writeFile(o.stix, c.WriteSTIX))
	if o.share == "" && o.mail == "" {
		return err
	}
	report.Reduce(page.Hosts, c)
	return errors.Join(err, writeFile(o.share, whole), writeFile(o.mail, func(w io.Writer) error { return report.WriteMail(w, page.Hosts, c, o.lang) }))
}

// beside is the way from a page to a folder, with slashes; empty: there is none.
func beside(page, folder string) string {
	from, err1 := filepath.Abs(filepath.Dir(page))
	to, err2 := filepath.Abs(folder)
	if err1 != nil || err2 != nil {
		return ""
	}
	way, err := filepath.Rel(from, to)
	if err != nil {
		return "" // another drive
	}
	return filepath.ToSlash(way)
}

// writeFile writes a file; an empty name is none.
func writeFile(name string, write func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	return errors.Join(write(w), w.Flush(), f.Close())
}
