package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

// ErrLocked is in the chain of errors about files that another process has opened for itself alone.
var ErrLocked = errors.New("locked by another process")

// ErrMetafile is in the chain of errors about NTFS's own files.
var ErrMetafile = errors.New("a metafile of NTFS: only the raw volume has it")

// maxEntries bounds what one directory may make us remember: NTFS itself has no limit but 2^32 files in a volume.
const maxEntries = 4 << 20

// files is the tree of the running Windows, read through Win32. Nothing is opened for writing, so NTFS notes the time
// of last access where the system is set to (Open records the setting): to prevent it SetFileTime would need the right
// to write attributes, and leave a trace of its own in the change journal.
type files struct {
	drives []artifacts.Mount
	windir string // of a 32-bit program on a 64-bit Windows: its redirection is undone; else empty
	backup bool   // SeBackup is on: access lists do not bind us
	raw    raws   // for what the system does not open
	pasts  pasts  // for what the volume does not give either
}

var _ artifacts.Files = (*files)(nil)

func (f *files) Roots() []artifacts.Path {
	roots := make([]artifacts.Path, len(f.drives))
	for i, d := range f.drives {
		roots[i] = d.Path
	}
	return roots
}

func (f *files) Mount(p artifacts.Path) (artifacts.Mount, bool) {
	i := slices.IndexFunc(f.drives, func(m artifacts.Mount) bool { return strings.EqualFold(string(m.Path), string(p)) })
	if i < 0 {
		return artifacts.Mount{}, false
	}
	return f.drives[i], true
}

// A name is what the file system says of a path without opening it.
type name struct {
	kind        artifacts.Kind
	tag         uint32
	data        windows.Win32finddata
	ofDirectory bool // an alternate stream of a directory, which is content like any other
}

