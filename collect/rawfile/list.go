package rawfile

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"

	"spor/artifacts"
	"spor/collect/winapi"
)

// An Entry is one name of one record of the MFT.
type Entry struct {
	Record     uint64
	Sequence   uint16
	Deleted    bool // the record is not in use: its name stood in no folder when the volume was read
	Directory  bool
	Path       artifacts.Path // below orphans, where a folder on the way is gone
	Size       int64          // of the main stream, bytes
	Attributes uint32
	Times      Times // $STANDARD_INFORMATION
	NameTimes  Times // $FILE_NAME
}

// orphans is where names are listed whose folder is gone, as The Sleuth Kit does.
const orphans = "$OrphanFiles"

// batch is how many bytes of the MFT are read at once.
const batch = 1 << 20

// A lister goes through the MFT twice: for the folders, which it keeps, and for all the rest.
type lister struct {
	v       *Volume
	folders map[uint64]folder
	paths   map[uint64]string // of folders, as they were asked for
	last    uint64            // the folder asked for before, and its path
	lastDir string
	keys    [][]byte // $FILE_NAME of the record that is looked at
	path    []byte
}

type folder struct {
	sequence uint16
	deleted  bool
	parent   reference
	name     string
}

// Bounds of what a lister keeps.
const (
	maxFolders = 4 << 20
	maxPath    = 64 << 10 // bytes of a path
	keepPaths  = 1 << 15
)

// Entries lists the names of all records, deleted ones among them, with their full paths. An error tells of one record,
// and the list goes on; it ends when the context is done.
func (v *Volume) Entries(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		l := &lister{v: v, folders: map[uint64]folder{}, paths: map[uint64]string{}}
		for n, b := range v.records(ctx, isDirectory) { // what is wrong with one is told the second time
			if b != nil {
				l.folder(n, b)
			}
		}
		for n, b := range v.records(ctx, 0) {
			if b == nil || !l.each(n, b, yield) {
				if b != nil {
					return
				}
				if !yield(Entry{Record: n}, damaged("record %d", n)) {
					return
				}
			}
		}
		if ctx.Err() != nil {
			yield(Entry{}, context.Cause(ctx))
		}
	}
}

// records gives each record with these flags that was ever used, its update sequence undone; nil where it is damaged.
// The bytes are good until the next one.
func (v *Volume) records(ctx context.Context, flags uint16) iter.Seq2[uint64, []byte] {
	return func(yield func(uint64, []byte) bool) {
		buf := make([]byte, max(batch, v.record))
		size := uint64(v.record)
		for first, all := uint64(0), v.Records(); first < all && ctx.Err() == nil; first += uint64(len(buf)) / size {
			b := buf[:min(uint64(len(buf)), (all-first)*size)]
			got, err := v.mft.ReadAt(b, int64(first*size))
			if got < len(b) && err != nil {
				clear(b[got:]) // what cannot be read is as if it was never used, but for its first
				if !yield(first+uint64(got)/size, nil) {
					return
				}
			}
			for i := uint64(0); i < uint64(len(b))/size; i++ {
				rec := b[i*size : (i+1)*size]
				if binary.LittleEndian.Uint32(rec) == 0 || binary.LittleEndian.Uint16(rec[0x16:])&flags != flags {
					continue
				}
				if fixUp(rec, "FILE") != nil {
					rec = nil
				}
				if !yield(first+i, rec) {
					return
				}
			}
		}
	}
}

// folder keeps what paths are made of.
func (l *lister) folder(n uint64, b []byte) {
	if len(l.folders) >= maxFolders {
		return
	}
	e := Entry{Record: n}
	l.look(b, &e)
	for _, key := range l.keys {
		flags := binary.LittleEndian.Uint16(b[0x16:])
		l.folders[n] = folder{
			sequence: binary.LittleEndian.Uint16(b[0x10:]), deleted: flags&inUse == 0,
			parent: readReference(key), name: string(appendName(nil, key)),
		}
		return
	}
}

// each yields the names of one record.
func (l *lister) each(n uint64, b []byte, yield func(Entry, error) bool) bool {
	if readReference(b[0x20:]).record != 0 {
		return true // a part of another
	}
	flags := binary.LittleEndian.Uint16(b[0x16:])
	e := Entry{
		Record: n, Sequence: binary.LittleEndian.Uint16(b[0x10:]), Deleted: flags&inUse == 0,
		Directory: flags&isDirectory != 0,
	}
	l.look(b, &e)
	for _, key := range l.keys {
		e.NameTimes = readTimes(key[8:])
		l.path = append(l.path[:0], l.below(readReference(key))...)
		l.path = appendName(l.path, key)
		e.Path = artifacts.Path(l.path)
		if n == recordRoot {
			e.Path = l.v.root()
		}
		if !yield(e, nil) {
			return false
		}
	}
	return true
}

