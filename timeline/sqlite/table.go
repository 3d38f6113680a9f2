package sqlite

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Table is one of a database.
type Table struct {
	Name    string
	Columns []string // as they are declared, but without those that are computed when they are read
	root    uint32
	unset   []Value // of rows that were written before a column was added: its DEFAULT
	order   []int   // of the columns in a record; nil: as declared
	id      int     // the column that stands for the row's number; negative: none does
	noRowID bool    // an index keeps the rows
}

// Column is the place of a column by its name, which has no case; negative: there is none.
func (t *Table) Column(name string) int {
	return slices.IndexFunc(t.Columns, func(c string) bool { return strings.EqualFold(c, name) })
}

// schema is the table of tables.
var schema = &Table{Name: "sqlite_schema", Columns: []string{"type", "name", "tbl_name", "rootpage", "sql"}, root: 1, id: -1}

// Tables gives the tables of a database. Errors are about parts of its schema; the tables it gives can be read.
func (db *DB) Tables() (tables []*Table, errs []error) {
	for row, err := range db.Rows(schema) {
		if err != nil {
			errs = append(errs, err)
			if len(errs) > 100 {
				return tables, errs
			}
			continue
		}
		if row.Text(0) != "table" || row.Int(3) <= 0 || row.Int(3) > int64(db.pages) {
			continue
		}
		t := parseTable(row.Text(4))
		if t == nil {
			errs = append(errs, fmt.Errorf("table %q is made by what is no CREATE TABLE", row.Text(1)))
			continue
		}
		t.Name, t.root = row.Text(1), uint32(row.Int(3))
		if tables = append(tables, t); len(tables) == maxTables {
			break
		}
	}
	return tables, errs
}

// Table finds a table by name; nil: there is none.
func (db *DB) Table(name string) (*Table, error) {
	tables, errs := db.Tables()
	for _, t := range tables {
		if strings.EqualFold(t.Name, name) {
			return t, nil
		}
	}
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return nil, nil
}

// parseTable reads "CREATE TABLE name(columns) options" (sqlite.org/lang_createtable.html); nil: it is none.
func parseTable(sql string) *Table {
	words := split(sql)
	open := slices.IndexFunc(words, func(w word) bool { return w.is("(") })
	if open < 0 || len(words) < 4 || !words[0].is("CREATE") {
		return nil
	}
	t := &Table{id: -1}
	var key []string // of a primary key that a constraint names
	integers := map[string]bool{}
	depth, start := 0, open+1
	for i := open; i < len(words); i++ {
		switch {
		case words[i].is("("):
			depth++
			continue
		case words[i].is(")"):
			depth--
		}
		if depth > 1 || depth == 1 && !words[i].is(",") {
			continue
		}
		if def := words[start:i]; len(def) > 0 {
			t.column(def, &key, integers)
		}
		if start = i + 1; depth == 0 {
			break
		}
	}
	for i := start; i+1 < len(words); i++ {
		t.noRowID = t.noRowID || words[i].is("WITHOUT") && words[i+1].is("ROWID")
	}
	switch {
	case t.noRowID:
		t.ordered(key)
	case t.id < 0 && len(key) == 1 && integers[strings.ToLower(key[0])]:
		t.id = t.Column(key[0])
	}
	return t
}

