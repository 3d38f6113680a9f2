package main

import (
	"bufio"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"spor/cmd/internal/cli"
)

// guided is the program without arguments, as it is double-clicked: with a kit beside it, it collects as the kit says
// and keeps the window open; without one it explains itself.
func guided(ctx context.Context, cmd *cobra.Command, s cli.Streams) error {
	k, _, err := loadKit("", time.Now())
	if err == nil && k == nil {
		err = cmd.Help()
	} else if err == nil {
		o := defaults()
		err = runCollect(ctx, o, s)
	}
	if isTerminal(s.Out) && isTerminal(s.In) {
		if err != nil {
			fmt.Fprintf(s.Err, "spor: %v\n", err)
		}
		fmt.Fprint(s.Out, "\nPress Enter to close. ")
		bufio.NewReader(s.In).ReadString('\n') //nolint:errcheck // whatever ends the line ends the wait
	}
	return err
}
