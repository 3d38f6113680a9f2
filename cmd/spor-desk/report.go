package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"spor/cmd/internal/cli"
	"spor/package/bundle"
)

func reportCommand(s cli.Streams) *cobra.Command {
	var k keyOptions
	var out, lang string
	cmd := &cobra.Command{
		Use:     "report INPUT... --out FILE.html",
		Short:   "The first page of an opened folder or of a bundle",
		Example: "  spor-desk report cases/2026-017 --lang is --out 2026-017.html",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, inputs []string) error {
			return runReport(cmd.Context(), s, k, inputs, out, lang)
		},
	}
	k.flags(cmd)
	cmd.Flags().StringVar(&out, "out", "", "`file` to write")
	cmd.Flags().StringVar(&lang, "lang", "en", "is, nb or en")
	cmd.MarkFlagRequired("out")
	return cmd
}

func runReport(ctx context.Context, s cli.Streams, k keyOptions, inputs []string, out, lang string) error {
	if err := language(lang); err != nil {
		return err
	}
	st, err := os.Stat(inputs[0])
	if err != nil {
		return cli.Fail(cli.Usage, "", err)
	}
	folder := inputs[0]
	if st.IsDir() && len(inputs) > 1 {
		return cli.Fail(cli.Usage, "", errors.New("a report is of one opened folder, or of the volumes of one bundle"))
	}
	if !st.IsDir() {
		dir, err := os.MkdirTemp("", "spor-report-")
		if err != nil {
			return cli.Fail(cli.Failed, "", err)
		}
		defer os.RemoveAll(dir)
		folder = filepath.Join(dir, "opened")
		root, err := newFolder(folder)
		if err != nil {
			return cli.Fail(cli.Failed, "", err)
		}
		v, err := check(ctx, s, k, inputs, bundle.NewExtractor(root))
		root.Close()
		if err != nil {
			return err
		}
		if !v.Whole() {
			return cli.Fail(cli.Integrity, "spor-desk verify lists all", fmt.Errorf("%s: %s", inputs[0], v.Differences[0]))
		}
	}
	if err := writeReport(ctx, folder, out, lang); err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	fmt.Fprintln(s.Out, out)
	return nil
}
