package accounts

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// maxLog is how much of the end of wtmp and btmp is read, in bytes.
const maxLog = 16 << 20

// logins are what the files of logins tell, by account.
type logins struct {
	sessions map[string]tally
	failed   map[string]tally
	lastlog  io.ReaderAt
	close    func() error
	size     int // of a record of lastlog
}

type tally struct {
	n     int
	last  Login
	hosts map[string]bool
}

func (r *reader) logins() *logins {
	l := &logins{close: func() error { return nil }, sessions: r.tally("/var/log/wtmp"), failed: r.tally("/var/log/btmp")}
	for _, p := range []artifacts.Path{"/var/lib/lastlog/lastlog2.db", "/var/lib/wtmpdb/wtmp.db"} {
		if st, err := r.files.Lstat(p); err == nil {
			r.notes = append(r.notes, artifacts.Outcome{Path: p, Status: artifacts.Skipped, Reason: fmt.Sprintf("a SQLite database of %d bytes: taken as a file, its logins are not counted here", st.Size)})
		}
	}
	l.size = 292
	if wide(r.host) {
		l.size = 296
	}
	f, err := procfs.Open(r.files, "/var/log/lastlog")
	r.note("/var/log/lastlog", err)
	if err != nil {
		return l
	}
	if at, ok := f.(io.ReaderAt); ok {
		l.lastlog, l.close = at, f.Close
		return l
	}
	defer f.Close()
	data, _ := io.ReadAll(io.LimitReader(f, maxLog)) // a file of which nothing is allocated is as large as its last uid says
	l.lastlog = bytes.NewReader(data)
	return l
}

// wide tells of machines that write 64-bit times there (bits/wordsize.h of glibc, __WORDSIZE_TIME64_COMPAT32): those that do not run
// 32-bit programs of their kind.
func wide(h *artifacts.Host) bool {
	switch h.Identity.Arch {
	case "aarch64", "arm64", "riscv64", "loongarch64":
		return true
	}
	return false
}

// tally reads the records of a user's login at the end of a file: utmp(5), struct utmp of glibc.
func (r *reader) tally(p artifacts.Path) map[string]tally {
	size, seconds := 384, 340
	if wide(r.host) {
		size, seconds = 400, 344
	}
	all := map[string]tally{}
	for data := r.tail(p, int64(maxLog/size*size), int64(size)); len(data) >= size; data = data[size:] {
		b := data[:size]
		kind := binary.LittleEndian.Uint16(b)
		name := text(b[44:76])
		if kind != 7 && (kind != 6 || !strings.HasSuffix(string(p), "btmp")) || name == "" {
			continue
		}
		t := all[name]
		t.n++
		at := unix(int64(binary.LittleEndian.Uint32(b[seconds:])))
		host := text(b[76:332])
		if !at.Before(t.last.Time) {
			t.last = Login{at, text(b[8:40]), host}
		}
		if host != "" && len(t.hosts) < 10000 {
			if t.hosts == nil {
				t.hosts = map[string]bool{}
			}
			t.hosts[host] = true
		}
		if len(all) < 100000 || all[name].n > 0 { // names are made up by whoever knocks
			all[name] = t
		}
	}
	return all
}

// tail reads at most the last bytes of a file of records, from the beginning of one.
func (r *reader) tail(p artifacts.Path, most, record int64) []byte {
	f, err := procfs.Open(r.files, p)
	r.note(p, err)
	if err != nil {
		return nil
	}
	defer f.Close()
	st, err := f.Stat()
	if at, ok := f.(io.ReaderAt); ok && err == nil && st.Size > most {
		r.notes = append(r.notes, artifacts.Outcome{Path: p, Status: artifacts.Truncated, Reason: fmt.Sprintf("only the last %d of %d bytes were counted", most, st.Size)})
		from := (st.Size - most + record - 1) / record * record
		data, err := io.ReadAll(io.NewSectionReader(at, from, most))
		r.note(p, err)
		return data
	}
	data, err := io.ReadAll(io.LimitReader(f, most))
	r.note(p, err)
	return data
}

func unix(seconds int64) time.Time {
	if seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// text reads a field that ends at a zero byte, or at its end.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return procfs.Text(string(b))
}

// add tells an account of its logins.
func (l *logins) add(a *Account) {
	if t, ok := l.sessions[a.Name]; ok {
		a.Sessions, a.LastSession = t.n, &t.last
	}
	if t, ok := l.failed[a.Name]; ok {
		a.Failed, a.FailedLast, a.FailedOrigin = t.n, t.last.Time, len(t.hosts)
		for h := range t.hosts {
			a.FailedFrom = append(a.FailedFrom, h)
		}
		slices.Sort(a.FailedFrom)
		a.FailedFrom = a.FailedFrom[:min(len(a.FailedFrom), 16)]
	}
	uid, err := strconv.ParseUint(a.UID, 10, 32)
	if l.lastlog == nil || err != nil {
		return
	}
	// A record lies where the uid says: time, terminal 32, host 256 (lastlog.h of glibc). The file is sparse.
	b := make([]byte, l.size)
	if n, _ := l.lastlog.ReadAt(b, int64(uid)*int64(l.size)); n < l.size {
		return
	}
	if at := unix(int64(binary.LittleEndian.Uint32(b))); !at.IsZero() {
		rest := b[l.size-288:]
		a.LastLogin = &Login{at, text(rest[:32]), text(rest[32:])}
	}
}
