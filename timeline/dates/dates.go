// Package dates reads the dates of text logs, every dialect of them, without allocation: what a log spells becomes a Stamp,
// and a Stamp becomes a time once its year and zone are known. A log that leaves one of them out has it inferred, and the
// caller is told so, so that an event can say it.
//
// The dialects: RFC 3164 4.1.2 (and the forms with a year that rsyslog, Cisco and RouterOS write), RFC 3339, RFC 5424 6.2.3
// and ISO 8601 with a comma or a blank, the common log format of web servers, asctime(3), seconds since 1970, klog's,
// MySQL's before 5.7, and days in the orders of America and Europe.
package dates

import (
	"time"
)

// A Stamp is a date and a time of day as a log spells them. The zero Stamp is none.
type Stamp struct {
	Year   int        // 0: left out
	Month  time.Month // 0: there is no date
	Day    int        // of the month, one the month has
	Clock  time.Duration
	Offset int  // seconds east of UTC
	Zoned  bool // Offset is told
}

// A Reader reads a stamp at the beginning of a text and says how many bytes it took; 0: there is none.
type Reader func(s string) (Stamp, int)

// IsZero tells whether there is no date.
func (s Stamp) IsZero() bool { return s.Month == 0 }

// unix is the stamp in a year, in seconds since 1970 by its own clock.
func (s *Stamp) unix(year int) int64 {
	return days(year, int(s.Month), s.Day)*86400 + int64(s.Clock/time.Second)
}

// In is the time in UTC that a stamp means in a year, by the clock of a zone where it does not tell its own.
func (s Stamp) In(year int, zone *Zone) time.Time {
	local := s.unix(year)
	offset := int64(s.Offset)
	if !s.Zoned {
		offset = zone.offset(local)
	}
	return time.Unix(local-offset, int64(s.Clock%time.Second)).UTC()
}

// days counts from 1970-01-01 in the Gregorian calendar (H. Hinnant, chrono-compatible low-level date algorithms).
func days(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	era := y / 400
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}

// leap is the latest year, not after y, in which the stamp's day exists.
func (s *Stamp) leap(y int) int {
	for s.Month == time.February && s.Day == 29 && y > 4 && !isLeap(y) {
		y--
	}
	return y
}

func isLeap(y int) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

var lengths = [...]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// set fills in the day, if the calendar has it.
func (s *Stamp) set(year, month, day int) bool {
	if month < 1 || month > 12 || day < 1 || day > lengths[month] || month == 2 && day == 29 && year != 0 && !isLeap(year) {
		return false
	}
	s.Year, s.Month, s.Day = year, time.Month(month), day
	return true
}

// A Zone is a time zone that remembers the offset it gave last. It is not safe for concurrent use.
type Zone struct {
	Location *time.Location // nil: UTC
	minute   int64          // since 1970 by the zone's own clock, and the offset then
	seconds  int64
	known    bool
}

// offset is the zone's, in seconds east of UTC, when its clocks show a time.
func (z *Zone) offset(local int64) int64 {
	if z.Location == nil || z.Location == time.UTC {
		return 0
	}
	minute := local / 60 // zones change on the minute: St. John's did at 00:01
	if z.known && minute == z.minute {
		return z.seconds
	}
	u := time.Unix(local, 0).UTC()
	_, sec := time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), 0, z.Location).Zone()
	z.minute, z.seconds, z.known = minute, int64(sec), true
	return z.seconds
}

// Years gives the stamps of one file their time. It sees them in the file's order.
type Years struct {
	Zone Zone // where a stamp names none
	Year int  // of the stamp before; 0: nothing is known
	turn turning
}

// Time is what a stamp means, zero where it cannot be told, and whether its year is inferred.
func (y *Years) Time(s *Stamp) (t time.Time, inferred bool) {
	if s.Month == 0 {
		return time.Time{}, false
	}
	if s.Year != 0 {
		y.Year, y.turn.last, y.turn.before.Month = s.Year, *s, 0
		return s.In(s.Year, &y.Zone), false
	}
	if n := y.turn.to(s); y.Year != 0 {
		y.Year += n
	}
	if y.Year < 1 {
		return time.Time{}, false
	}
	return s.In(s.leap(y.Year), &y.Zone), true
}

// A turning follows the stamps of a file from year to year.
type turning struct {
	last   Stamp // the stamp before; zero: none
	before Stamp // the one before a clock seemed to begin anew; zero: it did not
}

// to says how many years lie between the stamp before and this. A machine without a battery for its clock starts in the first
// hour of a January, until it learns the time: where the stamps come back within two weeks of where they were, no year passed.
func (t *turning) to(s *Stamp) (years int) {
	if t.last.Month != 0 {
		years = roll(&t.last, s)
	}
	if years != 0 || t.before.Month != 0 {
		years = t.anew(s, years)
	}
	t.last = *s
	return years
}

func (t *turning) anew(s *Stamp, years int) int {
	first := s.Month == time.January && s.Day == 1 && s.Clock < time.Hour
	switch {
	case years == 1 && first:
		t.before = t.last
	case t.before.Month != 0 && !first:
		if d := s.unix(1) - t.before.unix(1); years == 0 && 0 <= d && d < 14*86400 {
			years = -1
		}
		t.before = Stamp{}
	}
	return years
}

// roll says how many years lie between two stamps that follow each other: one forward where the month falls by more than
// messages are ever late, one back for a message that came some days late, after New Year.
func roll(from, to *Stamp) int {
	switch d := to.Day + 31*int(to.Month) - from.Day - 31*int(from.Month); {
	case d < -31:
		return 1
	case d > 366:
		return -1
	default:
		return 0
	}
}

// A Guess finds the year of the first stamp of a file from all of them, given in the file's order.
type Guess struct {
	first Stamp
	turn  turning
	rolls int
}

// Add shows a stamp. Done: one has its year, and no other needs to be shown.
func (g *Guess) Add(s *Stamp) (done bool) {
	if g.first.Month == 0 {
		g.first = *s
	}
	g.rolls += g.turn.to(s)
	return s.Year != 0
}

// Year is the first stamp's, 0 where nothing tells. The file was modified last at a time, zero if that is not known;
// whole says that all its stamps were shown. Of a part only the beginning is known, and the file is taken to be shorter
// than a year.
func (g *Guess) Year(modified time.Time, zone *Zone, whole bool) int {
	switch last := &g.turn.last; {
	case last.Year != 0:
		return last.Year - g.rolls
	case g.first.Month == 0 || modified.IsZero():
		return 0
	case whole:
		return last.before(modified, zone) - g.rolls
	default:
		return g.first.before(modified, zone)
	}
}

// before is the latest year that puts a stamp no later than a day after t.
func (s *Stamp) before(t time.Time, zone *Zone) int {
	year := t.UTC().Year()
	if zone.Location != nil {
		year = t.In(zone.Location).Year()
	}
	if s.In(year, zone).After(t.Add(24 * time.Hour)) {
		return year - 1
	}
	return year
}
