package sqlite

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shell runs the program of SQLite on a database.
func shell(t testing.TB, args ...string) string {
	t.Helper()
	tool, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("SKIPPED: sqlite3 is not here")
	}
	out, err := exec.Command(tool, args...).Output()
	if err != nil {
		t.Fatalf("sqlite3 %.200q: %v", args, err)
	}
	return string(out)
}

func open(t testing.TB, b, log []byte) *DB {
	t.Helper()
	var wal io.ReaderAt
	if log != nil {
		wal = bytes.NewReader(log)
	}
	db, err := Open(bytes.NewReader(b), int64(len(b)), wal, int64(len(log)))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func load(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	columnEnd = "\x1f"
	rowEnd    = "\x1e"
)

// quote writes a value as SQLite's function quote does.
func quote(v Value) string {
	switch v.Kind {
	case Null:
		return "NULL"
	case Int:
		return strconv.FormatInt(v.num, 10)
	case Real:
		r := Row{Values: []Value{v}}
		return "real " + strconv.FormatFloat(r.Real(0), 'g', 12, 64)
	case Blob:
		return fmt.Sprintf("X'%X'", v.bytes)
	default:
		s, _, _ := strings.Cut(string(v.bytes), "\x00") // as far as quote reads
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
}

// dump writes a table as theirs does.
func dump(t testing.TB, db *DB, table *Table) (rows []string) {
	t.Helper()
	for row, err := range db.Rows(table) {
		if err != nil {
			t.Errorf("%s: %v", table.Name, err)
			continue
		}
		var cells []string
		for _, v := range row.Values {
			cells = append(cells, quote(v))
		}
		rows = append(rows, strings.Join(cells, columnEnd))
	}
	return rows
}

var real = regexp.MustCompile(`^-?[0-9]+(\.[0-9]*)?(e[-+][0-9]+)?$`)

// theirs is a table as SQLite reads it.
func theirs(t testing.TB, file string, table *Table) (rows []string) {
	t.Helper()
	var columns []string
	for _, c := range table.Columns {
		c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		columns = append(columns, "CASE typeof("+c+") WHEN 'real' THEN 'real '||printf('%.12g',"+c+") ELSE quote("+c+") END")
	}
	out := shell(t, "-batch", "-separator", columnEnd, "-newline", rowEnd, "file:"+file+"?immutable=1",
		"SELECT "+strings.Join(columns, ",")+` FROM "`+strings.ReplaceAll(table.Name, `"`, `""`)+`"`)
	if out == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(out, rowEnd), rowEnd)
}

// number writes all spellings of a real alike.
func number(row string) string {
	cells := strings.Split(row, columnEnd)
	for i, c := range cells {
		if n, ok := strings.CutPrefix(c, "real "); ok && real.MatchString(n) {
			f, _ := strconv.ParseFloat(n, 64)
			cells[i] = "real " + strconv.FormatFloat(f, 'g', 10, 64)
			if f == float64(int64(f)) && f < 1<<40 { // SQLite keeps it as one
				cells[i] = strconv.FormatInt(int64(f), 10)
			}
		}
	}
	return strings.Join(cells, columnEnd)
}

// compare holds all tables of a database against SQLite's.
func compare(t testing.TB, name, file string, db *DB) (rows int) {
	t.Helper()
	tables, errs := db.Tables()
	if errs != nil {
		t.Errorf("%s: %v", name, errs)
	}
	n, _ := strconv.Atoi(strings.TrimSpace(shell(t, file, "SELECT count(*) FROM sqlite_master WHERE type='table' AND rootpage>0")))
	if len(tables) != n {
		t.Errorf("%s: %d tables, SQLite has %d", name, len(tables), n)
	}
	for _, table := range tables {
		got, want := dump(t, db, table), theirs(t, file, table)
		if len(got) != len(want) {
			t.Errorf("%s, %s: %d rows, SQLite has %d", name, table.Name, len(got), len(want))
			continue
		}
		for i := range got {
			if number(got[i]) != number(want[i]) {
				t.Errorf("%s, %s, row %d:\ngot  %.300q\nwant %.300q", name, table.Name, i, got[i], want[i])
				break
			}
		}
		rows += len(got)
	}
	return rows
}

// kinds are statements that make every kind of table, page, value and encoding.
const kinds = `BEGIN;
CREATE TABLE plain(a, b TEXT, c REAL, d BLOB);
CREATE TABLE "quoted "" name"(id INTEGER PRIMARY KEY AUTOINCREMENT, [b c] VARCHAR(10) NOT NULL DEFAULT 'x,(y', ` + "`d`" + ` INT, CHECK (d > -5), CONSTRAINT u UNIQUE(d));
CREATE TABLE keyed(a INTEGER, b TEXT, PRIMARY KEY(a));
CREATE TABLE descending(a INTEGER PRIMARY KEY DESC, b);
CREATE TABLE without(z TEXT, b INT, c, a TEXT, PRIMARY KEY(a, b)) WITHOUT ROWID;
CREATE TABLE computed(a INT, b INT GENERATED ALWAYS AS (a*2) VIRTUAL, c INT AS (a*3) STORED, d TEXT -- a comment, with a comma
 /* and another */, e);
INSERT INTO plain VALUES (NULL, 'þorn', 1.5, x'00ff'), (0, '', -1e300, x''), (1, 'it''s', 3, zeroblob(3)), (-129, 'a', 0.1, 'text'), (9223372036854775807, 8388608, 2147483648, 140737488355328);
INSERT INTO plain SELECT value, printf('%.*c', value*37, 'x'), value/7.0, randomblob(value) FROM generate_series(1, 900, 7);
INSERT INTO "quoted "" name"(d) SELECT value FROM generate_series(1, 500);
INSERT INTO keyed SELECT value*3, hex(value) FROM generate_series(1, 900);
INSERT INTO descending SELECT value, value FROM generate_series(1, 50);
INSERT INTO without SELECT printf('%.*c', value%900, 'z'), value, value*1.5, 'key'||value FROM generate_series(1, 500);
INSERT INTO computed(a, d, e) SELECT value, 'd', 'e' FROM generate_series(1, 10);
ALTER TABLE keyed ADD COLUMN later TEXT;
ALTER TABLE keyed ADD COLUMN number INT NOT NULL DEFAULT -7;
ALTER TABLE keyed ADD COLUMN words TEXT DEFAULT 'it''s, (now)';
ALTER TABLE keyed ADD COLUMN fraction REAL DEFAULT (0.25);
INSERT INTO keyed VALUES (77777, 'a', 'b', 1, NULL, 2.5);
CREATE INDEX i ON plain(b);
CREATE VIEW v AS SELECT a FROM plain;
DELETE FROM plain WHERE a % 2 = 0 AND a > 100;
COMMIT;
`

func TestKinds(t *testing.T) {
	for _, pragma := range []string{
		"PRAGMA page_size=512;", "PRAGMA page_size=65536;", "PRAGMA encoding='UTF-16le';", "PRAGMA encoding='UTF-16be'; PRAGMA page_size=1024; PRAGMA auto_vacuum=FULL;",
	} {
		file := filepath.Join(t.TempDir(), "a.db")
		shell(t, file, "PRAGMA synchronous=OFF;"+pragma+kinds)
		b := load(t, file)
		if n := compare(t, pragma, file, open(t, b, nil)); n < 2000 {
			t.Errorf("%s: %d rows", pragma, n)
		}
	}
}

// logged makes a database with a write-ahead log that holds most of it, and a state of both for SQLite to open.
func logged(t testing.TB) (file string, b, log []byte) {
	dir := t.TempDir()
	work := filepath.Join(dir, "work.db")
	file = filepath.Join(dir, "copy.db")
	shell(t, work, "CREATE TABLE old(a); INSERT INTO old VALUES ('stands in the file');", "PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"+kinds+
		"UPDATE old SET a='stands in the log'; BEGIN; UPDATE old SET a='never committed';\n", ".shell cp "+work+" "+file, ".shell cp "+work+"-wal "+file+"-wal")
	return file, load(t, file), load(t, file+"-wal")
}

func TestWAL(t *testing.T) {
	file, b, log := logged(t)
	db := open(t, b, log)
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.db")
	for from, to := range map[string]string{file: whole, file + "-wal": whole + "-wal"} {
		if err := os.WriteFile(to, load(t, from), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shell(t, whole, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE;")
	if n := compare(t, "with a log", whole, db); n < 2000 {
		t.Errorf("%d rows", n)
	}
	first := func(db *DB) string {
		table, err := db.Table("OLD")
		if table == nil {
			t.Fatal(err)
		}
		return dump(t, db, table)[0]
	}
	if got := first(db); got != "'stands in the log'" {
		t.Errorf("with the log: %s", got)
	}
	if got := first(open(t, b, nil)); got != "'stands in the file'" {
		t.Errorf("without the log: %s", got)
	}
	if got := first(open(t, b, log[:len(log)-1000])); got != "'stands in the file'" && got != "'stands in the log'" {
		t.Errorf("with a cut log: %s", got)
	}
	spoilt := bytes.Clone(log)
	spoilt[60] ^= 1 // in the first frame: nothing behind it counts
	if got := first(open(t, b, spoilt)); got != "'stands in the file'" {
		t.Errorf("with a spoilt log: %s", got)
	}
	if db, err := Open(bytes.NewReader(b), int64(len(b)), bytes.NewReader([]byte("no log at all, this is not")), 26); db == nil || err == nil {
		t.Errorf("with what is no log: %v, %v", db, err)
	}
	if got := first(open(t, nil, log)); got != "'stands in the log'" {
		t.Logf("the log alone has no first page: %s", got)
	}
}

func corpusDir() string {
	if dir := os.Getenv("SPOR_CORPUS"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "shared", "corpus")
}

// A sample is a database of the corpus and what SQLite counts in it, "urls=1,visits=2".
type sample struct{ path, counts string }

func corpus(t testing.TB) (samples []sample) {
	t.Helper()
	f, err := os.Open(filepath.Join(corpusDir(), "INDEX.tsv"))
	if err != nil {
		t.Skipf("SKIPPED: the corpus is not here: %v", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	for row, err := r.Read(); err == nil; row, err = r.Read() {
		if _, counts, ok := strings.Cut(row[7], "sqlite3 row counts: "); ok {
			samples = append(samples, sample{row[0], counts})
		}
	}
	if len(samples) < 10 {
		t.Fatalf("%d databases in the corpus", len(samples))
	}
	return samples
}

func (s sample) load(t testing.TB) []byte {
	b := load(t, filepath.Join(corpusDir(), s.path))
	if !strings.HasSuffix(s.path, ".gz") {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCorpus holds the number of rows against what SQLite counts, SPOR_ORACLE=1 also every value.
func TestCorpus(t *testing.T) {
	rows, tables := 0, 0
	for _, s := range corpus(t) {
		b := s.load(t)
		db := open(t, b, nil)
		list, errs := db.Tables()
		if errs != nil {
			t.Errorf("%s: %v", s.path, errs)
		}
		counts := map[string]int{}
		for _, table := range list {
			for _, err := range db.Rows(table) {
				if err != nil {
					t.Errorf("%s, %s: %v", s.path, table.Name, err)
				}
				counts[table.Name]++
			}
		}
		for c := range strings.SplitSeq(strings.Fields(s.counts)[0], ",") {
			name, n, ok := strings.Cut(c, "=")
			if !ok {
				continue
			}
			if want, err := strconv.Atoi(strings.TrimRight(n, ";")); err == nil && counts[name] != want {
				t.Errorf("%s: %d rows of %s, SQLite counts %d", s.path, counts[name], name, want)
			}
			tables, rows = tables+1, rows+counts[name]
		}
		if os.Getenv("SPOR_ORACLE") != "" {
			file := filepath.Join(t.TempDir(), "a.db")
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			compare(t, s.path, file, db)
		}
	}
	t.Logf("%d rows of %d tables", rows, tables)
}

// all reads everything of a database.
func all(b, log []byte) (rows, errs int) {
	db, err := Open(bytes.NewReader(b), int64(len(b)), bytes.NewReader(log), int64(len(log)))
	if db == nil {
		return 0, 1
	}
	if err != nil {
		errs++
	}
	tables, bad := db.Tables()
	errs += len(bad)
	for _, table := range tables {
		for row, err := range db.Rows(table) {
			if err != nil {
				errs++
				continue
			}
			rows++
			for i := range row.Values {
				row.Text(i)
				row.Real(i)
			}
		}
	}
	return rows, errs
}

// TestMutants reads spoilt databases and logs: no panic, no hang, no memory without bound. SPOR_LONG=1 reads 10,000 of them.
func TestMutants(t *testing.T) {
	n := 300
	if os.Getenv("SPOR_LONG") != "" {
		n = 10_000
	}
	_, b, log := logged(t)
	samples := [][2][]byte{{b, log}}
	for _, s := range corpus(t) {
		if b := s.load(t); len(b) < 100<<10 {
			samples = append(samples, [2][]byte{b, nil})
		}
	}
	rnd := rand.New(rand.NewSource(1))
	var before, after runtime.MemStats
	slowest, rows := time.Duration(0), 0
	for range n {
		s := samples[rnd.Intn(len(samples))]
		which := 0
		if s[1] != nil {
			which = rnd.Intn(2)
		}
		s[which] = mutate(rnd, s[which])
		runtime.ReadMemStats(&before)
		start := time.Now()
		k, _ := all(s[0], s[1])
		slowest, rows = max(slowest, time.Since(start)), rows+k
		runtime.ReadMemStats(&after)
		if grown, size := after.TotalAlloc-before.TotalAlloc, uint64(len(s[0])+len(s[1])); grown > 64<<20+100*size {
			t.Errorf("%d bytes allocated for %d", grown, size)
		}
	}
	if slowest > time.Minute || rows == 0 {
		t.Errorf("one took %v, %d rows in all", slowest, rows)
	}
	t.Logf("%d mutants, %d rows, the slowest took %v", n, rows, slowest)
}

// mutate spoils a file: cuts it, turns bits, doubles a stretch, or overwrites one.
func mutate(rnd *rand.Rand, data []byte) []byte {
	b := bytes.Clone(data)
	switch rnd.Intn(4) {
	case 0:
		return b[:rnd.Intn(len(b))]
	case 1:
		for range 1 + rnd.Intn(50) {
			b[rnd.Intn(len(b))] ^= 1 << rnd.Intn(8)
		}
	case 2:
		at := rnd.Intn(len(b))
		return append(b[:at:at], b[rnd.Intn(at+1):]...)
	default:
		at := rnd.Intn(len(b))
		rnd.Read(b[at:min(len(b), at+rnd.Intn(3000))])
	}
	return b
}

func FuzzOpen(f *testing.F) {
	if _, err := exec.LookPath("sqlite3"); err == nil {
		file := filepath.Join(f.TempDir(), "a.db")
		shell(f, file, "PRAGMA page_size=512; CREATE TABLE a(b INTEGER PRIMARY KEY, c); INSERT INTO a VALUES (1, printf('%.*c', 3000, 'x')), (2, 3.5); CREATE TABLE w(a PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO w VALUES (1, 2);")
		f.Add(load(f, file), []byte(nil))
	}
	f.Fuzz(func(t *testing.T, b, log []byte) {
		if rows, _ := all(b, log); rows > len(b)+len(log) {
			t.Errorf("%d rows of %d and %d bytes", rows, len(b), len(log))
		}
	})
}

func FuzzSchema(f *testing.F) {
	for s := range strings.SplitSeq(kinds, ";") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if table := parseTable(sql); table != nil && (table.id >= len(table.Columns) || table.order != nil && len(table.order) != len(table.Columns)) {
			t.Errorf("%q: %+v", sql, table)
		}
	})
}
