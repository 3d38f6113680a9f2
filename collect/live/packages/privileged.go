package packages

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// Privileged finds the programs that give whoever starts them more rights than he has.
var Privileged = &artifacts.Collector{
	Name:     "privileged-files",
	Doc:      "Setuid, setgid and capability programs, with owner package and hash",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
		return privileged(ctx, h, rec, search{names: 24000, each: 6000, below: quickDirs, skip: quickSkip})
	},
}

// PrivilegedAll does the same on every local file system.
var PrivilegedAll = &artifacts.Collector{
	Name:     "privileged-files-all",
	Doc:      "Setuid, setgid and capability programs of every local file system, with owner package and hash",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.Bulk,
	Profiles: []string{"full"},
	Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
		return privileged(ctx, h, rec, search{names: 20 << 20, each: 20 << 20, below: []artifacts.Path{"/"}})
	},
}

// quickDirs are where such programs lie, those first that nobody expects them in.
var quickDirs = []artifacts.Path{
	"/tmp", "/var/tmp", "/dev/shm", "/usr/local", "/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/libexec", "/opt", "/srv", "/var/www", "/etc", "/run",
	"/usr/lib", "/lib", "/home", "/root", "/var/lib", "/usr/games",
}

// quickSkip are folders of many names and no programs: their names in any place, or their beginnings.
var quickSkip = map[string]bool{
	"node_modules": true, "site-packages": true, "dist-packages": true, ".git": true, ".cache": true, "pkgconfig": true, "modules": true, "firmware": true,
	"__pycache__": true, "locale": true, "info": true, "overlay2": true, ".cargo": true, ".rustup": true,
}

// A PrivilegedFile is one line of live/privileged-files.jsonl.
type PrivilegedFile struct {
	Path         artifacts.Path  `json:"path"`
	Setuid       bool            `json:"setuid,omitempty"`
	Setgid       bool            `json:"setgid,omitempty"`
	Capabilities string          `json:"capabilities,omitempty"` // "cap_net_raw=ep", by number where there is no name for it
	Mode         string          `json:"mode"`                   // octal: "4755"
	UID          string          `json:"uid"`
	GID          string          `json:"gid"`
	Size         int64           `json:"size"` // bytes
	SHA256       string          `json:"sha256,omitempty"`
	Times        artifacts.Times `json:"times,omitzero"`
	Package      *string         `json:"package"` // null: of none; empty: no package is known on this host
	Error        string          `json:"error,omitempty"`
}

// A search is a bounded walk.
type search struct {
	names int // of files and folders that are looked at
	each  int // of them below one folder of below, so that a full /tmp does not use up all
	below []artifacts.Path
	skip  map[string]bool
}

// deepest is how deep folders are entered.
const deepest = 64

func privileged(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, s search) error {
	x, err := Load(ctx, h)
	if err != nil {
		return err
	}
	if !h.Live {
		rec.Note(artifacts.Outcome{Status: artifacts.Skipped, Reason: "capabilities of files: told by the running system alone; setuid and setgid are looked for"})
	}
	w := &finder{host: h, index: x, rec: rec, skip: s.skip}
	for _, dir := range s.below {
		if st, err := h.Files.Lstat(dir); err != nil || st.Kind != artifacts.Directory || w.foreign(dir) {
			continue // a link is found where it leads
		}
		share := min(s.each, s.names)
		w.left = share
		if err := w.dir(ctx, dir, 0); err != nil {
			return err
		}
		if s.names -= share - w.left; w.left <= 0 {
			rec.Note(artifacts.Outcome{Path: dir, Status: artifacts.Truncated, Reason: fmt.Sprintf("%d names were looked at below it, which is the limit; the last in %s", share, w.at)})
		}
	}
	if w.denied > 0 {
		rec.Note(artifacts.Outcome{Status: artifacts.Denied, Reason: fmt.Sprintf("%d folders could not be read", w.denied)})
	}
	return nil
}

type finder struct {
	host   *artifacts.Host
	index  *Index
	rec    artifacts.Recorder
	skip   map[string]bool
	left   int
	denied int
	at     artifacts.Path
}

// foreign tells of what is mounted and not on a disk of this machine.
func (w *finder) foreign(dir artifacts.Path) bool {
	m, ok := w.host.Files.Mount(dir)
	return ok && m.Class != artifacts.Local
}

