package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spor/build/kit"
	"spor/cmd/internal/cli"
)

// uploadOptions are the flags of `spor upload`.
type uploadOptions struct {
	to         []string
	kit        string
	token, pin string
	patience   time.Duration
	json       bool
	quiet      bool
}

func uploadCommand(s cli.Streams) *cobra.Command {
	o := &uploadOptions{}
	cmd := &cobra.Command{
		Use:     "upload BUNDLE...",
		Short:   "Send finished bundles, or go on sending them",
		Example: `  spor upload E:\2026-017-srv1-*.pgp`,
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, files []string) error { return runUpload(cmd.Context(), o, files, s) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.to, "to", nil, "`URL` to send to (default: the kit's); repeat for fall-backs")
	f.StringVar(&o.kit, "kit", "", "the kit `file` (default: the one inside the program, else spor.kit beside it)")
	f.StringVar(&o.token, "token", "", "upload `token` (better by SPOR_TOKEN or the kit)")
	f.StringVar(&o.pin, "pin", "", "`SHA-256` of the receiver's public key, which alone is trusted then")
	f.DurationVar(&o.patience, "patience", defaultPatience, "how long to try again at a receiver that does not answer")
	f.BoolVar(&o.json, "json", false, "JSON lines on stdout")
	f.BoolVar(&o.quiet, "quiet", false, "say only what is wrong")
	return cmd
}

func runUpload(ctx context.Context, o *uploadOptions, files []string, s cli.Streams) error {
	k, _, err := loadKit(o.kit, time.Now())
	if err != nil {
		return err
	}
	if k == nil {
		k = &kit.Kit{}
	}
	to, err := targets(firstOf(o.to, k.Upload), cmp.Or(o.token, k.Token), cmp.Or(o.pin, k.Pin))
	if err != nil {
		return err
	}
	if len(to) == 0 {
		return cli.Fail(cli.Usage, "name it with --to URL, or give the kit with --kit", errors.New("nowhere to send to"))
	}
	if files, err = named(files); err != nil {
		return err
	}
	v := newView(s, &collectOptions{json: o.json, quiet: o.quiet})
	if send(ctx, v, to, files, o.patience) {
		return nil
	}
	if errors.Is(context.Cause(ctx), cli.ErrInterrupted) {
		return cli.Fail(cli.Interrupted, "run the same command again: it goes on where it stopped", context.Cause(ctx))
	}
	return cli.Fail(cli.NotSent, "run the same command again: it goes on where it stopped", errors.New("not everything was sent"))
}

// named checks that the arguments are files. What names none is tried as a pattern: the shell of Windows leaves them as
// they are.
func named(args []string) ([]string, error) {
	var all []string
	for _, arg := range args {
		files := []string{arg}
		if _, err := os.Stat(arg); err != nil {
			if found, globErr := filepath.Glob(arg); globErr == nil && len(found) > 0 {
				files = found
			}
		}
		for _, name := range files {
			if st, err := os.Stat(name); err != nil {
				return nil, cli.Fail(cli.Usage, "", err)
			} else if !st.Mode().IsRegular() {
				return nil, cli.Fail(cli.Usage, "", fmt.Errorf("%s is not a file", name))
			}
			if strings.HasSuffix(name, ".part") {
				return nil, cli.Fail(cli.Usage, "spor-desk open --recover reads what is in it", fmt.Errorf("%s is not finished", name))
			}
		}
		all = append(all, files...)
	}
	return all, nil
}
