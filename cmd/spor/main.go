// Command spor collects evidence on an affected host, seals it to a CERT's key and sends it. docs/ and `spor --help`
// explain its use.
package main

import "spor/cmd/internal/cli"

func main() {
	cli.Main(run)
}
