package report

import (
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"spor/detect"
)

// An Indicator is something by which others may find the same intruder.
type Indicator struct {
	Kind     IndicatorKind
	Value    string
	Finding  string // title of the finding it comes from
	Severity detect.Severity
	Seen     time.Time // zero: not known
}

// IndicatorKind says what the value is.
type IndicatorKind string

// The kinds of indicators.
const (
	FileSHA256 IndicatorKind = "sha256"
	FileSHA1   IndicatorKind = "sha1"
	FileMD5    IndicatorKind = "md5"
	FileName   IndicatorKind = "filename"
	Address    IndicatorKind = "address" // IPv4 or IPv6
	DomainName IndicatorKind = "domain"
	WebURL     IndicatorKind = "url"
)

// maxIndicators bounds what is written.
const maxIndicators = 5_000

// Indicators are what the findings of all hosts tell: hashes and names of the files they are about, and the addresses,
// domains and URLs in what was seen or that their processes talk to. What every system has (its own logs and settings,
// private and own addresses) is no indicator. Each comes once, gravest first, then in order of kind and value.
func Indicators(hosts []*Input) []Indicator {
	g := &gathering{seen: map[[2]string]bool{}}
	for _, in := range hosts {
		g.own = map[netip.Addr]bool{}
		for _, a := range slices.Concat(interfaces(in.Identity.Interfaces)...) {
			text, _, _ := strings.Cut(a, "/")
			if own, err := netip.ParseAddr(text); err == nil {
				g.own[own.Unmap()] = true
			}
		}
		g.names = ownDomains(in)
		g.host(in)
	}
	slices.SortStableFunc(g.list, func(a, b Indicator) int {
		return cmp.Or(cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value))
	})
	return g.list
}

type gathering struct {
	list  []Indicator
	seen  map[[2]string]bool
	own   map[netip.Addr]bool
	names []string // domains of the host and of the reporter, in small letters
}

// ownDomains are those that an indicator would name to the harm of whom it happened to.
func ownDomains(in *Input) []string {
	id := in.Manifest.Host
	_, behind, _ := strings.Cut(id.FQDN, ".")
	names := []string{id.Domain, id.Hostname, behind}
	if form := in.Incident; form != nil {
		_, mail, _ := strings.Cut(form.Contact.Email, "@")
		names = append(names, mail)
		for _, s := range form.Systems {
			names = append(append(names, s.Name), s.Domains...)
		}
	}
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	return slices.DeleteFunc(names, func(s string) bool { return !strings.Contains(s, ".") })
}

func (g *gathering) add(f *detect.Finding, kind IndicatorKind, value string) {
	key := [2]string{string(kind), value}
	if value == "" || g.seen[key] || len(g.list) == maxIndicators {
		return
	}
	g.seen[key] = true
	g.list = append(g.list, Indicator{Kind: kind, Value: value, Finding: clean(f.Title), Severity: f.Severity, Seen: f.Time})
}

func (g *gathering) host(in *Input) {
	hashes := map[string][2]string{} // SHA-1 and MD5 by SHA-256
	records := map[string]bool{}     // hashes of our own records
	for i := range in.Manifest.Entries {
		e := &in.Manifest.Entries[i]
		if strings.HasPrefix(e.Name, "live/") {
			records[e.SHA256] = true
		}
		if e.SHA1 != "" || e.MD5 != "" {
			hashes[e.SHA256] = [2]string{e.SHA1, e.MD5}
		}
	}
	exe := map[int]string{}
	for _, p := range in.Processes {
		exe[p.PID] = p.ExeSHA256
	}
	items := newItems(in)
	for i := range in.Findings {
		f := &in.Findings[i]
		if f.Severity.Rank() > detect.Low.Rank() {
			continue
		}
		g.words(f)
		if !fromLog(f.Rule) && aboutFile(f) {
			sum := cmp.Or(f.SHA256, exe[f.PID], items.sums[f.Path])
			if isHash(sum) && !records[sum] {
				g.add(f, FileSHA256, strings.ToLower(sum))
				g.add(f, FileSHA1, hashes[sum][0])
				g.add(f, FileMD5, hashes[sum][1])
			}
			g.add(f, FileName, baseName(f.Path.String()))
		}
		if f.PID != 0 {
			for _, s := range in.Sockets {
				if slices.ContainsFunc(s.Owners, func(o Owner) bool { return o.PID == f.PID }) {
					g.address(f, s.RemoteAddress)
				}
			}
		}
	}
}

