package rawfile

import (
	"encoding/binary"

	"spor/collect/winapi"
)

// Bounds of $Secure:$SDS, of which a volume has some hundreds of kilobytes, and of one descriptor.
const (
	maxSecurity   = 32 << 20
	maxDescriptor = 64 << 10
)

// A descriptors is what $Secure tells of a volume's files.
type descriptors struct {
	owners map[uint32]string // SIDs
	all    map[uint32][]byte // security descriptors
}

// secure gives the descriptors of a volume, which are read once.
func (v *Volume) secure() *descriptors {
	v.mu.Lock()
	d := v.descriptors
	v.mu.Unlock()
	if d == nil {
		d = v.readDescriptors()
		v.mu.Lock()
		v.descriptors = d
		v.mu.Unlock()
	}
	return d
}

// owner gives the SID of a file's owner by its entry in $Secure; empty where it is not known.
func (v *Volume) owner(id uint32) string {
	if id == 0 {
		return ""
	}
	return v.secure().owners[id]
}

// acl gives owner, group and DACL of a file in SDDL: by its entry in $Secure, or by the descriptor in its own record,
// which NTFS before 3.0 has everywhere and later ones still have here and there. Empty where there is none.
func (n *node) acl() (string, error) {
	if id := n.standard().security; id != 0 {
		if sd, ok := n.v.secure().all[id]; ok {
			return winapi.SDDL(sd)
		}
	}
	if n.stream(typeSecurity, "") == nil {
		return "", nil
	}
	sd, err := n.content(typeSecurity, "", maxDescriptor)
	if err != nil {
		return "", err
	}
	return winapi.SDDL(sd)
}

// readDescriptors reads all of $SDS: security descriptors with a header of 20 bytes, at multiples of 16; every 256 KiB
// are followed by a copy of themselves.
func (v *Volume) readDescriptors() *descriptors {
	d := &descriptors{map[uint32]string{}, map[uint32][]byte{}}
	n, err := v.node(recordSecure)
	if err != nil {
		return d
	}
	b, err := n.content(typeData, "$SDS", maxSecurity)
	if err != nil {
		return d
	}
	const block = 256 << 10
	for start := 0; start < len(b); start += 2 * block {
		part := b[start:min(start+block, len(b))]
		for at := 0; at+20 <= len(part); {
			id, size := binary.LittleEndian.Uint32(part[at+4:]), int(binary.LittleEndian.Uint32(part[at+16:]))
			if size < 20 || size > len(part)-at {
				break
			}
			sd := part[at+20 : at+size]
			if sid := ownerOf(sd); sid != "" {
				d.owners[id], d.all[id] = sid, sd
			}
			at += (size + 15) &^ 15
		}
	}
	return d
}

// ownerOf gives the owner of a self-relative security descriptor ([MS-DTYP] 2.4.6).
func ownerOf(sd []byte) string {
	if len(sd) < 20 {
		return ""
	}
	at := binary.LittleEndian.Uint32(sd[4:])
	if at < 20 || int64(at) > int64(len(sd)) {
		return ""
	}
	sid, _ := winapi.SID(sd[at:])
	return sid
}
