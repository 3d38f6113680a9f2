// Package ftp reads the logs that FTP servers write themselves: vsftpd 3's own (vsftpd.conf(5), xferlog_std_format=NO) and
// xferlog(5), which vsftpd, ProFTPD, Pure-FTPd and wu-ftpd share.
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

// transfer reads "1 192.0.2.7 4096 /name b _ i r alice ftp 0 * c"; a name may hold blanks.
func transfer(e *textlog.Entry) {
	w := strings.Fields(e.Words())
	end := len(w) - 9
	result := "success"
	if w[len(w)-1] == "i" {
		result = "failure"
	}
	e.Did(map[string]string{"i": "file_uploaded", "o": "file_downloaded", "d": "file_deleted"}[w[end+2]], result)
	e.Add("username", w[end+4])
	e.Add("ip_address", w[1])
	e.Add("filename", strings.Join(w[3:end], " "))
	e.Digits("bytes", w[2])
	e.Digits("elapsed_seconds", w[0])
	e.Add("service", w[end+5])
}
