// Package ftp reads the logs that servers of files write themselves: vsftpd 3's own (vsftpd.conf(5), xferlog_std_format=NO),
// xferlog(5), which vsftpd, ProFTPD, Pure-FTPd and wu-ftpd share, and Samba's (smb.conf(5), debug timestamp and what
// follows it; lib/util/debug.c).
package ftp

import (
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/format/daemons"
	"spor/timeline/textlog"
)

// Formats are the parsers of this package.
var Formats = []*timeline.Format{
	(&textlog.Dialect{Name: "vsftpd", Type: "vsftpd:log", Begin: vsftpdBegin, Single: true, Read: vsftpd}).Format(),
	(&textlog.Dialect{Name: "xferlog", Type: "ftp:transfer", Begin: transferBegin, Single: true, Read: transfer}).Format(),
	(&textlog.Dialect{Name: "samba", Type: "samba:log:entry", Begin: sambaBegin, Read: samba}).Format(),
}

func vsftpdBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.CTime(line)
	return s, n, n > 0 && strings.HasPrefix(line[n:], " [pid ")
}

func vsftpd(e *textlog.Entry) {
	pid, words, _ := strings.Cut(e.Words()[len(" [pid "):], "] ")
	e.Digits("pid", pid)
	daemons.VSFTPD(&e.Fields, words)
	e.Add("text", words)
	e.Message = strings.TrimSpace(e.Words())
}

// transferBegin asks for the numbers of seconds and bytes and the letters that xferlog(5) names.
func transferBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.CTime(line)
	if n == 0 {
		return s, 0, false
	}
	w := strings.Fields(line[n:])
	if len(w) < 13 {
		return s, 0, false
	}
	_, seconds := textlog.Atoi(w[0])
	_, size := textlog.Atoi(w[2])
	direction := w[len(w)-7]
	return s, n, seconds && size && (direction == "i" || direction == "o" || direction == "d")
}

var transferred = map[string]string{"i": "file_uploaded", "o": "file_downloaded", "d": "file_deleted"}

// transfer reads "1 192.0.2.7 4096 /name b _ i r alice ftp 0 * c"; a name may hold blanks.
func transfer(e *textlog.Entry) {
	w := strings.Fields(e.Words())
	end := len(w) - 9
	result := "success"
	if w[len(w)-1] == "i" {
		result = "failure"
	}
	e.Did(transferred[w[end+2]], result)
	e.Add("username", w[end+4])
	e.Add("ip_address", w[1])
	e.Add("filename", strings.Join(w[3:end], " "))
	e.Digits("bytes", w[2])
	e.Digits("elapsed_seconds", w[0])
	e.Add("service", w[end+5])
}

// sambaBegin reads "[2026/03/09 09:00:00.030937,  2] ../../source3/auth/auth.c:324(auth_check_ntlm_password)", behind which
// the words stand in lines of their own.
func sambaBegin(line string) (dates.Stamp, int, bool) {
	if len(line) < 26 || line[0] != '[' || line[5] != '/' {
		return dates.Stamp{}, 0, false
	}
	s, n := sambaDate(line[1:])
	if n == 0 {
		return s, 0, false
	}
	level := line[1+n:]
	end := strings.IndexByte(level, ']')
	return s, 1 + n, end > 1 && end < 80 && level[0] == ',' && strings.Trim(level[1:min(end, 5)], " 0123456789,") == ""
}

// sambaDate leaves the comma before the level to the level: it is none before a fraction.
func sambaDate(s string) (dates.Stamp, int) {
	day, _, ok := strings.Cut(s[:min(len(s), 32)], ",")
	if !ok {
		return dates.Stamp{}, 0
	}
	st, n := dates.ISO(day)
	if n != len(day) {
		return dates.Stamp{}, 0
	}
	return st, n
}

func samba(e *textlog.Entry) {
	head, said, _ := strings.Cut(e.Words(), "\n")
	level, place, _ := strings.Cut(strings.TrimLeft(head, ", "), "]")
	number, rest, _ := strings.Cut(level, ",")
	e.Digits("level", strings.TrimSpace(number))
	for part := range strings.SplitSeq(rest, ", ") { // with debug pid and debug uid
		if pid, ok := strings.CutPrefix(strings.TrimSpace(part), "pid="); ok {
			e.Digits("pid", pid)
		}
	}
	e.Add("code_location", strings.TrimSpace(place))
	said = strings.TrimSpace(said)
	line, _, _ := strings.Cut(said, "\n")
	daemons.Samba(&e.Fields, line)
	e.Add("text", said)
	if e.Message = said; said == "" {
		e.Message = strings.TrimSpace(head)
	}
}
