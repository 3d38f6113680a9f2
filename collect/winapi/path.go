package winapi

import (
	"fmt"
	"io/fs"
	"strings"

	"spor/artifacts"
)

// MaxPath is the longest path the system takes, in UTF-16 units.
const MaxPath = 32767

// Extended gives the form of an absolute path that Win32 takes literally: longer than 260 characters, with dots and
// spaces at the end of names, and with names that otherwise mean devices (Naming Files, Paths, and Namespaces). Its
// error is fs.ErrInvalid for a path that is not absolute or could mean something else than the name it spells.
func Extended(p string) (string, error) {
	if len(p) > 3*MaxPath || strings.ContainsAny(p, "\x00/") {
		return "", fmt.Errorf("%w: not a Windows path", fs.ErrInvalid)
	}
	rest, hasPrefix := strings.CutPrefix(p, `\\?\`)
	if strings.HasPrefix(p, `\\.\`) || !hasPrefix && strings.HasPrefix(p, `\\?`) {
		return "", fmt.Errorf("%w: a device, not a file", fs.ErrInvalid)
	}
	// FindFirstFile would take these for patterns, `<`, `>` and `"` among them; no name can hold them.
	if strings.ContainsAny(rest, `*?<>"|`) {
		return "", fmt.Errorf("%w: no file can be called so", fs.ErrNotExist)
	}
	switch {
	case hasPrefix:
		return p, nil
	case HasDrive(p) && len(p) > 2 && p[2] == '\\':
		return `\\?\` + p, nil
	case strings.HasPrefix(p, `\\`) && len(p) > 2 && p[2] != '\\':
		return `\\?\UNC\` + p[2:], nil
	default:
		return "", fmt.Errorf("%w: not an absolute path", fs.ErrInvalid)
	}
}

// HasDrive tells whether a path begins with a drive letter and a colon.
func HasDrive(p string) bool {
	return len(p) >= 2 && p[1] == ':' && ('A' <= p[0] && p[0] <= 'Z' || 'a' <= p[0] && p[0] <= 'z')
}

// IsRoot tells whether a path is that of a drive: `C:\`.
func IsRoot(p string) bool { return len(p) == 3 && HasDrive(p) && p[2] == '\\' }

// Stream cuts the alternate data stream's name, with its colon, off a path: `C:\a.txt:Zone.Identifier`.
func Stream(p string) (file, stream string) {
	start := strings.LastIndexByte(p, '\\') + 1
	if i := strings.IndexByte(p[start:], ':'); i >= 0 && start > 0 {
		return p[:start+i], p[start+i:]
	}
	return p, ""
}

// Names of the metadata files that NTFS has in the root of a volume ([MS-FSCC] 2.1.5.2 lists those with streams).
var metafiles = []string{
	"$mft", "$mftmirr", "$logfile", "$volume", "$attrdef", "$bitmap", "$boot", "$badclus", "$secure", "$upcase", "$extend",
}

// IsMetafile tells whether a path is that of NTFS's own metadata, which no file call opens (and asking for what lies
// below $MFT hangs Windows 7 and 8.1); only the raw volume has it.
func IsMetafile(p string) bool {
	if copied, ok := strings.CutPrefix(p, artifacts.ShadowDevice); ok { // of a shadow copy
		if i := strings.IndexByte(copied, '\\'); i >= 0 {
			p = "C:" + copied[i:]
		}
	}
	if !HasDrive(p) || len(p) < 4 {
		return false
	}
	name, _, _ := strings.Cut(p[3:], `\`)
	name, _, _ = strings.Cut(name, ":")
	for _, m := range metafiles {
		if strings.EqualFold(name, m) {
			return true
		}
	}
	return false
}

// Native is where a 32-bit program on a 64-bit Windows finds what everybody else finds at p: its System32 is
// redirected to SysWOW64, but for the alias Sysnative. The Windows folder is given without a separator at its end.
func Native(p, windir string) string {
	system32 := windir + `\System32`
	if len(p) < len(system32) || !strings.EqualFold(p[:len(system32)], system32) {
		return p
	}
	if rest := p[len(system32):]; rest == "" || rest[0] == '\\' {
		return windir + `\Sysnative` + rest
	}
	return p
}
