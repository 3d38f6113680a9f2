package packages

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// rpmDirs are where the database is: the second on SUSE, and on Fedora since 36.
var rpmDirs = []artifacts.Path{"/var/lib/rpm", "/usr/lib/sysimage/rpm"}

// readRPM reads the database in the first folder that has one that can be read.
func readRPM(r *reader) error {
	for _, dir := range rpmDirs {
		if st, err := r.files.Lstat(dir); err != nil || st.Kind != artifacts.Directory {
			continue // a link leads to the other one
		}
		for _, kind := range []struct {
			name string
			read func(*reader, artifacts.Path, random, int64) error
		}{{"rpmdb.sqlite", (*reader).rpmSQLite}, {"Packages.db", (*reader).rpmNDB}} {
			place := artifacts.Linux.Join(dir, kind.name)
			f, size, err := openRandom(r.files, place)
			if err != nil {
				if o, bad := procfs.Outcome(place, err); bad && r.known == nil {
					r.index.Notes = append(r.index.Notes, o)
				}
				continue
			}
			err = kind.read(r, place, f, size)
			f.Close()
			if err != nil {
				return fmt.Errorf("%s: %w", place, err)
			}
			return nil
		}
		if st, err := r.files.Lstat(dir + "/Packages"); err == nil && r.known == nil {
			r.index.note(dir+"/Packages", artifacts.Skipped, "a Berkeley DB of %d bytes: not read; its packages and the owners of files are not known", st.Size)
		}
	}
	return nil
}

