package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"spor/artifacts"
)

// A pattern is a path whose names may be wildcards, cut at its separators. On Windows its first name is the drive
// ("C:"); for a registry key it is the root key.
type pattern struct {
	text  artifacts.Path // as it is written in outcomes: expanded, in the host's spelling
	names []name
	// asked is the text before it was expanded, where that was once for each of several users: what is to be said of all
	// of them is said of it.
	asked artifacts.Path
	// stream, of Windows: not what matches is meant, but its alternate data stream of this name, where it has one.
	stream string
}

// A name is one step of a pattern.
type name struct {
	literal string // as written, without escapes; meaningful where glob is empty and depth is 0
	glob    string // has wildcards; folded where the system folds
	depth   int    // of `**`: how many levels it spans; 0 for every other name
}

// Bounds of patterns. A deeper `**` than the walk allows would not end, a longer pattern no system can hold.
const (
	defaultDepth = 3 // of `**`, by the ForensicArtifacts convention
	maxDepth     = 100
	maxNames     = 255
	maxPattern   = 8 << 10 // bytes, expanded
)

// compile reads a pattern whose names stand in parts. Fold makes it ignore case.
func compile(parts []string, fold bool) ([]name, error) {
	if len(parts) > maxNames {
		return nil, fmt.Errorf("more than %d names", maxNames)
	}
	names := make([]name, 0, len(parts))
	for _, part := range parts {
		switch {
		case part == "" || part == ".":
			continue
		case part == "..":
			return nil, fmt.Errorf(`".." in a pattern`)
		case strings.HasPrefix(part, "**") && isDepth(part[2:]):
			depth, err := starDepth(part[2:])
			if err != nil {
				return nil, err
			}
			names = append(names, name{depth: depth})
		case hasWildcard(part):
			glob := part
			if fold {
				glob = foldCase(part)
			}
			names = append(names, name{glob: glob})
		default:
			names = append(names, name{literal: unquote(part)})
		}
	}
	return names, nil
}

// cutStream takes the name of an alternate data stream off the last name of a pattern, where that is a wildcard:
// `Downloads\**:Zone.Identifier`. Where it is written out, file and stream are one name that the system knows.
func cutStream(parts []string) (rest []string, stream string) {
	if len(parts) < 2 {
		return parts, ""
	}
	last := parts[len(parts)-1]
	file, stream, ok := strings.Cut(last, ":")
	if !ok || stream == "" || !hasWildcard(file) {
		return parts, ""
	}
	return append(slices.Clone(parts[:len(parts)-1]), file), stream
}

func isDepth(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

func starDepth(digits string) (int, error) {
	if digits == "" {
		return defaultDepth, nil
	}
	depth, err := strconv.Atoi(digits)
	if err != nil || depth < 1 || depth > maxDepth {
		return 0, fmt.Errorf("** spans 1 to %d levels, not %s", maxDepth, digits)
	}
	return depth, nil
}

// quote makes text that stands for itself in a pattern.
func quote(s string) string {
	if !strings.ContainsAny(s, "*?[") {
		return s
	}
	return strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]").Replace(s)
}

// unquote takes back quote.
func unquote(s string) string {
	if !strings.Contains(s, "[") {
		return s
	}
	return strings.NewReplacer("[*]", "*", "[?]", "?", "[[]", "[").Replace(s)
}

// hasWildcard tells whether more than one name can match.
func hasWildcard(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '*', '?':
			return true
		case '[':
			n := classLen(s[i:])
			if n > 3 || n == 3 && !strings.Contains("*?[", s[i+1:i+2]) {
				return true
			}
			i += max(n, 1) - 1
		}
	}
	return false
}

// classLen is the length of the bracket expression s begins with; 0 where it never closes. A closing bracket that
// comes first is a member.
func classLen(s string) int {
	i := 1
	if i < len(s) && (s[i] == '!' || s[i] == '^') {
		i++
	}
	if i < len(s) && s[i] == ']' {
		i++
	}
	if n := strings.IndexByte(s[i:], ']'); n >= 0 {
		return i + n + 1
	}
	return 0
}

