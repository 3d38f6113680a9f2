// Package addressing reads the logs of servers that give out addresses and answer for names: who had an address when, and
// who asked for what.
//
//   - Windows Server's DHCP service: DhcpSrvLog-*.log, DhcpV6SrvLog-*.log (learn.microsoft.com, Analyze DHCP Server Log
//     Files), local time, days in the American order, behind a heading that explains the numbers
//   - BIND 9: channels to files, with and without category and severity (BIND 9 Administrator Reference Manual, logging)
//
// ISC's dhcpd, dnsmasq and BIND speak through syslog too: package daemons.
package addressing

import (
	"bytes"
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/format/daemons"
	"spor/timeline/textlog"
)

// Formats are the parsers of this package.
var Formats = []*timeline.Format{
	behindHeading((&textlog.Dialect{Name: "windows_dhcp", Type: "windows:dhcp:log:entry", Begin: dhcpBegin, Read: dhcp}).Format()),
	(&textlog.Dialect{Name: "bind", Type: "bind:log:entry", Begin: bindBegin, Sure: bindSure, Read: bind}).Format(),
}

// behindHeading knows a log that has the name of the service's by any line that begins an entry: how long the heading before
// the first is depends on the language.
func behindHeading(f *timeline.Format) *timeline.Format {
	sniff := f.Sniff
	f.Sniff = func(name string, head []byte) bool {
		if base := strings.ToLower(timeline.Base(name)); !strings.HasPrefix(base, "dhcpsrvlog") && !strings.HasPrefix(base, "dhcpv6srvlog") {
			return sniff(name, head)
		}
		for line := range bytes.Lines(head) {
			if s, _, ok := dhcpBegin(string(line)); ok && !s.IsZero() {
				return true
			}
		}
		return false
	}
	return f
}

// dhcpBegin reads "10,03/09/26,09:00:00,Assign,192.0.2.9,laptop,4C5541A0FA99,": a number, a date, and words.
func dhcpBegin(line string) (dates.Stamp, int, bool) {
	if strings.HasPrefix(strings.TrimLeft(line, "\t "), "Microsoft DHCP") || strings.HasPrefix(line, "ID,") {
		return dates.Stamp{}, 0, true
	}
	id, rest, ok := strings.Cut(line, ",")
	if !ok || len(id) < 2 || len(id) > 5 || strings.Trim(id, "0123456789") != "" {
		return dates.Stamp{}, 0, false
	}
	const day, whole = len("03/09/26"), len("03/09/26,09:00:00")
	if len(rest) <= whole || rest[2] != '/' || rest[5] != '/' || rest[day] != ',' || rest[whole] != ',' {
		return dates.Stamp{}, 0, false
	}
	var b [19]byte // "2026-03-09 09:00:00"
	text := append(append(append(append(append(append(append(b[:0], "20"...), rest[6:8]...), '-'), rest[:2]...), '-'), rest[3:5]...), ' ')
	s, n := dates.ISO(string(append(text, rest[day+1:whole]...)))
	return s, len(id) + 1 + whole + 1, n == 19
}

// columns are those of DHCP for IPv4 and IPv6 behind the date, since Windows Server 2012; older have the first ones.
var (
	columns4 = []string{"description", "ip_address", "hostname", "mac_address", "username", "transaction", "quarantine_result", "", "correlation", "dhcid", "", "vendor_class", "", "user_class", "relay_agent", "dns_error"}
	columns6 = []string{"description", "ip_address", "hostname", "error_code", "", "client_duid", "username", "dhcid", "prefix"}
)

// actions are the numbers of what matters most; those above 11000 are of IPv6.
var actions = map[string][2]string{
	"00": {"started"}, "01": {"stopped"}, "02": {"paused"}, "10": {"address_assigned"}, "11": {"address_renewed"}, "12": {"address_released"}, "13": {"address_conflict"},
	"14": {"address_refused", "failure"}, "15": {"address_refused", "failure"}, "16": {"lease_deleted"}, "17": {"lease_expired"}, "18": {"lease_expired"}, "20": {"address_assigned"}, "21": {"address_assigned"},
	"30": {"dns_update"}, "31": {"dns_update", "failure"}, "32": {"dns_update", "success"}, "33": {"packet_dropped"}, "34": {"dns_update", "failure"}, "35": {"dns_update", "failure"}, "36": {"packet_dropped"},
	"11000": {"address_requested"}, "11001": {"address_offered"}, "11002": {"address_requested"}, "11004": {"address_renewed"}, "11005": {"address_renewed"}, "11006": {"address_refused"}, "11007": {"address_released"},
	"11010": {"started"}, "11011": {"stopped"}, "11023": {"address_refused", "failure"}, "11024": {"address_assigned"}, "11028": {"dns_update"}, "11029": {"dns_update", "failure"}, "11030": {"lease_deleted"},
}

