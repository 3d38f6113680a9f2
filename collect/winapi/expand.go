package winapi

import "strings"

// maxExpanded bounds what variables make of a text, in bytes: Windows takes 32,767 characters.
const maxExpanded = 3 * 32767

// Expand replaces %NAME% by the variable of that name, which vars holds in lower case. What it does not hold stays as
// it stands, as ExpandEnvironmentStrings leaves it, and so does what would make the text longer than Windows takes; what
// is put in is not expanded again.
func Expand(s string, vars map[string]string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "%")
		name, after, closed := strings.Cut(rest, "%")
		b.WriteString(before)
		if !ok || !closed {
			if ok {
				b.WriteString("%" + rest)
			}
			return b.String()
		}
		if value, known := vars[strings.ToLower(name)]; known && b.Len()+len(value) <= maxExpanded {
			b.WriteString(value)
			s = after
			continue
		}
		b.WriteString("%" + name)
		s = s[len(before)+1+len(name):] // the sign may open the next one
	}
}
