package hive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"time"
)

// Bounds of what one key may make us read. The registry's own: names of keys have 255 characters, of values 16,383.
const (
	maxSubkeys = 1 << 20
	maxValues  = 1 << 16
	maxName    = 2 * 16383 // bytes
	maxDepth   = 512       // keys within one another, as Windows has it
	maxKeyData = 64 << 20  // bytes, of all values of a key
	maxErrors  = 10_000    // in one hive
)

// A Key is a key of a hive.
type Key struct {
	Name      string // WTF-8
	Path      string // below the root, with backslashes; the root's is empty
	LastWrite time.Time
	Offset    uint32 // of its cell, behind the head of the file
	Link      bool   // it stands for the key that its value SymbolicLinkValue names

	hive              *Hive
	subkeys, keyList  uint32
	values, valueList uint32
	class, security   uint32
	classSize         uint16
	budget            *int64 // bytes of values that may still be read; nil: as many as one key may have
}

// Bits of a key and of a value.
const (
	keyLink      = 0x10
	keyLatin     = 0x20
	valueLatin   = 1
	valueInPlace = 1 << 31 // of its size: the data stands where the offset of it would
)

const keySize = 76 // before the name

// Root gives the key that all others are below.
func (h *Hive) Root() (Key, error) { return h.key(h.root) }

func (h *Hive) key(at uint32) (Key, error) {
	b, err := h.cell(at, keySize+maxName)
	if err != nil {
		return Key{}, err
	}
	if len(b) < keySize || string(b[:2]) != "nk" {
		return Key{}, damaged("no key is at %#x", at)
	}
	le := binary.LittleEndian
	n := int(le.Uint16(b[72:]))
	if keySize+n > len(b) {
		return Key{}, damaged("a key name of %d bytes in the cell at %#x", n, at)
	}
	flags := le.Uint16(b[2:])
	return Key{
		Name: name(b[keySize:keySize+n], flags&keyLatin != 0), LastWrite: filetime(le.Uint64(b[4:])), Offset: at, Link: flags&keyLink != 0,
		hive: h, subkeys: le.Uint32(b[20:]), keyList: le.Uint32(b[28:]), values: le.Uint32(b[36:]), valueList: le.Uint32(b[40:]),
		security: le.Uint32(b[44:]), class: le.Uint32(b[48:]), classSize: le.Uint16(b[74:]),
	}, nil
}

