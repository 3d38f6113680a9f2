package winapi

import "strings"

// Expand replaces %NAME% by the variable of that name, which vars holds in lower case. What it does not hold stays as
// it stands, as ExpandEnvironmentStrings leaves it; what is put in is not expanded again.
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
		if value, known := vars[strings.ToLower(name)]; known {
			b.WriteString(value)
			s = after
			continue
		}
		b.WriteString("%" + name)
		s = "%" + after // it may open the next one
	}
}
