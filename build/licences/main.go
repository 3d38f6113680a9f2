// Licences prints THIRD_PARTY.md: which foreign modules are linked into which program for which target, under which
// licence, with the licences' texts. `go run ./build/licences > THIRD_PARTY.md` after a change of go.mod or imports.
package main

import (
	"context"
	"fmt"
	"os"

	"spor/build/release"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := release.Root()
	if err != nil {
		return err
	}
	text, err := release.ThirdParty(ctx, root)
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(text)
	return err
}
