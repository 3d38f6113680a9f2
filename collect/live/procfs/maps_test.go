package procfs_test

import (
	"testing"

	"spor/collect/live/procfs"
)

func TestParseMapping(t *testing.T) {
	for line, want := range map[string]procfs.Mapping{
		"55ea2d153000-55ea2d158000 r-xp 00002000 fe:00 247026                     /usr/bin/cat":            {Start: 0x55ea2d153000, End: 0x55ea2d158000, Perms: "r-xp", Device: "fe:00", Inode: 247026, Path: "/usr/bin/cat"},
		"7f0000000000-7f0000001000 rwxp 00000000 00:00 0 ":                                                 {Start: 0x7f0000000000, End: 0x7f0000001000, Perms: "rwxp", Device: "00:00"},
		"7f0000000000-7f0000001000 r-xs 00000000 00:01 12                         /memfd:a b (deleted)":    {Start: 0x7f0000000000, End: 0x7f0000001000, Perms: "r-xs", Device: "00:01", Inode: 12, Path: "/memfd:a b (deleted)"},
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]":              {Start: 0xffffffffff600000, End: 0xffffffffff601000, Perms: "--xp", Device: "00:00", Path: "[vsyscall]"},
		"00400000-00401000 r--p 00000000 08:01 5                                  /tmp/new\\012line\xff x": {Start: 0x400000, End: 0x401000, Perms: "r--p", Device: "08:01", Inode: 5, Path: "/tmp/new\nline\xff x"},
	} {
		if got, err := procfs.ParseMapping(line); err != nil || got != want {
			t.Errorf("%s\n got %+v %v\nwant %+v", line, got, err, want)
		}
	}
	for _, bad := range []string{"", "x", "1-2 r-xp 0 0:0", "2-1 r-xp 0 0:0 0 ", "1-2 r-x 0 0:0 0 ", "1-g r-xp 0 0:0 0 ", "12 r-xp 0 0:0 0 "} {
		if got, err := procfs.ParseMapping(bad); err == nil {
			t.Errorf("%q: %+v, want an error", bad, got)
		}
	}
}

func FuzzMapping(f *testing.F) {
	f.Add("55ea2d153000-55ea2d158000 r-xp 00002000 fe:00 247026                     /usr/bin/cat")
	f.Add("7f0000000000-7f0000001000 rwxp 00000000 00:00 0 ")
	f.Fuzz(func(t *testing.T, line string) {
		m, err := procfs.ParseMapping(line)
		if err == nil && (m.End < m.Start || len(m.Perms) != 4 || m.Executable() != (m.Perms[2] == 'x')) {
			t.Errorf("%q: %+v", line, m)
		}
	})
}
