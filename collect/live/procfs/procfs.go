// Package procfs reads the text by which a Linux system describes itself: the files of /proc, /sys and /etc, through
// artifacts.Files, so that the same code runs on the live machine, on a mounted disk and on a tree made up in a test.
//
// Formats are those of proc(5), proc_pid_stat(5), proc_pid_mountinfo(5) and, for the socket tables, of
// net/ipv4/tcp_ipv4.c, net/ipv4/udp.c, net/unix/af_unix.c and net/packet/af_packet.c of the kernel.
package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"spor/artifacts"
)

// ErrTooLong is returned with the beginning of a file that is longer than was asked for.
var ErrTooLong = errors.New("longer than the limit")

// maxLinks is how many links in a row are followed: what the kernel allows.
const maxLinks = 40

// Small is the limit for files that are a few lines by nature.
const Small = 1 << 20

// Read gives the content of a regular file, or of the one that links lead to, at most max bytes of it. What was read
// before an error comes with it.
func Read(f artifacts.Files, p artifacts.Path, max int64) ([]byte, error) {
	file, err := Open(f, p)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, max+1))
	if err == nil && int64(len(data)) > max {
		return data[:max], fmt.Errorf("%s: %w of %d bytes", p, ErrTooLong, max)
	}
	return data, err
}

// Open opens a regular file, or the one that links lead to. Files does not follow the last name of a path; links that
// /etc is made of (os-release, resolv.conf, localtime) are followed here, name by name.
func Open(f artifacts.Files, p artifacts.Path) (artifacts.File, error) {
	for range maxLinks {
		file, err := f.Open(p)
		if !errors.Is(err, artifacts.ErrNotRegular) {
			return file, err
		}
		next, linkErr := follow(f, p)
		if linkErr != nil {
			return nil, err
		}
		p = next
	}
	return nil, fmt.Errorf("%s: too many links", p)
}

// follow gives the path that the link at p stands for.
func follow(f artifacts.Files, p artifacts.Path) (artifacts.Path, error) {
	text, err := f.Readlink(p)
	if err != nil {
		return "", err
	}
	if path.IsAbs(string(text)) {
		return artifacts.Path(path.Clean(string(text))), nil
	}
	return artifacts.Path(path.Join(path.Dir(string(p)), string(text))), nil
}

// Line gives the first line of a small file without the space around it; empty where it cannot be read.
func Line(f artifacts.Files, p artifacts.Path) string {
	data, err := Read(f, p, 4096)
	if err != nil && !errors.Is(err, ErrTooLong) {
		return ""
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return Text(strings.Trim(string(line), " \t\r\x00"))
}

// Number gives the first line of a small file as a number in base ten; zero where it is none.
func Number(f artifacts.Files, p artifacts.Path) int64 {
	n, _ := strconv.ParseInt(Line(f, p), 10, 64)
	return n
}

// Text gives bytes of the host as valid UTF-8, odd ones escaped as artifacts.Path does.
func Text(s string) string { return artifacts.Path(s).String() }

// Lines gives the lines of a text, comments (from a # at their beginning) and empty ones left out.
func Lines(data []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSpace(line)
			if line != "" && line[0] != '#' && !yield(line) {
				return
			}
		}
	}
}

// Pairs gives the two halves of each line that has the separator, space trimmed and the quotes of a shell taken off.
func Pairs(data []byte, separator string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for line := range Lines(data) {
			key, value, ok := strings.Cut(line, separator)
			if ok && !yield(strings.TrimSpace(key), unquote(strings.TrimSpace(value))) {
				return
			}
		}
	}
}

// unquote takes off what os-release(5) allows around a value.
func unquote(s string) string {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '"' && s[0] != '\'' {
		return Text(s)
	}
	s = s[1 : len(s)-1]
	if strings.Contains(s, `\`) {
		s = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\$`, `$`, "\\`", "`").Replace(s)
	}
	return Text(s)
}

// Map is Pairs as a map; of equal keys the first counts.
func Map(data []byte, separator string) map[string]string {
	all := map[string]string{}
	for k, v := range Pairs(data, separator) {
		if _, ok := all[k]; !ok {
			all[k] = v
		}
	}
	return all
}

// PIDs gives the processes in /proc in ascending order; those read before an error come with it.
func PIDs(f artifacts.Files) ([]int, error) {
	entries, err := f.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		if pid, convErr := strconv.Atoi(e.Name); convErr == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, err
}

// Of gives the path of a process's file: /proc/<pid>/<name>.
func Of(pid int, name string) artifacts.Path {
	return artifacts.Path("/proc/" + strconv.Itoa(pid) + "/" + name)
}

// Gone tells whether a process has ended: its folder is no longer there.
func Gone(f artifacts.Files, pid int) bool {
	_, err := f.Lstat(artifacts.Path("/proc/" + strconv.Itoa(pid)))
	return err != nil
}

// Count says how many processes, and which where they are few.
func Count(pids []int) string {
	const few = 10
	switch n := len(pids); {
	case n == 1:
		return fmt.Sprintf("process %d", pids[0])
	case n > few:
		return fmt.Sprintf("%d processes", n)
	default:
		return fmt.Sprintf("%d processes %v", n, pids)
	}
}

// Inode reads the number out of a link such as "socket:[1161]" or "net:[4026531833]"; false where it is no such link.
func Inode(link artifacts.Path, kind string) (uint64, bool) {
	s, ok := strings.CutPrefix(string(link), kind+":[")
	if !ok || !strings.HasSuffix(s, "]") {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 64)
	return n, err == nil
}

// Outcome says what an error of reading means for what lies at p. Absence is no outcome of note: most of what is looked
// for lies on some hosts alone.
func Outcome(p artifacts.Path, err error) (artifacts.Outcome, bool) {
	o := artifacts.Outcome{Path: p, Status: artifacts.Failed}
	var pathErr *fs.PathError
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENOTDIR):
		return o, false
	case errors.Is(err, fs.ErrPermission):
		o.Status = artifacts.Denied
	case errors.Is(err, ErrTooLong):
		o.Status = artifacts.Truncated
	case errors.Is(err, artifacts.ErrNotRegular), errors.Is(err, artifacts.ErrRemote):
		o.Status = artifacts.Skipped
	}
	if o.Reason = err.Error(); errors.As(err, &pathErr) {
		o.Reason = pathErr.Err.Error()
	}
	return o, true
}

// Distinct leaves out outcomes that say the same again.
func Distinct(list []artifacts.Outcome) []artifacts.Outcome {
	seen := map[artifacts.Outcome]bool{}
	return slices.DeleteFunc(list, func(o artifacts.Outcome) bool {
		again := seen[o]
		seen[o] = true
		return again
	})
}
