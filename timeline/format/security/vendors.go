package security

import (
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/format/daemons"
	"spor/timeline/textlog"
)

// vendors are ESET and Sophos:
//
//   - ESET PROTECT's export as JSON, one event a line (help.eset.com/protect_admin, Events exported to JSON format), and what
//     ESET's programs export of their log of detections: columns in the reader's language and order of dates, a fixed order
//     (help.eset.com/eea, Log files)
//   - Sophos Anti-Virus for Windows: SAV.txt in UTF-16, "20260309 090000<tab>words" (plaso's sophos_av.py names the form)
var vendors = []*timeline.Format{
	esetJSON.Dialect().Format(),
	(&textlog.Dialect{Name: "eset_detections", Type: "av:eset:detection", Begin: esetBegin, Sure: esetSure, Single: true, Long: true, New: esetRow}).Format(),
	(&textlog.Dialect{Name: "sophos_av", Type: "sophos:av:log", Names: func(base string) bool { return strings.Contains(base, "sav") }, Begin: savBegin, Read: sav}).Format(),
}

var esetJSON = textlog.JSONLog{
	Name: "eset_json", Type: "av:eset:event", Marks: []string{`"event_type":"`, `"occured":"`}, Time: "occured", Names: daemons.ESETNames,
	Done: func(e *textlog.Entry) {
		e.Stamp.Zoned = true // "UTC time of occurrence of the event"
		daemons.ESETDid(&e.Fields)
		e.Message = strings.TrimSpace(e.Join("[", text(e, "event_type"), "] ", text(e, "threat_name"), text(e, "signature"), " ", text(e, "filename"), " ", text(e, "event_action"), " ", text(e, "detail")))
	},
}

// esetColumns are those behind the time.
var esetColumns = [...]string{"scanner", "object_type", "filename", "threat_name", "event_action", "username", "detail", "file_sha1", "first_seen"}

// esetBegin reads the heading, or a row that begins with a date of any order, apart by ";" or tabs.
func esetBegin(line string) (dates.Stamp, int, bool) {
	if esetSure(line) {
		return dates.Stamp{}, 0, true
	}
	for _, read := range [...]dates.Reader{dates.ISO, dates.European, dates.American} {
		if s, n := read(line); n > 0 && n < len(line) && (line[n] == ';' || line[n] == '\t') {
			return s, n, strings.Count(line[n:], line[n:n+1]) >= len(esetColumns)-2
		}
	}
	return dates.Stamp{}, 0, false
}

// esetSure asks for the heading, which comes first.
func esetSure(line string) bool {
	for _, by := range [...]string{";", "\t"} {
		if strings.HasPrefix(line, "Time"+by+"Scanner"+by+"Object type"+by+"Object"+by) {
			return true
		}
	}
	return false
}

// esetRow remembers what parts the columns.
func esetRow() func(*textlog.Entry) {
	var row []string
	return func(e *textlog.Entry) {
		if e.At == 0 {
			e.Skip = true
			return
		}
		row = e.Columns(row, e.Words()[1:], e.Words()[0])
		for i, v := range row {
			if i < len(esetColumns) {
				e.Add(esetColumns[i], v)
			}
		}
		if text(e, "threat_name") != "" {
			e.Did("malware_found", "")
		}
		e.Message = e.Join(text(e, "threat_name"), " in ", text(e, "filename"), ": ", text(e, "event_action"))
	}
}

// savBegin reads "20260309 090000<tab>", or with a blank.
func savBegin(line string) (dates.Stamp, int, bool) {
	const length = len("20260309 090000")
	if len(line) <= length || line[8] != ' ' || line[length] != '\t' && line[length] != ' ' {
		return dates.Stamp{}, 0, false
	}
	var b [len("20260309 09:00:00")]byte
	copy(b[:], line[:11])
	b[11] = ':'
	copy(b[12:], line[11:13])
	b[14] = ':'
	copy(b[15:], line[13:15])
	s, n := dates.Compact(string(b[:]))
	return s, length, n == len(b)
}

var savSays = []textlog.Pattern{
	textlog.Say("malware_found", "", "File \"{filename*}\" belongs to virus/spyware '{threat_name}'"),
	textlog.Say("malware_found", "", "File \"{filename*}\" belongs to adware or PUA '{threat_name}'"),
	textlog.Say("malware_found", "", "Virus/spyware '{threat_name}' has been detected in \"{filename*}\""),
	textlog.Say("malware_found", "", "Suspicious behavior '{threat_name}' has been detected in \"{filename*}\""),
	textlog.Say("malware_removed", "", "Virus/spyware '{threat_name}' has been removed"),
	textlog.Say("malware_removed", "", "Virus/spyware '{threat_name}' has been cleaned up"),
	textlog.Say("access_denied", "", "On-access scanner has denied access to location \"{filename*}\" for user {username}"),
	textlog.Say("scan_started", "", "User ({username}) has started on-access scanning"),
	textlog.Say("protection_stopped", "", "User ({username}) has stopped on-access scanning"),
	textlog.Say("protection_stopped", "", "On-access scanning has been disabled"),
	textlog.Say("signatures_updated", "", "Using detection data version {version@}"),
	textlog.Say("scan_started", "", "Scan '{scan}' started"),
	textlog.Say("scan_finished", "", "Scan '{scan}' completed"),
	textlog.Say("scan_failed", "failure", "Scanning \"{filename*}\" returned SAV Interface error {code}: {reason}"),
}

func sav(e *textlog.Entry) {
	words := strings.TrimSpace(e.Words())
	e.Match(savSays, words)
	e.Add("body", words)
}
