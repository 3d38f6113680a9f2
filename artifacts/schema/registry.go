package schema

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode/utf16"

	"spor/artifacts"
)

// wantedKey is a registry key pattern, and the pattern of the value that is meant, if not all of them.
type wantedKey struct {
	pattern
	value *string
}

func (k *wantedKey) label() artifacts.Path {
	if k.value == nil {
		return k.text
	}
	return k.text + ":" + artifacts.Path(*k.value)
}

// variants are the names of a pattern, and before them, where it ends in `*` or `**`, those of the key whose values it
// means as well.
func (k *wantedKey) variants() [][]name {
	last := len(k.names) - 1
	if k.value == nil && (k.names[last].depth > 0 || k.names[last].glob == "*") {
		return [][]name{k.names[:last], k.names}
	}
	return [][]name{k.names}
}

// Bounds of what one pattern may read of a registry.
const (
	maxKeys  = 200_000
	maxValue = 1 << 20 // bytes of one value that are written
)

// A registryRecord is the line that is written for a key (without a value) or for one of its values.
type registryRecord struct {
	Key       artifacts.Path `json:"key"`
	Value     *string        `json:"value,omitempty"` // empty: the default value of the key
	Type      string         `json:"type,omitempty"`  // REG_SZ and so on
	Data      any            `json:"data,omitempty"`  // text, list of texts, number; base64 of anything else
	Cut       bool           `json:"cut,omitempty"`   // data is only the beginning
	LastWrite time.Time      `json:"last_write,omitzero"`
}

func (t *target) collectKeys(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	for i := range t.keys {
		w := keyWalk{ctx: ctx, registry: h.Registry, rec: rec, want: &t.keys[i]}
		if !t.collector.Secret {
			w.withheld = t.plan.keys
		}
		if err := w.run(); err != nil {
			return err
		}
	}
	return nil
}

// A keyWalk follows one pattern through the registry. It asks for runs of written names at once, because a registry
// finds them itself, in whatever case and through its links.
type keyWalk struct {
	ctx      context.Context
	registry artifacts.Registry
	rec      artifacts.Recorder
	want     *wantedKey
	withheld *trie // of keys that are not for this definition
	keys     int   // asked for
	found    int   // lines written
	refused  bool
}

func (w *keyWalk) run() error {
	for _, names := range w.want.variants() {
		if err := w.match("", names); err != nil {
			return err
		}
	}
	o := artifacts.Outcome{Path: w.want.label(), Status: artifacts.Absent}
	if w.found > 0 {
		o.Status, o.Reason = artifacts.Collected, fmt.Sprintf("%d lines recorded", w.found)
	}
	if w.found > 0 || !w.refused {
		w.rec.Note(o)
	}
	return nil
}

