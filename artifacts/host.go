// Package artifacts is the vocabulary of spor: the Host under examination, the Definition and Collector that say what
// to take from it, the Item that was taken, the Sink that takes it, and the Outcome every planned path ends in.
package artifacts

import (
	"errors"
	"io"
	"io/fs"
	"time"
)

// A Host is the machine under examination: running, a mounted disk, an image, an opened bundle, or made up in a test.
// Collectors and definitions reach the machine through it alone.
type Host struct {
	OS       OS
	Identity Identity
	Clock    Clock
	Users    []User            // accounts with a home; several may share one
	Environ  map[string]string // system-wide variables, names in lower case: "systemroot" is `C:\Windows`
	Files    Files
	Disks    []Disk                   // of an image: what it holds; a running machine is asked by the collector that wants them
	Registry Registry                 // nil where there is none to ask (Linux, an image without hives)
	Shadows  func() ([]Shadow, error) // its volumes as they were, oldest first; none is ever made. nil: there are none to ask
	Live     bool                     // the machine is running and is the one we run on: system calls answer for it
	Root     bool                     // we run with full privileges (uid 0; an elevated token with SeBackup)
	Limits   []Outcome                // what opening the host could not get, such as a privilege
	Self     []Path                   // our own executable and output, never evidence; a name that ends in a dot stands for all that begin with it
}

// A Disk is a whole disk as the bytes of it.
type Disk struct {
	Name  string            // "/dev/sda", `\\.\PhysicalDrive0`, the name of an image
	Size  int64             // bytes
	From  io.ReaderAt       // reads whole sectors alone where the system wants that
	About map[string]string // what an image says of itself: "format", "case", "md5" …; its own word
}

// Identity is what names a machine, as far as a glance tells. The identity collector tells more.
type Identity struct {
	Hostname  string `json:"hostname"`
	FQDN      string `json:"fqdn,omitempty"`
	Domain    string `json:"domain,omitempty"`
	MachineID string `json:"machine_id,omitempty"` // /etc/machine-id; MachineGuid
	OS        OS     `json:"os"`
	OSName    string `json:"os_name,omitempty"`    // "Debian GNU/Linux 12 (bookworm)"
	OSVersion string `json:"os_version,omitempty"` // "12", "10.0.19045"
	Kernel    string `json:"kernel,omitempty"`
	Arch      string `json:"arch,omitempty"`
	Source    string `json:"source"`             // "live", or the folder or image that was examined
	Platform  string `json:"platform,omitempty"` // what the system runs in, where that is seen: "kvm", "docker", "wine 8.0"
}

// Clock says how far the host's times can be trusted.
type Clock struct {
	Now           time.Time `json:"now,omitzero"`           // of the host, when it was opened
	BootTime      time.Time `json:"boot_time,omitzero"`     // zero: not known
	Zone          string    `json:"zone,omitempty"`         // IANA or Windows name
	OffsetSeconds int       `json:"utc_offset_seconds"`     // east of UTC
	Synchronized  *bool     `json:"synchronized,omitempty"` // by the kernel's own word; nil: not known
	SyncSource    string    `json:"sync_source,omitempty"`
}

// A User is an account of the host.
type User struct {
	Name  string `json:"name"`
	ID    string `json:"id"` // uid or SID
	Group string `json:"group,omitempty"`
	Home  Path   `json:"home,omitempty"`
	Shell string `json:"shell,omitempty"`
}

// Kind is what a name in a tree stands for.
type Kind uint8

// The kinds of things a tree can hold.
const (
	Unknown Kind = iota
	Regular
	Directory
	Symlink
	Device // block or character
	Pipe
	Socket
	Placeholder // a file whose content lies elsewhere (cloud, hierarchical storage): reading it would fetch it
)

