package main

import (
	"bufio"
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"spor/cmd/internal/cli"
)

// guided is the program without arguments: with a kit beside it, it collects as the kit says; without one it explains
// itself.
func guided(ctx context.Context, cmd *cobra.Command, s cli.Streams) error {
	k, _, err := loadKit("", time.Now())
	switch {
	case err != nil:
		return err
	case k == nil:
		return cmd.Help()
	}
	return runCollect(ctx, defaults(), s)
}

// keepWindow waits for Enter where the program was perhaps double-clicked and its window would close with it.
func keepWindow(s cli.Streams) {
	if runtime.GOOS != "windows" || !isTerminal(s.Out) || !isTerminal(s.In) {
		return
	}
	fmt.Fprint(s.Out, "\nPress Enter to close. ")
	bufio.NewReader(s.In).ReadString('\n') //nolint:errcheck // whatever ends the line ends the wait
}
