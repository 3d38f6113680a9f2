// Package cli is what both programs share as command lines: exit codes, errors with a hint, values such as sizes, and
// options that may also come from the environment.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A Code is an exit code, the same in both programs. docs/exit-codes.md explains them.
type Code int

// The exit codes.
const (
	OK          Code = 0
	Failed      Code = 1
	Usage       Code = 2
	Gaps        Code = 3
	NotSent     Code = 4
	Integrity   Code = 5
	Key         Code = 6
	Running     Code = 7
	Interrupted Code = 130
)

// Codes says what each code means, in order.
var Codes = []struct {
	Code    Code
	Meaning string
}{
	{OK, "done, complete"},
	{Failed, "failed: no usable bundle"},
	{Usage, "wrong usage or configuration: nothing was touched"},
	{Gaps, "collected, with gaps that matter (a required artefact missing, a limit hit); the bundle is good"},
	{NotSent, "collected, not (fully) sent; the bundle is kept and named"},
	{Integrity, "integrity: something does not match its hash, signature or size"},
	{Key, "wrong or missing key"},
	{Running, "another run is active on this host"},
	{Interrupted, "interrupted; what was finished is a valid bundle"},
}

// ExitCodes is the help topic `help exit-codes`.
func ExitCodes() *cobra.Command {
	var b strings.Builder
	b.WriteString("Exit codes of spor and spor-desk:\n\n")
	for _, c := range Codes {
		fmt.Fprintf(&b, "  %3d  %s\n", c.Code, c.Meaning)
	}
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: b.String()}
}

// An Error ends the program with a code. An Err of nil says nothing: all was said already.
type Error struct {
	Code Code
	Err  error
	Hint string // the next step; may be empty
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Fail makes an Error.
func Fail(code Code, hint string, err error) error { return &Error{code, err, hint} }

// Streams are the program's ends.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// ErrInterrupted is the cause of a context that was cancelled by the operator or the system.
var ErrInterrupted = errors.New("interrupted")

const oneInterrupt = time.Second

// Main runs a program with the process's own arguments and streams, and ends the process with its exit code. Ctrl-C,
// SIGTERM and the closing of the console end the context with ErrInterrupted; a second one ends the process at once. What
// comes within oneInterrupt is the same: timeout(1) signals the process and its group, systemd may send SIGHUP with SIGTERM.
func Main(run func(ctx context.Context, args []string, s Streams) Code) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		cancel(ErrInterrupted)
		for first := time.Now(); time.Since(first) < oneInterrupt; {
			<-signals
		}
		os.Exit(int(Interrupted))
	}()
	os.Exit(int(run(ctx, os.Args[1:], Streams{os.Stdin, os.Stdout, os.Stderr})))
}

// Execute runs a command with arguments and turns its error into words on s.Err and an exit code. Errors that are none
// of ours are cobra's, about the usage.
func Execute(ctx context.Context, root *cobra.Command, args []string, s Streams) Code {
	cobra.MousetrapHelpText = "" // or it refuses to be double-clicked
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	prefix := strings.ToUpper(strings.ReplaceAll(root.Name(), "-", "_")) + "_"
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return FromEnvironment(cmd.Flags(), prefix) }
	err := root.ExecuteContext(ctx)
	if err == nil {
		return OK
	}
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: Usage, Err: err, Hint: fmt.Sprintf("%s --help", root.Name())}
	}
	if e.Err != nil {
		fmt.Fprintf(s.Err, "%s: %v\n", root.Name(), err)
	}
	if e.Hint != "" {
		fmt.Fprintf(s.Err, "%s: hint: %s\n", root.Name(), e.Hint)
	}
	return e.Code
}

// FromEnvironment sets the options that were not given from PREFIX_NAME.
func FromEnvironment(flags *pflag.FlagSet, prefix string) error {
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		name := prefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if f.Changed || !ok || err != nil || f.Name == "help" {
			return
		}
		if setErr := flags.Set(f.Name, value); setErr != nil {
			err = fmt.Errorf("environment variable %s: %w", name, setErr)
		}
	})
	return err
}

// A Size is a number of bytes, written with a unit: 512, 64k, 10MB, 2GiB. Units are powers of 1024.
type Size int64

var _ pflag.Value = (*Size)(nil)

// Set reads a size.
func (s *Size) Set(text string) error {
	digits := strings.TrimRight(strings.ToUpper(strings.TrimSpace(text)), "IB")
	shift := 0
	if i := strings.IndexByte("KMGT", last(digits)); i >= 0 {
		digits, shift = digits[:len(digits)-1], 10*(i+1)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || n < 0 || n > (1<<62)>>shift {
		return fmt.Errorf("%q is no size such as 512M or 2GiB", text)
	}
	*s = Size(n << shift)
	return nil
}

func last(s string) byte {
	if s == "" {
		return 0
	}
	return s[len(s)-1]
}

func (s *Size) String() string {
	if *s == 0 {
		return ""
	}
	return Bytes(int64(*s))
}

// Type names the kind of value in the help.
func (*Size) Type() string { return "size" }

// Bytes writes a number of bytes for people.
func Bytes(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1024, 0
	for f >= 1024 && unit < 3 {
		f, unit = f/1024, unit+1
	}
	return strings.Replace(fmt.Sprintf("%.1f %s", f, []string{"KiB", "MiB", "GiB", "TiB"}[unit]), ".0 ", " ", 1)
}

// ParseSince reads a moment, or how long before now it was: 2026-11-20, 2026-11-20T22:00:00Z, 36h, 7d.
func ParseSince(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return t, nil
		}
	}
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-11-20T22:00:00Z nor a duration such as 36h or 7d", text)
	}
	return now.Add(-d), nil
}

// Groups writes a digest in fours, to be read out.
func Groups(hex string) string {
	var b strings.Builder
	for i := 0; i < len(hex); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strings.ToUpper(hex[i:min(i+4, len(hex))]))
	}
	return b.String()
}