// dhcp reads a line of either service.
func dhcp(e *textlog.Entry) {
	if e.Stamp.IsZero() { // the heading
		e.Skip = true
		return
	}
	id, _, _ := strings.Cut(e.Text, ",")
	e.Add("event_identifier", id)
	if a, ok := actions[id]; ok {
		e.Did(a[0], a[1])
	}
	names := columns4
	if len(id) > 3 { // IPv6's begin at 1103 and 11000
		names = columns6
	}
	line, _, _ := strings.Cut(e.Words(), "\n")
	row := e.Columns(nil, line, ',')
	for i, v := range row {
		if i < len(names) && names[i] != "" {
			e.Add(names[i], strings.TrimSpace(v))
		}
	}
	e.Message = row[0]
	for _, v := range row[1:min(len(row), 4)] {
		if v != "" {
			e.Message = e.Join(e.Message, " ", v)
		}
	}
	if e.Message == "" {
		e.Message = strings.TrimSpace(e.Words())
	}
}

// bindBegin reads "09-Mar-2026 09:00:00.372 ", or the form of RFC 3339 that print-time iso8601 gives, before what
// bindWords tells.
func bindBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.Apache(line)
	if n < 24 || line[2] != '-' || line[11] != ' ' { // with milliseconds
		if s, n = dates.RFC3339(line); n == 0 {
			return s, 0, false
		}
	}
	if n >= len(line) || line[n] != ' ' {
		return s, 0, false
	}
	_, _, said := bindWords(line[n+1:])
	return s, n + 1, said != ""
}

var (
	categories = map[string]bool{
		"client": true, "cname": true, "config": true, "database": true, "default": true, "delegation-only": true, "dispatch": true, "dnssec": true, "dnstap": true, "edns-disabled": true, "general": true,
		"lame-servers": true, "network": true, "notify": true, "nsid": true, "queries": true, "query-errors": true, "rate-limit": true, "resolver": true, "responses": true, "rpz": true, "security": true, "serve-stale": true,
		"spill": true, "trust-anchor-telemetry": true, "unmatched": true, "update": true, "update-security": true, "xfer-in": true, "xfer-out": true, "zoneload": true,
	}
	severities = map[string]bool{"critical": true, "error": true, "warning": true, "notice": true, "info": true, "debug": true}
)

// bindWords reads "security: info: client 192.0.2.7#5 …", where the first two may lack. Words that begin otherwise are not
// BIND's, unless one of the two is there.
func bindWords(s string) (category, severity, said string) {
	first, rest, ok := strings.Cut(s, ": ")
	if ok && categories[first] {
		category, s = first, rest
		first, rest, ok = strings.Cut(s, ": ")
	}
	if level, _, _ := strings.Cut(first, " "); ok && severities[level] && (first == level || level == "debug") {
		severity, s = first, rest
	}
	if category == "" && severity == "" && !strings.HasPrefix(s, "client ") {
		return "", "", ""
	}
	return category, severity, s
}

// bindSure asks for more than a severity: others write that too.
func bindSure(line string) bool {
	_, n, ok := bindBegin(line)
	if !ok {
		return false
	}
	category, _, said := bindWords(line[n:])
	return category != "" || strings.HasPrefix(said, "client ") && strings.IndexByte(said, '#') > 0 || strings.HasPrefix(said, "zone ")
}

func bind(e *textlog.Entry) {
	category, severity, said := bindWords(e.Words())
	e.Add("category", category)
	e.Add("severity", severity)
	daemons.Named(&e.Fields, said)
	e.Add("body", said)
	e.Message = said
}
