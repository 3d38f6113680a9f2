// Command spor-desk is the CERT's side of spor: keys and kits, the receiving server, opening and verifying bundles,
// timeline and report. docs/desk.md and `spor-desk --help` explain its use.
package main

import "spor/cmd/internal/cli"

func main() {
	cli.Main(run)
}
