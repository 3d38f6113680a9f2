package winapi

import (
	"encoding/binary"
	"io/fs"
	"strings"

	"spor/artifacts"
)

// Types of registry values (winnt.h).
const (
	RegString   = 1
	RegExpand   = 2
	RegBinary   = 3
	RegNumber   = 4
	RegMulti    = 7
	RegNumber64 = 11
)

// A Key holds the values of a registry key by their names in lower case. The zero Key has none.
type Key map[string]artifacts.RegistryValue

// ReadKey reads the values of a key, as far as they can be had. A registry that is nil has no keys.
func ReadKey(reg artifacts.Registry, p artifacts.Path) (Key, error) {
	if reg == nil {
		return nil, fs.ErrNotExist
	}
	read, err := reg.Key(p)
	return KeyOf(read), err
}

// KeyOf gives the values of a key that was read.
func KeyOf(read artifacts.RegistryKey) Key {
	k := make(Key, len(read.Values))
	for _, v := range read.Values {
		k[strings.ToLower(v.Name)] = v
	}
	return k
}

// String is a string value, not expanded; empty where there is none.
func (k Key) String(name string) string {
	v := k[name]
	if v.Type != RegString && v.Type != RegExpand {
		return ""
	}
	return DecodeBytes(v.Data)
}

// Strings is a list of strings (REG_MULTI_SZ), or a single one.
func (k Key) Strings(name string) []string {
	v := k[name]
	if v.Type != RegMulti {
		if s := k.String(name); s != "" {
			return []string{s}
		}
		return nil
	}
	var all []string
	for s := range strings.SplitSeq(decodeName(v.Data), "\x00") {
		if s != "" {
			all = append(all, s)
		}
	}
	return all
}

// Number is a 32-bit or 64-bit number, or false where there is none.
func (k Key) Number(name string) (uint64, bool) {
	switch v := k[name]; {
	case v.Type == RegNumber && len(v.Data) >= 4:
		return uint64(binary.LittleEndian.Uint32(v.Data)), true
	case v.Type == RegNumber64 && len(v.Data) >= 8:
		return binary.LittleEndian.Uint64(v.Data), true
	default:
		return 0, false
	}
}
