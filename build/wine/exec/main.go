// Command exec runs a Windows program of this project under wine: go run ./build/wine/exec EXE [ARGUMENT...]
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"spor/build/wine"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "exec: usage: exec EXE [ARGUMENT...]; SPOR_WINE names the folder of the prefix, default .cache/wine")
		return 2
	}
	dir := os.Getenv("SPOR_WINE")
	if dir == "" {
		dir = ".cache/wine"
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	code, err := runIn(ctx, dir, args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "exec:", err)
		return 1
	}
	return code
}

func runIn(ctx context.Context, dir string, args []string) (code int, err error) {
	rig, err := wine.Open(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rig.Close()) }()
	cmd := rig.Command(ctx, nil, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}
