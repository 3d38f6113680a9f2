package collected

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"spor/artifacts"
	"spor/artifacts/hive"
	"spor/timeline"
)

// A kind says how the names below a tree's root spell those of the host.
type kind byte

const (
	drives  kind = iota // "C/Windows/…"
	rooted              // "etc/hostname"
	escaped             // "C%3A/Windows/…", "%5C%5C.%5CC%3A/…", "etc/hostname"
)

// A tree is a part of the host's files among others.
type tree struct {
	prefix string // of its names; empty, or ending in "/"
	kind   kind
	all    bool // everything below the prefix is the host's
	of     *collection
}

// A collection is what was brought from one host.
type collection struct {
	root  string         // of its names; empty, or ending in "/"
	host  string         // empty: not known
	zone  *time.Location // nil: not known
	named bool           // by the name of a folder or archive alone, which stands in for the host's
}

// A scout finds the trees among the names of a folder or an archive.
type scout struct {
	host        string // of what is in no collection, and of collections that do not tell theirs; empty: not known
	standIn     string // the name of the folder or archive, which no other has
	trees       map[string]*tree
	collections map[string]*collection
	telling     []telling
	archives    map[string]*archive // of a folder, by name
}

// A telling file may tell the name of the host or its time zone.
type telling struct {
	rel  string
	file *timeline.File
}

func newScout(host, standIn string) *scout {
	return &scout{host: host, standIn: standIn, trees: map[string]*tree{}, collections: map[string]*collection{}, archives: map[string]*archive{}}
}

// Bounds of the search.
const (
	maxAbove   = 4       // folders a tree may lie below
	maxTelling = 1 << 12 // files that may tell something
	maxSmall   = 64 << 10
	maxHost    = 255 // bytes, as DNS has it
	maxHive    = 256 << 20
)

// accessors are those of Velociraptor that read files of a host (accessors/, 0.74).
var accessors = map[string]bool{
	"auto": true, "file": true, "ntfs": true, "lazy_ntfs": true, "ntfs_vss": true, "mft": true, "raw_ntfs": true, "fat": true, "ext4": true, "raw_ext4": true, "file_links": true, "vfs": true, "vhdx": true, "vmdk": true,
}

// windowsNames lie directly on a drive of Windows, linuxNames directly below the root of a Linux.
var (
	windowsNames = set("windows winnt users programdata inetpub perflogs recovery $mft $logfile $boot $extend $secure $recycle.bin|program files|program files (x86)|documents and settings|system volume information")
	linuxNames   = set("bin boot dev etc home lib lib64 media mnt opt proc root run sbin snap srv sys tmp usr var")
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	few, phrases, _ := strings.Cut(words, "|")
	for _, w := range append(strings.Fields(few), strings.Split(phrases, "|")...) {
		m[w] = true
	}
	return m
}

// telltales are the folders by which a tree of Linux is known, with what lies in them.
var telltales = map[string]map[string]bool{
	"var": set("log lib spool run cache"),
	"etc": set("passwd hostname hosts ssh cron.d crontab os-release systemd pam.d group fstab rsyslog.conf logrotate.d"),
}

// letter is the drive that a folder stands for; empty: none.
func letter(name string) string {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ":"), "%3A")
	if len(name) == 1 && (name[0]|0x20)-'a' < 26 {
		return strings.ToUpper(name)
	}
	return ""
}

// see takes note of a name. The file is asked for where it may tell something.
func (s *scout) see(rel string, file func() *timeline.File) {
	names := strings.SplitN(rel, "/", maxAbove+4)
	for i := range min(len(names)-1, maxAbove+1) {
		root := strings.Join(names[:i], "/")
		if root != "" {
			root += "/"
		}
		next := names[i+1]
		switch name := names[i]; {
		case name == "uploads" && accessors[next] && i+2 < len(names):
			s.add(tree{prefix: root + name + "/" + next + "/", kind: escaped, all: true}, root)
		case name == "[root]":
			s.add(tree{prefix: root + name + "/", kind: rooted, all: true}, root)
		case letter(name) != "" && windowsNames[strings.ToLower(next)]:
			s.add(tree{prefix: root, kind: drives}, root)
		case telltales[name][next]:
			s.add(tree{prefix: root, kind: rooted}, root)
		default:
			continue
		}
		break
	}
	switch path.Base(rel) {
	case "hostname", "timezone", "client_info.json", "SYSTEM", "system":
		if len(s.telling) < maxTelling {
			s.telling = append(s.telling, telling{rel, file()})
		}
	}
}

