package artifacts

import (
	"context"
	"io"
	"time"
)

// An Item says what one piece of evidence is, where it came from and how it was read.
type Item struct {
	Name       string `json:"name,omitempty"`   // in the bundle: ASCII, legal on every system, '/' between; the sink chooses it from Origin where empty
	Source     string `json:"source"`           // the definition or collector that asked; set by the engine
	Origin     Path   `json:"origin,omitempty"` // as the host spells it; empty for what the collector made
	Link       Path   `json:"link,omitempty"`   // the target's text, of a symbolic link
	Size       int64  `json:"-"`                // bytes; negative: not known beforehand
	Times      Times  `json:"times,omitzero"`
	Mode       uint32 `json:"mode,omitempty"` // POSIX permission and setuid bits
	UID        string `json:"uid,omitempty"`
	GID        string `json:"gid,omitempty"`
	Inode      uint64 `json:"inode,omitempty"`
	Device     uint64 `json:"device,omitempty"`
	Attributes uint32 `json:"attributes,omitempty"` // Windows FILE_ATTRIBUTE_*
	Links      uint64 `json:"links,omitempty"`      // how many names the file has, where it has several
	// Xattrs are extended attributes by name (escaped like a Path), POSIX ACLs and capabilities among them. A nil value
	// was there and could not be read, or is too large to keep.
	Xattrs map[string][]byte `json:"xattrs,omitempty"`
	ACL    string            `json:"acl,omitempty"` // of Windows: owner, group and DACL in SDDL
	// Sparse, where not nil, says that the reader gives the file's runs of data alone, one after the other.
	Sparse *Sparse `json:"sparse,omitempty"`
	// SameAs is the name in the bundle of an item with the very content of this one. The engine suggests it where two
	// names lead to one unchanged file; a sink that holds that item may leave the reader unread, and keeps the field
	// only where it did.
	SameAs string    `json:"same_as,omitempty"`
	Method string    `json:"method,omitempty"` // how it was read: File.Method, or the collector's own word
	Read   time.Time `json:"read,omitzero"`    // when reading began, by the host's clock
	// After, where set, is asked once the content was read: what happened to the source meanwhile ("grew", "shrank",
	// "modified", "rotated": its name now leads to another file, "removed"), empty for nothing.
	After func() string `json:"-"`
}

// Sparse is a file of which only a part is there: the rest are holes, which read as zeros.
type Sparse struct {
	Size  int64    `json:"size"`    // of the file with its holes, bytes
	Count int      `json:"extents"` // how many runs of data there are
	Runs  []Extent `json:"-"`       // in order, apart from each other
}

// An Extent is a run of data within a file, in bytes.
type Extent struct{ Offset, Length int64 }

// Stored says what a sink made of an item.
type Stored struct {
	Name   string // in the bundle
	Size   int64  // bytes taken
	SHA256 string // of those bytes, lower-case hex
	Cut    error  // why less was taken than there was; nil: all of it
}

// Shared is p as a part of the item's name, where the name ends so: one text in memory, not two, of each of a million files.
func (s *Stored) Shared(p Path) Path {
	if n := len(s.Name) - len(p); n >= 0 && s.Name[n:] == string(p) {
		return Path(s.Name[n:])
	}
	return p
}

// A Sink takes evidence. Put reads r to its end, or to an error of r, which makes a shorter item and is reported in
// Stored.Cut; an error of Put itself means that the sink can take no more. It is not called concurrently.
type Sink interface {
	Put(ctx context.Context, it Item, r io.Reader) (Stored, error)
}
