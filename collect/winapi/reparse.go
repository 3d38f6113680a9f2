package winapi

import (
	"encoding/binary"
	"errors"
	"fmt"

	"spor/artifacts"
)

// Attributes that decide how a name may be touched ([MS-FSCC] 2.6 File Attributes).
const (
	AttrDirectory = 0x10
	AttrDevice    = 0x40
	AttrReparse   = 0x400
	AttrOffline   = 0x1000
	AttrRecallOpn = 0x40000  // opening it fetches it
	AttrRecall    = 0x400000 // reading it fetches it
)

// Reparse tags ([MS-FSCC] 2.1.2.1) that mean more than "something else lies here".
const (
	TagMountPoint  = 0xA0000003 // junctions, and volumes mounted on folders
	TagSymlink     = 0xA000000C
	TagLinuxLink   = 0xA000001D
	TagAppExecLink = 0x8000001B // the stubs in WindowsApps
	tagAFUnix      = 0x80000023
	tagFIFO        = 0x80000024
	tagCharacter   = 0x80000025
	tagBlock       = 0x80000026
	tagDedup       = 0x80000013
	tagWOF         = 0x80000017 // compressed by CompactOS or from a WIM
	tagCloud       = 0x9000001A // with 0 to F in the second byte from below
	tagOneDrive    = 0x80000021
	tagHSM         = 0xC0000004
	tagHSM2        = 0x80000006
	tagProjected   = 0x9000001C
	surrogateBit   = 0x20000000 // the name stands for another one
)

// KindOf says what a name with these attributes is, before it is opened. The tag counts only with AttrReparse.
// A dehydrated OneDrive file shows 0x400020 with AttrReparse clear, so the recall bits come first.
func KindOf(attributes, tag uint32) artifacts.Kind {
	switch {
	case attributes&(AttrRecall|AttrRecallOpn|AttrOffline) != 0:
		return artifacts.Placeholder
	case attributes&AttrReparse != 0:
		return kindOfTag(attributes, tag)
	case attributes&AttrDirectory != 0:
		return artifacts.Directory
	case attributes&AttrDevice != 0:
		return artifacts.Device
	default:
		return artifacts.Regular
	}
}

func kindOfTag(attributes, tag uint32) artifacts.Kind {
	switch {
	case tag == TagAppExecLink || tag&surrogateBit != 0:
		return artifacts.Symlink
	case tag == tagAFUnix:
		return artifacts.Socket
	case tag == tagFIFO:
		return artifacts.Pipe
	case tag == tagCharacter || tag == tagBlock:
		return artifacts.Device
	case tag == tagHSM || tag == tagHSM2 || tag == tagProjected || tag == tagOneDrive:
		return artifacts.Placeholder
	case !Filtered(tag):
		return artifacts.Unknown
	case attributes&AttrDirectory != 0:
		return artifacts.Directory
	default:
		return artifacts.Regular
	}
}

// Filtered tells whether the content of a file with this tag is there and is given by a file system filter, to those
// who open it without FILE_FLAG_OPEN_REPARSE_POINT: deduplicated, compressed by CompactOS, a cloud file that is here.
func Filtered(tag uint32) bool {
	return tag == tagDedup || tag == tagWOF || tag&^0xf000 == tagCloud
}

// MaxReparse is the size of the largest reparse buffer the system gives (MAXIMUM_REPARSE_DATA_BUFFER_SIZE), in bytes.
const MaxReparse = 16 << 10

var errReparse = errors.New("reparse buffer is damaged")

// ReparseTarget reads where the link in an answer of FSCTL_GET_REPARSE_POINT leads, as its text stands, without the
// NT prefix `\??\` ([MS-FSCC] 2.1.2.2 to 2.1.2.7; AppExecLink as James Forshaw described it: a version and four
// strings, the third of them the executable).
func ReparseTarget(b []byte) (artifacts.Path, error) {
	if len(b) < 8 {
		return "", fmt.Errorf("%w: %d bytes", errReparse, len(b))
	}
	tag := binary.LittleEndian.Uint32(b)
	n := int(binary.LittleEndian.Uint16(b[4:]))
	data := b[8:]
	if n > len(data) {
		return "", fmt.Errorf("%w: says %d bytes of data, has %d", errReparse, n, len(data))
	}
	data = data[:n]
	switch tag {
	case TagMountPoint:
		return substituteName(data, 8)
	case TagSymlink:
		return substituteName(data, 12)
	case TagLinuxLink:
		if len(data) < 4 {
			return "", fmt.Errorf("%w: %d bytes of data", errReparse, len(data))
		}
		return artifacts.Path(data[4:]), nil // a version, and UTF-8
	case TagAppExecLink:
		return appExecTarget(data)
	default:
		return "", fmt.Errorf("reparse tag %#x is no link that can be read", tag)
	}
}

// substituteName is the name the system follows. Offsets count from the end of the header; the print name, which
// comes with it, can say something else and is for show.
func substituteName(data []byte, header int) (artifacts.Path, error) {
	if len(data) < header {
		return "", fmt.Errorf("%w: %d bytes of data", errReparse, len(data))
	}
	offset := int(binary.LittleEndian.Uint16(data))
	size := int(binary.LittleEndian.Uint16(data[2:]))
	names := data[header:]
	if offset+size > len(names) {
		return "", fmt.Errorf("%w: name at %d+%d of %d bytes", errReparse, offset, size, len(names))
	}
	name := DecodeBytes(names[offset : offset+size])
	if len(name) > 4 && name[:4] == `\??\` {
		switch rest := name[4:]; {
		case HasDrive(rest):
			name = rest
		case len(rest) > 4 && rest[:4] == `UNC\`:
			name = `\\` + rest[4:]
		default:
			name = `\\?\` + rest // a volume by its GUID
		}
	}
	return artifacts.Path(name), nil
}

func appExecTarget(data []byte) (artifacts.Path, error) {
	if len(data) < 4 {
		return "", fmt.Errorf("%w: %d bytes of data", errReparse, len(data))
	}
	rest := data[4:]
	for range 2 { // the package and its entry point
		i := 0
		for i+1 < len(rest) && (rest[i] != 0 || rest[i+1] != 0) {
			i += 2
		}
		if i+2 > len(rest) {
			return "", fmt.Errorf("%w: too few strings", errReparse)
		}
		rest = rest[i+2:]
	}
	return artifacts.Path(DecodeBytes(rest)), nil
}
