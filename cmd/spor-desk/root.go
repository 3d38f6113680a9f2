package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"spor/cmd/internal/cli"
)

// Stamped by the release (build/dist.sh).
var (
	version = "dev"
	commit  = ""
)

// run is the program: it does what args say and returns the exit code.
func run(ctx context.Context, args []string, s cli.Streams) cli.Code {
	root := &cobra.Command{
		Use:   "spor-desk",
		Short: "Hand out kits, receive bundles, open, verify and read them",
		Long:  `spor-desk is what a CERT runs: it never touches an affected host.`,
		Example: `  spor-desk keygen --name "CERT" --email cert@example.org --out keys
  spor-desk verify bundle.001.tar.zst.pgp --key keys/cert-private.asc`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(keygenCommand(s), kitCommand(s), tokenCommand(s), receiveCommand(s), verifyCommand(s), openCommand(s),
		timelineCommand(s), reportCommand(s), incidentCommand(s), versionCommand(s), cli.ExitCodes())
	return cli.Execute(ctx, root, args, s)
}

func versionCommand(s cli.Streams) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Version, commit and Go", Args: cobra.NoArgs, Example: "  spor-desk version",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(s.Out, "spor-desk %s %s\n%s %s/%s\nApache-2.0\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
