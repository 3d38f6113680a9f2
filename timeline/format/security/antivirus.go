package security

import (
	"strconv"
	"strings"
	"time"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/textlog"
)

// antivirus are the text logs of antivirus for Windows: Symantec AntiVirus and Endpoint Protection (TECH100099, Interpreting
// Log Files), Trend Micro OfficeScan's Pccnt35.log and OfcUrlf.log, in the columns that plaso's trendmicroav.py names.
var antivirus = []*timeline.Format{
	(&textlog.Dialect{Name: "symantec_scanlog", Type: "av:symantec:scanlog", Begin: symantecBegin, Single: true, New: symantec}).Format(),
	(&textlog.Dialect{Name: "trendmicro_url", Type: "av:trendmicro:webrep", Begin: trendBegin(12, 2, 3), Single: true, Read: trendURL}).Format(),
	(&textlog.Dialect{Name: "trendmicro_vd", Type: "av:trendmicro:scan", Begin: trendBegin(8, 3, 25), Single: true, Read: trendScan}).Format(),
}

// symantecBegin reads six bytes in hexadecimal, "2A0A1E0A2F1D": years since 1970, month from 0, day, hour, minute, second;
// then the event, 1 to 77, and its category, 1 to 4.
func symantecBegin(line string) (dates.Stamp, int, bool) {
	const digits = 12
	var s dates.Stamp
	if len(line) < digits+5 || line[digits] != ',' {
		return s, 0, false
	}
	n, err := strconv.ParseUint(line[:digits], 16, 64)
	if err != nil {
		return s, 0, false
	}
	at := func(i int) int { return int(n >> (40 - 8*i) & 0xff) }
	day := time.Date(1970+at(0), time.Month(1+at(1)), at(2), 0, 0, 0, 0, time.UTC)
	if at(1) > 11 || day.Day() != at(2) || at(3) > 23 || at(4) > 59 || at(5) > 59 {
		return s, 0, false
	}
	event, rest, _ := strings.Cut(line[digits+1:], ",")
	category, _, ok := strings.Cut(rest, ",")
	e, ok1 := textlog.Atoi(event)
	c, ok2 := textlog.Atoi(category)
	s.Year, s.Month, s.Day = day.Year(), day.Month(), day.Day()
	s.Clock = time.Duration(at(3)*3600+at(4)*60+at(5)) * time.Second
	return s, digits + 1, ok && ok1 && ok2 && e >= 1 && e <= 77 && c >= 1 && c <= 4
}

// symantecColumns are the first columns behind the date, and some later ones.
var symantecColumns = map[int]string{
	0: "event", 1: "category", 2: "logger", 3: "computer", 4: "username", 5: "threat_name", 6: "filename", 7: "action1", 8: "action2", 9: "action0", 12: "detail", 20: "access", 33: "address", 37: "version",
	38: "remote_host", 39: "ip_address",
}

// symantecEvents are the events that matter most, by number.
var symantecEvents = map[string]string{"5": "malware_found", "46": "malware_found", "47": "malware_found", "2": "scan_finished", "3": "scan_started", "7": "signatures_updated", "16": "protection_disabled", "13": "protection_stopped", "14": "protection_started"}

func symantec() func(*textlog.Entry) {
	var row []string
	return func(e *textlog.Entry) {
		row = e.Columns(row, e.Words(), ',')
		for i, v := range row {
			if name, ok := symantecColumns[i]; ok && !e.Digits(name, v) {
				e.Add(name, v)
			}
		}
		if action := symantecEvents[row[0]]; action != "" {
			e.Did(action, "")
		}
		var said []string
		for _, i := range [...]int{5, 6, 12} {
			if i < len(row) && row[i] != "" {
				said = append(said, row[i])
			}
		}
		e.Message = e.Join("[event ", row[0], "] ", strings.Join(said, ", "))
	}
}

// trendSeparator stands between columns; nothing is quoted.
const trendSeparator = "<;>"

// trendBegin tells a row of at least some columns that begins with a date and "HMM", and has a number of at most most in
// one column.
func trendBegin(columns, number int, most int64) func(string) (dates.Stamp, int, bool) {
	return func(line string) (dates.Stamp, int, bool) {
		w := strings.SplitN(line, trendSeparator, columns+4)
		if len(w) < columns || len(w[0]) != 8 || len(w[1]) < 3 || len(w[1]) > 4 {
			return dates.Stamp{}, 0, false
		}
		clock := "0" + w[1]
		clock = clock[len(clock)-4:]
		s, n := dates.Compact(w[0] + " " + clock[:2] + ":" + clock[2:] + ":00")
		value, ok := textlog.Atoi(w[number])
		return s, 0, n > 0 && ok && value >= 0 && value <= most
	}
}

// trend names the columns, and takes the seconds since 1970, where a column has them, for the date, which is to the minute.
func trend(e *textlog.Entry, names []string) []string {
	w := strings.SplitN(e.Text, trendSeparator, len(names)+1)
	for i, v := range w {
		switch {
		case i >= len(names) || names[i] == "":
		case names[i] == "timestamp":
			if s, n := dates.Epoch(v); n > 0 {
				e.Stamp = s
			}
		case !e.Digits(names[i], v):
			e.Add(names[i], v)
		}
	}
	return w
}

var trendURLColumns = []string{"", "", "block_mode", "url", "group_code", "group_name", "credibility_rating", "policy_identifier", "application_name", "credibility_score", "ip_address", "threshold", "timestamp"}

func trendURL(e *textlog.Entry) {
	w := trend(e, trendURLColumns)
	e.Did("url_blocked", "")
	e.Message = e.Join(w[3], " (", w[5], ") by ", w[8])
}

var trendScanColumns = []string{"", "", "threat_name", "event_action", "scan_type", "", "folder", "filename", "", "timestamp"}

func trendScan(e *textlog.Entry) {
	w := trend(e, trendScanColumns)
	e.Did("malware_found", "")
	e.Message = e.Join(w[2], " in ", w[6], w[7])
}
