package eventlog

import (
	"compress/bzip2"
	_ "embed"
	"io"
	"strconv"
	"strings"
	"sync"
)

// The tables are packed, words.tsv and messages.tsv with a zero between them: 120 KB of text would be too much for the
// program for Windows, and bzip2, which it has anyway, makes least of text. "go test -run TestPacked -update" packs them.
//
//go:embed tables.bz2
var packed string

// texts are the two tables. They are part of the program: a fault in them is one of ours.
var texts = sync.OnceValues(func() (words, messages string) {
	b, err := io.ReadAll(bzip2.NewReader(strings.NewReader(packed)))
	if err != nil {
		panic(err)
	}
	words, messages, _ = strings.Cut(string(b), "\x00")
	return words, messages
})

// A row is a line of a table, cut at its first tab. Of a heading the key begins with =.
type row struct{ key, text string }

// rows gives those of a table without its comments.
func rows(table string) []row {
	var list []row
	for table != "" {
		var line string
		line, table, _ = strings.Cut(table, "\n")
		if key, text, _ := strings.Cut(line, "\t"); key != "" && key[0] != '#' {
			list = append(list, row{key, text})
		}
	}
	return list
}

// maxRange is how many numbers a range may have.
const maxRange = 1 << 12

// numbers reads 1,0x20-0x2f,8.
func numbers(list string) []uint64 {
	var all []uint64
	for more := true; more; {
		var r string
		r, list, more = strings.Cut(list, ",")
		first, last, several := strings.Cut(r, "-")
		if !several {
			last = first
		}
		from, err := strconv.ParseUint(first, 0, 64)
		to, err2 := strconv.ParseUint(last, 0, 64)
		if err != nil || err2 != nil || to-from > maxRange {
			continue
		}
		for n := from; n <= to; n++ {
			all = append(all, n)
		}
	}
	return all
}
