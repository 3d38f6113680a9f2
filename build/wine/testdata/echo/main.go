// Command echo shows what a program under wine is given.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	fmt.Printf("%q %q %s", os.Args[1:], os.Getenv("SPOR_TEST"), runtime.GOOS)
	fmt.Fprint(os.Stderr, "to stderr")
	os.Exit(7)
}