// foldCase maps a name to the form in which Windows compares it: each character to its simple upper case. Bytes that
// are not UTF-8 (lone surrogates in WTF-8) are kept.
func foldCase(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] < utf8.RuneSelf && (s[i] < 'a' || s[i] > 'z')
	}
	if plain {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(b, s[i])
		} else {
			b = utf8.AppendRune(b, unicode.ToUpper(r))
		}
		i += n
	}
	return string(b)
}

// match tells whether a name fits a glob. Both are folded already where case does not matter. It takes at most
// len(glob) × len(s) steps. A byte that is not UTF-8 counts as one character.
func match(glob, s string) bool {
	star, mark := -1, 0 // where the last `*` stands, and what it has swallowed
	g, i := 0, 0
	for i < len(s) {
		if g < len(glob) && glob[g] == '*' {
			star, mark = g, i
			g++
			continue
		}
		if gn, sn := matchOne(glob[g:], s[i:]); gn > 0 {
			g, i = g+gn, i+sn
			continue
		}
		if star < 0 {
			return false
		}
		_, n := utf8.DecodeRuneInString(s[mark:])
		mark += n
		g, i = star+1, mark
	}
	return strings.Trim(glob[g:], "*") == ""
}

// matchOne matches one character of s and gives the lengths used in both; zeros where it does not match.
func matchOne(glob, s string) (globLen, strLen int) {
	if glob == "" {
		return 0, 0
	}
	r, n := utf8.DecodeRuneInString(s)
	switch glob[0] {
	case '?':
		return 1, n
	case '[':
		if c := classLen(glob); c > 0 {
			if inClass(glob[1:c-1], r, s[:n]) {
				return c, n
			}
			return 0, 0
		}
	}
	if strings.HasPrefix(glob, s[:n]) {
		return n, n
	}
	return 0, 0
}

// inClass tells whether a character (r, or one odd byte) is in the inside of a bracket expression.
func inClass(class string, r rune, s string) bool {
	negate := class[0] == '!' || class[0] == '^'
	if negate {
		class = class[1:]
	}
	odd := r == utf8.RuneError && len(s) == 1
	in := false
	for i := 0; i < len(class) && !in; {
		lo, n := utf8.DecodeRuneInString(class[i:])
		if odd {
			in = class[i] == s[0] && lo == utf8.RuneError && n == 1
			i += n
			continue
		}
		hi := lo
		i += n
		if i+1 < len(class) && class[i] == '-' {
			hi, n = utf8.DecodeRuneInString(class[i+1:])
			i += 1 + n
		}
		in = lo <= r && r <= hi
	}
	return in != negate
}

// split cuts a path of the host, or a pattern that was expanded, into names. On Windows both slashes separate, and the
// first name is the drive. A path that is on no drive, such as a device or a share, is an error.
func split(os artifacts.OS, p, systemDrive string) ([]string, error) {
	if len(p) > maxPattern {
		return nil, fmt.Errorf("longer than %d bytes", maxPattern)
	}
	if os != artifacts.Windows {
		return strings.Split(p, "/"), nil
	}
	p = strings.ReplaceAll(p, "/", `\`)
	if strings.HasPrefix(p, `\\?\`) && len(p) > 5 && p[5] == ':' {
		p = p[4:]
	}
	if strings.HasPrefix(p, `\\`) && strings.Trim(p[:min(4, len(p))], `\`) != "" {
		return nil, fmt.Errorf("a share or a device is not a path on a drive")
	}
	parts := strings.Split(p, `\`)
	if !strings.HasSuffix(parts[0], ":") {
		parts = slices.Insert(parts, 0, systemDrive)
	}
	return parts, nil
}