func (s *scout) add(t tree, root string) {
	if s.trees[t.prefix] != nil {
		return
	}
	c := s.collections[root]
	if c == nil {
		c = &collection{root: root}
		s.collections[root] = c
	}
	t.of = c
	s.trees[t.prefix] = &t
}

// tree is the one that a name is in, the outermost; nil: it is in none.
func (s *scout) tree(rel string) *tree {
	if len(s.trees) == 0 {
		return nil
	}
	for at, above := 0, 0; above <= maxAbove+2; above++ {
		if t := s.trees[rel[:at]]; t != nil && t.has(rel[at:]) {
			return t
		}
		next := strings.IndexByte(rel[at:], '/')
		if next < 0 {
			break
		}
		at += next + 1
	}
	return nil
}

// has tells whether a name below the prefix is the host's.
func (t *tree) has(rel string) bool {
	first, _, below := strings.Cut(rel, "/")
	switch {
	case t.all:
		return true
	case t.kind == drives:
		return below && letter(first) != ""
	default:
		return below && linuxNames[first]
	}
}

// origin is the name on the host of a name below the prefix.
func (t *tree) origin(rel string) artifacts.Path {
	names := strings.Split(rel, "/")
	if t.kind == escaped {
		for i := range names {
			names[i] = unescape(names[i])
		}
	}
	volume := strings.TrimPrefix(names[0], `\\.\`) // the same files, read from the volume
	switch l := letter(volume); {
	case l != "" && t.kind != rooted:
		names[0] = l + ":"
	case t.kind == escaped && strings.HasPrefix(names[0], `\\`): // a shadow copy
	default:
		return artifacts.Path("/" + strings.TrimLeft(strings.Join(names, "/"), "/"))
	}
	return artifacts.Path(strings.Join(names, `\`))
}

// unescape resolves "%41".
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var p artifacts.Path
	if p.UnmarshalText([]byte(s)) != nil {
		return s
	}
	return string(p)
}

// place gives a file the name that it had on its host, and its host.
func (s *scout) place(f *timeline.File, rel string) {
	if t := s.tree(rel); t != nil {
		f.Path, f.Host, f.Zone = t.origin(rel[len(t.prefix):]), t.of.host, t.of.zone
		return
	}
	f.Host = s.host
	if c := s.collection(rel); c != nil {
		f.Host, f.Zone = c.host, c.zone
	}
}

// collection is the one in which a name lies, though it is not in a tree; nil: none.
func (s *scout) collection(rel string) *collection {
	for at := strings.LastIndexByte(rel, '/'); at >= 0; at = strings.LastIndexByte(rel[:at], '/') {
		if c := s.collections[rel[:at+1]]; c != nil {
			return c
		}
	}
	return s.collections[""]
}

// settle asks the files that may tell it for the host of each collection. readlink gives what a link stands for, empty: it is
// none.
func (s *scout) settle(ctx context.Context, in *Inputs, readlink func(rel string) string) {
	said := map[*collection]string{} // what a collector says, which the evidence itself overrules
	for _, f := range s.telling {
		if t := s.tree(f.rel); t != nil {
			t.of.learn(ctx, in, t.origin(f.rel[len(t.prefix):]), f.file)
			continue
		}
		dir, base := path.Split(f.rel)
		if c := s.collections[dir]; c != nil && base == "client_info.json" {
			said[c] = client(f.file)
		}
	}
	for _, t := range s.trees {
		if c := t.of; c.zone == nil && t.kind != drives {
			if _, name, ok := strings.Cut(readlink(t.prefix+"etc/localtime"), "zoneinfo/"); ok {
				c.zone = zone(name)
			}
		}
	}
	for _, root := range slices.Sorted(maps.Keys(s.collections)) {
		c := s.collections[root]
		own := path.Base("/" + root)
		if c.host == "" {
			c.host = cmp.Or(said[c], named(own), s.host)
		}
		if c.host == "" && root == "" {
			c.host, c.named = s.standIn, true
		} else if c.host == "" {
			c.host, c.named = in.alone(own, s.standIn+"/"+root), true
		}
		in.zone(c.host, c.zone)
	}
	s.telling = nil
}

// learn takes what a file of the host says of it.
func (c *collection) learn(ctx context.Context, in *Inputs, origin artifacts.Path, f *timeline.File) {
	switch p := strings.ToLower(string(origin)); {
	case p == "/etc/hostname":
		b, _ := content(f, maxSmall)
		for line := range strings.Lines(string(b)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !strings.HasPrefix(line, "localhost") && c.host == "" { // which any host may call itself
				c.host = line[:min(len(line), maxHost)]
			}
		}
	case p == "/etc/timezone":
		b, _ := content(f, maxSmall)
		c.zone = zone(strings.TrimSpace(string(b)))
	case len(p) > 2 && p[1:] == `:\windows\system32\config\system`:
		c.system(ctx, in, f)
	}
}

func zone(name string) *time.Location {
	if z, err := time.LoadLocation(name); name != "" && err == nil {
		return z
	}
	return nil
}

// client is the name in client_info.json, which Velociraptor wrote as info() gives it.
func client(f *timeline.File) string {
	b, err := content(f, 1<<20)
	var info struct {
		Hostname string
		System   struct{ Hostname string } `json:"os_info"` // of an export of the server
	}
	if err != nil || json.Unmarshal(b, &info) != nil {
		return ""
	}
	if name := cmp.Or(info.Hostname, info.System.Hostname); !strings.HasPrefix(name, "localhost") {
		return name
	}
	return ""
}

// system reads name and offset from the hive SYSTEM. The offset is that of the day it was taken.
func (c *collection) system(ctx context.Context, in *Inputs, f *timeline.File) {
	r, err := f.Open()
	if err != nil {
		return
	}
	defer r.Close()
	temp, size, err := in.spool(ctx, r, min(maxHive, in.opts.maxBytes()))
	if err != nil {
		return
	}
	h, err := hive.Open(temp, size)
	if err != nil {
		return
	}
	set := "ControlSet001"
	if n, ok := number(value(h, "Select", "Current")); ok && 0 < n && n < 1000 {
		set = fmt.Sprintf("ControlSet%03d", n)
	}
	network := set + `\Services\Tcpip\Parameters`
	for _, at := range [][2]string{{network, "NV Hostname"}, {network, "Hostname"}, {set + `\Control\ComputerName\ComputerName`, "ComputerName"}} {
		if c.host == "" {
			c.host = text(value(h, at[0], at[1]))
		}
	}
	if bias, ok := number(value(h, set+`\Control\TimeZoneInformation`, "ActiveTimeBias")); ok && c.zone == nil && -maxBias <= bias && bias <= maxBias {
		c.zone = timeline.Zone(artifacts.Clock{Now: time.Unix(1, 0), OffsetSeconds: int(-bias) * 60}, nil)
	}
}

const maxBias = 15 * 60 // minutes that any clock is behind UTC or before

// value is the data of a value of a hive; nil: there is none.
func value(h *hive.Hive, key, name string) []byte {
	k, err := h.Find(key)
	if err != nil {
		return nil
	}
	for v, err := range k.Values() {
		if err == nil && strings.EqualFold(v.Name, name) {
			return v.Data
		}
	}
	return nil
}

// number is a REG_DWORD with its sign.
func number(b []byte) (int32, bool) {
	if len(b) != 4 {
		return 0, false
	}
	return int32(binary.LittleEndian.Uint32(b)), true
}

// text is a REG_SZ.
func text(b []byte) string {
	var units []uint16
	for i := 0; i+1 < min(len(b), 1<<10); i += 2 {
		u := binary.LittleEndian.Uint16(b[i:])
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

// patterns are the names that collectors give what they make, with the host in them: UAC's output_file_name, Cat-Scale's
// OUTFILE and the logs in it, Velociraptor's filename. KAPE's is the examiner's choice.
var patterns = []*regexp.Regexp{
	regexp.MustCompile(`^uac-(.+)-(?:aix|android|esxi|freebsd|linux|macos|netbsd|netscaler|openbsd|solaris)-\d{8,}$`),
	regexp.MustCompile(`^catscale_(.+)-\d{8}-\d{4}$`),
	regexp.MustCompile(`^(.+)-\d{8}-\d{4}-var-log$`),
	regexp.MustCompile(`^Collection-(.+?)-\d{4}-\d\d-\d\dT\d\d[_:]\d\d[_:]\d\d.*$`),
}

// named is the host in the name of a folder or an archive without its suffix; empty: none.
func named(base string) string {
	for _, p := range patterns {
		if m := p.FindStringSubmatch(base); m != nil {
			return m[1]
		}
	}
	return ""
}
