package memory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// imageName is the image's name in the bundle.
const imageName = "memory/physical.lime"

const kcore artifacts.Path = "/proc/kcore"

// collectPhysical streams the image. Why there is none is its error, and so the outcome of the source; what single pages
// it lacks is noted.
func collectPhysical(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	text, err := procfs.Read(h.Files, "/proc/iomem", maxIOMem)
	if err != nil {
		return fmt.Errorf("physical memory: %w", err)
	}
	ram, err := parseIOMem(text)
	if err != nil {
		return fmt.Errorf("physical memory: %w", err)
	}
	f, err := h.Files.Open(kcore)
	if err != nil {
		return closed(h, err)
	}
	defer f.Close()
	from, ok := f.(io.ReaderAt)
	if !ok {
		return fmt.Errorf("physical memory: %s cannot be read at an offset", kcore)
	}
	segments, err := parseCore(from, ram)
	if err != nil {
		return fmt.Errorf("physical memory: %w", err)
	}
	pieces := cut(ram, segments)
	if len(pieces) == 0 {
		return errors.New("physical memory: no segment of /proc/kcore leads to System RAM")
	}
	return put(ctx, h, rec, from, pieces, missing(ram, pieces))
}

// put stores the image and says what is in it.
func put(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, from io.ReaderAt, pieces []segment, lacks uint64) error {
	parts := lime(pieces)
	s := &stream{ctx: ctx, from: from, parts: parts}
	im := Image{Item: imageName, Format: "lime", Kernel: release(h), Size: size(parts), Missing: lacks}
	for _, p := range pieces {
		im.Ranges = append(im.Ranges, p.Range)
	}
	it := artifacts.Item{Name: imageName, Origin: kcore, Size: im.Size, Method: "lime"}
	if err := rec.Put(ctx, it, s); err != nil {
		return err
	}
	if im.Unreadable = s.unreadable.Load(); im.Unreadable > 0 {
		rec.Note(artifacts.Outcome{Path: kcore, Status: artifacts.Truncated, Item: imageName, Reason: fmt.Sprintf("%d pages of %d bytes could not be read and are zeros in the image", im.Unreadable, pageSize)})
	}
	if lacks > 0 {
		rec.Note(artifacts.Outcome{Path: kcore, Status: artifacts.Truncated, Item: imageName, Reason: fmt.Sprintf("no segment leads to %d bytes of memory: they are not in the image", lacks)})
	}
	if err := rec.Record(im); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if given := s.given.Load(); given < im.Size {
		return fmt.Errorf("physical memory: the image ends after %d of %d bytes", given, im.Size)
	}
	return nil
}

// closed says why /proc/kcore could not be opened: there are three reasons, and what to do differs.
func closed(h *artifacts.Host, err error) error {
	const instead = "process-memory has that of single processes"
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("physical memory: this kernel has no /proc/kcore; %s", instead) // not wrapped: it is a gap, nothing vanished
	}
	if mode := lockdown(h); mode == "confidentiality" {
		return fmt.Errorf("physical memory: kernel lockdown (%s) closes it; %s: %w", mode, instead, err)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("physical memory: root with CAP_SYS_RAWIO is needed: %w", err)
	}
	return fmt.Errorf("physical memory: %w", err)
}

// lockdown gives the mode in force: "none [integrity] confidentiality" stands in its file (kernel_lockdown(7)). Empty:
// there is none.
func lockdown(h *artifacts.Host) string {
	_, rest, _ := strings.Cut(procfs.Line(h.Files, "/sys/kernel/security/lockdown"), "[")
	mode, _, _ := strings.Cut(rest, "]")
	return mode
}

func release(h *artifacts.Host) string { return procfs.Line(h.Files, "/proc/sys/kernel/osrelease") }

// collectSymbols takes the types (BTF), the addresses and the build of the running kernel. System.map has them where the
// kernel hides them.
func collectSymbols(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	places := []artifacts.Path{"/sys/kernel/btf/vmlinux", "/proc/kallsyms", "/sys/kernel/notes", "/proc/version"}
	if name := release(h); name != "" && !strings.Contains(name, "/") {
		places = append(places, artifacts.Path("/boot/System.map-"+name))
	}
	for _, p := range places {
		if _, err := h.Files.Lstat(p); errors.Is(err, fs.ErrNotExist) {
			rec.Note(artifacts.Outcome{Path: p, Status: artifacts.Absent})
			continue
		}
		if p == "/proc/kallsyms" && hidden(h, p) {
			rec.Note(artifacts.Outcome{Path: p, Status: artifacts.Denied, Reason: "the kernel hides its addresses (kernel.kptr_restrict)"})
			continue
		}
		if err := rec.Take(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// hidden tells symbols whose addresses are all zeros, by the first of them.
func hidden(h *artifacts.Host, p artifacts.Path) bool {
	head, err := procfs.Read(h.Files, p, 256<<10)
	if err != nil && !errors.Is(err, procfs.ErrTooLong) {
		return false // taking it will say so
	}
	for line := range procfs.Lines(head) {
		if address, _, _ := strings.Cut(line, " "); strings.Trim(address, "0") != "" {
			return false
		}
	}
	return len(head) > 0
}
