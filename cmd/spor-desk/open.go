package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"spor/cmd/internal/cli"
	"spor/package/bundle"
	"spor/report"
)

// unverified is the name of the file that marks a folder whose content is not what was sealed.
const unverified = "NOT-VERIFIED.txt"

func openCommand(s cli.Streams) *cobra.Command {
	var k keyOptions
	var out, lang string
	var asJSON, recover bool
	cmd := &cobra.Command{
		Use:     "open BUNDLE... --key FILE --out DIR",
		Short:   "Verify a bundle and extract it into a new folder",
		Example: `  spor-desk open 2026-017-srv1-*.pgp --key keys/cert-private.asc --out cases/2026-017`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			return runOpen(cmd.Context(), s, k, files, openOptions{out, lang, asJSON, recover})
		},
	}
	k.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&out, "out", "", "new or empty `folder`")
	f.StringVar(&lang, "lang", "en", "language of report.html: is, nb or en")
	f.BoolVar(&recover, "recover", false, "take what can still be read of volumes that are torn or missing")
	f.BoolVar(&asJSON, "json", false, "the verdict as one JSON object on stdout")
	cmd.MarkFlagRequired("key")
	cmd.MarkFlagRequired("out")
	return cmd
}

type openOptions struct {
	out, lang       string
	asJSON, recover bool
}

// runOpen extracts into a folder that carries the mark of the unverified until the verdict is good.
func runOpen(ctx context.Context, s cli.Streams, k keyOptions, files []string, o openOptions) error {
	if err := language(o.lang); err != nil {
		return err
	}
	if _, err := k.open(s); err != nil {
		return err // before a folder is made
	}
	_, before := os.Lstat(o.out)
	root, err := newFolder(o.out)
	if err != nil {
		return cli.Fail(cli.Usage, "name a folder that is not there yet", err)
	}
	defer root.Close()
	mark := filepath.Join(o.out, unverified)
	if err := os.WriteFile(mark, []byte("Opening has not ended: nothing here is verified.\n"), 0o600); err != nil {
		return cli.Fail(cli.Usage, "", err)
	}
	v, err := check(ctx, s, k, files, bundle.NewExtractor(root))
	if err != nil {
		leaveNothing(o.out, mark, before != nil)
		return err
	}
	reported := writeReport(ctx, []opened{{folder: o.out, stays: true}}, reportOptions{out: filepath.Join(o.out, "report.html"), lang: o.lang})
	if reported != nil {
		fmt.Fprintf(s.Err, "spor-desk: warning: no report: %v\n", reported)
	}
	if v.Whole() { // the manifest has what the lists of the volumes have
		if err := errors.Join(removeLists(o.out), os.Remove(mark)); err != nil {
			return cli.Fail(cli.Failed, "", err)
		}
		if err := tell(s, v, o.asJSON); err != nil || reported == nil {
			return err
		}
		return cli.Fail(cli.Failed, "the evidence is verified and extracted; spor-desk report writes the page again", errors.New("the report could not be written"))
	}
	if err := markDifferences(mark, v); err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	err = tell(s, v, o.asJSON)
	if o.recover && v.Items > 0 {
		fmt.Fprintf(s.Err, "spor-desk: recovered %d items; %s says what they are not\n", v.Items, mark)
	}
	return err
}

// removeLists takes away the lists of the volumes, one by one: not every file system of Windows (wine's, FAT) deletes
// the way that os.Root does.
func removeLists(folder string) error {
	lists := filepath.Join(folder, "volumes")
	entries, err := os.ReadDir(lists)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, os.Remove(filepath.Join(lists, e.Name())))
	}
	return errors.Join(err, os.Remove(lists))
}

// leaveNothing takes the mark away again where nothing was extracted beside it, and the folder where it is ours.
func leaveNothing(folder, mark string, ours bool) {
	entries, err := os.ReadDir(folder)
	if err == nil && len(entries) == 1 && os.Remove(mark) == nil && ours {
		os.Remove(folder) // what cannot be removed is an empty folder
	}
}

// language refuses a language that no page is written in, before anything is touched.
func language(lang string) error {
	if slices.Contains(report.Languages, lang) {
		return nil
	}
	return cli.Fail(cli.Usage, "", fmt.Errorf("no language is called %q: %s", lang, strings.Join(report.Languages, ", ")))
}

// newFolder opens a folder that is empty or was not there.
func newFolder(name string) (*os.Root, error) {
	entries, err := os.ReadDir(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(name, 0o700); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case len(entries) > 0:
		return nil, fmt.Errorf("%s is not empty", name)
	}
	return os.OpenRoot(name)
}

// markDifferences leaves a list that nobody can overlook beside what was extracted: for each volume what its items are
// worth, and all that differs.
func markDifferences(name string, v *bundle.Verdict) error {
	var b strings.Builder
	b.WriteString("What lies here is NOT, whole and unaltered, what was sealed on the host:\n\n")
	for _, vol := range v.Volumes {
		worth := "NOT authentic: its items match their own records, but nothing proves that they were not altered"
		if slices.Contains(v.Authentic, vol.Number) {
			worth = "authentic: read to its end, which the key of the run has signed"
		}
		fmt.Fprintf(&b, "volume %d, %s: %s; its items are listed in %s\n", vol.Number, vol.Name, worth, bundle.RecordsOf(vol.Number))
	}
	fmt.Fprintf(&b, "files whose name ends in %s were torn, or have no record that fits\n\n", bundle.Unconfirmed)
	for _, d := range v.Differences {
		fmt.Fprintln(&b, d)
	}
	return os.WriteFile(name, []byte(b.String()), 0o600)
}
