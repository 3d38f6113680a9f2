package rawfile

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"spor/artifacts"
	"spor/build/ntfs"
	"spor/collect/winapi"
)

// descriptor is a self-relative security descriptor: owner and group are administrators; SYSTEM has full access, a user
// of the machine with this number may read.
func descriptor(user byte) []byte {
	b, err := hex.DecodeString("0100049414000000240000000000000034000000" + "01020000000000052000000020020000" + "01020000000000052000000020020000" +
		"0200400002000000" + "00031400ff011f00010100000000000512000000" + "00002400a9001200" + "010500000000000515000000010000000200000003000000" + fmt.Sprintf("%02x040000", user))
	if err != nil {
		panic(err)
	}
	return b
}

// TestSecurity compares access lists and object ids with what ntfs-3g was given and gives.
func TestSecurity(t *testing.T) {
	id := bytes.Repeat([]byte{0xd1, 0x7e}, 8)
	want := map[string][]byte{}
	image := ntfs.Image(t, ntfs.Shape{Sector: 512, Cluster: 4096, Size: 16 << 20}, func(dir string) {
		for i := range 40 {
			name := fmt.Sprintf("file %d.txt", i)
			full := filepath.Join(dir, name)
			if err := os.WriteFile(full, []byte(name), 0o600); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				ntfs.Run(t, "setfattr", "-n", "system.ntfs_acl", "-v", "0x"+hex.EncodeToString(descriptor(byte(i))), full)
			}
			out, err := exec.Command("getfattr", "--only-values", "--absolute-names", "-n", "system.ntfs_acl", full).Output()
			if err != nil {
				t.Skipf("NOT TESTED: ntfs-3g gives no access lists: %v", err)
			}
			want[name] = out
		}
		ntfs.Run(t, "setfattr", "-n", "system.ntfs_object_id", "-v", "0x"+hex.EncodeToString(id), filepath.Join(dir, "file 7.txt"))
	})
	v := openImage(t, image, 512)
	for name, sd := range want {
		f, err := v.OpenFile(artifacts.Path(`C:\` + name))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		d, err := f.Details()
		text, bad := winapi.SDDL(sd)
		if err != nil || bad != nil || d.ACL == "" || d.ACL != text {
			t.Errorf("%s: %q, %v, ntfs-3g says %q, %v", name, d.ACL, err, text, bad)
		}
		if got := d.Xattrs[objectID]; (name == "file 7.txt") != bytes.HasPrefix(got, id) {
			t.Errorf("%s: object id %x", name, got)
		}
	}
	f, err := v.OpenFile(`C:\file 4.txt`)
	if err != nil {
		t.Fatal(err)
	}
	const acl = "O:BAG:BAD:PAI(A;OICI;FA;;;SY)(A;;0x1200a9;;;S-1-5-21-1-2-3-1028)"
	if d, _ := f.Details(); d.ACL != acl {
		t.Errorf("%s, want %s", d.ACL, acl)
	}
}

// TestDamagedSecurity holds that an access list that is damaged is an error, beside what else is known.
func TestDamagedSecurity(t *testing.T) {
	v := &Volume{descriptors: &descriptors{all: map[uint32][]byte{7: descriptor(1)[:60]}}}
	standard := make([]byte, 72)
	standard[0x34] = 7
	f := &File{v: v, node: &node{v: v, attrs: []attr{{kind: typeStandard, value: standard, size: 72}}}, path: `C:\x`}
	if d, err := f.Details(); err == nil || d.ACL == "" {
		t.Errorf("%q, %v, want what of it is whole and an error", d.ACL, err)
	}
}

// TestSparseJournal holds that a change journal of 4 GiB of which one page is there costs what is there.
func TestSparseJournal(t *testing.T) {
	const size = int64(4 << 30)
	page := bytes.Repeat([]byte("a record of the journal "), 4096/24+1)[:4096]
	image := ntfs.Image(t, ntfs.Shape{Sector: 512, Cluster: 4096, Size: 16 << 20}, func(dir string) {
		full := filepath.Join(dir, "UsnJrnl:$J")
		f, err := os.Create(full)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt(page, size-4096); err != nil {
			t.Fatal(err)
		}
	})
	v := openImage(t, image, 512)
	f, err := v.OpenFile(`C:\UsnJrnl:$J`)
	if err != nil {
		t.Fatal(err)
	}
	runs, whole, err := f.Extents(100)
	if err != nil || !whole || len(runs) != 1 || runs[0].Offset+runs[0].Length != size || runs[0].Length > 64<<10 {
		t.Fatalf("runs %v, %v, %v, want the last page of %d bytes alone", runs, whole, err, size)
	}
	b := make([]byte, runs[0].Length)
	if _, err := f.ReadAt(b, runs[0].Offset); err != nil || !bytes.HasSuffix(b, page) {
		t.Errorf("the page: %v", err)
	}
	if st, err := f.Stat(); err != nil || st.Size != size {
		t.Errorf("%+v, %v", st, err)
	}
}