// Subkeys gives the keys right below, in the hive's order. An error tells of one that cannot be read, and more may
// follow; how many are missing where their list itself cannot be read, the error says.
func (k *Key) Subkeys() iter.Seq2[Key, error] {
	return func(yield func(Key, error) bool) {
		if k.subkeys == 0 || k.keyList == none {
			return
		}
		left := maxSubkeys
		given := uint32(0)
		for at, err := range k.hive.list(k.keyList, &left, true) {
			var sub Key
			if err == nil {
				sub, err = k.hive.key(at)
			}
			if sub.Path = sub.Name; k.Path != "" {
				sub.Path = k.Path + `\` + sub.Name
			}
			if err != nil {
				err = fmt.Errorf("subkey %d of %d of %q: %w", given, k.subkeys, k.Name, err)
			}
			given++
			if !yield(sub, err) {
				return
			}
		}
		if given < k.subkeys {
			yield(Key{}, damaged("%d subkeys of %q, of %d", given, k.Name, k.subkeys))
		}
	}
}

// list gives the offsets that a list of keys (lf, lh, li) holds, or those of the lists a list of lists (ri) names. Left
// bounds all of them.
func (h *Hive) list(at uint32, left *int, nested bool) iter.Seq2[uint32, error] {
	return func(yield func(uint32, error) bool) {
		b, err := h.cell(at, 4)
		if err != nil {
			yield(0, fmt.Errorf("the list of keys: %w", err))
			return
		}
		kind := string(b[:2])
		n, step := int(binary.LittleEndian.Uint16(b[2:])), 8
		if kind == "li" || kind == "ri" {
			step = 4
		}
		if b, err = h.cell(at, 4+step*n); err != nil {
			yield(0, fmt.Errorf("the list of keys: %w", err))
			return
		}
		if kind != "lf" && kind != "lh" && kind != "li" && (kind != "ri" || !nested) {
			yield(0, damaged("no list of keys is at %#x", at))
			return
		}
		whole := min(n, (len(b)-4)/step)
		for i := range whole {
			if *left--; *left < 0 {
				yield(0, damaged("more than %d subkeys", maxSubkeys))
				return
			}
			to := binary.LittleEndian.Uint32(b[4+step*i:])
			if kind != "ri" {
				if !yield(to, nil) {
					return
				}
				continue
			}
			for sub, err := range h.list(to, left, false) {
				if !yield(sub, err) || *left < 0 {
					return
				}
			}
		}
		if whole < n {
			yield(0, damaged("a list of %d keys at %#x has room for %d", n, at, whole))
		}
	}
}

// Subkey finds a key right below by its name, in whatever case. What cannot be read is passed over, unless nothing is
// found: then the error says so as well.
func (k *Key) Subkey(name string) (Key, error) {
	errs := []error{fs.ErrNotExist}
	for sub, err := range k.Subkeys() {
		if err != nil {
			if len(errs) < 4 {
				errs = append(errs, err)
			}
			continue
		}
		if strings.EqualFold(sub.Name, name) {
			return sub, nil
		}
	}
	if len(errs) > 1 {
		errs = errs[1:] // whether it is there is not known
	}
	return Key{}, errors.Join(errs...)
}

// Find gives the key at a path below the root, names apart by backslashes; the empty path is the root.
func (h *Hive) Find(path string) (Key, error) {
	k, err := h.Root()
	if err != nil || path == "" {
		return k, err
	}
	for step := range strings.SplitSeq(path, `\`) {
		if k, err = k.Subkey(step); err != nil {
			return Key{}, err
		}
	}
	return k, nil
}

// All gives every key of the hive, parents first. Each is given once, whatever lists name it. An error tells of what
// cannot be read below the key whose Path it comes with; after thousands of them the rest is not read. The values of
// all keys together are read up to a few times the size of the hive, because cells may be named again and again.
func (h *Hive) All() iter.Seq2[Key, error] {
	return func(yield func(Key, error) bool) {
		root, err := h.Root()
		w := walk{seen: map[uint32]bool{root.Offset: true}, budget: 4*int64(h.size) + maxKeyData, yield: yield}
		root.budget = &w.budget
		if yield(root, err) && err == nil {
			w.below(&root, 1)
		}
	}
}

// A walk is one way through all keys of a hive.
type walk struct {
	seen   map[uint32]bool // the cells of keys
	errs   int
	budget int64 // bytes of values that may still be read
	yield  func(Key, error) bool
}

func (w *walk) below(k *Key, depth int) bool {
	for sub, err := range k.Subkeys() {
		switch {
		case err == nil && depth > maxDepth:
			err = damaged("keys more than %d deep", maxDepth)
		case err == nil && w.seen[sub.Offset]:
			err = damaged("the key at %#x is named twice", sub.Offset)
		}
		if err != nil {
			if w.errs++; w.errs == maxErrors {
				err = damaged("more than %d places: the rest was not read", maxErrors)
			}
			if !w.yield(Key{Path: k.Path}, err) || w.errs == maxErrors {
				return false
			}
			continue
		}
		w.seen[sub.Offset] = true
		sub.budget = &w.budget
		if !w.yield(sub, nil) || !w.below(&sub, depth+1) {
			return false
		}
	}
	return true
}

// Class is the text that few keys have beside their name; of the key JD and its like below Lsa it is a secret.
func (k *Key) Class() (string, error) {
	if k.class == none || k.classSize == 0 {
		return "", nil
	}
	b, err := k.hive.cell(k.class, int(k.classSize))
	if err != nil {
		return "", fmt.Errorf("class of %q: %w", k.Name, err)
	}
	return wtf8(b), nil
}

// Security is the key's security descriptor, self-relative.
func (k *Key) Security() ([]byte, error) {
	if k.security == none {
		return nil, nil
	}
	b, err := k.hive.cell(k.security, 1<<16)
	if err != nil {
		return nil, fmt.Errorf("security of %q: %w", k.Name, err)
	}
	const at = 20 // of the descriptor
	if len(b) < at || string(b[:2]) != "sk" || uint64(binary.LittleEndian.Uint32(b[16:])) > uint64(len(b)-at) {
		return nil, damaged("no security of keys is at %#x", k.security)
	}
	return b[at : at+binary.LittleEndian.Uint32(b[16:])], nil
}
