package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"spor/cmd/internal/cli"
	"spor/collect/live/screens"
)

// Stamped by the release (build/dist.sh).
var (
	version = "dev"
	commit  = ""
	// certKey is the fingerprint of the one key whose kits this build accepts; empty: any kit.
	certKey = ""
)

// run is the program: it does what args say and returns the exit code.
func run(ctx context.Context, args []string, s cli.Streams) cli.Code {
	if screens.Child(args) { // we are a copy of ourselves in another session
		return cli.OK
	}
	// The host needs its memory more than we do: half the garbage, for a twentieth more work.
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(96 << 20) // the program itself is 15 MiB more
	g := &guide{}
	root := &cobra.Command{
		Use:   "spor",
		Short: "Collect evidence on this host, seal it to a CERT's key, send it",
		Long: `spor collects evidence on an affected Windows or Linux host, changes as little
as it can, and writes it as a bundle that only the CERT can open. Without a
command it asks what only a person knows, in Icelandic, Norwegian or English.`,
		Example: `  spor                                                  # asks; with a kit inside or beside the program
  spor collect --recipient cert-public.asc --out E:\    # onto a USB stick
  spor collect                                          # with a kit inside or beside the program`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return g.guided(cmd.Context(), cmd, s) },
	}
	root.AddCommand(collectCommand(s), uploadCommand(s), listCommand(s), checkCommand(s), versionCommand(s), cli.ExitCodes())
	code := cli.Execute(ctx, root, args, s)
	if len(args) == 0 {
		g.keepWindow(s)
	}
	return code
}

func versionCommand(s cli.Streams) *cobra.Command {
	var licences bool
	cmd := &cobra.Command{
		Use: "version", Short: "Version, commit, Go, licences", Args: cobra.NoArgs, Example: "  spor version --licences",
		RunE: func(*cobra.Command, []string) error { return printVersion(s.Out, licences) },
	}
	cmd.Flags().BoolVar(&licences, "licences", false, "also the modules this program is built from")
	return cmd
}

func printVersion(w io.Writer, modules bool) error {
	fmt.Fprintf(w, "spor %s", version)
	if commit != "" {
		fmt.Fprintf(w, " (%s)", commit)
	}
	fmt.Fprintf(w, "\n%s %s/%s\nApache-2.0\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if certKey != "" {
		fmt.Fprintf(w, "accepts kits signed by %s only\n", certKey)
	}
	if !modules {
		return nil
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("this program was built without a list of its modules")
	}
	fmt.Fprintln(w, "\nBuilt from these modules, whose licences are in THIRD_PARTY.md:")
	for _, m := range info.Deps {
		fmt.Fprintf(w, "  %s %s\n", m.Path, m.Version)
	}
	return nil
}
