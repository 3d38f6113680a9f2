package winapi

import (
	"encoding/binary"
	"errors"
	"fmt"

	"spor/artifacts"
)

var errDirectory = errors.New("directory listing is damaged")

// Entries reads one answer of GetFileInformationByHandleEx with FileFullDirectoryInfo: a chain of
// FILE_FULL_DIR_INFO, 68 bytes and a name each. The entries "." and ".." are left out. Those before an error are
// returned with it.
func Entries(b []byte) ([]artifacts.DirEntry, error) {
	const header = 68
	var entries []artifacts.DirEntry
	for {
		if len(b) < header {
			return entries, fmt.Errorf("%w: %d bytes left", errDirectory, len(b))
		}
		next := int64(binary.LittleEndian.Uint32(b))
		attributes := binary.LittleEndian.Uint32(b[56:])
		size := int64(binary.LittleEndian.Uint32(b[60:]))
		tag := binary.LittleEndian.Uint32(b[64:]) // EaSize, which is the tag with AttrReparse
		if size > int64(len(b)-header) {
			return entries, fmt.Errorf("%w: name of %d bytes", errDirectory, size)
		}
		name := decodeName(b[header : header+size])
		if name != "." && name != ".." {
			entries = append(entries, artifacts.DirEntry{Name: name, Kind: KindOf(attributes, tag)})
		}
		if next == 0 {
			return entries, nil
		}
		if next < header || next > int64(len(b)) {
			return entries, fmt.Errorf("%w: next entry at %d of %d", errDirectory, next, len(b))
		}
		b = b[next:]
	}
}

// decodeName gives UTF-16LE as WTF-8, NULs and all.
func decodeName(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return Decode(u)
}
