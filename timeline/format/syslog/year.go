package syslog

import (
	"bytes"
	"io"
	"time"

	"spor/timeline"
)

// years gives entries their time. It is made for one reading of a file and sees the entries in its order.
type years struct {
	zone *time.Location // where an entry names none
	year int            // of the entry before; 0: nothing is known
	last stamp
}

// maxHeld is how much of a file that cannot be read twice is looked at to find the year of its first entry.
const maxHeld = 8 << 20

// guess finds the year in which the file begins, and gives a reader at its beginning.
func guess(in timeline.Input) (*years, io.Reader, error) {
	zone := in.Zone
	if zone == nil {
		zone = time.UTC
	}
	if r, ok := in.R.(io.ReadSeeker); ok {
		if start, err := r.Seek(0, io.SeekCurrent); err == nil {
			y := firstYear(r, in.ModTime, zone, true)
			_, err := r.Seek(start, io.SeekStart)
			return &years{zone: zone, year: y}, r, err
		}
	}
	var held bytes.Buffer
	_, err := io.CopyN(&held, in.R, maxHeld)
	whole, rest := err != nil, in.R // the error is the end, or a fault that reading on meets again
	if whole {
		rest = failing{err}
	}
	y := firstYear(bytes.NewReader(held.Bytes()), in.ModTime, zone, whole)
	return &years{zone: zone, year: y}, io.MultiReader(&held, rest), nil
}

// failing is a reader of nothing but an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// firstYear is the year of the first entry, 0 where nothing tells. whole says that r is all of the file; of a part only
// the beginning is known, and the file is taken to be shorter than a year.
func firstYear(r io.Reader, modified time.Time, zone *time.Location, whole bool) int {
	var first, last stamp
	rolls := 0
	for line, err := range timeline.Lines(r) {
		if err != nil {
			break
		}
		h, ok := readHeader(string(bytes.TrimLeft(line.Text, "\x00")))
		if !ok {
			continue
		}
		if first.month == 0 {
			first = h.stamp
		} else {
			rolls += roll(last, h.stamp)
		}
		if last = h.stamp; last.year != 0 {
			return last.year - rolls
		}
	}
	switch {
	case first.month == 0 || modified.IsZero():
		return 0
	case whole:
		return yearBefore(last, modified, zone) - rolls
	default:
		return yearBefore(first, modified, zone)
	}
}

// yearBefore is the latest year that puts a stamp no later than a day after t.
func yearBefore(s stamp, t time.Time, zone *time.Location) int {
	year := t.In(zone).Year()
	if s.at(year, zone).After(t.Add(24 * time.Hour)) {
		return year - 1
	}
	return year
}

// roll says how many years lie between two stamps that follow each other: one forward where the month falls by more than
// messages are ever late, one back for a message that came some days late, after New Year.
func roll(from, to stamp) int {
	switch d := to.day + 31*int(to.month) - from.day - 31*int(from.month); {
	case d < -31:
		return 1
	case d > 366:
		return -1
	default:
		return 0
	}
}

// time is the entry's time, zero where it cannot be told, and whether its year is inferred.
func (y *years) time(s stamp) (t time.Time, inferred bool) {
	if s.month == 0 {
		return time.Time{}, false
	}
	if y.last.month != 0 && y.year != 0 {
		y.year += roll(y.last, s)
	}
	y.last = s
	zone := s.zone
	if zone == nil {
		zone = y.zone
	}
	if s.year != 0 {
		y.year = s.year
		return s.at(s.year, zone), false
	}
	if y.year < 1 {
		return time.Time{}, false
	}
	return s.at(s.leap(y.year), zone), true
}
