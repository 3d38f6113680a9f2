package rawfile

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// maxSecurity bounds $Secure:$SDS, in bytes; a volume has some hundreds of kilobytes.
const maxSecurity = 32 << 20

// owner gives the SID of a file's owner by its entry in $Secure; empty where it is not known.
func (v *Volume) owner(id uint32) string {
	if id == 0 {
		return ""
	}
	v.mu.Lock()
	owners := v.owners
	v.mu.Unlock()
	if owners == nil {
		owners = v.readOwners()
		v.mu.Lock()
		v.owners = owners
		v.mu.Unlock()
	}
	return owners[id]
}

// readOwners reads all of $SDS: security descriptors with a header of 20 bytes, at multiples of 16; every 256 KiB are
// followed by a copy of themselves.
func (v *Volume) readOwners() map[uint32]string {
	owners := map[uint32]string{}
	n, err := v.node(recordSecure)
	if err != nil {
		return owners
	}
	b, err := n.content(typeData, "$SDS", maxSecurity)
	if err != nil {
		return owners
	}
	const block = 256 << 10
	for start := 0; start < len(b); start += 2 * block {
		part := b[start:min(start+block, len(b))]
		for at := 0; at+20 <= len(part); {
			id, size := binary.LittleEndian.Uint32(part[at+4:]), int(binary.LittleEndian.Uint32(part[at+16:]))
			if size < 20 || size > len(part)-at {
				break
			}
			if sid := ownerOf(part[at+20 : at+size]); sid != "" {
				owners[id] = sid
			}
			at += (size + 15) &^ 15
		}
	}
	return owners
}

// ownerOf gives the owner of a self-relative security descriptor ([MS-DTYP] 2.4.6, 2.4.2.2).
func ownerOf(sd []byte) string {
	if len(sd) < 20 {
		return ""
	}
	at := int(binary.LittleEndian.Uint32(sd[4:]))
	if at < 20 || at+8 > len(sd) || at+8+4*int(sd[at+1]) > len(sd) {
		return ""
	}
	sid := sd[at:]
	var authority uint64
	for _, c := range sid[2:8] {
		authority = authority<<8 | uint64(c)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "S-%d-%d", sid[0], authority)
	for i := range int(sid[1]) {
		fmt.Fprintf(&text, "-%d", binary.LittleEndian.Uint32(sid[8+4*i:]))
	}
	return text.String()
}
