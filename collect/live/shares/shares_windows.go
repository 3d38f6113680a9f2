package shares

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

var (
	netapi32     = windows.NewLazySystemDLL("netapi32.dll")
	mpr          = windows.NewLazySystemDLL("mpr.dll")
	procShares   = netapi32.NewProc("NetShareEnum")
	procSessions = netapi32.NewProc("NetSessionEnum")
	procFiles    = netapi32.NewProc("NetFileEnum")
	procOpenEnum = mpr.NewProc("WNetOpenEnumW")
	procEnum     = mpr.NewProc("WNetEnumResourceW")
	procClose    = mpr.NewProc("WNetCloseEnum")
)

const (
	patience = 30 * time.Second // a server that is gone may be waited for
	maxRows  = 200_000
	keySMB   = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\LanmanServer\Shares`
	noLimit  = 0xffffffff // MAX_PREFERRED_LENGTH
)

// A source gives the records of one call, or of the one it falls back to.
type source struct {
	name string
	ask  func() ([]Record, error)
}

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	failed := 0
	sources := []source{
		{"shares", shares},
		{"sessions of others", sessions},
		{"files open by others", files},
		{"connections", func() ([]Record, error) { return connections(1) }}, // RESOURCE_CONNECTED
	}
	for _, s := range sources {
		var asked []Record
		var refused error
		var all []Record
		err := winapi.Within(ctx, patience, func() { asked, refused = s.ask() })
		if err == nil { // else they may still be written to
			all, err = asked, refused
		}
		if err != nil {
			failed++
			rec.Note(artifacts.Outcome{Status: winapi.Status(err), Reason: s.name + ": " + err.Error()})
			if s.name == "shares" {
				all = append(all, registered(h.Registry)...)
			}
		}
		if err == nil && len(all) == 0 {
			rec.Note(artifacts.Outcome{Status: artifacts.Absent, Reason: s.name + ": the system lists none"})
		}
		if len(all) >= maxRows {
			rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: fmt.Sprintf("%s: %d were read, and no more", s.name, maxRows)})
		}
		for _, r := range all {
			if err := errors.Join(ctx.Err(), rec.Record(r)); err != nil {
				return err
			}
		}
	}
	for _, r := range mapped(h.Registry) {
		if err := rec.Record(r); err != nil {
			return err
		}
	}
	if failed == len(sources) {
		rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: "no call tells of shares; the registry was read alone"})
	}
	return nil
}

// shareInfo is SHARE_INFO_502, fileInfo FILE_INFO_3, sessionInfo SESSION_INFO_502 and sessionShort SESSION_INFO_10.
type (
	shareInfo struct {
		name                   *uint16
		kind                   uint32
		remark                 *uint16
		permissions, most, now uint32
		path, password         *uint16
		reserved               uint32
		security               *windows.SECURITY_DESCRIPTOR
	}
	fileInfo struct {
		id, permissions, locks uint32
		path, user             *uint16
	}
	sessionInfo struct {
		client, user             *uint16
		opens, time, idle, flags uint32
		kind, transport          *uint16
	}
	sessionShort struct {
		client, user *uint16
		time, idle   uint32
	}
)

// An answer is what a call fills in. The resume handle is a DWORD of most functions, a DWORD_PTR of NetFileEnum.
type answer struct {
	buf         *byte
	read, total uint32
	resume      uintptr
}

// list calls one of the functions that give all rows at once, and has row read each.
//
//go:uintptrescapes
func list(proc *windows.LazyProc, size uintptr, row func(unsafe.Pointer), args ...uintptr) error {
	var a answer
	args = append(args, winapi.Held(uintptr(unsafe.Pointer(&a.buf))), noLimit,
		uintptr(unsafe.Pointer(&a.read)), uintptr(unsafe.Pointer(&a.total)), uintptr(unsafe.Pointer(&a.resume)))
	r, _, err := winapi.Call(proc, args...)
	runtime.KeepAlive(&a)
	if err != nil {
		return err
	}
	if r != 0 {
		return windows.Errno(r)
	}
	if a.buf == nil {
		return nil
	}
	defer windows.NetApiBufferFree(a.buf)
	for i := range min(a.read, maxRows) {
		row(unsafe.Add(unsafe.Pointer(a.buf), uintptr(i)*size))
	}
	return nil
}

// shares asks for all that is known of each, and where that is refused for the names.
func shares() (all []Record, err error) {
	row := func(p unsafe.Pointer) {
		s := (*shareInfo)(p)
		r := Record{
			Kind: "share", Name: windows.UTF16PtrToString(s.name), Type: shareType(s.kind), Comment: windows.UTF16PtrToString(s.remark),
			Path: artifacts.Path(windows.UTF16PtrToString(s.path)), Uses: s.now, Source: "NetShareEnum",
		}
		if s.security != nil {
			r.Access = s.security.String()
		}
		all = append(all, r)
	}
	if err = list(procShares, unsafe.Sizeof(shareInfo{}), row, 0, 502); err == nil {
		return all, noneOf(all)
	}
	names := func(p unsafe.Pointer) {
		s := (*struct {
			name   *uint16
			kind   uint32
			remark *uint16
		})(p)
		all = append(all, Record{Kind: "share", Name: windows.UTF16PtrToString(s.name), Type: shareType(s.kind), Comment: windows.UTF16PtrToString(s.remark), Source: "NetShareEnum"})
	}
	if short := list(procShares, 3*unsafe.Sizeof(uintptr(0)), names, 0, 1); short != nil {
		return nil, fmt.Errorf("%w; their names alone: %w", err, short)
	}
	return all, errors.Join(errors.New("without paths and access lists: "+err.Error()), noneOf(all))
}

// noneOf is the error of a list of shares that has none: IPC$ is there wherever the service runs.
func noneOf(all []Record) error {
	if len(all) == 0 {
		return errors.New("none is listed: the Server service does not run")
	}
	return nil
}

func sessions() (all []Record, err error) {
	const guest = 1
	row := func(p unsafe.Pointer) {
		s := (*sessionInfo)(p)
		all = append(all, Record{
			Kind: "session", Computer: windows.UTF16PtrToString(s.client), User: windows.UTF16PtrToString(s.user), Comment: windows.UTF16PtrToString(s.kind),
			Opens: s.opens, Seconds: s.time, Idle: s.idle, Guest: s.flags&guest != 0, Source: "NetSessionEnum",
		})
	}
	if err = list(procSessions, unsafe.Sizeof(sessionInfo{}), row, 0, 0, 0, 502); err == nil {
		return all, nil
	}
	short := func(p unsafe.Pointer) {
		s := (*sessionShort)(p)
		all = append(all, Record{
			Kind: "session", Computer: windows.UTF16PtrToString(s.client), User: windows.UTF16PtrToString(s.user), Seconds: s.time, Idle: s.idle, Source: "NetSessionEnum",
		})
	}
	if again := list(procSessions, unsafe.Sizeof(sessionShort{}), short, 0, 0, 0, 10); again != nil {
		return nil, fmt.Errorf("%w; their names alone: %w", err, again)
	}
	return all, errors.New("without what each has open: " + err.Error())
}

func files() (all []Record, err error) {
	err = list(procFiles, unsafe.Sizeof(fileInfo{}), func(p unsafe.Pointer) {
		f := (*fileInfo)(p)
		all = append(all, Record{
			Kind: "open_file", Path: artifacts.Path(windows.UTF16PtrToString(f.path)), User: windows.UTF16PtrToString(f.user), Modes: modes(f.permissions),
			Locks: f.locks, Source: "NetFileEnum",
		})
	}, 0, 0, 0, 3)
	return all, err
}

// netResource is NETRESOURCE.
type netResource struct {
	scope, kind, display, usage     uint32
	local, remote, comment, provide *uint16
}

// connections lists those of the user we run as.
func connections(scope uintptr) ([]Record, error) {
	var enum windows.Handle
	r, _, err := winapi.Call(procOpenEnum, scope, 0, 0, 0, uintptr(unsafe.Pointer(&enum)))
	if err != nil {
		return nil, err
	}
	if r != 0 {
		return nil, windows.Errno(r)
	}
	defer func() { _, _, _ = winapi.Call(procClose, uintptr(enum)) }()
	var all []Record
	buf := make([]uint64, 64<<10/8)
	for len(all) < maxRows {
		count, size := uint32(noLimit), uint32(8*len(buf))
		r, _, err := winapi.Call(procEnum, uintptr(enum), uintptr(unsafe.Pointer(&count)), uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&size)))
		if err != nil {
			return all, err
		}
		if windows.Errno(r) == windows.ERROR_NO_MORE_ITEMS {
			return all, nil
		}
		if r != 0 {
			return all, windows.Errno(r)
		}
		rows := unsafe.Slice((*netResource)(unsafe.Pointer(&buf[0])), min(count, uint32(8*uintptr(len(buf))/unsafe.Sizeof(netResource{}))))
		for _, n := range rows {
			all = append(all, Record{
				Kind: "connection", Name: windows.UTF16PtrToString(n.local), Remote: windows.UTF16PtrToString(n.remote), Comment: windows.UTF16PtrToString(n.provide), Source: "WNetEnumResource",
			})
		}
		if len(rows) == 0 {
			break
		}
	}
	return all, nil
}

// registered are the shares that the Server service will make, as its settings have them: "Path=…", "Remark=…".
func registered(reg artifacts.Registry) (all []Record) {
	k, err := winapi.ReadKey(reg, keySMB)
	if err != nil {
		return nil
	}
	for _, v := range k {
		r := Record{Kind: "share", Name: v.Name, Source: "registry"}
		for _, s := range k.Strings(strings.ToLower(v.Name)) {
			if path, ok := strings.CutPrefix(s, "Path="); ok {
				r.Path = artifacts.Path(path)
			}
			if remark, ok := strings.CutPrefix(s, "Remark="); ok {
				r.Comment = remark
			}
		}
		all = append(all, r)
	}
	return all
}

// mapped are the drives that each user whose hive is loaded gets at logon.
func mapped(reg artifacts.Registry) (all []Record) {
	const users = `HKEY_USERS`
	if reg == nil {
		return nil
	}
	root, err := reg.Key(users)
	if err != nil {
		return nil
	}
	for _, sid := range root.Subkeys {
		network := artifacts.Path(users + `\` + sid + `\Network`)
		drives, err := reg.Key(network)
		if err != nil {
			continue // most have none
		}
		for _, drive := range drives.Subkeys {
			k, _ := winapi.ReadKey(reg, artifacts.Windows.Join(network, drive))
			all = append(all, Record{
				Kind: "mapped_drive", Name: strings.ToUpper(drive) + ":", Remote: k.String("remotepath"), User: k.String("username"), UserID: sid,
				Comment: k.String("providername"), Source: "registry",
			})
		}
	}
	return all
}
