package interview

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"spor/report/incident"
)

// Most bounds one answer, in bytes: all of them together stay within a form.
const Most = 16 << 10

// understand turns what was typed into the value that the form has, and into what is shown as understood where that is not plain.
// A value that is none stays as it was typed, for the form itself to say what is wrong; an empty one could not be read at all.
func (w *Words) understand(q *Question, text string, now time.Time) (value, shown string) {
	switch q.Kind {
	case YesNo:
		value = yesNo(text)
		return value, w.Answers[value]
	case Choice:
		value = w.choice(q, text)
		return value, w.Choices[value]
	case Time:
		if when, ok := moment(text, now); ok {
			return string(when), string(when)
		}
	case Number:
		if n, err := strconv.Atoi(text); err != nil || n < 0 || n > 1e6 {
			return "", ""
		}
	case List:
		return several(text, ";\n"), ""
	case Names:
		return several(text, ",;\n"), ""
	case Events:
		return events(text, now), ""
	}
	return text, ""
}

func yesNo(text string) string {
	switch {
	case Is(text, yes):
		return string(incident.Yes)
	case Is(text, no):
		return string(incident.No)
	case Is(text, unknown):
		return string(incident.Unknown)
	}
	return ""
}

// choice reads a number, a value, or the beginning of what the language calls one.
func (w *Words) choice(q *Question, text string) string {
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(q.Choices) {
		return q.Choices[n-1]
	}
	word := strings.ToLower(text)
	if q.Key == "tlp" {
		if level, err := incident.ParseTLP(word); err == nil {
			return string(level)
		}
	}
	var class incident.Class
	if err := class.UnmarshalText([]byte(word)); err == nil && slices.Contains(q.Choices, string(class)) {
		return string(class)
	}
	values, names := w.valuesOf(q)
	found := ""
	for i, name := range names {
		if strings.HasPrefix(strings.ToLower(name), word) {
			if found != "" {
				return text // it could be either
			}
			found = values[i]
		}
	}
	if found == "" {
		return text
	}
	return found
}

// several gives what stands between the separators, a line each; empty where there is nothing.
func several(text, separators string) string {
	var all []string
	for _, one := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if one = strings.TrimSpace(one); one != "" {
			all = append(all, one)
		}
	}
	return strings.Join(all, "\n")
}

// events gives each line with its time before a tab; a line without one has nothing there.
func events(text string, now time.Time) string {
	var all []string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		when, rest := incident.When(""), words
		for n := min(4, len(words)); n > 0; n-- {
			if w, ok := moment(strings.TrimRight(strings.Join(words[:n], " "), ":,"), now); ok {
				when, rest = w, words[n:]
				break
			}
		}
		all = append(all, string(when)+"\t"+strings.Join(rest, " "))
	}
	return strings.Join(all, "\n")
}

var (
	nows       = []string{"now", "nú", "núna", "nå"}
	todays     = []string{"today", "í dag", "i dag"}
	yesterdays = []string{"yesterday", "í gær", "i går", "i gær"}
	clocks     = []string{"at ", "kl. ", "kl ", "kl.", "klukkan ", "klokken ", "klokka "}
	abouts     = []string{"around ", "approx. ", "ca.", "circa ", "kringum ", "um það bil ", "omtrent "}
)

// moment reads what people write for a time: "22:30", "yesterday 22:30", "4.3.2026 kl. 22.30", "about 3.3.", "now", in all of our
// languages, and what the form itself reads. Days begin where now is.
func moment(text string, now time.Time) (incident.When, bool) {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, word := range abouts {
		if rest, ok := strings.CutPrefix(text, word); ok {
			text = "~" + rest
			break
		}
	}
	var when incident.When
	_ = when.UnmarshalText([]byte(strings.ToUpper(text))) // it takes every text
	about := ""
	if when.About() {
		about = "about "
	}
	text = strings.ToLower(strings.TrimPrefix(string(when), "about "))
	if _, zoned := incident.When(strings.ToUpper(text)).Time(now.Location()); zoned {
		return incident.When(about + strings.ToUpper(text)), true
	}
	if slices.Contains(nows, text) {
		return incident.When(about + now.Format(time.RFC3339)), true
	}
	day, rest, dated := date(text, now)
	if rest == "" {
		return incident.When(about + day.Format(time.DateOnly)), dated
	}
	hour, minute, second, ok := clock(rest)
	if !ok {
		return "", false
	}
	t := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, second, 0, now.Location())
	if !dated && t.After(now.Add(5*time.Minute)) { // later today is yesterday
		t = t.AddDate(0, 0, -1)
	}
	return incident.When(about + t.Format(time.RFC3339)), true
}

// date takes a day off the beginning of a text; today where there is none.
func date(text string, now time.Time) (day time.Time, rest string, dated bool) {
	for i, words := range [][]string{todays, yesterdays} {
		for _, word := range words {
			if rest, ok := strings.CutPrefix(text, word); ok {
				return now.AddDate(0, 0, -i), strings.TrimSpace(rest), true
			}
		}
	}
	first, rest, _ := strings.Cut(text, " ")
	if at := len(time.DateOnly); len(first) > at && first[at] == 't' { // 2026-03-04T05:06
		first, rest = first[:at], first[at+1:]
	}
	for _, layout := range []string{time.DateOnly, "2.1.2006", "2.1.06", "2.1.", "2.1"} {
		day, err := time.ParseInLocation(layout, first, now.Location())
		if err != nil {
			continue
		}
		if day.Year() == 0 { // of the year that makes it past
			day = day.AddDate(now.Year(), 0, 0)
			if day.After(now) {
				day = day.AddDate(-1, 0, 0)
			}
		}
		return day, strings.TrimSpace(rest), true
	}
	return now, text, false
}

// clock reads a time of day.
func clock(text string) (hour, minute, second int, ok bool) {
	hourAlone := false
	for _, word := range clocks {
		if rest, cut := strings.CutPrefix(text, word); cut {
			text, hourAlone = strings.TrimSpace(rest), true
			break
		}
	}
	for _, layout := range []string{"15:04", "15.04", "15:04:05", "15.04.05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Hour(), t.Minute(), t.Second(), true
		}
	}
	if h, err := strconv.Atoi(text); err == nil && hourAlone && h >= 0 && h < 24 {
		return h, 0, 0, true
	}
	return 0, 0, 0, false
}
