package fat

import (
	"fmt"
	"strings"
	"testing"
)

// A volume of FAT32 with folders of folders: each lists itself and its neighbours under long names, as only damage does.
func wide(folders int) *Volume {
	const cluster = 4096
	v := &Volume{
		Type: "FAT32", width: 32, cluster: cluster, clusters: uint32(folders) + 2, entries: uint32(folders) + 4, data: int64(folders+8) * 4,
		pages: map[int64][]byte{}, folders: map[uint32]listing{},
	}
	image := make([]byte, v.data+int64(folders+2)*cluster)
	for c := 2; c < folders+2; c++ {
		le.PutUint32(image[4*c:], 0x0fffffff)
		at := int(v.place(uint32(c)))
		for i := range cluster/32 - 1 {
			e := image[at+32*i:]
			copy(e, fmt.Sprintf("%07d    ", i)[:11])
			e[11] = attrDirectory
			to := 2 + (c*131+i*17)%folders
			le.PutUint16(e[26:], uint16(to))
			le.PutUint16(e[20:], uint16(to>>16))
		}
	}
	v.r, v.size = strings.NewReader(string(image)), int64(len(image))
	v.top = &node{v: v, dir: true, root: true, first: 2}
	return v
}

// TestFoldersInThemselves holds that a search for deleted names looks into each folder once, and that where it stops
// short it says so.
func TestFoldersInThemselves(t *testing.T) {
	v := wide(500)
	n := 0
	for f, err := range v.Undelete(t.Context()) {
		if n++; err != nil {
			t.Errorf("%s: %v", f.Path, err)
		}
	}
	if n != 0 {
		t.Errorf("%d deleted names, want none", n)
	}
}
