// Package wine runs the Windows programs of this project on Linux, under wine 8 in a prefix of its own, so that the
// Windows half is tested by running it. The prefix (about 700 MB) is made once and kept; docs say what wine does not
// do as Windows does.
package wine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// recipe is written into a finished prefix. Changing how a prefix is made means changing it, and old ones are remade.
const recipe = "spor wine prefix 3: winecfg win10, Z: on the network, bcryptprimitives forwarder\n"

// Where Debian puts wine; there is no wine64 on its PATH.
var binDirs = []string{"/usr/lib/wine", "/usr/bin", "/usr/local/bin"}

// ErrNotInstalled is returned by Open where there is no 64-bit wine.
var ErrNotInstalled = errors.New("wine64 is not installed (Debian: apt-get install wine wine64)")

// A Rig is a wine prefix with a running server. Several processes may have the same prefix open: the server ends
// with the last of them.
type Rig struct {
	prefix       string
	wine, server string
	lock         *os.File
}

// Open makes the prefix in dir, if it is not there yet, and starts its server.
func Open(ctx context.Context, dir string) (*Rig, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	r := &Rig{prefix: filepath.Join(dir, "prefix"), wine: find("wine64"), server: find("wineserver64", "wineserver")}
	if r.wine == "" || r.server == "" {
		return nil, ErrNotInstalled
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if r.lock, err = os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	if err := r.start(ctx, filepath.Join(dir, "recipe")); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// start brings the prefix up while nobody else can, and then shares it.
func (r *Rig) start(ctx context.Context, mark string) error {
	switch err := lockExclusive(r.lock); {
	case err == nil:
		r.stop(ctx) // what a killed run left behind
		if have, _ := os.ReadFile(mark); string(have) != recipe {
			if err := r.make(ctx); err != nil {
				return err
			}
			if err := os.WriteFile(mark, []byte(recipe), 0o644); err != nil {
				return err
			}
		}
	case !errors.Is(err, errLocked):
		return err
	}
	if err := lockShared(r.lock); err != nil {
		return err
	}
	if have, err := os.ReadFile(mark); err != nil || string(have) != recipe {
		return fmt.Errorf("%s: whoever was making this prefix did not finish it (%w)", r.prefix, err)
	}
	// With -p the server outlives its last client. Where one runs already it ends with 2. It keeps what it gets as
	// output open, so it gets none.
	if err := r.serverCommand(ctx, "-p").Run(); err != nil && exitCode(err) != 2 {
		return fmt.Errorf("wineserver: %w", err)
	}
	return r.silently(ctx, "wineboot")
}

// make builds the prefix anew.
func (r *Rig) make(ctx context.Context) error {
	if err := os.RemoveAll(r.prefix); err != nil {
		return err
	}
	if err := os.MkdirAll(r.prefix, 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := r.silently(ctx, "wineboot", "-i"); err != nil {
		return err
	}
	dll := filepath.Join(r.DriveC(), "windows", "system32", "bcryptprimitives.dll")
	if err := os.WriteFile(dll, Forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"), 0o644); err != nil {
		return err
	}
	if err := r.silently(ctx, "winecfg", "/v", "win10"); err != nil {
		return err
	}
	// Z: is all of Linux: a program that collects a host's drives is to leave it alone.
	if err := r.silently(ctx, "reg", "add", `HKLM\Software\Wine\Drives`, "/v", "z:", "/d", "network", "/f"); err != nil {
		return err
	}
	r.stop(ctx) // the server that wineboot started would end when idle
	return nil
}

// silently runs one of wine's own programs without output. The first program after the server started brings up wine's
// services, which keep its output open for as long as they live, so it must not be a pipe somebody reads to its end.
func (r *Rig) silently(ctx context.Context, exe string, args ...string) error {
	if err := r.Command(ctx, nil, exe, args...).Run(); err != nil {
		return fmt.Errorf("wine %s %q: %w", exe, args, err)
	}
	return nil
}

// DriveC is the folder that the programs see as C:\.
func (r *Rig) DriveC() string { return filepath.Join(r.prefix, "drive_c") }

// DosDevices is the folder whose links are the drives and devices that the programs see: "d:" is D:\, and "d::" the
// volume \\.\D:.
func (r *Rig) DosDevices() string { return filepath.Join(r.prefix, "dosdevices") }

// A Result is what a program that ended left.
type Result struct {
	Stdout, Stderr []byte
	Code           int // the exit code
}

// Run runs a Windows program, named by its path on Linux, to its end. The variables in env, "NAME=value", come on top
// of our own environment. Its error says that the program could not be run or was stopped by ctx; an exit code is none.
func (r *Rig) Run(ctx context.Context, env []string, exe string, args ...string) (Result, error) {
	cmd := r.Command(ctx, env, exe, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	res := Result{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Code: exitCode(err)}
	if ctx.Err() != nil {
		return res, fmt.Errorf("wine %s: %w", exe, context.Cause(ctx))
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err == nil || exited || errors.Is(err, exec.ErrWaitDelay) {
		return res, nil
	}
	return res, fmt.Errorf("wine %s: %w", exe, err)
}

// Command prepares what Run runs, for those who need pipes or a folder to run in. There is no display unless env
// names one.
func (r *Rig) Command(ctx context.Context, env []string, exe string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.wine, append([]string{exe}, args...)...)
	cmd.Env = append(r.environ(), env...)
	// What a killed program has started keeps the pipes open: do not wait for it for ever.
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Close ends the server, and with it all programs in the prefix, unless somebody else has it open.
func (r *Rig) Close() error {
	err := lockExclusive(r.lock)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		r.stop(ctx)
	} else if errors.Is(err, errLocked) {
		err = nil
	}
	return errors.Join(err, r.lock.Close())
}

// stop ends the prefix's server and waits until it is gone. Where none runs both calls say so with their exit code,
// and there is nothing to do.
func (r *Rig) stop(ctx context.Context) {
	_ = r.serverCommand(ctx, "-k").Run()
	_ = r.serverCommand(ctx, "-w").Run()
}

func (r *Rig) serverCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.server, args...)
	cmd.Env = r.environ()
	return cmd
}

// environ is ours with what makes wine quiet, without a display and without its offers to download.
func (r *Rig) environ() []string {
	return append(os.Environ(),
		"WINEPREFIX="+r.prefix, "WINESERVER="+r.server, "WINEARCH=win64", "WINEDEBUG=-all",
		"WINEDLLOVERRIDES=mscoree,mshtml=", "DISPLAY=", "WAYLAND_DISPLAY=")
}

func find(names ...string) string {
	for _, dir := range binDirs {
		for _, name := range names {
			p := filepath.Join(dir, name)
			if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return p
			}
		}
	}
	return ""
}

// exitCode is 0 for no error and -1 where there is no code.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return 0 // it ended well; something it started did not
	}
	return -1
}
