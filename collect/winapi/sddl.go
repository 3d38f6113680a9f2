package winapi

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

// errDescriptor is what SDDL says of bytes that are no security descriptor.
var errDescriptor = errors.New("the security descriptor is damaged")

// Flags of a descriptor ([MS-DTYP] 2.4.6).
const (
	hasDACL       = 0x0004
	daclRequested = 0x0100
	daclInherited = 0x0400
	daclProtected = 0x1000
)

// maxACEs bounds the entries of an access list.
const maxACEs = 4096

// SDDL writes a self-relative security descriptor as Windows does ([MS-DTYP] 2.4.6 and 2.5.1): owner, group and DACL.
// Accounts of a domain or of the machine itself are written out, as only it knows which of its own have short names. An
// entry of a kind that is not known ends the list, and the error says so.
func SDDL(sd []byte) (string, error) {
	if len(sd) < 20 || sd[0] != 1 {
		return "", errDescriptor
	}
	le := binary.LittleEndian
	text := ""
	for _, part := range []struct {
		mark string
		at   int
	}{{"O:", 4}, {"G:", 8}} {
		if at := le.Uint32(sd[part.at:]); at != 0 {
			sid, _, err := sidAt(sd, at)
			if err != nil {
				return text, err
			}
			text += part.mark + sid
		}
	}
	control, at := le.Uint16(sd[2:]), le.Uint32(sd[16:])
	if control&hasDACL == 0 {
		return text, nil
	}
	text += "D:"
	for _, f := range []struct {
		bit  uint16
		mark string
	}{{daclProtected, "P"}, {daclRequested, "AR"}, {daclInherited, "AI"}} {
		if control&f.bit != 0 {
			text += f.mark
		}
	}
	if at == 0 {
		return text + "NO_ACCESS_CONTROL", nil
	}
	list, err := sddlList(sd, at)
	return text + list, err
}

// sddlList writes the entries of an access list.
func sddlList(sd []byte, at uint32) (text string, err error) {
	le := binary.LittleEndian
	if int64(at)+8 > int64(len(sd)) {
		return "", errDescriptor
	}
	count := int(le.Uint16(sd[at+4:]))
	b := sd[at+8:]
	for range min(count, maxACEs) {
		if len(b) < 8 {
			return text, errDescriptor
		}
		size := int(le.Uint16(b[2:]))
		if size < 8 || size > len(b) {
			return text, errDescriptor
		}
		entry, err := sddlEntry(b[:size])
		if err != nil {
			return text, err
		}
		text += entry
		b = b[size:]
	}
	return text, nil
}

// Kinds of entries with a mask and an account alone; those for objects have one or two GUIDs between.
var (
	aceKinds   = map[byte]string{0: "A", 1: "D", 2: "AU", 3: "AL", 9: "XA", 10: "XD", 0x11: "ML"}
	objectKind = map[byte]string{5: "OA", 6: "OD", 7: "OU"}
)

var aceFlags = []struct {
	bit  byte
	mark string
}{{1, "OI"}, {2, "CI"}, {4, "NP"}, {8, "IO"}, {0x10, "ID"}, {0x40, "SA"}, {0x80, "FA"}}

func sddlEntry(b []byte) (string, error) {
	le := binary.LittleEndian
	var flags strings.Builder
	for _, f := range aceFlags {
		if b[1]&f.bit != 0 {
			flags.WriteString(f.mark)
		}
	}
	at := uint32(8)
	var object, inherited string
	kind, ok := aceKinds[b[0]]
	if !ok {
		if kind, ok = objectKind[b[0]]; !ok {
			return "", errors.New("an entry of kind " + strconv.Itoa(int(b[0])) + " is not read")
		}
		if len(b) < 12 {
			return "", errDescriptor
		}
		present := le.Uint32(b[8:])
		at = 12
		for i, into := range []*string{&object, &inherited} {
			if present>>i&1 == 1 {
				if len(b) < int(at)+16 {
					return "", errDescriptor
				}
				*into = guid([16]byte(b[at:]))
				at += 16
			}
		}
	}
	sid, end, err := sidAt(b, at)
	if err != nil {
		return "", err
	}
	condition := ""
	if (kind == "XA" || kind == "XD") && end < len(b) {
		condition = ";(not shown)"
	}
	return "(" + kind + ";" + flags.String() + ";" + sddlRights(le.Uint32(b[4:])) + ";" + object + ";" + inherited + ";" + sid + condition + ")", nil
}

