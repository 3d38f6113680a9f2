package textlog

import "strings"

// A Pattern is a sentence that programs say, with names for what changes in it:
//
//	Failed {authentication_method} for invalid user {username*} from {ip_address} port {port#}
//
// {name} is a text up to the words that follow in the pattern; {name*} up to their last occurrence, for what a stranger
// chooses; {name#} a number; {name@} a word, ending before a blank, comma, semicolon or bracket, or a colon that ends it;
// {} is passed over; {.} is the end of the line, before which a full stop may stand. The last text goes to the end of the line. What follows the end of a pattern is not looked at.
type Pattern struct {
	Action string // what was done
	Result string // "success", "failure", or empty
	parts  []part
	first  string // the words it begins with
}

type part struct {
	name string
	kind byte   // '*', '#', '@' or 0
	then string // the words behind it; empty: the end
}

// Say compiles a pattern.
func Say(action, result, words string) Pattern {
	first, rest, _ := strings.Cut(words, "{")
	p := Pattern{Action: action, Result: result, first: first}
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(rest, "}")
		var pt part
		if n := len(name); n > 0 && strings.IndexByte("*#@", name[n-1]) >= 0 {
			pt.kind, name = name[n-1], name[:n-1]
		}
		pt.name = name
		pt.then, rest, _ = strings.Cut(rest, "{")
		p.parts = append(p.parts, pt)
	}
	return p
}

// maxParts is how many names a pattern has.
const maxParts = 12

// Match adds what the first pattern that fits says; false: none fits.
func (f *Fields) Match(patterns []Pattern, text string) bool {
	m := matcher{tries: maxTries}
	for i := range patterns {
		p := &patterns[i]
		if p.first != "" && text != "" && p.first[0] != text[0] || !strings.HasPrefix(text, p.first) || !m.match(p.parts, 0, text[len(p.first):]) {
			continue
		}
		f.Did(p.Action, p.Result)
		for j := range p.parts {
			switch pt := &p.parts[j]; {
			case pt.name == "" || pt.name == ".":
			case pt.kind == '#':
				f.Digits(pt.name, m.values[j])
			default:
				f.Add(pt.name, m.values[j])
			}
		}
		return true
	}
	return false
}

// MatchNew is Match, but leaves out fields that are there already.
func (f *Fields) MatchNew(patterns []Pattern, text string) bool {
	n := len(*f)
	ok := f.Match(patterns, text)
	kept := (*f)[:n]
	for _, field := range (*f)[n:] {
		if !kept.Has(field.Name) {
			kept = append(kept, field)
		}
	}
	*f = kept
	return ok
}

// maxTries bounds how often the end of a stranger's text is looked for in one text, by all patterns together.
const maxTries = 256

// A matcher holds a text against patterns.
type matcher struct {
	values [maxParts]string // of the parts
	tries  int              // that are left
}

// match reads the parts from the i-th on.
func (m *matcher) match(parts []part, i int, s string) bool {
	for ; i < len(parts); i++ {
		pt := &parts[i]
		if pt.kind == '*' && pt.then != "" {
			for end := len(s); m.tries > 0; {
				m.tries--
				if end = LastIndex(s[:end], pt.then); end < 0 {
					return false
				}
				m.values[i] = s[:end]
				if m.match(parts, i+1, s[end+len(pt.then):]) {
					return true
				}
			}
			return false
		}
		end := pt.end(s)
		if end < 0 {
			return false
		}
		m.values[i] = s[:end]
		if s = s[end:]; !strings.HasPrefix(s, pt.then) {
			return false
		}
		s = s[len(pt.then):]
	}
	return true
}

// LastIndex is strings.LastIndex for the short texts of lines: it looks for the first byte, not at every one.
func LastIndex(s, sep string) int {
	for end := len(s) - len(sep) + 1; end > 0; {
		if end = strings.LastIndexByte(s[:end], sep[0]); end < 0 || s[end:end+len(sep)] == sep {
			return end
		}
	}
	return -1
}

// end is where the value of a part ends that begins the text; negative: it is none.
func (pt *part) end(s string) int {
	switch {
	case pt.name == ".":
		if s != "" && s != "." {
			return -1
		}
		return len(s)
	case pt.kind == '#':
		n := 0
		for n < len(s) && s[n]-'0' <= 9 {
			n++
		}
		if n == 0 {
			return -1
		}
		return n
	case pt.kind == '@':
		n := 0
		for n < len(s) && stops[s[n]]&wordStop == 0 {
			n++
		}
		if strings.HasPrefix(pt.then, ":") { // "192.0.2.7:22"
			n = strings.LastIndexByte(s[:n], ':')
		}
		for n > 0 && (s[n-1] == ':' || s[n-1] == '.') {
			n--
		}
		if n <= 0 {
			return -1
		}
		return n
	case pt.then == "":
		return len(s)
	}
	return strings.Index(s, pt.then)
}
