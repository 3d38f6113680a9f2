package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

const (
	maxModules = 1 << 14
	maxIndex   = 32 << 20 // bytes of modules.dep
	maxFile    = 64 << 20 // bytes of a module's file
)

var errModule = errors.New("not of the form of /proc/modules")

// parseModule reads a line of /proc/modules, proc_modules(5); the taint in parentheses is there where there is one:
//
//	name size references used,by, state address (OE)
func parseModule(line string) (Module, error) {
	f := strings.Fields(line)
	if len(f) < 6 {
		return Module{}, errModule
	}
	size, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return Module{}, errModule
	}
	m := Module{Name: procfs.Text(f[0]), Size: size, State: procfs.Text(f[4])}
	m.References, _ = strconv.Atoi(f[2]) // "-" where modules cannot be unloaded
	for by := range strings.SplitSeq(f[3], ",") {
		if by != "" && by != "-" {
			m.UsedBy = append(m.UsedBy, procfs.Text(by))
		}
	}
	if len(f) > 6 {
		m.Taint = procfs.Text(strings.Trim(f[6], "()"))
	}
	return m, nil
}

func modules(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	listed, err := listedModules(h.Files)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a kernel without modules
	}
	if err != nil {
		return err
	}
	shown, err := shownModules(h.Files)
	if err != nil {
		rec.Note(artifacts.Outcome{Path: "/sys/module", Status: artifacts.Failed, Reason: "hidden modules are not told: " + err.Error()})
	}
	all := listed
	if err == nil {
		all = union(listed, shown)
		all = settled(h.Files, all)
	}
	x := index(h)
	for _, m := range all {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		x.describe(&m)
		if err := rec.Record(m); err != nil {
			return err
		}
	}
	return nil
}

// listedModules are those of the list that lsmod(8) shows.
func listedModules(f artifacts.Files) ([]Module, error) {
	data, err := procfs.Read(f, "/proc/modules", maxModules*256)
	var all []Module
	for line := range procfs.Lines(data) {
		if m, err := parseModule(line); err == nil && len(all) < maxModules {
			all = append(all, m)
		}
	}
	return all, err
}

// shownModules are those of /sys/module that were loaded: what is built in has no state.
func shownModules(f artifacts.Files) ([]Module, error) {
	entries, err := f.ReadDir("/sys/module")
	if err != nil {
		return nil, err
	}
	var all []Module
	for _, e := range entries {
		dir := artifacts.Path("/sys/module/" + e.Name)
		state := procfs.Line(f, dir+"/initstate")
		if state == "" || len(all) >= maxModules {
			continue
		}
		m := Module{Name: procfs.Text(e.Name), State: state, Size: procfs.Number(f, dir+"/coresize"), Taint: procfs.Line(f, dir+"/taint")}
		m.References = int(procfs.Number(f, dir+"/refcnt"))
		all = append(all, m)
	}
	return all, nil
}

// union joins the two lists, and says of each module which of them lacks it.
func union(listed, shown []Module) []Module {
	all := slices.Clone(listed)
	for i := range all {
		if !slices.ContainsFunc(shown, func(m Module) bool { return m.Name == all[i].Name }) {
			all[i].Hidden = "/sys/module"
		}
	}
	for _, m := range shown {
		if !slices.ContainsFunc(listed, func(l Module) bool { return l.Name == m.Name }) {
			m.Hidden = "/proc/modules"
			all = append(all, m)
		}
	}
	return all
}

// settled looks again for those that a list lacks: modules come and go, and only one that is still there, in the same
// list alone, is hidden.
func settled(f artifacts.Files, all []Module) []Module {
	if !slices.ContainsFunc(all, func(m Module) bool { return m.Hidden != "" }) {
		return all
	}
	listed, err1 := listedModules(f)
	shown, err2 := shownModules(f)
	again := union(listed, shown)
	if err1 != nil || err2 != nil {
		return all
	}
	for i, m := range all {
		j := slices.IndexFunc(again, func(a Module) bool { return a.Name == m.Name })
		if j < 0 || again[j].Hidden != m.Hidden {
			all[i].Hidden = ""
		}
	}
	return all
}

// An indexed host knows the files of its modules by modules.dep(5).
type indexed struct {
	files artifacts.Files
	dir   string
	known map[string]string // by name as the kernel spells it
}

func index(h *artifacts.Host) indexed {
	x := indexed{files: h.Files, dir: "/lib/modules/" + procfs.Line(h.Files, "/proc/sys/kernel/osrelease"), known: map[string]string{}}
	data, _ := procfs.Read(h.Files, artifacts.Path(x.dir+"/modules.dep"), maxIndex)
	for line := range procfs.Lines(data) {
		name, _, _ := strings.Cut(line, ":")
		stem, _, _ := strings.Cut(path.Base(name), ".ko")
		x.known[strings.ReplaceAll(stem, "-", "_")] = name
	}
	return x
}

func (x indexed) describe(m *Module) {
	dir := artifacts.Path("/sys/module/" + m.Name)
	m.Version, m.SrcVersion = procfs.Line(x.files, dir+"/version"), procfs.Line(x.files, dir+"/srcversion")
	entries, _ := x.files.ReadDir(dir + "/parameters")
	for _, e := range entries[:min(len(entries), 256)] {
		m.Parameters = append(m.Parameters, procfs.Text(e.Name))
	}
	name, ok := x.known[m.Name]
	m.Unindexed = !ok && len(x.known) > 0
	if !ok {
		return
	}
	if !path.IsAbs(name) {
		name = path.Join(x.dir, name)
	}
	m.File = artifacts.Path(name)
	if signed, err := x.signed(m.File); err == nil {
		m.Signed = &signed
	}
}

// signed tells whether a module's file ends in a signature (Documentation/admin-guide/module-signing.rst).
func (x indexed) signed(p artifacts.Path) (bool, error) {
	if !strings.HasSuffix(string(p), ".ko") {
		return false, fmt.Errorf("%s: compressed", p)
	}
	f, err := x.files.Open(p)
	if err != nil {
		return false, err
	}
	defer f.Close()
	const mark = "~Module signature appended~\n"
	buf := make([]byte, 64<<10)
	tail := make([]byte, 0, len(buf)+len(mark))
	r := io.LimitReader(f, maxFile)
	for {
		n, err := r.Read(buf)
		tail = append(tail, buf[:n]...)
		tail = append(tail[:0], tail[max(0, len(tail)-len(mark)):]...)
		if errors.Is(err, io.EOF) {
			return bytes.Equal(tail, []byte(mark)), nil
		}
		if err != nil {
			return false, err
		}
	}
}
