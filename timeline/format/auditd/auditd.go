// Package auditd reads the log of Linux's audit system, /var/log/audit/audit.log: audit 3.1 (auditd.conf(5), ausearch(8),
// lib/interpret of linux-audit/audit-userspace) and the kernel's kernel/audit*.c. The records of one event, which share
// time and serial number, become one event; texts in hexadecimal are decoded, the arguments of EXECVE put together, socket
// addresses read, and the names that an enriching daemon adds behind byte 0x1d preferred to numbers.
package auditd

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
	"time"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/lines"
	"spor/timeline/textlog"
)

// Format is the parser of audit logs.
var Format = &timeline.Format{Name: "auditd", Sniff: sniff, Parse: parse}

// A record is one line.
type record struct {
	node   string
	kind   string // "SYSCALL"
	id     string // "1170021493.977:293": what the records of an event share
	body   string // behind the identifier
	offset int64
	stamp  dates.Stamp
}

func sniff(_ string, head []byte) bool {
	if !bytes.Contains(head, []byte("msg=audit(")) {
		return false
	}
	good, all := 0, 0
	for line, err := range lines.Read(bytes.NewReader(head)) {
		if err != nil || line.Text == "" || line.Text[0] == '#' {
			continue
		}
		if _, ok := readRecord(line.Text); ok {
			good++
		}
		if all++; all == 32 {
			break
		}
	}
	return good > 0 && 2*good >= all
}

// readRecord reads "[node=web01 ]type=SYSCALL msg=audit(1170021493.977:293): …".
func readRecord(s string) (r record, ok bool) {
	if rest, named := strings.CutPrefix(s, "node="); named {
		if r.node, s, ok = strings.Cut(rest, " "); !ok {
			return r, false
		}
	}
	rest, ok := strings.CutPrefix(s, "type=")
	if !ok {
		return r, false
	}
	if r.kind, rest, ok = strings.Cut(rest, " msg=audit("); !ok || r.kind == "" || len(r.kind) > 40 || strings.IndexByte(r.kind, ' ') >= 0 {
		return r, false
	}
	if r.id, r.body, ok = strings.Cut(rest, "):"); !ok {
		return r, false
	}
	seconds, serial, ok := strings.Cut(r.id, ":")
	if _, number := textlog.Atoi(serial); !ok || !number {
		return r, false
	}
	var n int
	if r.stamp, n = dates.Epoch(seconds); n == 0 || n != len(seconds) {
		return r, false
	}
	r.body = strings.TrimPrefix(r.body, " ")
	return r, true
}

// Bounds of one event: the kernel writes some dozens of records.
const (
	maxRecords = 512
	maxOpen    = 64 // events whose records may still be mixed
)

// A group is the records of one event.
type group struct {
	records []record
	done    bool
}

func (g *group) add(r record) {
	if len(g.records) < maxRecords {
		g.records = append(g.records, r)
	}
	g.done = g.done || last(r.kind)
}

// last tells whether a record ends its event: the kernel's end mark, the title that comes last of its records, and what
// programs send, which stands alone.
func last(kind string) bool {
	switch kind {
	case "EOE", "PROCTITLE":
		return true
	case "SYSCALL", "AVC", "LOGIN", "CONFIG_CHANGE", "NETFILTER_CFG", "KERN_MODULE", "BPF", "ANOM_PROMISCUOUS", "SELINUX_ERR", "SECCOMP", "INTEGRITY_DATA":
		return false
	}
	return strings.HasPrefix(kind, "USER_") || strings.HasPrefix(kind, "CRED_") || strings.HasPrefix(kind, "SERVICE_") || strings.HasPrefix(kind, "DAEMON_") ||
		strings.HasPrefix(kind, "ADD_") || strings.HasPrefix(kind, "DEL_") || strings.HasPrefix(kind, "SYSTEM_")
}

func parse(in timeline.Input) iter.Seq2[timeline.Event, error] {
	return func(yield func(timeline.Event, error) bool) {
		j := joiner{yield: yield}
		for line, err := range lines.Read(in.R) {
			if err == nil && (line.Text == "" || line.Text[0] == '#') {
				continue
			}
			r, ok := readRecord(line.Text)
			if err == nil && !ok {
				err = fmt.Errorf("line at offset %d is no audit record: %s", line.Offset, textlog.Shorten(line.Text))
			}
			if err != nil {
				if !yield(timeline.Event{}, err) {
					return
				}
				continue
			}
			r.offset = line.Offset
			if !j.add(r) {
				return
			}
		}
		j.flush(0)
	}
}

// A joiner holds the events that are not complete, in the order of their first records.
type joiner struct {
	open    []*group
	free    []*group
	entry   textlog.Entry
	decoder decoder
	yield   func(timeline.Event, error) bool
}

func (j *joiner) add(r record) bool {
	for i := len(j.open) - 1; i >= 0; i-- {
		if g := j.open[i]; g.records[0].id == r.id && g.records[0].node == r.node {
			g.add(r)
			return j.flush(maxOpen)
		}
	}
	g := &group{}
	if n := len(j.free); n > 0 {
		g, j.free = j.free[n-1], j.free[:n-1]
	}
	g.records, g.done = g.records[:0], false
	g.add(r)
	j.open = append(j.open, g)
	return j.flush(maxOpen)
}

// flush gives the first events as long as they are complete, too old to get another record, or more than a number.
func (j *joiner) flush(most int) bool {
	n := 0
	for n < len(j.open) && (len(j.open)-n > most || j.open[n].done || j.old(j.open[n])) {
		if !j.give(j.open[n].records) {
			return false
		}
		j.free = append(j.free, j.open[n])
		n++
	}
	if n > 0 {
		j.open = j.open[:copy(j.open, j.open[n:])]
	}
	return true
}

// old tells whether the newest event is more than two seconds later, ausearch's own bound.
func (j *joiner) old(g *group) bool {
	newest := &j.open[len(j.open)-1].records[0].stamp
	first := &g.records[0].stamp
	return newest.Day != first.Day || newest.Clock-first.Clock > 2*time.Second
}

func (j *joiner) give(records []record) bool {
	e := &j.entry
	e.Fields = e.Fields[:0]
	message := j.decoder.describe(e, records)
	first := &records[0]
	return j.yield(timeline.Event{
		Time: first.stamp.In(first.stamp.Year, nil), Desc: timeline.DescModified, Type: "selinux:line",
		Message: message, Offset: first.offset, Fields: e.Fields,
	}, nil)
}
