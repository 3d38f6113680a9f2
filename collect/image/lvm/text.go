package lvm

import (
	"strconv"
	"strings"

	"spor/collect/image/piece"
)

// A section is a part of a description in LVM's text: values, lists and sections by name.
type section struct {
	values   map[string]string
	lists    map[string][]string
	sections map[string]section
}

func (s section) text(name string) string     { return s.values[name] }
func (s section) section(name string) section { return s.sections[name] }
func (s section) number(name string) int64    { return integer(s.values[name]) }
func newSection() section {
	return section{map[string]string{}, map[string][]string{}, map[string]section{}}
}

// integer reads a number; -1 where there is none.
func integer(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// Bounds of a text.
const (
	maxDepth  = 16
	maxTokens = 1 << 20
)

// parseGroup reads the description of one group: its name, and a section.
func parseGroup(text string) (group, error) {
	t := &tokens{rest: text}
	top, err := t.section(0)
	if err != nil {
		return group{}, err
	}
	for name, s := range top.sections {
		if id := s.text("id"); id != "" {
			return group{name: name, sequence: s.number("seqno"), text: s}, nil
		}
	}
	return group{}, piece.Damaged("a description of no group")
}

// tokens takes a text apart.
type tokens struct {
	rest  string
	taken int
}

// next gives a word, a quoted text with its first quote, or one of = { } [ ] and the comma; empty at the end.
func (t *tokens) next() string {
	t.taken++
	for {
		t.rest = strings.TrimLeft(t.rest, " \t\r\n\x00")
		if !strings.HasPrefix(t.rest, "#") {
			break
		}
		_, t.rest, _ = strings.Cut(t.rest, "\n")
	}
	if t.rest == "" {
		return ""
	}
	n := 1
	switch c := t.rest[0]; {
	case c == '"':
		for n < len(t.rest) && t.rest[n] != '"' {
			if t.rest[n] == '\\' {
				n++
			}
			n++
		}
		word := t.rest[:min(n, len(t.rest))]
		t.rest = t.rest[min(n+1, len(t.rest)):]
		return word
	case strings.IndexByte("={}[],", c) < 0:
		if n = strings.IndexAny(t.rest, "={}[], \t\r\n#\""); n < 0 {
			n = len(t.rest)
		}
	}
	word := t.rest[:n]
	t.rest = t.rest[n:]
	return word
}

// section reads values up to the closing brace, or to the end of the text.
func (t *tokens) section(depth int) (section, error) {
	s := newSection()
	for {
		name := t.next()
		if name == "" && depth == 0 || name == "}" && depth > 0 {
			return s, nil
		}
		if name == "" || t.taken > maxTokens || depth > maxDepth {
			return s, piece.Damaged("a description that does not end, or is too deep")
		}
		switch sign := t.next(); sign {
		case "{":
			below, err := t.section(depth + 1)
			if err != nil {
				return s, err
			}
			s.sections[name] = below
		case "=":
			value := t.next()
			if value != "[" {
				s.values[name] = strings.TrimPrefix(value, `"`)
				continue
			}
			list := []string{}
			for value = t.next(); value != "]" && value != "" && t.taken <= maxTokens; value = t.next() {
				if value != "," {
					list = append(list, strings.TrimPrefix(value, `"`))
				}
			}
			s.lists[name] = list
		default:
			return s, piece.Damaged("%.20q behind %.20q in the description", sign, name)
		}
	}
}