// column reads the definition of a column, or a constraint.
func (t *Table) column(def []word, key *[]string, integers map[string]bool) {
	if !def[0].quoted {
		switch strings.ToUpper(def[0].text) {
		case "CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN":
			for i := range def {
				if def[i].is("PRIMARY") {
					*key = keyOf(def[i:])
				}
			}
			return
		}
	}
	name := def[0].text
	integer := len(def) > 1 && def[1].is("INTEGER") && (len(def) < 3 || !def[2].is("(")) // the type, all of it
	primary, descending, computed, stored, depth := false, false, false, false, 0
	var unset Value
	for i, w := range def[1:] {
		switch {
		case w.is("("):
			depth++
		case w.is(")"):
			depth--
		case depth > 0:
		case w.is("PRIMARY"):
			primary = true
		case w.is("DESC"):
			descending = true
		case w.is("AS"):
			computed = true
		case w.is("STORED"):
			stored = true
		case w.is("DEFAULT"):
			unset = literal(def[i+2:])
		case i == 1 && !isConstraint(w):
			integer = false // a type of two words
		}
	}
	if computed && !stored {
		return
	}
	if primary {
		*key = []string{name}
	}
	if integer {
		integers[strings.ToLower(name)] = true
	}
	if primary && integer && !descending && t.id < 0 {
		t.id = len(t.Columns)
	}
	t.Columns, t.unset = append(t.Columns, name), append(t.unset, unset)
}

// literal reads the value behind DEFAULT, as far as it is a constant; NULL otherwise.
func literal(def []word) Value {
	if len(def) > 1 && def[0].is("(") {
		def = def[1:]
	}
	if len(def) == 0 {
		return Value{}
	}
	w := def[0]
	if w.quoted {
		return Value{Kind: Text, bytes: []byte(w.text)}
	}
	if n, err := strconv.ParseInt(w.text, 0, 64); err == nil {
		return Value{Kind: Int, num: n}
	}
	if f, err := strconv.ParseFloat(w.text, 64); err == nil && strings.ContainsAny(w.text, "0123456789") {
		return Value{Kind: Real, num: int64(math.Float64bits(f))}
	}
	switch {
	case w.is("TRUE"):
		return Value{Kind: Int, num: 1}
	case w.is("FALSE"):
		return Value{Kind: Int}
	}
	return Value{}
}

// isConstraint tells a word that begins a constraint of a column.
func isConstraint(w word) bool {
	return slices.ContainsFunc([]string{"CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS"}, w.is)
}

// keyOf reads the columns of "PRIMARY KEY(a, b)".
func keyOf(def []word) (key []string) {
	first := false
	for _, w := range def {
		switch {
		case w.is("("), w.is(","):
			first = true
		case w.is(")"):
			return key
		case first:
			key, first = append(key, w.text), false
		}
	}
	return key
}

// ordered sets the order of a table without row numbers: the key's columns come first.
func (t *Table) ordered(key []string) {
	t.id = -1
	for _, k := range key {
		if c := t.Column(k); c >= 0 && !slices.Contains(t.order, c) {
			t.order = append(t.order, c)
		}
	}
	for c := range t.Columns {
		if !slices.Contains(t.order, c) {
			t.order = append(t.order, c)
		}
	}
}

// A word is one of SQL.
type word struct {
	text   string
	quoted bool
}

func (w word) is(s string) bool { return !w.quoted && strings.EqualFold(w.text, s) }

// split parts SQL into words, quoted names and signs; comments are left out.
func split(s string) (words []word) {
	for s != "" {
		switch c := s[0]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			s = s[1:]
		case strings.HasPrefix(s, "--"):
			_, s, _ = strings.Cut(s, "\n")
		case strings.HasPrefix(s, "/*"):
			_, s, _ = strings.Cut(s[2:], "*/")
		case c == '"' || c == '\'' || c == '`' || c == '[':
			var w string
			w, s = quoted(s)
			words = append(words, word{w, true})
		case c == '(' || c == ')' || c == ',' || c == ';':
			words, s = append(words, word{text: s[:1]}), s[1:]
		default:
			n := strings.IndexAny(s, " \t\n\r\f(),;\"'`[")
			if n < 0 {
				n = len(s)
			}
			words, s = append(words, word{text: s[:n]}), s[n:]
		}
	}
	return words
}

// quoted reads a quoted name, in which the quote is doubled.
func quoted(s string) (name, rest string) {
	end := s[0]
	if end == '[' {
		name, rest, _ = strings.Cut(s[1:], "]")
		return name, rest
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] == end {
			if i+1 == len(s) || s[i+1] != end {
				return b.String(), s[i+1:]
			}
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}
