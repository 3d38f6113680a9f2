package sqlite

import (
	"bytes"
	"path/filepath"
	"testing"
)

// BenchmarkRows reads a table of a browser's size.
func BenchmarkRows(b *testing.B) {
	file := filepath.Join(b.TempDir(), "a.db")
	shell(b, file, `PRAGMA synchronous=OFF; CREATE TABLE urls(id INTEGER PRIMARY KEY, url TEXT, title TEXT, visits INT, at INT);
INSERT INTO urls(url, title, visits, at) SELECT 'https://www.example.org/a/path/of/some/length/'||value, 'The title of page '||value, value%77, 13300000000000000+value*1000003 FROM generate_series(1, 100000);`)
	data := load(b, file)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		db, err := Open(bytes.NewReader(data), int64(len(data)), nil, 0)
		if err != nil {
			b.Fatal(err)
		}
		table, err := db.Table("urls")
		if table == nil {
			b.Fatal(err)
		}
		n := 0
		for row, err := range db.Rows(table) {
			if err != nil {
				b.Fatal(err)
			}
			n += len(row.Text(1))
		}
		if n < 100_000 {
			b.Fatal(n)
		}
	}
}