// match goes on from a key with the names that are left. Its error means that the run, or the time, is over.
func (w *keyWalk) match(at artifacts.Path, names []name) error {
	for len(names) > 0 && names[0].glob == "" && names[0].depth == 0 {
		at = artifacts.Windows.Join(at, names[0].literal)
		names = names[1:]
	}
	if at == "" {
		return nil // a pattern that begins with a wildcard names no root key
	}
	key, ok, err := w.ask(at)
	if err != nil || !ok {
		return err
	}
	switch {
	case len(names) == 0:
		return w.record(&key)
	case names[0].depth > 0:
		return w.span(&key, names[0].depth, names[1:])
	}
	for _, sub := range key.Subkeys {
		if match(names[0].glob, foldCase(sub)) {
			if err := w.match(artifacts.Windows.Join(at, sub), names[1:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// span follows `**`: what is left is looked for in the key and in those below, so many levels deep.
func (w *keyWalk) span(key *artifacts.RegistryKey, depth int, rest []name) error {
	if len(rest) > 0 {
		if err := w.match(key.Path, rest); err != nil {
			return err
		}
	}
	if depth == 0 {
		return nil
	}
	for _, sub := range key.Subkeys {
		k, ok, err := w.ask(artifacts.Windows.Join(key.Path, sub))
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if len(rest) == 0 {
			if err := w.record(&k); err != nil {
				return err
			}
		}
		if err := w.span(&k, depth-1, rest); err != nil {
			return err
		}
	}
	return nil
}

// ask reads a key. That it is not there is no error; that it is refused, or one too many, is noted.
func (w *keyWalk) ask(p artifacts.Path) (key artifacts.RegistryKey, ok bool, err error) {
	if w.ctx.Err() != nil {
		return key, false, context.Cause(w.ctx)
	}
	if w.keys++; w.keys > maxKeys {
		if w.keys == maxKeys+1 {
			w.refused = true
			w.rec.Note(artifacts.Outcome{Path: w.want.label(), Status: artifacts.Truncated, Reason: fmt.Sprintf("more than %d keys", maxKeys)})
		}
		return key, false, nil
	}
	key, err = w.registry.Key(p)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			w.refused = true
			w.rec.Note(artifacts.Outcome{Path: p, Status: status(err), Reason: reason(err)})
		}
		return key, false, nil
	}
	if key.Path == "" {
		key.Path = p
	}
	return key, true, nil
}

// record writes a key and its values, or those of its values that are meant.
func (w *keyWalk) record(key *artifacts.RegistryKey) error {
	if w.withheld != nil && len(w.withheld.matches(names(artifacts.Windows, key.Path))) > 0 {
		w.refused = true
		w.rec.Note(artifacts.Outcome{Path: key.Path, Status: artifacts.Skipped, Reason: withheldReason})
		return nil
	}
	if w.want.value == nil {
		w.found++
		if err := w.rec.Record(registryRecord{Key: key.Path, LastWrite: key.LastWrite}); err != nil {
			return err
		}
	}
	for _, v := range key.Values {
		if w.want.value != nil && !match(foldCase(*w.want.value), foldCase(v.Name)) {
			continue
		}
		w.found++
		if err := w.rec.Record(valueRecord(key, v)); err != nil {
			return err
		}
	}
	return nil
}

func valueRecord(key *artifacts.RegistryKey, v artifacts.RegistryValue) registryRecord {
	line := registryRecord{Key: key.Path, Value: &v.Name, Type: typeName(v.Type), LastWrite: key.LastWrite}
	data := v.Data
	if len(data) > maxValue {
		data, line.Cut = data[:maxValue], true
	}
	switch {
	case v.Type == 1 || v.Type == 2 || v.Type == 6:
		line.Data = strings.TrimRight(utf16Text(data), "\x00")
	case v.Type == 7:
		line.Data = strings.Split(strings.TrimRight(utf16Text(data), "\x00"), "\x00")
	case v.Type == 4 && len(data) == 4:
		line.Data = binary.LittleEndian.Uint32(data)
	case v.Type == 5 && len(data) == 4:
		line.Data = binary.BigEndian.Uint32(data)
	case v.Type == 11 && len(data) == 8:
		line.Data = binary.LittleEndian.Uint64(data)
	default:
		line.Data = data // JSON writes bytes in base64
	}
	return line
}

func utf16Text(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// typeNames are those of winnt.h, by number.
var typeNames = [...]string{
	"REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_DWORD_BIG_ENDIAN", "REG_LINK", "REG_MULTI_SZ",
	"REG_RESOURCE_LIST", "REG_FULL_RESOURCE_DESCRIPTOR", "REG_RESOURCE_REQUIREMENTS_LIST", "REG_QWORD",
}

func typeName(n uint32) string {
	if int64(n) < int64(len(typeNames)) {
		return typeNames[n]
	}
	return fmt.Sprintf("0x%x", n)
}

// status is the outcome an error of the host comes to.
func status(err error) artifacts.Status {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return artifacts.Absent
	case errors.Is(err, fs.ErrPermission):
		return artifacts.Denied
	case errors.Is(err, artifacts.ErrRemote):
		return artifacts.Skipped
	}
	return artifacts.Failed
}