// Rights that have names: together, and one by one.
var (
	wholeRights = map[uint32]string{0x1f01ff: "FA", 0x120089: "FR", 0x120116: "FW", 0x1200a0: "FX"}
	bitRights   = []struct {
		bit  uint32
		mark string
	}{
		{1, "CC"},
		{2, "DC"},
		{4, "LC"},
		{8, "SW"},
		{0x10, "RP"},
		{0x20, "WP"},
		{0x40, "DT"},
		{0x80, "LO"},
		{0x100, "CR"},
		{0x10000, "SD"},
		{0x20000, "RC"},
		{0x40000, "WD"},
		{0x80000, "WO"},
		{1 << 28, "GA"},
		{1 << 29, "GX"},
		{1 << 30, "GW"},
		{1 << 31, "GR"},
	}
)

func sddlRights(mask uint32) string {
	if name, ok := wholeRights[mask]; ok {
		return name
	}
	text, rest := "", mask
	for _, r := range bitRights {
		if mask&r.bit != 0 {
			text += r.mark
			rest &^= r.bit
		}
	}
	if rest != 0 || mask == 0 {
		return "0x" + strconv.FormatUint(uint64(mask), 16)
	}
	return text
}

// sidNames are the short names of accounts that are the same on every machine ([MS-DTYP] 2.5.1.1).
var sidNames = map[string]string{
	"S-1-1-0": "WD", "S-1-3-0": "CO", "S-1-3-1": "CG", "S-1-3-4": "OW", "S-1-5-2": "NU", "S-1-5-4": "IU", "S-1-5-6": "SU", "S-1-5-7": "AN",
	"S-1-5-9": "ED", "S-1-5-10": "PS", "S-1-5-11": "AU", "S-1-5-12": "RC", "S-1-5-18": "SY", "S-1-5-19": "LS", "S-1-5-20": "NS", "S-1-5-33": "WR",
	"S-1-5-32-544": "BA", "S-1-5-32-545": "BU", "S-1-5-32-546": "BG", "S-1-5-32-547": "PU", "S-1-5-32-548": "AO", "S-1-5-32-549": "SO",
	"S-1-5-32-550": "PO", "S-1-5-32-551": "BO", "S-1-5-32-552": "RE", "S-1-5-32-554": "RU", "S-1-5-32-555": "RD", "S-1-5-32-556": "NO",
	"S-1-5-32-558": "MU", "S-1-5-32-559": "LU", "S-1-5-32-568": "IS", "S-1-5-32-569": "CY", "S-1-5-32-573": "ER", "S-1-5-32-574": "CD",
	"S-1-15-2-1": "AC", "S-1-16-4096": "LW", "S-1-16-8192": "ME", "S-1-16-8448": "MP", "S-1-16-12288": "HI", "S-1-16-16384": "SI",
}

// sidAt writes the SID at a place by its short name where it has one, and tells where it ends.
func sidAt(b []byte, at uint32) (text string, end int, err error) {
	if int64(at) > int64(len(b)) {
		return "", 0, errDescriptor
	}
	text, n := SID(b[at:])
	if n == 0 {
		return "", 0, errDescriptor
	}
	if name := sidNames[text]; name != "" {
		text = name
	}
	return text, int(at) + n, nil
}

// SID writes a security identifier ([MS-DTYP] 2.4.2.2), and tells how many bytes it has; zero where it is none.
func SID(b []byte) (text string, n int) {
	if len(b) < 8 || b[0] != 1 || len(b) < 8+4*int(b[1]) {
		return "", 0
	}
	authority := uint64(0)
	for _, c := range b[2:8] {
		authority = authority<<8 | uint64(c)
	}
	text = "S-1-" + strconv.FormatUint(authority, 10)
	for i := range int(b[1]) {
		text += "-" + strconv.FormatUint(uint64(binary.LittleEndian.Uint32(b[8+4*i:])), 10)
	}
	return text, 8 + 4*int(b[1])
}