// random is a file that can be read anywhere.
type random interface {
	io.ReaderAt
	io.Closer
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// openRandom opens a file to be read anywhere; one that cannot be is held in memory.
func openRandom(f artifacts.Files, p artifacts.Path) (random, int64, error) {
	file, err := procfs.Open(f, p)
	if err != nil {
		return nil, 0, err
	}
	if r, ok := file.(random); ok {
		st, err := file.Stat()
		if err == nil {
			return r, st.Size, nil
		}
	}
	file.Close()
	data, err := procfs.Read(f, p, 64<<20)
	if err != nil {
		return nil, 0, err
	}
	return memory{bytes.NewReader(data)}, int64(len(data)), nil
}

// rpmSQLite reads table Packages: hnum, blob. What stands in the write-ahead log alone is not seen.
func (r *reader) rpmSQLite(place artifacts.Path, f random, size int64) error {
	if st, err := r.files.Lstat(place + "-wal"); err == nil && st.Size > 0 && r.known == nil {
		r.index.note(place+"-wal", artifacts.Skipped, "a log of %d bytes that was not written into the database yet: the latest changes of packages are not seen", st.Size)
	}
	db, err := openSQLite(f, size)
	if err != nil {
		return err
	}
	root, err := db.table("Packages")
	if err != nil {
		return err
	}
	return db.rows(root, func(row []byte) error {
		v, err := columns(row)
		if err != nil || len(v) < 2 {
			return errors.Join(err, errSQLite)
		}
		return r.rpmPackage(place, v[1].data)
	})
}

// rpmNDB reads Packages.db (rpm, lib/backend/ndb/rpmpkg.c), little-endian: "RpmP", version, generation, pages of slots;
// slots of 16 bytes, "Slot", package, block, blocks; at each block of 16 bytes "BlbS", package, generation, length, data.
func (r *reader) rpmNDB(place artifacts.Path, f random, size int64) error {
	const page, slot = 4096, 16
	head := make([]byte, 32)
	if _, err := f.ReadAt(head, 0); err != nil || string(head[:4]) != "RpmP" {
		return errors.New("not a package database of rpm")
	}
	slots := int64(binary.LittleEndian.Uint32(head[12:])) * page
	if slots > size || slots > maxPackages*slot {
		return errors.New("more slots than the file holds")
	}
	table := make([]byte, slots)
	if _, err := f.ReadAt(table, 0); err != nil {
		return err
	}
	for at := 2 * slot; at+slot <= len(table); at += slot {
		s := table[at : at+slot]
		id, block := binary.LittleEndian.Uint32(s[4:]), int64(binary.LittleEndian.Uint32(s[8:]))*16
		if string(s[:4]) != "Slot" || id == 0 || block == 0 {
			continue
		}
		if _, err := f.ReadAt(head[:16], block); err != nil || string(head[:4]) != "BlbS" || binary.LittleEndian.Uint32(head[4:]) != id {
			return fmt.Errorf("package %d is not where it should be", id)
		}
		length := int64(binary.LittleEndian.Uint32(head[12:]))
		if length > maxPayload || block+16+length > size {
			return fmt.Errorf("package %d of %d bytes", id, length)
		}
		blob := make([]byte, length)
		if _, err := f.ReadAt(blob, block+16); err != nil {
			return err
		}
		if err := r.rpmPackage(place, blob); err != nil {
			return err
		}
	}
	return nil
}

// Tags of a header: rpm.org, "RPM Tags".
const (
	rpmName, rpmVersion, rpmRelease, rpmEpoch = 1000, 1001, 1002, 1003
	rpmInstalled, rpmSize, rpmVendor, rpmArch = 1008, 1009, 1011, 1022
	rpmDigests, rpmFlags, rpmSource           = 1035, 1037, 1044
	rpmDirIndexes, rpmBaseNames, rpmDirNames  = 1116, 1117, 1118
	rpmAlgorithm                              = 5011
)

var rpmAlgorithms = map[uint32]string{0: "md5", 1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512"}

const (
	rpmConfig = 1  // of a file's flags
	rpmGhost  = 64 // not installed by the package
)

func (r *reader) rpmPackage(place artifacts.Path, blob []byte) error {
	h, err := parseHeader(blob)
	if err != nil {
		return err
	}
	p := Package{
		Manager: "rpm", Name: h.text(rpmName), Version: h.text(rpmVersion) + "-" + h.text(rpmRelease), Architecture: h.text(rpmArch),
		Source: h.text(rpmSource), Vendor: h.text(rpmVendor), Size: int64(h.number(rpmSize)), Path: place,
	}
	if epoch := h.number(rpmEpoch); epoch > 0 {
		p.Version = fmt.Sprintf("%d:%s", epoch, p.Version)
	}
	if t := h.number(rpmInstalled); t > 0 {
		p.Installed = time.Unix(int64(t), 0).UTC()
	}
	known, err := r.begin(p)
	if known == nil || err != nil {
		return err
	}
	dirs, names, digests := h.strings(rpmDirNames), h.strings(rpmBaseNames), h.strings(rpmDigests)
	algorithm := rpmAlgorithms[h.number(rpmAlgorithm)]
	folders, attributes := h.numbers(rpmDirIndexes), h.numbers(rpmFlags)
	var full []byte
	for i, name := range names {
		dir, ok := folders.at(i)
		if !ok || int64(dir) >= int64(len(dirs)) {
			return fmt.Errorf("%s: file %d is in no folder", p.Name, i)
		}
		flags, _ := attributes.at(i)
		d := Digest{Algorithm: algorithm, Config: flags&rpmConfig != 0}
		if i < len(digests) && flags&rpmGhost == 0 {
			d.Sum = string(digests[i])
		}
		full = append(append(full[:0], dirs[dir]...), name...)
		r.give(known, full, d)
	}
	return nil
}

// A header is the index and the data of an rpm header: big-endian count, length, 16 bytes an entry (tag, type, offset,
// count), then the data.
type header struct {
	entries []byte
	data    []byte
}

func parseHeader(b []byte) (header, error) {
	if len(b) < 8 {
		return header{}, errors.New("no header of a package")
	}
	n, length := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	if n > 1<<16 || 8+16*n+length > int64(len(b)) {
		return header{}, fmt.Errorf("header of %d entries and %d bytes in %d bytes", n, length, len(b))
	}
	return header{b[8 : 8+16*n], b[8+16*n : 8+16*n+length]}, nil
}

// find gives the data from where a tag's begins.
func (h header) find(tag uint32) (data []byte, kind uint32, count int) {
	for e := h.entries; len(e) >= 16; e = e[16:] {
		at := binary.BigEndian.Uint32(e[8:])
		if binary.BigEndian.Uint32(e) == tag && int64(at) < int64(len(h.data)) {
			return h.data[at:], binary.BigEndian.Uint32(e[4:]), int(min(binary.BigEndian.Uint32(e[12:]), 1<<24))
		}
	}
	return nil, 0, 0
}

// strings reads a text (6), texts (8) or the languages of a text (9).
func (h header) strings(tag uint32) (all [][]byte) {
	data, kind, count := h.find(tag)
	if kind == 6 {
		count = 1
	} else if kind != 8 && kind != 9 {
		return nil
	}
	for range count {
		s, rest, ok := bytes.Cut(data, []byte{0})
		if !ok {
			break
		}
		all, data = append(all, s), rest
	}
	return all
}

func (h header) text(tag uint32) string {
	if all := h.strings(tag); len(all) > 0 {
		return procfs.Text(strings.TrimSpace(string(all[0])))
	}
	return ""
}

// numbers are the 32-bit numbers (4) of a tag, as they stand.
type numbers []byte

func (h header) numbers(tag uint32) numbers {
	data, kind, count := h.find(tag)
	if kind != 4 {
		return nil
	}
	return data[:min(4*count, len(data))]
}

func (n numbers) at(i int) (uint32, bool) {
	if 4*i+4 > len(n) {
		return 0, false
	}
	return binary.BigEndian.Uint32(n[4*i:]), true
}

// number is the first of a tag's numbers; 0 where there is none.
func (h header) number(tag uint32) uint32 {
	n, _ := h.numbers(tag).at(0)
	return n
}