func (w *finder) dir(ctx context.Context, dir artifacts.Path, depth int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.at = dir
	entries, err := w.host.Files.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.denied++
	}
	var below []artifacts.Path
	for _, e := range entries {
		if w.left <= 0 {
			return nil
		}
		kind, p := e.Kind, artifacts.Linux.Join(dir, e.Name)
		var st artifacts.Stat
		if kind == artifacts.Regular || kind == artifacts.Unknown {
			if !couldRun(dir, e.Name) && w.skip != nil {
				continue
			}
			w.left--
			if st, err = w.host.Files.Lstat(p); err != nil {
				continue
			}
			kind = st.Kind
		}
		switch kind {
		case artifacts.Regular:
			if err := w.file(ctx, p, st); err != nil {
				return err
			}
		case artifacts.Directory:
			if depth < deepest && !w.skip[e.Name] && !w.foreign(p) {
				w.left--
				below = append(below, p)
			}
		}
	}
	for _, p := range below {
		if err := w.dir(ctx, p, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// couldRun leaves out, of what the distribution's own folders hold in thousands, what is named as no program is.
func couldRun(dir artifacts.Path, name string) bool {
	if !strings.HasPrefix(string(dir), "/usr/") && !strings.HasPrefix(string(dir), "/lib") {
		return true
	}
	i := strings.LastIndexByte(name, '.')
	return i <= 0 || !dull[name[i:]] && !strings.Contains(name, ".so.")
}

var dull = func() map[string]bool {
	m := map[string]bool{}
	for ext := range strings.FieldsSeq(".py .pyc .pm .pl .h .hpp .js .json .html .css .map .ts .go .rb .lua .vim .el .elc .txt .md .ko .xz .zst .gz .o .a .la .svg .png .mo .rs .c .cc .conf .service .timer .socket .target .rules .xml .so .yaml .yml .bc .dll .mod .rst .jar .php .ph .pc .cfg .sum .s .golden .tmpl .1") {
		m[ext] = true
	}
	return m
}()

func (w *finder) file(ctx context.Context, p artifacts.Path, st artifacts.Stat) error {
	out := PrivilegedFile{
		Path: p, Mode: Octal(st.Mode), UID: st.UID, GID: st.GID, Size: st.Size, Times: st.Times,
		Setuid: st.Mode&fs.ModeSetuid != 0, Setgid: st.Mode&fs.ModeSetgid != 0 && st.Mode&0o010 != 0,
	}
	if w.host.Live && st.Mode&0o111 != 0 {
		var err error
		if out.Capabilities, err = capabilities(p); err != nil {
			out.Error = err.Error()
		}
	}
	if !out.Setuid && !out.Setgid && out.Capabilities == "" {
		return nil
	}
	if owner, ok := w.index.Owner(p); ok {
		out.Package = &owner.Name
	} else if len(w.index.Packages) == 0 {
		out.Package = new("")
	}
	sum, err := hashFile(ctx, w.host.Files, p)
	if out.SHA256 = sum; err != nil {
		out.Error = err.Error()
	}
	return w.rec.Record(out)
}

func hashFile(ctx context.Context, files artifacts.Files, p artifacts.Path) (string, error) {
	f, err := procfs.Open(files, p)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, &stoppable{ctx, io.LimitReader(f, maxCompared)})
	if err == nil && n == maxCompared {
		err = fmt.Errorf("longer than %d bytes: not hashed", int64(maxCompared))
	}
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Octal writes permission bits as chmod(1) does: "4755".
func Octal(m fs.FileMode) string {
	bits := uint32(m.Perm())
	for i, special := range []fs.FileMode{fs.ModeSticky, fs.ModeSetgid, fs.ModeSetuid} {
		if m&special != 0 {
			bits |= 0o1000 << i
		}
	}
	return fmt.Sprintf("%04o", bits)
}

var errCapability = errors.New("a capability attribute of no known form")

// capabilityNames are in order of their bits (include/uapi/linux/capability.h).
var capabilityNames = strings.Fields(`chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service
	net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource
	sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf
	checkpoint_restore`)

// parseCapabilities reads the attribute security.capability, struct vfs_cap_data of the same header: revision and flags, then
// permitted and inheritable sets, 32 bits each, in one or two pairs, little-endian; revision 3 ends with a root uid.
func parseCapabilities(b []byte) (string, error) {
	if len(b) < 12 {
		return "", errCapability
	}
	magic := binary.LittleEndian.Uint32(b)
	permitted, inheritable := uint64(binary.LittleEndian.Uint32(b[4:])), uint64(binary.LittleEndian.Uint32(b[8:]))
	switch magic >> 24 {
	case 1:
	case 2, 3:
		if len(b) < 20 {
			return "", errCapability
		}
		permitted |= uint64(binary.LittleEndian.Uint32(b[12:])) << 32
		inheritable |= uint64(binary.LittleEndian.Uint32(b[16:])) << 32
	default:
		return "", errCapability
	}
	sets := map[string][]string{}
	for i := range 64 {
		how := ""
		if permitted&(1<<i) != 0 {
			how = "p"
		}
		if inheritable&(1<<i) != 0 {
			how += "i"
		}
		if how == "" {
			continue
		}
		if magic&1 != 0 {
			how = "e" + how
		}
		name := fmt.Sprintf("cap_%d", i)
		if i < len(capabilityNames) {
			name = "cap_" + capabilityNames[i]
		}
		sets[how] = append(sets[how], name)
	}
	var out []string
	for _, how := range []string{"ep", "epi", "p", "i", "pi", "ei"} {
		if len(sets[how]) > 0 {
			out = append(out, strings.Join(sets[how], ",")+"="+how)
		}
	}
	return strings.Join(out, " "), nil
}
