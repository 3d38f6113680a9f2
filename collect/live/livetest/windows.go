package livetest

import (
	"encoding/binary"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/winapi"
)

// Written is when all keys of a made-up registry were last written.
var Written = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A Registry is made up, by key in lower case.
type Registry map[string]*artifacts.RegistryKey

var _ artifacts.Registry = Registry{}

// Key implements artifacts.Registry.
func (r Registry) Key(p artifacts.Path) (artifacts.RegistryKey, error) {
	k := r[strings.ToLower(string(p))]
	if k == nil {
		return artifacts.RegistryKey{Path: p}, &fs.PathError{Op: "open key", Path: p.String(), Err: fs.ErrNotExist}
	}
	return *k, nil
}

// Add makes a key, those above it, and values in it.
func (r Registry) Add(p string, values ...artifacts.RegistryValue) {
	k := r[strings.ToLower(p)]
	if k == nil {
		k = &artifacts.RegistryKey{Path: artifacts.Path(p), LastWrite: Written}
		r[strings.ToLower(p)] = k
		if i := strings.LastIndexByte(p, '\\'); i > 0 {
			r.Add(p[:i])
			up := r[strings.ToLower(p[:i])]
			up.Subkeys = append(up.Subkeys, p[i+1:])
		}
	}
	k.Values = append(k.Values, values...)
}

// String is a REG_SZ.
func String(name, text string) artifacts.RegistryValue {
	v := artifacts.RegistryValue{Name: name, Type: winapi.RegString}
	for _, c := range winapi.Encode(text) {
		v.Data = binary.LittleEndian.AppendUint16(v.Data, c)
	}
	v.Data = append(v.Data, 0, 0)
	return v
}

// Expand is a REG_EXPAND_SZ.
func Expand(name, text string) artifacts.RegistryValue {
	v := String(name, text)
	v.Type = winapi.RegExpand
	return v
}

// Multi is a REG_MULTI_SZ.
func Multi(name string, texts ...string) artifacts.RegistryValue {
	v := String(name, strings.Join(texts, "\x00")+"\x00")
	v.Type = winapi.RegMulti
	return v
}

// Number is a REG_DWORD.
func Number(name string, n uint32) artifacts.RegistryValue {
	return artifacts.RegistryValue{Name: name, Type: winapi.RegNumber, Data: binary.LittleEndian.AppendUint32(nil, n)}
}

// Binary is a REG_BINARY.
func Binary(name string, data []byte) artifacts.RegistryValue {
	return artifacts.RegistryValue{Name: name, Type: winapi.RegBinary, Data: data}
}

// Drives is a made-up tree of Windows: content by path. Names are the same whatever their case, and folders are there
// because something lies in them.
type Drives map[artifacts.Path]string

var _ artifacts.Files = Drives{}

// Roots implements artifacts.Files.
func (Drives) Roots() []artifacts.Path { return []artifacts.Path{`C:\`} }

// Mount implements artifacts.Files.
func (Drives) Mount(artifacts.Path) (artifacts.Mount, bool) { return artifacts.Mount{}, false }

// Readlink implements artifacts.Files: there are no links.
func (d Drives) Readlink(p artifacts.Path) (artifacts.Path, error) {
	return "", &fs.PathError{Op: "readlink", Path: p.String(), Err: fs.ErrInvalid}
}

func (d Drives) find(op string, p artifacts.Path) (data string, kind artifacts.Kind, err error) {
	want := strings.ToLower(strings.TrimSuffix(string(p), `\`))
	for name, data := range d {
		switch name := strings.ToLower(string(name)); {
		case name == want:
			return data, artifacts.Regular, nil
		case strings.HasPrefix(name, want+`\`):
			kind = artifacts.Directory
		}
	}
	if kind == artifacts.Unknown {
		err = &fs.PathError{Op: op, Path: p.String(), Err: fs.ErrNotExist}
	}
	return "", kind, err
}

// Lstat implements artifacts.Files.
func (d Drives) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	data, kind, err := d.find("lstat", p)
	return artifacts.Stat{Kind: kind, Size: int64(len(data)), Times: artifacts.Times{Modified: Written}}, err
}

// Open implements artifacts.Files.
func (d Drives) Open(p artifacts.Path) (artifacts.File, error) {
	data, kind, err := d.find("open", p)
	if err == nil && kind != artifacts.Regular {
		err = &fs.PathError{Op: "open", Path: p.String(), Err: artifacts.ErrNotRegular}
	}
	if err != nil {
		return nil, err
	}
	st, _ := d.Lstat(p)
	return &content{strings.NewReader(data), file{stat: st}}, nil
}

// A content is a file that can be read from any place on.
type content struct {
	*strings.Reader
	file
}

// Read implements artifacts.File.
func (c *content) Read(b []byte) (int, error) { return c.Reader.Read(b) }

// ReadDir implements artifacts.Files.
func (d Drives) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	if _, kind, err := d.find("readdir", p); err != nil || kind != artifacts.Directory {
		return nil, &fs.PathError{Op: "readdir", Path: p.String(), Err: fs.ErrNotExist}
	}
	prefix := strings.ToLower(strings.TrimSuffix(string(p), `\`)) + `\`
	kinds := map[string]artifacts.Kind{}
	for name := range d {
		if len(name) <= len(prefix) || !strings.HasPrefix(strings.ToLower(string(name)), prefix) {
			continue
		}
		first, _, below := strings.Cut(string(name[len(prefix):]), `\`)
		if kinds[first] = artifacts.Regular; below {
			kinds[first] = artifacts.Directory
		}
	}
	var list []artifacts.DirEntry
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		list = append(list, artifacts.DirEntry{Name: name, Kind: kinds[name]})
	}
	return list, nil
}
