// Package wtmpdb reads the login records of Linux that ended the year 2038 for utmp: wtmp.db of wtmpdb 0.13
// (github.com/thkukuk/wtmpdb, lib/sqlite.c), which has each session once, with its beginning and end, and lastlog2.db of
// util-linux 2.40 (liblastlog2/src/lastlog2.c), which has each user's last login. Both are databases of SQLite; what a
// write-ahead log beside them holds counts.
package wtmpdb

import (
	"bytes"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"spor/timeline"
	"spor/timeline/sqlite"
	"spor/timeline/textlog"
)

// Formats are the parsers of both.
var Formats = timeline.Formats{
	{Name: "wtmpdb", Sniff: sniff("wtmp.db", "wtmp", "Logout"), Parse: parse("wtmp", session)},
	{Name: "lastlog2", Sniff: sniff("lastlog2.db", "Lastlog2", "RemoteHost"), Parse: parse("Lastlog2", lastLogin)},
}

// sniff knows a database by how its table is made, which stands at the end of its first page; where pages are larger than
// the head, by its name.
func sniff(file, table, column string) func(string, []byte) bool {
	return func(name string, head []byte) bool {
		return bytes.HasPrefix(head, []byte(sqlite.Magic)) &&
			(bytes.Contains(head, []byte(table)) && bytes.Contains(head, []byte(column)) || strings.HasSuffix(timeline.Base(name), file))
	}
}

// parse reads a table. An error stands for a row or a page; a database without the table ends in one.
func parse(table string, events func(*sqlite.Row, columns) []timeline.Event) func(timeline.Input) iter.Seq2[timeline.Event, error] {
	return func(in timeline.Input) iter.Seq2[timeline.Event, error] {
		return func(yield func(timeline.Event, error) bool) {
			db, err := sqlite.From(in)
			if err != nil && !yield(timeline.Event{}, err) || db == nil {
				return
			}
			defer db.Close()
			t, err := db.Table(table)
			if err != nil && !yield(timeline.Event{}, err) || t == nil {
				return
			}
			at := columnsOf(t)
			for row, err := range db.Rows(t) {
				if err != nil {
					if !yield(timeline.Event{}, err) {
						return
					}
					continue
				}
				for _, e := range events(row, at) {
					e.Offset = row.Offset
					if !yield(e, nil) {
						return
					}
				}
			}
		}
	}
}

// columns are where the columns of both tables are; negative: the table has none of the name.
type columns struct{ kind, user, login, logout, at, tty, host, service int }

func columnsOf(t *sqlite.Table) columns {
	c := columns{
		kind: t.Column("Type"), user: t.Column("User"), login: t.Column("Login"), logout: t.Column("Logout"),
		at: t.Column("Time"), tty: t.Column("TTY"), host: t.Column("RemoteHost"), service: t.Column("Service"),
	}
	if c.user < 0 {
		c.user = t.Column("Name")
	}
	return c
}

// statuses are the types of wtmpdb.h, by the names that utmp has for them.
var statuses = [...]string{"EMPTY", "BOOT_TIME", "RUN_LVL", "USER_PROCESS"}

// session gives the beginning and the end of a session, of which either may be missing; times are in µs.
func session(row *sqlite.Row, c columns) []timeline.Event {
	kind := row.Int(c.kind)
	var f textlog.Fields
	f.Number("login_type", kind)
	if 0 <= kind && kind < int64(len(statuses)) {
		f.Add("status", statuses[kind])
	}
	words := describe(&f, row, c)
	f.Number("record_number", row.ID)
	start := timeline.Event{Type: "linux:wtmpdb:session", Desc: "Start Time", Message: "Session of " + words}
	end := start
	end.Fields, start.Fields = slices.Clone(f), f
	switch kind {
	case 1:
		start.Message = "Boot: " + words
		(*textlog.Fields)(&start.Fields).Did("boot", "")
		(*textlog.Fields)(&end.Fields).Did("shutdown", "")
	case 2:
		start.Message = "Runlevel: " + words
		(*textlog.Fields)(&start.Fields).Did("runlevel_changed", "")
	case 3:
		(*textlog.Fields)(&start.Fields).Did("login", "success")
		(*textlog.Fields)(&end.Fields).Did("logout", "")
	}
	start.Time = micros(row.Int(c.login))
	end.Time, end.Desc, end.Message = micros(row.Int(c.logout)), "End Time", "End of: "+start.Message
	switch {
	case end.Time.IsZero() && start.Time.IsZero():
		start.Desc = timeline.DescNone
		return []timeline.Event{start}
	case end.Time.IsZero():
		return []timeline.Event{start}
	case start.Time.IsZero():
		return []timeline.Event{end}
	}
	return []timeline.Event{start, end}
}

// lastLogin gives a user's last login; times are in seconds.
func lastLogin(row *sqlite.Row, c columns) []timeline.Event {
	var f textlog.Fields
	e := timeline.Event{Type: "linux:lastlog2:entry", Desc: "Last Login Time", Message: "Last login of " + describe(&f, row, c)}
	if s := row.Int(c.at); s > 0 && s < 1<<40 {
		e.Time = time.Unix(s, 0).UTC()
		f.Did("login", "success")
	} else {
		e.Desc, e.Message = timeline.DescNone, "No login of "+describe(&textlog.Fields{}, row, c)
	}
	e.Fields = f
	return []timeline.Event{e}
}

// describe adds who came from where and says it in words.
func describe(f *textlog.Fields, row *sqlite.Row, c columns) string {
	user, tty, host, service := row.Text(c.user), row.Text(c.tty), row.Text(c.host), row.Text(c.service)
	f.Add("username", user)
	f.Add("terminal", tty)
	f.Add("hostname", host)
	if a, err := netip.ParseAddr(host); err == nil {
		f.Add("ip_address", a.Unmap().String())
	}
	f.Add("service", service)
	words := user
	if words == "" {
		words = "(no name)"
	}
	for _, part := range [][2]string{{" on ", tty}, {" from ", host}, {" by ", service}} {
		if part[1] != "" {
			words += part[0] + part[1]
		}
	}
	return words
}

// micros is a time in µs since 1970; zero, or one that no clock shows, is none.
func micros(µs int64) time.Time {
	if µs <= 0 || µs >= 1<<58 {
		return time.Time{}
	}
	return time.UnixMicro(µs).UTC()
}
