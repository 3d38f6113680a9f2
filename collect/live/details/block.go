package details

import (
	"strings"

	"spor/collect/winapi"
)

// block reads a block of variables as Windows has it: UTF-16LE, each with a NUL at its end, and an empty one behind the
// last. Those that begin with an equals sign are the folders of drives, and left out.
func block(b []byte) []string {
	var all []string
	for len(b) >= 2 {
		v := winapi.DecodeBytes(b)
		n := 2 * (len(winapi.Encode(v)) + 1)
		if v == "" {
			break
		}
		if !strings.HasPrefix(v, "=") {
			all = append(all, v)
		}
		b = b[min(n, len(b)):]
	}
	return all
}
