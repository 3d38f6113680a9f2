package packages

import (
	"cmp"
	"context"
	"crypto/md5"  //nolint:gosec // what the databases hold
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"spor/artifacts"
)

// Changed compares the programs and libraries that intruders replace first with what their packages say, and
// every configuration file of a package.
var Changed = &artifacts.Collector{
	Name:     "changed-files",
	Doc:      "Programs, libraries and settings that are not as their package installed them: those replaced first",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
		return compare(ctx, h, rec, limits{files: 20000, bytes: 256 << 20, wanted: first})
	},
}

// ChangedAll compares every file of packages in the folders that programs, libraries and units are in.
var ChangedAll = &artifacts.Collector{
	Name:     "changed-files-all",
	Doc:      "Programs, libraries and units that are not as their package installed them: all of them",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.Bulk,
	Profiles: []string{"full"},
	Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
		return compare(ctx, h, rec, limits{files: 1 << 20, bytes: 64 << 30, wanted: sensitive})
	},
}

// A File is one line of live/changed-files.jsonl: a file that differs from its package, or the count of all.
type File struct {
	State     string          `json:"state"` // "changed", "missing", "unreadable" (Error says why), "summary" (the last line: the counts alone)
	Path      artifacts.Path  `json:"path,omitempty"`
	Package   string          `json:"package,omitempty"`
	Manager   string          `json:"manager,omitempty"`
	Config    bool            `json:"config,omitempty"` // a configuration file: to be changed by whoever runs the machine
	Algorithm string          `json:"algorithm,omitempty"`
	Want      string          `json:"want,omitempty"` // the package's digest
	Got       string          `json:"got,omitempty"`  // the file's, by the same algorithm
	SHA256    string          `json:"sha256,omitempty"`
	Size      int64           `json:"size,omitempty"` // bytes
	Mode      string          `json:"mode,omitempty"` // octal: "0755"
	UID       string          `json:"uid,omitempty"`
	GID       string          `json:"gid,omitempty"`
	Times     artifacts.Times `json:"times,omitzero"`
	Error     string          `json:"error,omitempty"`

	Checked    int   `json:"checked,omitempty"` // summary: files that were compared
	Bytes      int64 `json:"bytes,omitempty"`   // of them
	Differ     int   `json:"differ,omitempty"`  // programs and libraries
	DifferConf int   `json:"differ_config,omitempty"`
	Missing    int   `json:"missing,omitempty"`
	Unread     int   `json:"unread,omitempty"`
}

// limits bound a comparison.
type limits struct {
	files  int
	bytes  int64
	wanted func(name string, d Digest) bool // canonical or not
}

// programs are those whose replacement hides or lets in an intruder: names below a folder of programs. Knowledge: the
// programs that rootkits with trojaned binaries replace (lrk5, t0rnkit, SHV5; chkrootkit's list) and those that ask
// for passwords.
var programs = func() map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(`bash dash sh su sudo sudoedit login passwd chsh chfn newgrp gpasswd sshd ssh ssh-agent scp sftp-server
		ls ps netstat ss top htop lsof who w last lastlog pstree pidof pgrep pkill kill killall find du df stat file cat grep egrep fgrep sed awk mawk gawk
		strings md5sum sha1sum sha256sum ip ifconfig route arp tcpdump nft iptables xtables-nft-multi crontab cron crond atd at anacron systemctl init
		systemd journalctl agetty getty mount umount insmod modprobe lsmod kmod rsyslogd syslogd auditd auditctl ausearch dpkg rpm apt apt-get yum dnf
		curl wget nc.openbsd nc.traditional ncat python3 perl vi vim.basic vim.tiny nano pkexec polkitd unix_chkpwd ldconfig ldd chattr lsattr
		useradd usermod nologin dbus-daemon sshd-session sshd-auth`) {
		m[name] = true
	}
	return m
}()

// libraries are the beginnings of names of libraries that are in every process, or check passwords.
var libraries = []string{
	"ld-linux", "ld-musl", "libc.so", "libc-", "libc.musl", "libpam.", "libpam_misc", "libpamc", "pam_", "libcrypt.", "libcrypt-", "libcrypto.", "libssl.",
	"libnss_", "libselinux.", "libkeyutils.", "liblzma.", "libsystemd.", "libsystemd-shared", "libprocps", "libproc2", "libaudit.", "libz.so", "libgssapi_krb5", "libdl.so", "libpthread.so",
}

// first are the programs and libraries that are replaced first, and all configuration files.
func first(name string, d Digest) bool {
	if d.Config {
		return true
	}
	dir, base := path.Split(name)
	if programs[base] {
		return strings.Contains(dir, "bin/") || strings.Contains(dir, "/systemd/") || strings.Contains(dir, "/openssh/") || strings.Contains(dir, "/polkit") || strings.HasPrefix(dir, "/usr/libexec/")
	}
	if !strings.HasPrefix(dir, "/lib") && !strings.HasPrefix(dir, "/usr/lib") || strings.Count(dir, "/") > 5 || !strings.Contains(base, ".so") {
		return false
	}
	return slices.ContainsFunc(libraries, func(l string) bool { return strings.HasPrefix(base, l) })
}

// sensitiveDirs are where programs, libraries, units and hooks are.
var sensitiveDirs = []string{
	"/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/lib32/", "/usr/lib64/", "/usr/libx32/", "/usr/libexec/",
	"/usr/local/", "/opt/", "/boot/", "/etc/",
}

