package memory

import (
	"bytes"
	"debug/elf"
	"io"
	"slices"
	"testing"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

func TestReason(t *testing.T) {
	for exe, want := range map[artifacts.Path]int{
		"/memfd:x (deleted)": 0, "/tmp/x": 1, "/dev/shm/x (deleted)": 1, "/usr/bin/x (deleted)": 2,
		"/usr/bin/x": -1, "/tmpfiles/x": -1, "": -1,
	} {
		why, rank := reason(exe)
		if why == "" {
			rank = -1
		}
		if rank != want {
			t.Errorf("%q: rank %d (%q), want %d", exe, rank, why, want)
		}
	}
}

// Under a limit, what may be the only copy is taken, and the rest counted.
func TestChoose(t *testing.T) {
	list := []procfs.Mapping{
		{Start: 0x1000, End: 0x3000, Perms: "r-xp", Inode: 5, Path: "/lib/x.so"},
		{Start: 0x3000, End: 0x5000, Perms: "rw-p"},
		{Start: 0x5000, End: 0x6000, Perms: "rwxp"},
		{Start: 0x6000, End: 0x9000, Perms: "---p"},
		{Start: 0x9000, End: 0xa000, Perms: "rw-s", Inode: 7, Path: "/dev/dri/card0"},
		{Start: 0xa000, End: 0xb000, Perms: "r--p", Path: "[vvar]"},
		{Start: 0xffffffffff600000, End: 0xffffffffff601000, Perms: "r-xp", Path: "[vsyscall]"},
	}
	got, omitted := choose(slices.Clone(list), 0x2000)
	want := []Region{{Range{0x3000, 0x4000}, "rw-p", ""}, {Range{0x5000, 0x6000}, "rwxp", ""}}
	if !slices.Equal(got, want) || omitted != 0x3000 {
		t.Errorf("got %#x and %#x omitted, want %#x and 0x3000", got, omitted, want)
	}
	if got, omitted := choose(list, 1<<30); len(got) != 3 || omitted != 0 {
		t.Errorf("without a limit %#x, %d omitted", got, omitted)
	}
}

// The file is what the standard library takes for an ELF core, each region at its address.
func TestCore(t *testing.T) {
	memory := physical(0, 0x8000)
	regions := []Region{{Range{0x1000, 0x3000}, "r-xp", "/x"}, {Range{0x5000, 0x6000}, "rw-p", ""}}
	parts := core(regions, 62)
	want := size(parts)
	b, err := io.ReadAll(&stream{ctx: t.Context(), from: bytes.NewReader(memory), parts: parts})
	if err != nil || int64(len(b)) != want {
		t.Fatalf("%d bytes, want %d; %v", len(b), want, err)
	}
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if f.Type != elf.ET_CORE || f.Machine != elf.EM_X86_64 || len(f.Progs) != len(regions) {
		t.Fatalf("header %+v, %d segments", f.FileHeader, len(f.Progs))
	}
	for i, r := range regions {
		p := f.Progs[i]
		data, err := io.ReadAll(p.Open())
		if err != nil || p.Type != elf.PT_LOAD || p.Vaddr != r.Start || !bytes.Equal(data, memory[r.Start:r.End]) {
			t.Errorf("segment %d: %+v, %v", i, p.ProgHeader, err)
		}
		if want := [...]elf.ProgFlag{elf.PF_R | elf.PF_X, elf.PF_R | elf.PF_W}[i]; p.Flags != want {
			t.Errorf("segment %d: flags %v, want %v", i, p.Flags, want)
		}
	}
}

// Of anonymous memory only what was touched is read; files, and what is not known, are whole.
func TestTouched(t *testing.T) {
	pagemap := make([]byte, 0x1000*pageEntry) // of the addresses below 0x1000000
	mark := func(bit byte, pages ...int) {
		for _, p := range pages {
			pagemap[p*pageEntry+7] = bit
		}
	}
	mark(0x80, 0x110, 0x112, 0x300)
	mark(0x40, 0x3ff)
	mark(0x20, 0x200) // neither present nor swapped
	list := []procfs.Mapping{
		{Start: 0x100000, End: 0x400000, Perms: "rw-p"},
		{Start: 0x400000, End: 0x500000, Perms: "rw-p"},                       // untouched
		{Start: 0x500000, End: 0x600000, Perms: "r--p", Inode: 5, Path: "/x"}, // a file
		{Start: 0xf00000, End: 0x1100000, Perms: "rw-p"},                      // not known to its end
	}
	want := []procfs.Mapping{
		{Start: 0x110000, End: 0x113000, Perms: "rw-p"},
		{Start: 0x300000, End: 0x301000, Perms: "rw-p"},
		{Start: 0x3ff000, End: 0x400000, Perms: "rw-p"},
		list[2], list[3],
	}
	if got := touched(list, bytes.NewReader(pagemap), pageSize); !slices.Equal(got, want) {
		t.Errorf("got %#x\nwant %#x", got, want)
	}
}
