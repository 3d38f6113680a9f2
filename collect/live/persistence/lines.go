package persistence

import (
	"iter"
	"strings"
)

// joined gives the lines of a text by number, from 1, space around them taken off, comments (# and ;) and empty lines
// left out, and those that end in a backslash joined with the next.
func joined(data []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number, began, long := 0, 0, ""
		for line := range strings.Lines(string(data)) {
			number++
			line = strings.TrimSpace(line)
			if long == "" {
				began = number
			}
			if line == "" || line[0] == '#' || line[0] == ';' {
				if long == "" || line != "" { // a comment may stand amid a joined line
					continue
				}
			}
			if before, ok := strings.CutSuffix(line, `\`); ok && len(long) < maxConfig {
				long += before + " "
				continue
			}
			if line = strings.TrimSpace(long + line); line != "" && !yield(began, line) {
				return
			}
			long = ""
		}
		if long = strings.TrimSpace(long); long != "" {
			yield(began, long)
		}
	}
}

// plain gives the lines of a text by number, space around them taken off, without comments (#) and empty ones.
func plain(data []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(string(data)) {
			number++
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !yield(number, line) {
				return
			}
		}
	}
}