var kindNames = [...]string{"unknown", "file", "directory", "link", "device", "pipe", "socket", "placeholder"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Files is the tree of a host's file systems. It is safe for concurrent use, changes nothing on the host (access
// times included, where the system lets us) and follows no link in the last name of a path. Errors are those of io/fs
// (fs.ErrNotExist, fs.ErrPermission) and ErrNotRegular, and carry the path.
type Files interface {
	// Roots are where the tree begins: "/", or `C:\`, `D:\` and so on.
	Roots() []Path
	// Lstat describes the name itself.
	Lstat(p Path) (Stat, error)
	// ReadDir lists a directory in order of name. Entries that were read before an error are returned with it.
	ReadDir(p Path) ([]DirEntry, error)
	// Readlink gives a link's text as it stands.
	Readlink(p Path) (Path, error)
	// Open opens a regular file for reading; for anything else it returns ErrNotRegular without opening it.
	Open(p Path) (File, error)
	// Mount tells whether a file system is mounted at just this path, without touching it.
	Mount(p Path) (Mount, bool)
}

// ErrNotRegular is returned where only a regular file can be read.
var ErrNotRegular = errors.New("not a regular file")

// ErrRemote is returned for what lies on a network file system, a FUSE or an automounter of the running host: it may hang,
// belongs to another machine, or would be mounted by a look, and is not touched.
var ErrRemote = errors.New("lies on a network or FUSE file system, or an automounter: not touched")

// A File is an open regular file.
type File interface {
	io.ReadCloser
	Stat() (Stat, error) // as it is now
	// Method says how the file is read and what that leaves behind: "noatime", "read", "backup", "raw ntfs".
	Method() string
}

// A SparseFile is a File that knows where its data lies.
type SparseFile interface {
	File
	io.ReaderAt
	// Extents lists the runs of data in order: whole is false where there are more than most, or the file system does
	// not tell.
	Extents(most int) (runs []Extent, whole bool, err error)
}

// A DetailedFile is a File with properties that a Stat has no room for.
type DetailedFile interface {
	File
	// Details may give some of them beside an error about the others.
	Details() (Details, error)
}

// Details are what some file systems keep beside a file's content. See Item for Xattrs and ACL.
type Details struct {
	Xattrs  map[string][]byte
	ACL     string
	Streams []string // alternate data streams of NTFS by name; STREAM of C:\file is opened as C:\file:STREAM
}

// A DirEntry is one name in a directory, in the bytes the host spells it.
type DirEntry struct {
	Name string
	Kind Kind // Unknown where only Lstat can tell
}

// Stat describes a file as its file system does. Zero means not known.
type Stat struct {
	Kind       Kind
	Size       int64 // bytes; pseudo files say 0 and have content
	Times      Times
	Mode       fs.FileMode // permission and setuid bits
	UID        string      // owner: a number, or a SID
	GID        string
	Inode      uint64
	Device     uint64
	Links      uint64
	Attributes uint32 // Windows FILE_ATTRIBUTE_*
	Flags      string // of Linux, as lsattr(1) writes those that are told without opening: "a" append-only, "i" immutable, "ai"
}

// Times are a file's four times in UTC, as the host claims them, with the precision it has. Zero: not known.
type Times struct {
	Modified time.Time `json:"modified,omitzero"`
	Accessed time.Time `json:"accessed,omitzero"`
	Changed  time.Time `json:"changed,omitzero"` // of the metadata
	Born     time.Time `json:"born,omitzero"`
}

// A Mount is a file system's place in the tree.
type Mount struct {
	Path   Path       `json:"path"`
	Type   string     `json:"type"`           // "ext4", "nfs4", "NTFS"
	Source string     `json:"source"`         // device or export
	Root   Path       `json:"root,omitempty"` // the folder of the file system that is mounted here, where it is not its top: a bind mount
	Class  MountClass `json:"-"`
}

// MountClass says what entering a file system means.
type MountClass uint8

// The classes of file systems.
const (
	Local  MountClass = iota // disks, tmpfs, overlay: entered
	Remote                   // network and FUSE: may hang, belongs to another machine: never entered unless named as the root
	Pseudo                   // proc, sysfs and the like: entered only by a name written out, never by a wildcard that spans folders
)

// Registry is the Windows registry, with full key names (`HKEY_LOCAL_MACHINE\Software\…`). It is safe for concurrent
// use. Errors are those of io/fs.
type Registry interface {
	Key(p Path) (RegistryKey, error)
}

// A RegistryKey is a key with all that lies directly in it.
type RegistryKey struct {
	Path      Path
	LastWrite time.Time
	Subkeys   []string
	Values    []RegistryValue
}

// A RegistryValue is a named value; the name of a key's default value is empty.
type RegistryValue struct {
	Name string
	Type uint32 // REG_SZ is 1, REG_BINARY 3, …
	Data []byte // as stored; strings are UTF-16LE
}
