package dates

import (
	"strings"
	"time"
)

// digit is the value of a decimal digit, more than 9 of anything else.
func digit(c byte) int { return int(c - '0') }

func isDigit(c byte) bool { return c-'0' <= 9 }

// two reads two digits at i; negative: there are none.
func two(s string, i int) int {
	if i+1 >= len(s) || !isDigit(s[i]) || !isDigit(s[i+1]) {
		return -1
	}
	return 10*digit(s[i]) + digit(s[i+1])
}

// four reads four digits at i.
func four(s string, i int) int {
	a, b := two(s, i), two(s, i+2)
	if a < 0 || b < 0 {
		return -1
	}
	return 100*a + b
}

// short reads one or two digits at i and gives what follows.
func short(s string, i int) (n, next int) {
	if n = two(s, i); n >= 0 {
		return n, i + 2
	}
	if i < len(s) && isDigit(s[i]) {
		return digit(s[i]), i + 1
	}
	return -1, i
}

// month reads the three letters of a month at i; 0: there are none.
func month(s string, i int) int {
	if i+3 > len(s) {
		return 0
	}
	switch uint32(s[i])<<16 | uint32(s[i+1])<<8 | uint32(s[i+2]) {
	case 'J'<<16 | 'a'<<8 | 'n':
		return 1
	case 'F'<<16 | 'e'<<8 | 'b':
		return 2
	case 'M'<<16 | 'a'<<8 | 'r':
		return 3
	case 'A'<<16 | 'p'<<8 | 'r':
		return 4
	case 'M'<<16 | 'a'<<8 | 'y':
		return 5
	case 'J'<<16 | 'u'<<8 | 'n':
		return 6
	case 'J'<<16 | 'u'<<8 | 'l':
		return 7
	case 'A'<<16 | 'u'<<8 | 'g':
		return 8
	case 'S'<<16 | 'e'<<8 | 'p':
		return 9
	case 'O'<<16 | 'c'<<8 | 't':
		return 10
	case 'N'<<16 | 'o'<<8 | 'v':
		return 11
	case 'D'<<16 | 'e'<<8 | 'c':
		return 12
	}
	return 0
}

// clock reads "15:04:05" at i, with a fraction behind point, comma or colon of up to nine digits that count, and gives
// what follows; 0: it is none. A leap second is the second before.
func (s *Stamp) clock(t string, i int) int {
	h, next := short(t, i)
	if h < 0 || next+6 > len(t) || t[next] != ':' || t[next+3] != ':' {
		return 0
	}
	m, sec := two(t, next+1), two(t, next+4)
	if h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60 {
		return 0
	}
	s.Clock = time.Duration(h*3600+m*60+min(sec, 59)) * time.Second
	return s.fraction(t, next+6)
}

