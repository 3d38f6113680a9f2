// Package release knows what a release of spor is: which programs, for which targets, and which foreign modules are
// linked into them under which licence. It asks the go command, so that the answer is that of the build.
package release

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Programs are the commands of a release, under cmd/.
var Programs = []string{"spor", "spor-desk"}

// A Target is a system a release is built for.
type Target struct{ OS, Arch string }

func (t Target) String() string { return t.OS + "/" + t.Arch }

//go:embed targets.txt
var targetsText string

// Targets are all systems a release is built for, as targets.txt lists them.
func Targets() []Target {
	var all []Target
	for line := range strings.Lines(targetsText) {
		if os, arch, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			all = append(all, Target{OS: os, Arch: arch})
		}
	}
	return all
}

// A Module is a foreign module, or the Go standard library, that is linked into a program.
type Module struct {
	Path    string
	Version string
	Dir     string              // where its sources lie on this machine
	In      map[string][]Target // by program: the targets it is linked for
}

// Standard is the path under which the Go standard library and runtime are listed.
const Standard = "std"

type listed struct {
	Standard bool
	Module   *struct {
		Path, Version, Dir string
		Main               bool
		Replace            *struct{ Path string }
	}
}

// Linked gives the modules linked into any of the programs for any target, in order of path. The packages are those
// of the module whose root folder is root.
func Linked(ctx context.Context, root string) ([]Module, error) {
	all := map[string]*Module{}
	out, err := command(ctx, root, nil, "env", "GOVERSION", "GOROOT")
	if err != nil {
		return nil, err
	}
	std := Module{Path: Standard}
	std.Version, std.Dir, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	for _, program := range Programs {
		for _, target := range Targets() {
			if err := link(ctx, root, program, target, std, all); err != nil {
				return nil, fmt.Errorf("%s for %s: %w", program, target, err)
			}
		}
	}
	modules := make([]Module, 0, len(all))
	for _, path := range slices.Sorted(maps.Keys(all)) {
		modules = append(modules, *all[path])
	}
	return modules, nil
}

func link(ctx context.Context, root, program string, target Target, std Module, all map[string]*Module) error {
	out, err := List(ctx, root, target, "-deps", "-json=Standard,Module", "./cmd/"+program)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		m := std
		if !p.Standard {
			if p.Module == nil || p.Module.Main {
				continue
			}
			if p.Module.Replace != nil && strings.HasPrefix(p.Module.Replace.Path, "./") {
				continue // by what is ours
			}
			if p.Module.Replace != nil {
				return fmt.Errorf("%s is replaced by %s: a release is built from published modules", p.Module.Path, p.Module.Replace.Path)
			}
			m = Module{Path: p.Module.Path, Version: p.Module.Version, Dir: p.Module.Dir}
		}
		if seen[m.Path] {
			continue
		}
		seen[m.Path] = true
		if all[m.Path] == nil {
			m.In = map[string][]Target{}
			all[m.Path] = &m
		}
		in := all[m.Path].In
		in[program] = append(in[program], target)
	}
}

// List runs go list for a target, without cgo as a release is built, and gives what it prints.
func List(ctx context.Context, root string, target Target, args ...string) ([]byte, error) {
	env := []string{"GOOS=" + target.OS, "GOARCH=" + target.Arch, "CGO_ENABLED=0"}
	return command(ctx, root, env, append([]string{"list"}, args...)...)
}

func command(ctx context.Context, root string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, bytes.TrimSpace(exit.Stderr))
	}
	return out, err
}

// Root gives the folder of the module that a program run by `go run` or `go test` belongs to.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working folder")
		}
		dir = up
	}
}