// find asks for a name before anything is opened, for opening is what fetches a file from the cloud.
func (f *files) find(p string) (name, error) {
	if winapi.IsMetafile(p) {
		return name{}, ErrMetafile
	}
	file, stream := winapi.Stream(p)
	if isRoot(file) {
		return name{kind: artifacts.Directory}, nil
	}
	text, err := f.native(strings.TrimSuffix(file, `\`))
	if err != nil {
		return name{}, err
	}
	var n name
	h, err := windows.FindFirstFile(text, &n.data)
	if err != nil {
		return name{}, err
	}
	windows.FindClose(h)
	if n.data.FileAttributes&winapi.AttrReparse != 0 {
		n.tag = n.data.Reserved0
	}
	n.kind = winapi.KindOf(n.data.FileAttributes, n.tag)
	if stream != "" && n.kind == artifacts.Directory {
		n.kind, n.ofDirectory = artifacts.Regular, true
	}
	return n, nil
}

// isRoot tells whether a path is that of a volume, which no directory lists.
func isRoot(p string) bool {
	for _, volume := range []string{`\\?\Volume{`, artifacts.ShadowDevice} {
		if name, ok := strings.CutPrefix(p, volume); ok && len(name) > 1 && strings.IndexByte(name, '\\') == len(name)-1 {
			return true
		}
	}
	return winapi.IsRoot(p)
}

// native gives a path as the calls take it.
func (f *files) native(p string) (*uint16, error) {
	if f.windir != "" {
		p = winapi.Native(p, f.windir)
	}
	p, err := winapi.Extended(p)
	if err != nil {
		return nil, err
	}
	return winapi.UTF16(p)
}

// open opens a name itself, whatever it is, and lets everybody else go on with it.
func (f *files) open(p string, access, flags uint32) (windows.Handle, error) {
	text, err := f.native(p)
	if err != nil {
		return 0, err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	return windows.CreateFile(text, access, share, nil, windows.OPEN_EXISTING,
		flags|windows.FILE_FLAG_BACKUP_SEMANTICS|windows.FILE_FLAG_OPEN_NO_RECALL, 0)
}

func (f *files) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	n, err := f.find(string(p))
	if errors.Is(err, ErrMetafile) {
		return f.rawLstat(p, err)
	}
	if err != nil {
		return artifacts.Stat{}, pathError("lstat", p, err)
	}
	if n.kind == artifacts.Placeholder {
		return n.stat(), nil
	}
	h, err := f.open(string(p), windows.FILE_READ_ATTRIBUTES|windows.READ_CONTROL, windows.FILE_FLAG_OPEN_REPARSE_POINT)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		h, err = f.open(string(p), windows.FILE_READ_ATTRIBUTES, windows.FILE_FLAG_OPEN_REPARSE_POINT)
	}
	if err != nil {
		if n.data.FileName[0] != 0 { // the directory that lists it told this much
			return n.stat(), nil
		}
		return artifacts.Stat{}, pathError("lstat", p, err)
	}
	defer windows.CloseHandle(h)
	s, err := stat(h, n.kind)
	return s, pathError("lstat", p, err)
}

// stat is what the directory says: three times, no identity, no owner.
func (n name) stat() artifacts.Stat {
	return artifacts.Stat{
		Kind: n.kind, Size: int64(n.data.FileSizeHigh)<<32 | int64(n.data.FileSizeLow), Attributes: n.data.FileAttributes,
		Times: artifacts.Times{
			Modified: filetime(n.data.LastWriteTime), Accessed: filetime(n.data.LastAccessTime), Born: filetime(n.data.CreationTime),
		},
	}
}

func filetime(t windows.Filetime) time.Time {
	return winapi.Time(int64(t.HighDateTime)<<32 | int64(t.LowDateTime))
}

// stat describes an open file. The kind is what its name was found to be.
func stat(h windows.Handle, kind artifacts.Kind) (artifacts.Stat, error) {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &info); err != nil {
		return artifacts.Stat{}, err
	}
	s := artifacts.Stat{
		Kind: kind, Size: int64(info.FileSizeHigh)<<32 | int64(info.FileSizeLow),
		Inode: uint64(info.FileIndexHigh)<<32 | uint64(info.FileIndexLow), Device: uint64(info.VolumeSerialNumber),
		Links: uint64(info.NumberOfLinks), Attributes: info.FileAttributes,
		Times: artifacts.Times{
			Modified: filetime(info.LastWriteTime), Accessed: filetime(info.LastAccessTime), Born: filetime(info.CreationTime),
		},
	}
	if kind == artifacts.Directory {
		s.Size = 0
	}
	var basic [40]byte // FILE_BASIC_INFO: four times and the attributes
	if windows.GetFileInformationByHandleEx(h, windows.FileBasicInfo, &basic[0], uint32(len(basic))) == nil {
		s.Times.Changed = winapi.Time(int64(binary.LittleEndian.Uint64(basic[24:])))
	}
	if sd, err := windows.GetSecurityInfo(h, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION); err == nil {
		if owner, _, err := sd.Owner(); err == nil && owner != nil {
			s.UID = owner.String()
		}
	}
	return s, nil
}

func (f *files) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	n, err := f.find(string(p))
	if err == nil && n.kind != artifacts.Directory {
		err = fmt.Errorf("%s, not a directory", n.kind)
	}
	if err != nil {
		return nil, pathError("readdir", p, err)
	}
	h, err := f.open(string(p), windows.FILE_LIST_DIRECTORY, windows.FILE_FLAG_OPEN_REPARSE_POINT)
	if err != nil {
		return nil, pathError("readdir", p, err)
	}
	defer windows.CloseHandle(h)
	entries, err := list(h)
	slices.SortFunc(entries, func(a, b artifacts.DirEntry) int { return strings.Compare(a.Name, b.Name) })
	return entries, pathError("readdir", p, err)
}

// list reads an open directory to its end.
func list(h windows.Handle) ([]artifacts.DirEntry, error) {
	buf := make([]uint64, 8<<10) // 64 KiB, aligned as the structures want it
	b := unsafe.Slice((*byte)(unsafe.Pointer(&buf[0])), len(buf)*8)
	var all []artifacts.DirEntry
	for class := uint32(windows.FileFullDirectoryRestartInfo); ; class = windows.FileFullDirectoryInfo {
		err := windows.GetFileInformationByHandleEx(h, class, &b[0], uint32(len(b)))
		if errors.Is(err, windows.ERROR_NO_MORE_FILES) || errors.Is(err, windows.ERROR_FILE_NOT_FOUND) && len(all) == 0 {
			return all, nil // an empty root has no "." either
		}
		if err != nil {
			return all, err
		}
		entries, err := winapi.Entries(b)
		all = append(all, entries...)
		if err != nil {
			return all, err
		}
		if len(all) > maxEntries {
			return all, fmt.Errorf("more than %d entries: the rest was not read", maxEntries)
		}
	}
}

func (f *files) Readlink(p artifacts.Path) (artifacts.Path, error) {
	n, err := f.find(string(p))
	if err == nil && n.kind != artifacts.Symlink {
		err = fmt.Errorf("%w: %s, not a link", fs.ErrInvalid, n.kind)
	}
	if err != nil {
		return "", pathError("readlink", p, err)
	}
	h, err := f.open(string(p), windows.FILE_READ_ATTRIBUTES, windows.FILE_FLAG_OPEN_REPARSE_POINT)
	if err != nil {
		return "", pathError("readlink", p, err)
	}
	defer windows.CloseHandle(h)
	buf := make([]byte, winapi.MaxReparse)
	var size uint32
	if err := windows.DeviceIoControl(h, windows.FSCTL_GET_REPARSE_POINT, nil, 0, &buf[0], uint32(len(buf)), &size, nil); err != nil {
		return "", pathError("readlink", p, err)
	}
	target, err := winapi.ReparseTarget(buf[:min(int(size), len(buf))])
	return target, pathError("readlink", p, err)
}

func (f *files) Open(p artifacts.Path) (artifacts.File, error) {
	file, err := f.openFile(p)
	if !instead(err) {
		return file, err
	}
	raw, errRaw := f.rawOpen(p, err)
	if errRaw != nil {
		if old := f.shadowOpen(p); old != nil {
			return old, nil
		}
	}
	return raw, errRaw
}

// openFile opens by the system's own means.
func (f *files) openFile(p artifacts.Path) (artifacts.File, error) {
	n, err := f.find(string(p))
	if err == nil && n.kind != artifacts.Regular {
		err = artifacts.ErrNotRegular
	}
	if err != nil {
		return nil, pathError("open", p, err)
	}
	flags := uint32(windows.FILE_FLAG_SEQUENTIAL_SCAN)
	if !winapi.Filtered(n.tag) {
		flags |= windows.FILE_FLAG_OPEN_REPARSE_POINT
	}
	h, err := f.open(string(p), windows.GENERIC_READ, flags)
	if err != nil {
		return nil, pathError("open", p, err)
	}
	if err := stillRegular(h, n); err != nil {
		windows.CloseHandle(h)
		return nil, pathError("open", p, err)
	}
	method := "read"
	if f.backup {
		method = "backup"
	}
	text, err := f.native(string(p))
	if err != nil {
		text = nil // it was opened by it, so this cannot be
	}
	return &file{handle: h, path: p, native: text, method: method}, nil
}

// stillRegular looks again at what is now open: between asking and opening it may have become something else.
func stillRegular(h windows.Handle, n name) error {
	kind, err := windows.GetFileType(h)
	if err != nil {
		return err
	}
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &info); err != nil {
		return err
	}
	if n.ofDirectory {
		info.FileAttributes &^= winapi.AttrDirectory
	}
	if kind != windows.FILE_TYPE_DISK || winapi.KindOf(info.FileAttributes, n.tag) != artifacts.Regular {
		return artifacts.ErrNotRegular
	}
	return nil
}

// A file is an open regular file.
type file struct {
	path   artifacts.Path
	native *uint16 // the path as calls take it
	method string
	handle windows.Handle
	closed atomic.Bool
	mu     sync.Mutex // held while the handle is in use
}

func (f *file) Method() string { return f.method }

func (f *file) Stat() (artifacts.Stat, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed.Load() {
		return artifacts.Stat{}, pathError("stat", f.path, fs.ErrClosed)
	}
	s, err := stat(f.handle, artifacts.Regular)
	return s, pathError("stat", f.path, err)
}

func (f *file) Read(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed.Load() {
		return 0, pathError("read", f.path, fs.ErrClosed)
	}
	if len(b) == 0 {
		return 0, nil
	}
	var n uint32
	err := windows.ReadFile(f.handle, b[:min(len(b), 1<<30)], &n, nil)
	switch {
	case errors.Is(err, windows.ERROR_HANDLE_EOF), err == nil && n == 0:
		return 0, io.EOF
	case err != nil:
		return int(n), pathError("read", f.path, err)
	}
	return int(n), nil
}

// Close ends a Read that hangs, and waits for it.
func (f *file) Close() error {
	if !f.closed.CompareAndSwap(false, true) {
		return pathError("close", f.path, fs.ErrClosed)
	}
	_ = windows.CancelIoEx(f.handle, nil) // fails where there is nothing to cancel
	f.mu.Lock()
	defer f.mu.Unlock()
	return pathError("close", f.path, windows.CloseHandle(f.handle))
}

// pathError puts an error of Win32 into the terms of io/fs, and keeps its number in the chain.
func pathError(op string, p artifacts.Path, err error) error {
	if err == nil {
		return nil
	}
	for _, m := range meanings {
		if errors.Is(err, m.number) && !errors.Is(err, m.means) {
			err = fmt.Errorf("%w: %w", m.means, err)
			break
		}
	}
	return &fs.PathError{Op: op, Path: p.String(), Err: err}
}

// What Win32's error numbers mean beyond what package syscall tells errors.Is.
var meanings = []struct {
	number windows.Errno
	means  error
}{
	{windows.ERROR_SHARING_VIOLATION, ErrLocked},
	{windows.ERROR_LOCK_VIOLATION, ErrLocked},
	{windows.ERROR_INVALID_NAME, fs.ErrNotExist}, // nothing can be called so
	{windows.ERROR_BAD_PATHNAME, fs.ErrNotExist},
	{windows.ERROR_DIRECTORY, fs.ErrNotExist}, // something on the way is a file
	{windows.ERROR_PRIVILEGE_NOT_HELD, fs.ErrPermission},
}