// units are what the last digit of a fraction stands for: of nine digits, of eight, and on.
var units = [...]time.Duration{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// fraction reads ".123" or ",123" at i, if it is there.
func (s *Stamp) fraction(t string, i int) int {
	if i+1 >= len(t) || t[i] != '.' && t[i] != ',' || !isDigit(t[i+1]) {
		return i
	}
	n, unit := 0, len(units)-1
	for i++; i < len(t) && isDigit(t[i]); i++ {
		if unit > 0 {
			n = n*10 + digit(t[i])
			unit--
		}
	}
	s.Clock += time.Duration(n) * units[unit]
	return i
}

// zone reads "Z", "+01:00" or "+0100" at i, if it is there; negative: what is there is none.
func (s *Stamp) zone(t string, i int) int {
	if i >= len(t) {
		return i
	}
	switch t[i] {
	case 'Z':
		s.Zoned = true
		return i + 1
	case '+', '-':
	default:
		return i
	}
	h, next := two(t, i+1), i+3
	m := 0
	if next < len(t) && t[next] == ':' {
		m, next = two(t, next+1), next+3
	} else if k := two(t, next); k >= 0 {
		m, next = k, next+2
	}
	if h < 0 || h > 15 || m < 0 || m > 59 {
		return -1
	}
	s.Offset, s.Zoned = h*3600+m*60, true
	if t[i] == '-' {
		s.Offset = -s.Offset
	}
	return next
}

// abbreviations are those that have one meaning: UTC, and Europe's, which no other continent's clocks show (tz database,
// europe). "EST", "CST", "IST" and "BST" have several.
var abbreviations = map[string]int{"UTC": 0, "GMT": 0, "WET": 0, "WEST": 3600, "CET": 3600, "CEST": 7200, "EET": 7200, "EEST": 10800}

// named reads a blank and an abbreviation at i, if it is there and has one meaning.
func (s *Stamp) named(t string, i int) int {
	rest := t[i:]
	if len(rest) < 4 || rest[0] != ' ' || rest[1]-'A' > 25 || rest[2]-'A' > 25 {
		return i
	}
	end := 3
	for end < len(rest) && end < 6 && rest[end]-'A' <= 25 {
		end++
	}
	if end < len(rest) && rest[end] != ' ' && rest[end] != ':' && rest[end] != ']' && rest[end] != ',' {
		return i
	}
	offset, ok := abbreviations[rest[1:end]]
	if !ok {
		return i
	}
	s.Offset, s.Zoned = offset, true
	return i + end
}

// BSD reads "Jan  2 15:04:05", with a year first, or before or behind the clock, or a fraction, and "UTC" behind.
func BSD(t string) (Stamp, int) {
	if len(t) < 14 {
		return Stamp{}, 0
	}
	if t[4] == ' ' && isDigit(t[0]) && month(t, 5) != 0 { // Cisco NX-OS
		s, n := BSD(t[5:])
		if n == 0 || s.Year != 0 || !s.set(max(four(t, 0), 0), int(s.Month), s.Day) || s.Year < 1970 {
			return Stamp{}, 0
		}
		return s, s.named(t, 5+n)
	}
	if t[3] != ' ' {
		return Stamp{}, 0
	}
	mo, i := month(t, 0), 4
	if mo == 0 {
		return Stamp{}, 0
	}
	if t[i] == ' ' {
		i++
	}
	d, i := short(t, i)
	if d < 0 || t[i] != ' ' {
		return Stamp{}, 0
	}
	for i++; i < len(t) && t[i] == ' '; i++ {
	}
	var s Stamp
	year := 0
	if y := four(t, i); y > 1900 && i+4 < len(t) && t[i+4] == ' ' {
		year, i = y, i+5
	}
	if i = s.clock(t, i); i == 0 {
		return Stamp{}, 0
	}
	if i+5 <= len(t) && t[i] == ' ' && year == 0 {
		if y := four(t, i+1); y > 1970 && y < 2100 && (i+5 == len(t) || t[i+5] == ' ' || t[i+5] == ':') {
			year, i = y, i+5
		}
	}
	if !s.set(year, mo, d) {
		return Stamp{}, 0
	}
	if year != 0 {
		i = s.named(t, i)
	}
	return s, i
}

// ISO reads "2006-01-02T15:04:05", with "/" or "." between the days, a blank, "_" or "-" before the clock, a fraction
// behind point or comma, and "Z", "+01:00", "+0100" or " UTC", or no zone.
func ISO(t string) (Stamp, int) {
	if len(t) < 18 || !isDigit(t[0]) {
		return Stamp{}, 0
	}
	sep, at := t[4], t[10]
	if sep != t[7] || sep != '-' && sep != '/' && sep != '.' || at != 'T' && at != ' ' && at != '-' && at != '_' {
		return Stamp{}, 0
	}
	var s Stamp
	y, i := four(t, 0), 11
	if at == ' ' && t[11] == ' ' { // "2006-01-02  3:04:05"
		i = 12
	}
	if y < 1 || !s.set(y, two(t, 5), two(t, 8)) {
		return Stamp{}, 0
	}
	if i = s.clock(t, i); i == 0 {
		return Stamp{}, 0
	}
	if i = s.zone(t, i); i < 0 {
		return Stamp{}, 0
	}
	if s.Zoned {
		return s, i
	}
	if i+5 < len(t) && t[i] == ' ' && (t[i+1] == '+' || t[i+1] == '-') && two(t, i+2) >= 0 && two(t, i+4) >= 0 {
		return s, max(s.zone(t, i+1), i)
	}
	return s, s.named(t, i)
}

// RFC3339 is ISO with a "T".
func RFC3339(t string) (Stamp, int) {
	if len(t) < 19 || t[10] != 'T' || t[4] != '-' {
		return Stamp{}, 0
	}
	return ISO(t)
}

// Day reads "2006-01-02" alone: midnight.
func Day(t string) (Stamp, int) {
	var s Stamp
	if len(t) < 10 || t[4] != '-' || t[7] != '-' || four(t, 0) < 1 || !s.set(four(t, 0), two(t, 5), two(t, 8)) {
		return Stamp{}, 0
	}
	return s, 10
}

// Apache reads the common log format's "02/Jan/2006:15:04:05 +0100", and the same with blanks or "-" between.
func Apache(t string) (Stamp, int) {
	d, i := short(t, 0)
	if d < 0 || i+18 > len(t) || t[i] != t[i+4] || t[i] != '/' && t[i] != '-' && t[i] != ' ' {
		return Stamp{}, 0
	}
	var s Stamp
	if !s.set(four(t, i+5), month(t, i+1), d) || t[i+9] != ':' && t[i+9] != ' ' || s.Year < 1 {
		return Stamp{}, 0
	}
	if i = s.clock(t, i+10); i == 0 {
		return Stamp{}, 0
	}
	if i+1 < len(t) && t[i] == ' ' && (t[i+1] == '+' || t[i+1] == '-') {
		if next := s.zone(t, i+1); next > 0 {
			return s, next
		}
	}
	return s, s.named(t, i)
}

// CTime reads asctime(3)'s "Mon Jan  2 15:04:05 2006", with a fraction before the year as web servers write.
func CTime(t string) (Stamp, int) {
	if len(t) < 23 || t[3] != ' ' {
		return Stamp{}, 0
	}
	switch t[:3] {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
	default:
		return Stamp{}, 0
	}
	s, n := BSD(t[4:])
	if n == 0 || s.Year == 0 {
		return Stamp{}, 0
	}
	return s, n + 4
}

// Epoch reads seconds since 1970, nine or ten digits, with a fraction.
func Epoch(t string) (Stamp, int) {
	sec, i := int64(0), 0
	for ; i < len(t) && isDigit(t[i]); i++ {
		if sec = sec*10 + int64(digit(t[i])); i == 10 {
			return Stamp{}, 0
		}
	}
	if i < 9 {
		return Stamp{}, 0
	}
	s := Unix(sec)
	return s, s.fraction(t, i)
}

// Unix is the stamp of seconds since 1970.
func Unix(sec int64) Stamp {
	u := time.Unix(sec, 0).UTC()
	y, m, d := u.Date()
	if y < 1 || y > 9999 {
		return Stamp{}
	}
	c := sec % 86400
	if c < 0 {
		c += 86400
	}
	return Stamp{Year: y, Month: m, Day: d, Clock: time.Duration(c) * time.Second, Zoned: true}
}

// UnixNano is the stamp of nanoseconds since 1970.
func UnixNano(n int64) Stamp {
	sec, nano := n/1e9, n%1e9
	if nano < 0 {
		sec, nano = sec-1, nano+1e9
	}
	s := Unix(sec)
	if !s.IsZero() {
		s.Clock += time.Duration(nano)
	}
	return s
}

// American reads "01/02/2006 15:04:05", with a "-", blanks or ", " before the clock.
func American(t string) (Stamp, int) { return slashed(t, false) }

// European reads "02/01/2006 15:04:05" and "02.01.2006 15:04:05".
func European(t string) (Stamp, int) { return slashed(t, true) }

func slashed(t string, dayFirst bool) (Stamp, int) {
	a, i := short(t, 0)
	if a < 0 || i >= len(t) || t[i] != '/' && t[i] != '.' && t[i] != '-' {
		return Stamp{}, 0
	}
	sep := t[i]
	b, i := short(t, i+1)
	if b < 0 || i+14 > len(t) || t[i] != sep {
		return Stamp{}, 0
	}
	y, i := four(t, i+1), i+5
	for n := 0; n < 2 && i < len(t) && (t[i] == ' ' || t[i] == ',' || t[i] == '-'); n++ {
		i++
	}
	if !dayFirst {
		a, b = b, a
	}
	var s Stamp
	if y < 1 || !s.set(y, b, a) {
		return Stamp{}, 0
	}
	if i = s.clock(t, i); i == 0 {
		return Stamp{}, 0
	}
	if pm := strings.HasPrefix(t[i:], " PM"); pm || strings.HasPrefix(t[i:], " AM") {
		h := s.Clock / time.Hour
		switch {
		case h > 12:
			return Stamp{}, 0
		case pm && h < 12:
			s.Clock += 12 * time.Hour
		case !pm && h == 12:
			s.Clock -= 12 * time.Hour
		}
		i += 3
	}
	return s, i
}

// Compact reads "060102 15:04:05" and "20060102 15:04:05", the clock's hour with a blank for its first zero, as MySQL
// before 5.7 wrote it.
func Compact(t string) (Stamp, int) {
	n := 0
	for n < len(t) && n < 9 && isDigit(t[n]) {
		n++
	}
	var s Stamp
	switch {
	case n == 6 && len(t) >= 14 && s.set(2000+two(t, 0), two(t, 2), two(t, 4)):
	case n == 8 && len(t) >= 16 && four(t, 0) > 0 && s.set(four(t, 0), two(t, 4), two(t, 6)):
	default:
		return Stamp{}, 0
	}
	if t[n] != ' ' && t[n] != '-' && t[n] != 'T' {
		return Stamp{}, 0
	}
	i := n + 1
	if t[i] == ' ' {
		i++
	}
	if i = s.clock(t, i); i == 0 {
		return Stamp{}, 0
	}
	return s, max(s.zone(t, i), i)
}

// Klog reads "0102 15:04:05.000000", what follows the letter of severity in the logs of Kubernetes and glog.
func Klog(t string) (Stamp, int) {
	var s Stamp
	if len(t) < 14 || t[4] != ' ' || !s.set(0, two(t, 0), two(t, 2)) {
		return Stamp{}, 0
	}
	i := s.clock(t, 5)
	if i == 0 {
		return Stamp{}, 0
	}
	return s, i
}

// TAI64N reads "@400000004c91b044077a9e94", the labels of multilog (cr.yp.to/libtai/tai64.html): seconds of TAI since
// 1970, ten ahead of the clock as daemontools writes and tai64nlocal reads them, then nanoseconds.
func TAI64N(t string) (Stamp, int) {
	if len(t) < 25 || t[0] != '@' {
		return Stamp{}, 0
	}
	var sec, nano uint64
	for i := 1; i < 25; i++ {
		d, ok := hexDigit(t[i])
		if !ok {
			return Stamp{}, 0
		}
		if i < 17 {
			sec = sec<<4 | d
		} else {
			nano = nano<<4 | d
		}
	}
	if sec < 1<<62+10 || nano >= 1e9 {
		return Stamp{}, 0
	}
	s := Unix(int64(sec - 1<<62 - 10))
	if s.IsZero() {
		return s, 0
	}
	s.Clock += time.Duration(nano)
	return s, 25
}

func hexDigit(c byte) (uint64, bool) {
	switch {
	case isDigit(c):
		return uint64(c - '0'), true
	case 'a' <= c && c <= 'f':
		return uint64(c-'a') + 10, true
	}
	return 0, false
}