// look goes once through the attributes of a record: what an entry tells, and the names, which it keeps in keys; short
// ones are left out where there are others.
func (l *lister) look(b []byte, e *Entry) {
	le := binary.LittleEndian
	l.keys = l.keys[:0]
	var short []byte
	at, used := uint32(le.Uint16(b[0x14:])), min(le.Uint32(b[0x18:]), uint32(len(b)))
	for at+24 <= used {
		kind, size := le.Uint32(b[at:]), le.Uint32(b[at+4:])
		if kind == typeEnd || size < 24 || size > used-at {
			break
		}
		a := b[at : at+size]
		at += size
		switch {
		case kind == typeList:
			l.lookAside(e)
			return
		case a[8] == 0:
			if key := l.resident(kind, a, e); key != nil {
				short = key
			}
		case kind == typeData && a[9] == 0 && len(a) >= 64 && le.Uint64(a[16:]) == 0:
			e.Size = int64(le.Uint64(a[48:]))
		}
	}
	if len(l.keys) == 0 && short != nil {
		l.keys = append(l.keys, short)
	}
}

// resident reads an attribute that lies in the record, and gives a short name.
func (l *lister) resident(kind uint32, a []byte, e *Entry) (short []byte) {
	val := value(a)
	switch kind {
	case typeStandard:
		if len(val) >= 48 {
			e.Times, e.Attributes = readTimes(val), binary.LittleEndian.Uint32(val[32:])
		}
	case typeName:
		if len(val) < 66 || len(val) < 66+2*int(val[64]) {
			return nil
		}
		if val[65] == namespaceDOS {
			return val
		}
		l.keys = append(l.keys, val)
	case typeData:
		if a[9] == 0 {
			e.Size = int64(len(val))
		}
	}
	return nil
}

// lookAside does what look does for a file that needs several records. It is rare, and slow.
func (l *lister) lookAside(e *Entry) {
	n, err := l.v.node(e.Record)
	if err != nil {
		return
	}
	std := n.standard()
	e.Times, e.Attributes = std.times, std.attributes
	if s := n.stream(typeData, ""); s != nil {
		e.Size = s.size
	}
	var short []byte
	l.keys = l.keys[:0]
	for i := range n.attrs {
		if n.attrs[i].kind != typeName {
			continue
		}
		switch f, err := readFileName(n.attrs[i].value); {
		case err != nil:
		case f.namespace == namespaceDOS:
			short = n.attrs[i].value
		default:
			l.keys = append(l.keys, n.attrs[i].value)
		}
	}
	if len(l.keys) == 0 && short != nil {
		l.keys = append(l.keys, short)
	}
}

// appendName adds the name of a $FILE_NAME as WTF-8.
func appendName(to, key []byte) []byte {
	was := len(to)
	name := key[66 : 66+2*int(key[64])]
	for i := 0; i < len(name); i += 2 {
		if name[i+1] != 0 || name[i] >= 0x80 {
			return append(to[:was], winapi.Decode(units(name))...)
		}
		to = append(to, name[i])
	}
	return to
}

// below gives the path of a folder, with a separator at its end.
func (l *lister) below(ref reference) string {
	top := string(l.v.root())
	if ref.record == recordRoot {
		return top
	}
	key := ref.record<<16 | uint64(ref.sequence)
	if key == l.last {
		return l.lastDir
	}
	if p, ok := l.paths[key]; ok {
		l.last, l.lastDir = key, p
		return p
	}
	var names []string
	size := 0
	start := top
	for at := ref; at.record != recordRoot; {
		f, ok := l.folders[at.record]
		// A record's number is raised when it is freed: the names in a deleted folder know the one before.
		if !ok || f.sequence != at.sequence && !(f.deleted && f.sequence == at.sequence+1) || len(names) >= 1024 || size > maxPath {
			start = top + orphans + `\`
			break
		}
		names = append(names, f.name)
		size += len(f.name) + 1
		at = f.parent
	}
	// Kept for those that follow.
	path := make([]byte, 0, len(start)+size)
	path = append(path, start...)
	for i := len(names) - 1; i >= 0; i-- {
		path = append(append(path, names[i]...), '\\')
	}
	if len(l.paths) >= keepPaths {
		clear(l.paths)
	}
	l.paths[key] = string(path)
	return string(path)
}

// value is that of a resident attribute; nil where it does not fit.
func value(a []byte) []byte {
	n, at := int64(binary.LittleEndian.Uint32(a[16:])), int64(binary.LittleEndian.Uint16(a[20:]))
	if at+n > int64(len(a)) {
		return nil
	}
	return a[at : at+n]
}

var errRecord = errors.New("no such record")

// Deleted opens what is left of a file that was deleted, by record and sequence number. The clusters may belong to
// others by now.
func (v *Volume) Deleted(n uint64, sequence uint16) (*File, error) {
	nd, err := v.node(n)
	if err == nil && (nd.sequence != sequence || nd.flags&inUse != 0) {
		err = errRecord
	}
	if err != nil {
		return nil, err
	}
	from, err := nd.contentOf("")
	if err != nil {
		return nil, err
	}
	return &File{v: v, node: nd, from: from, size: nd.stat("").Size}, nil
}

// Undelete implements artifacts.Undeleter.
func (v *Volume) Undelete(ctx context.Context) iter.Seq2[artifacts.DeletedFile, error] {
	return func(yield func(artifacts.DeletedFile, error) bool) {
		for e, err := range v.Entries(ctx) {
			if err == nil && !e.Deleted {
				continue
			}
			f := artifacts.DeletedFile{
				Path: e.Path, Record: e.Record, Sequence: e.Sequence, Directory: e.Directory, Size: e.Size,
				Attributes: e.Attributes, Times: e.Times.Artifacts(), NameTimes: e.NameTimes.Artifacts(),
			}
			if !yield(f, err) {
				return
			}
		}
	}
}
