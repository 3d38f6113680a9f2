package rawfile

import (
	"bytes"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/build/ntfs"
)

// A line of fls -m: the body format of mactime, with the times in whole seconds.
type flsLine struct {
	path, inode, mode                    string
	size                                 int64
	accessed, modified, changed, created int64
}

func fls(t testing.TB, image string, args ...string) []flsLine {
	t.Helper()
	ntfs.Need(t, "fls", "icat")
	var all []flsLine
	for line := range strings.Lines(string(ntfs.Run(t, "fls", append(args, "-f", "ntfs", "-r", "-m", "C:", image)...))) {
		f := strings.Split(strings.TrimRight(line, "\n"), "|")
		if len(f) != 11 {
			t.Fatalf("fls says %q", line)
		}
		l := flsLine{path: f[1], inode: f[2], mode: f[3]}
		fmt.Sscan(f[6], &l.size)
		fmt.Sscan(f[7], &l.accessed)
		fmt.Sscan(f[8], &l.modified)
		fmt.Sscan(f[9], &l.changed)
		fmt.Sscan(f[10], &l.created)
		all = append(all, l)
	}
	return all
}

var stream128 = regexp.MustCompile(`^(\d+)-128-\d+$`)

// compareSleuthkit compares names, sizes, times and content of every file and stream with what fls and icat say, and
// the deleted ones with the list of the MFT.
func compareSleuthkit(t *testing.T, v *Volume, image string) {
	t.Helper()
	files, deleted := 0, map[string]bool{}
	for _, l := range fls(t, image) {
		if strings.HasPrefix(l.mode, "-/") {
			continue // known by its record alone: no folder lists it, and ntfs-3g does not either
		}
		if strings.HasSuffix(l.path, " ($FILE_NAME)") || strings.HasPrefix(l.path, "C:/$OrphanFiles") && l.size == 0 || !stream128.MatchString(l.inode) {
			continue
		}
		name, gone := strings.CutSuffix(l.path, " (deleted)")
		name, _ = strings.CutSuffix(name, " (deleted-realloc)")
		if strings.HasPrefix(name, "C:/$OrphanFiles/OrphanFile-") || strings.Contains(name, "$BadClus") {
			continue // made-up names of records without one; and a file of holes as large as the volume
		}
		if gone {
			deleted[name[strings.LastIndex(name, "/")+1:]] = true
			continue
		}
		p := artifacts.Path(strings.ReplaceAll(name, "/", `\`))
		st, err := v.Lstat(p)
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		files++
		for _, c := range []struct {
			what string
			got  time.Time
			want int64
		}{{"accessed", st.Times.Accessed, l.accessed}, {"modified", st.Times.Modified, l.modified}, {"changed", st.Times.Changed, l.changed}, {"born", st.Times.Born, l.created}} {
			if !c.got.IsZero() && c.got.Unix() != c.want { // fls turns no time into one of the year 2076
				t.Errorf("%s: %s %v, fls says %v", p, c.what, c.got, time.Unix(c.want, 0).UTC())
			}
		}
		if st.Size != l.size {
			t.Errorf("%s: %d bytes, fls says %d", p, st.Size, l.size)
		}
		if files%40 == 0 || strings.Contains(name, ":large") || st.Size > 10_000 {
			if got, want := readAll(t, v, p), ntfs.Run(t, "icat", "-f", "ntfs", image, l.inode); !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, icat gives %d; equal up to %d", p, len(got), len(want), common(got, want))
			}
		}
	}
	ours := map[string]bool{}
	for e, err := range v.Entries(t.Context()) {
		if err != nil {
			t.Errorf("record %d: %v", e.Record, err)
		}
		if e.Deleted {
			ours[string(e.Path)[strings.LastIndex(string(e.Path), `\`)+1:]] = true
		}
	}
	for name := range deleted {
		if !ours[name] {
			t.Errorf("fls lists %q as deleted, we do not", name)
		}
	}
	names := make([]string, 0, len(ours))
	for name := range ours {
		names = append(names, name)
	}
	sort.Strings(names)
	t.Logf("%d files and streams compared with sleuthkit; deleted: %q, fls %d", files, names, len(deleted))
}