// fromLog tells a rule that sees events: its file is a log, not what was found.
func fromLog(rule string) bool {
	i := slices.IndexFunc(detect.Rules, func(r *detect.Rule) bool { return r.Name == rule })
	return i >= 0 && (detect.Rules[i].Event != nil || detect.Rules[i].Watch != nil)
}

// shipped are beginnings of paths that every system has: a finding about one is about its content.
var shipped = []string{"/etc/", "/proc/", "/sys/", "/var/log/", "/var/lib/", "/var/spool/cron/", "hkey_", `c:\windows\system32\config\`, `c:\windows\system32\tasks\`}

// aboutFile tells that a finding names a file that is not part of the system.
func aboutFile(f *detect.Finding) bool {
	path := strings.ToLower(string(f.Path))
	return path != "" && !slices.ContainsFunc(shipped, func(s string) bool { return strings.HasPrefix(path, s) })
}

func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32
}

func baseName(path string) string {
	name := clean(path[strings.LastIndexAny(path, `/\`)+1:])
	if len(name) < 3 {
		return "" // would be found everywhere
	}
	return name
}

var (
	urlText     = regexp.MustCompile(`(?i)\b(?:https?|ftp)://[^\s"'<>|\x60\\{}]{3,500}`)
	addressText = regexp.MustCompile(`[0-9A-Fa-f:.]{3,45}`)
)

// words finds addresses, domains and URLs in what a finding says.
func (g *gathering) words(f *detect.Finding) {
	text := f.Reason
	for _, found := range urlText.FindAllString(text, 20) {
		found = strings.TrimRight(found, ".,;:)]!?")
		u, err := url.Parse(found)
		if err != nil || u.Hostname() == "" {
			continue
		}
		if _, err := netip.ParseAddr(u.Hostname()); err == nil {
			if g.address(f, u.Hostname()) {
				g.add(f, WebURL, clean(found))
			}
			continue
		}
		name := strings.ToLower(u.Hostname())
		own := slices.ContainsFunc(g.names, func(s string) bool { return name == s || strings.HasSuffix(name, "."+s) })
		if strings.Contains(name, ".") && !own {
			g.add(f, WebURL, clean(found))
			g.add(f, DomainName, clean(name))
		}
	}
	for _, found := range addressText.FindAllString(urlText.ReplaceAllString(text, " "), 40) {
		g.address(f, strings.TrimRight(found, ".:"))
	}
}

// address adds one that the internet knows and that is not the host's own.
func (g *gathering) address(f *detect.Finding, text string) bool {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || g.own[a] {
		return false
	}
	g.add(f, Address, a.String())
	return true
}

// uuid5 makes the name-based UUID of RFC 9562 (version 5): the same for the same words, always.
func uuid5(space [16]byte, words ...string) string {
	h := sha1.New()
	h.Write(space[:])
	for _, w := range words {
		h.Write([]byte(w))
		h.Write([]byte{0})
	}
	var id [16]byte
	copy(id[:], h.Sum(nil))
	id[6], id[8] = id[6]&0x0f|0x50, id[8]&0x3f|0x80
	s := hex.EncodeToString(id[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// space is the namespace of our identifiers: drawn once, never to change.
var space = [16]byte{0x6c, 0x1f, 0x0a, 0x52, 0x9d, 0x3e, 0x4b, 0x77, 0xa4, 0x10, 0x5e, 0xd8, 0x2b, 0x93, 0xc6, 0x0f}
