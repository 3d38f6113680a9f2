package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/live/clock"
	"spor/collect/registry"
	"spor/collect/winapi"
)

// source is what the outcomes in Limits are signed with.
const source = "host"

func open(ctx context.Context) (*artifacts.Host, error) {
	h := &artifacts.Host{OS: artifacts.Windows, Live: true}
	note := func(o artifacts.Outcome) {
		o.Source = source
		h.Limits = append(h.Limits, o)
	}
	backup := takePrivileges(note)
	h.Root = backup && windows.GetCurrentProcessToken().IsElevated()
	if !h.Root {
		note(artifacts.Outcome{Status: artifacts.Denied, Reason: "not run as an elevated administrator: much of the system cannot be read"})
	}
	windir, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return nil, fmt.Errorf("the Windows folder: %w", err)
	}
	windir = strings.TrimSuffix(windir, `\`)
	f := &files{backup: backup, drives: drives(note)}
	var wow64 bool
	if err := windows.IsWow64Process(windows.CurrentProcess(), &wow64); err == nil && wow64 {
		f.windir = windir
	}
	if len(f.drives) == 0 {
		return nil, errors.New("no fixed drive can be listed")
	}
	h.Files, h.Registry, h.Shadows = f, liveRegistry{backup: backup}, f.shadows
	h.Environ = registry.Environ(h.Registry, windir, note)
	h.Users = users(h, note)
	h.Identity = identity(h.Registry, note)
	var errs []error
	h.Clock, errs = clock.Ask(h.Registry, time.Now())
	for _, err := range errs {
		note(artifacts.Outcome{Status: winapi.Status(err), Reason: err.Error()})
	}
	noteLastAccess(h.Registry, note)
	return h, ctx.Err()
}

// takePrivileges switches on what lets us read past access lists (SeBackup), see other users' processes (SeDebug) and
// read auditing (SeSecurity), and tells whether the first was had.
func takePrivileges(note func(artifacts.Outcome)) (backup bool) {
	for _, p := range []struct{ name, without string }{
		{"SeBackupPrivilege", "access lists bind us"},
		{"SeDebugPrivilege", "processes of other users cannot be looked into"},
		{"SeSecurityPrivilege", "the Security event log and audit settings cannot be read"},
	} {
		err := winapi.EnablePrivilege(p.name)
		if err != nil {
			note(artifacts.Outcome{Status: artifacts.Denied, Reason: fmt.Sprintf("%s: %v: %s", p.name, err, p.without)})
		}
		backup = backup || err == nil && p.name == "SeBackupPrivilege"
	}
	return backup
}

// noteLastAccess records that reading may move times of last access: the low bit of the setting says that NTFS does
// not update them, the second that Windows and not the administrator chose so (fsutil behavior query disablelastaccess).
func noteLastAccess(reg artifacts.Registry, note func(artifacts.Outcome)) {
	const key = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\FileSystem`
	k, err := winapi.ReadKey(reg, key)
	setting, ok := k.Number("ntfsdisablelastaccessupdate")
	switch {
	case !ok:
		reason := "NtfsDisableLastAccessUpdate is not set: reading may move times of last access"
		if err != nil {
			reason += ": " + err.Error()
		}
		note(artifacts.Outcome{Path: key, Status: artifacts.Absent, Reason: reason})
	case setting&1 == 0:
		note(artifacts.Outcome{
			Path: key, Status: artifacts.Skipped,
			Reason: fmt.Sprintf("times of last access are not protected: NtfsDisableLastAccessUpdate is %#x, so NTFS moves them when files are read", setting),
		})
	}
}

// drives gives the fixed drives with their file systems, and records what was left out.
func drives(note func(artifacts.Outcome)) []artifacts.Mount {
	var buf [4*26 + 1]uint16
	n, err := windows.GetLogicalDriveStrings(uint32(len(buf)-1), &buf[0])
	if err != nil || int(n) >= len(buf) {
		note(artifacts.Outcome{Status: artifacts.Failed, Reason: fmt.Sprintf("the list of drives: %v", err)})
		return nil
	}
	var fixed []artifacts.Mount
	for root := range strings.SplitSeq(winapi.Decode(buf[:n]), "\x00") {
		if root == "" {
			continue
		}
		text, err := winapi.UTF16(root)
		if err != nil {
			continue
		}
		switch kind := windows.GetDriveType(text); kind {
		case windows.DRIVE_FIXED, windows.DRIVE_RAMDISK:
			fixed = append(fixed, volume(artifacts.Path(root), text, note))
		default:
			note(artifacts.Outcome{Path: artifacts.Path(root), Status: artifacts.Skipped, Reason: driveTypes[kind] + ": not entered"})
		}
	}
	noteHiddenVolumes(note)
	return fixed
}

var driveTypes = map[uint32]string{
	windows.DRIVE_UNKNOWN: "drive of unknown type", windows.DRIVE_NO_ROOT_DIR: "drive without a volume",
	windows.DRIVE_REMOVABLE: "removable drive", windows.DRIVE_REMOTE: "network drive", windows.DRIVE_CDROM: "optical drive",
}

// volume describes a drive. A drive whose volume cannot be asked (locked by BitLocker, damaged) is one all the same.
func volume(root artifacts.Path, text *uint16, note func(artifacts.Outcome)) artifacts.Mount {
	m := artifacts.Mount{Path: root, Source: string(root)}
	var guid [64]uint16
	if windows.GetVolumeNameForVolumeMountPoint(text, &guid[0], uint32(len(guid))) == nil {
		m.Source = windows.UTF16ToString(guid[:])
	}
	var system [64]uint16
	if err := windows.GetVolumeInformation(text, nil, 0, nil, nil, nil, &system[0], uint32(len(system))); err != nil {
		note(artifacts.Outcome{Path: root, Status: winapi.Status(err), Reason: fmt.Sprintf("its file system: %v", err)})
	}
	m.Type = windows.UTF16ToString(system[:])
	return m
}

// noteHiddenVolumes records the volumes that no drive letter or folder leads to: recovery and EFI partitions, and
// where an intruder may have put things.
func noteHiddenVolumes(note func(artifacts.Outcome)) {
	var name, paths [512]uint16
	find, err := windows.FindFirstVolume(&name[0], uint32(len(name)))
	if err != nil {
		note(artifacts.Outcome{Status: artifacts.Failed, Reason: fmt.Sprintf("the list of volumes: %v", err)})
		return
	}
	defer windows.FindVolumeClose(find)
	for range 1000 {
		var n uint32
		volume := artifacts.Path(windows.UTF16ToString(name[:]))
		err := windows.GetVolumePathNamesForVolumeName(&name[0], &paths[0], uint32(len(paths)), &n)
		if err == nil && paths[0] == 0 {
			note(artifacts.Outcome{Path: volume, Status: artifacts.Skipped, Reason: "volume without a drive letter: not entered"})
		}
		if windows.FindNextVolume(find, &name[0], uint32(len(name))) != nil {
			return
		}
	}
}
