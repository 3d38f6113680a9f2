package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"spor/cmd/internal/cli"
	"spor/package/bundle"
	"spor/package/seal"
)

// keyOptions name the private key.
type keyOptions struct {
	key, passphraseFile string
	opened              *seal.Key // nil before open
}

// open makes the key ready, once: a person may have to be asked.
func (k *keyOptions) open(s cli.Streams) (*seal.Key, error) {
	if k.opened == nil {
		key, err := openKey(s, k.key, k.passphraseFile)
		if err != nil {
			return nil, err
		}
		k.opened = key
	}
	return k.opened, nil
}

func (k *keyOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.key, "key", "", "the CERT's private key `file`, or gpg:FINGERPRINT of one that GnuPG keeps")
	cmd.Flags().StringVar(&k.passphraseFile, "passphrase-file", "", "`file` with the passphrase on its first line")
}

func verifyCommand(s cli.Streams) *cobra.Command {
	var k keyOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "verify BUNDLE... --key FILE",
		Short:   "Check every hash, record and signature of a bundle; list all differences",
		Example: `  spor-desk verify 2026-017-srv1-*.pgp --key keys/cert-private.asc`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			v, err := check(cmd.Context(), s, k, files, nil)
			if err != nil {
				return err
			}
			return tell(s, v, asJSON)
		},
	}
	k.flags(cmd)
	cmd.MarkFlagRequired("key")
	cmd.Flags().BoolVar(&asJSON, "json", false, "the verdict as one JSON object on stdout")
	return cmd
}

// check reads a bundle with the key that was named. Its error is final; what does not match is in the verdict.
func check(ctx context.Context, s cli.Streams, k keyOptions, files []string, taker bundle.Taker) (*bundle.Verdict, error) {
	key, err := k.open(s)
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		if st, err := os.Stat(name); err != nil {
			return nil, cli.Fail(cli.Usage, "", err)
		} else if !st.Mode().IsRegular() {
			return nil, cli.Fail(cli.Usage, "name the volumes: "+filepath.Join(name, "*.pgp"), fmt.Errorf("%s is not a file", name))
		}
	}
	v, err := bundle.Check(ctx, files, key, taker)
	switch {
	case errors.Is(err, seal.ErrWrongKey):
		return nil, cli.Fail(cli.Key, "", fmt.Errorf("%s: %w", plainList(files), err))
	case errors.Is(err, cli.ErrInterrupted):
		return nil, cli.Fail(cli.Interrupted, "", err)
	case err != nil:
		return nil, cli.Fail(cli.Failed, "", err)
	}
	return v, nil
}

type verdictFacts struct {
	Whole       bool                `json:"whole"`
	Bundle      string              `json:"bundle"`
	Case        string              `json:"case"`
	Host        string              `json:"host"`
	TLP         string              `json:"tlp"`
	Volumes     int                 `json:"volumes"`
	Authentic   []int               `json:"authentic"` // volumes that prove themselves, whatever became of the others
	Items       int                 `json:"items"`
	Bytes       int64               `json:"bytes"`
	Completion  string              `json:"completion"`
	Gaps        int                 `json:"gaps"`
	Signer      string              `json:"signer"`
	Digest      string              `json:"digest"`
	Differences []bundle.Difference `json:"differences"`
}

// tell prints a verdict and makes the exit code of it.
func tell(s cli.Streams, v *bundle.Verdict, asJSON bool) error {
	f := verdictFacts{
		Whole: v.Whole(), Bundle: v.Bundle, Case: v.Case, Host: v.Host, TLP: v.TLP, Volumes: len(v.Volumes), Authentic: append([]int{}, v.Authentic...), Items: v.Items, Bytes: v.Bytes,
		Signer: v.Signer, Digest: v.Digest, Differences: append([]bundle.Difference{}, v.Differences...),
	}
	if v.Manifest != nil {
		f.Completion, f.Gaps = v.Manifest.Completion, v.Manifest.Totals.Gaps
	}
	if asJSON {
		if err := json.NewEncoder(s.Out).Encode(f); err != nil {
			return err
		}
	} else {
		printVerdict(s, f)
	}
	if !f.Whole {
		return cli.Fail(cli.Integrity, "", fmt.Errorf("%d differences: this is not, whole and unaltered, what was sealed", len(f.Differences)))
	}
	return nil
}

func printVerdict(s cli.Streams, f verdictFacts) {
	fmt.Fprintf(s.Out, "bundle   %s, case %s, host %s, %s\n", f.Bundle, f.Case, f.Host, f.TLP)
	fmt.Fprintf(s.Out, "read     %d volumes, %d items, %s\n", f.Volumes, f.Items, cli.Bytes(f.Bytes))
	if f.Signer != "" {
		fmt.Fprintf(s.Out, "signer   %s\ndigest   %s\n", cli.Groups(f.Signer), cli.Groups(f.Digest))
	}
	for _, d := range f.Differences {
		fmt.Fprintf(s.Out, "differs  %s\n", d)
	}
	if !f.Whole {
		if f.Volumes > 0 {
			fmt.Fprintf(s.Out, "proven   %d of %d volumes by themselves%s\n", len(f.Authentic), f.Volumes, numbers(f.Authentic))
		}
		return
	}
	fmt.Fprintf(s.Out, "verified every hash, record and the signature; the collection was %s", completionWords(f.Completion))
	if f.Gaps > 0 {
		fmt.Fprintf(s.Out, ", with %d gaps that matter", f.Gaps)
	}
	fmt.Fprintln(s.Out, "\ncompare the signer with what the operator read out: only that ties the bundle to the run")
}

func numbers(list []int) string {
	if len(list) == 0 {
		return ""
	}
	return ": " + strings.Trim(fmt.Sprint(list), "[]")
}

func completionWords(c string) string {
	switch strings.ToLower(c) {
	case "complete", "gaps":
		return "brought to its end"
	case "limit":
		return "ended by a limit"
	}
	return c
}