func sensitive(name string, d Digest) bool {
	return d.Config || slices.ContainsFunc(sensitiveDirs, func(dir string) bool { return strings.HasPrefix(name, dir) })
}

// A candidate is a file whose digest is known.
type candidate struct {
	path artifacts.Path
	pkg  *Package
	d    Digest
}

func compare(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, l limits) error {
	x, err := Load(ctx, h)
	if err != nil {
		return err
	}
	if len(x.Packages) == 0 {
		return errors.New("no package is known: nothing to compare with")
	}
	list, over := x.candidates(ctx, h.Files, l)
	if over > 0 {
		rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: fmt.Sprintf("%d files more than the %d that are compared", over, l.files)})
	}
	sum := File{State: "summary"}
	for _, c := range list {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if sum.Bytes > l.bytes {
			rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: fmt.Sprintf("%d bytes were compared, which is the limit; %d of %d files were not", l.bytes, len(list)-sum.Checked, len(list))})
			break
		}
		f, differs := check(ctx, h.Files, c)
		sum.count(f, differs)
		if !differs {
			continue
		}
		if err := rec.Record(f); err != nil {
			return err
		}
	}
	return rec.Record(sum)
}

func (sum *File) count(f File, differs bool) {
	sum.Checked++
	sum.Bytes += f.Size
	switch {
	case !differs:
	case f.State == "missing":
		sum.Missing++
	case f.State == "unreadable":
		sum.Unread++
	case f.Config:
		sum.DifferConf++
	default:
		sum.Differ++
	}
}

// candidates are what is wanted of the packages, programs before settings, without repeats.
func (x *Index) candidates(ctx context.Context, f artifacts.Files, l limits) (list []candidate, over int) {
	seen := map[artifacts.Path]int{}
	x.digests(ctx, f, nil, func(p *Package, name []byte, d Digest) {
		if d.Sum == "" || !l.wanted(string(name), d) {
			return
		}
		if _, config := x.config[x.canonical(artifacts.Path(name))]; config {
			d.Config = true
		}
		at := x.place(p, artifacts.Path(name))
		if i, again := seen[at]; again { // a configuration file that moved to another package is in both
			if p.Installed.After(list[i].pkg.Installed) {
				list[i] = candidate{at, p, d}
			}
			return
		}
		if len(list) >= l.files {
			over++
			return
		}
		seen[at] = len(list)
		list = append(list, candidate{at, p, d})
	})
	slices.SortStableFunc(list, func(a, b candidate) int {
		if a.d.Config != b.d.Config {
			if b.d.Config {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.path, b.path)
	})
	return list, over
}

func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "md5":
		return md5.New() //nolint:gosec // what the database holds
	case "sha1":
		return sha1.New() //nolint:gosec // the same
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// check compares one file. A link is not followed: packages give no digest of links.
func check(ctx context.Context, files artifacts.Files, c candidate) (out File, differs bool) {
	out = File{Path: c.path, Package: c.pkg.Name, Manager: c.pkg.Manager, Config: c.d.Config, Algorithm: c.d.Algorithm, Want: c.d.Sum}
	sum := newHash(c.d.Algorithm)
	if sum == nil || len(c.d.Sum) != 2*sum.Size() {
		out.State, out.Error = "unreadable", "no digest we know"
		return out, true
	}
	f, err := files.Open(c.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		out.State = "missing"
		return out, true
	case errors.Is(err, artifacts.ErrNotRegular):
		out.State, out.Error = "changed", "no regular file: a link, folder or device has its name"
		return out, true
	case err != nil:
		out.State, out.Error = "unreadable", err.Error()
		return out, true
	}
	defer f.Close()
	st, _ := f.Stat()
	second := sha256.New()
	size, err := io.Copy(sum, &stoppable{ctx, io.LimitReader(f, maxCompared)})
	out.Size = size
	if err != nil {
		out.State, out.Error = "unreadable", err.Error()
		return out, true
	}
	if out.Got = hex.EncodeToString(sum.Sum(nil)); out.Got == c.d.Sum {
		return out, false
	}
	out.State, out.Mode, out.UID, out.GID, out.Times = "changed", Octal(st.Mode), st.UID, st.GID, st.Times
	if again, err := files.Open(c.path); err == nil {
		if _, err := io.Copy(second, &stoppable{ctx, io.LimitReader(again, maxCompared)}); err == nil {
			out.SHA256 = hex.EncodeToString(second.Sum(nil))
		}
		again.Close()
	}
	if size == maxCompared {
		out.Error = fmt.Sprintf("only the first %d bytes were read", int64(maxCompared))
	}
	return out, true
}

// maxCompared is how much of a file is read.
const maxCompared = 1 << 30

// stoppable ends with its context.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.r.Read(p)
}

// Matches tells whether a file's content has this digest.
func (d Digest) Matches(ctx context.Context, files artifacts.Files, p artifacts.Path) (bool, error) {
	sum := newHash(d.Algorithm)
	if sum == nil {
		return false, fmt.Errorf("no digest we know: %q", d.Algorithm)
	}
	f, err := files.Open(p)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if _, err := io.Copy(sum, &stoppable{ctx, io.LimitReader(f, maxCompared)}); err != nil {
		return false, err
	}
	return hex.EncodeToString(sum.Sum(nil)) == d.Sum, nil
}
