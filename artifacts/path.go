package artifacts

import (
	"strings"
	"unicode/utf8"
)

// A Path is a name as the examined host spells it: bytes on Linux, WTF-8 on Windows (so that lone surrogates survive).
// It need not be UTF-8 and is never opened on the examiner's machine. Its separator is that of the host's OS.
//
// As text (JSON, logs, reports) a byte that is not part of valid UTF-8 is written %FF, and a percent sign that would
// read as such an escape is written %25; every Path survives the round trip.
type Path string

const hexDigits = "0123456789ABCDEF"

// MarshalText gives the escaped form described at Path.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String is the escaped form described at Path: valid UTF-8 for every Path.
func (p Path) String() string {
	s := string(p)
	if utf8.ValidString(s) && !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.Write([]byte{'%', hexDigits[s[i]>>4], hexDigits[s[i]&15]})
		case r == '%' && isEscape(s[i:]):
			b.WriteString("%25")
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// UnmarshalText reads the escaped form. It never fails: a percent sign that begins no escape stands for itself.
func (p *Path) UnmarshalText(text []byte) error {
	s := string(text)
	if !strings.Contains(s, "%") {
		*p = Path(s)
		return nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if isEscape(s[i:]) {
			b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	*p = Path(b.String())
	return nil
}

func isEscape(s string) bool { return len(s) >= 3 && s[0] == '%' && isHex(s[1]) && isHex(s[2]) }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' || 'a' <= c && c <= 'f'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}

// An OS is the kind of system a host runs, spelled as the ForensicArtifacts schema spells it.
type OS string

// The systems spor examines.
const (
	Linux   OS = "Linux"
	Windows OS = "Windows"
)

// Separator is what stands between the names of a path.
func (o OS) Separator() string {
	if o == Windows {
		return `\`
	}
	return "/"
}

// FoldsCase tells whether names that differ only in case are the same name.
func (o OS) FoldsCase() bool { return o == Windows }

// Join puts a name under a directory.
func (o OS) Join(dir Path, name string) Path {
	sep := o.Separator()
	if dir == "" || strings.HasSuffix(string(dir), sep) {
		return dir + Path(name)
	}
	return dir + Path(sep+name)
}

// Split cuts a path into its directory and last name. The directory of a root is empty.
func (o OS) Split(p Path) (dir Path, name string) {
	sep := o.Separator()
	s := strings.TrimRight(string(p), sep)
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s
	}
	if dir = Path(s[:i]); dir == "" || o == Windows && !strings.Contains(s[:i], sep) {
		dir = Path(s[:i+len(sep)]) // "/" or `C:\`
	}
	return dir, s[i+len(sep):]
}

// Base is the last name of a path.
func (o OS) Base(p Path) string {
	_, name := o.Split(p)
	return name
}
