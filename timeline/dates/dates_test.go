package dates

import (
	"testing"
	"time"
)

func TestReaders(t *testing.T) {
	const none = ""
	tests := []struct {
		name, text string
		read       Reader
		want, rest string // want by the zone of Oslo and the year 2026 where the text leaves them out; empty: it is no date
	}{
		{"BSD", "Mar  9 07:52:33 host x", BSD, "2026-03-09T06:52:33Z", " host x"},
		{"BSD", "Mar 9 07:52:33 host", BSD, "2026-03-09T06:52:33Z", " host"},
		{"BSD", "Mar 19 07:52:33.25 h", BSD, "2026-03-19T06:52:33.25Z", " h"},
		{"BSD", "Jul 13 2019 07:52:33 fw", BSD, "2019-07-13T05:52:33Z", " fw"},
		{"BSD", "Jul 13 2019 07:52:33 UTC: fw", BSD, "2019-07-13T07:52:33Z", ": fw"},
		{"BSD", "Jul 13 07:52:33 2019 fw", BSD, "2019-07-13T05:52:33Z", " fw"},
		{"BSD", "Jul 13 07:52:33 2019fw", BSD, "2026-07-13T05:52:33Z", " 2019fw"},
		{"BSD", "Jul 32 07:52:33 h", BSD, none, ""},
		{"BSD", "Jux 12 07:52:33 h", BSD, none, ""},
		{"BSD", "Jul 12 24:52:33 h", BSD, none, ""},
		{"BSD", "Feb 29 07:52:33 h", BSD, "2024-02-29T06:52:33Z", " h"},
		{"BSD", "Feb 29 2023 07:52:33 h", BSD, none, ""},
		{"BSD, leap second", "Dec 31 2016 23:59:60 h", BSD, "2016-12-31T22:59:59Z", " h"},
		{"ISO", "2024-12-05T10:11:12.345678+01:00 h", ISO, "2024-12-05T09:11:12.345678Z", " h"},
		{"ISO", "2024-12-05 10:11:12,345 h", ISO, "2024-12-05T09:11:12.345Z", " h"},
		{"ISO", "2024-12-05 10:11:12 +0530 h", ISO, "2024-12-05T04:41:12Z", " h"},
		{"ISO", "2024-12-05 10:11:12 UTC [1]", ISO, "2024-12-05T10:11:12Z", " [1]"},
		{"ISO", "2024-12-05 10:11:12 CET [1]", ISO, "2024-12-05T09:11:12Z", " [1]"},
		{"ISO", "2024-07-05 10:11:12 EEST [1]", ISO, "2024-07-05T07:11:12Z", " [1]"},
		{"ISO", "2024-12-05 10:11:12 EST [1]", ISO, "2024-12-05T09:11:12Z", " EST [1]"},
		{"ISO", "2024-12-05 10:11:12 CETUS [1]", ISO, "2024-12-05T09:11:12Z", " CETUS [1]"},
		{"ISO", "2024-12-05  9:11:12 x", ISO, "2024-12-05T08:11:12Z", " x"},
		{"ISO", "2024/12/05 10:11:12 x", ISO, "2024-12-05T09:11:12Z", " x"},
		{"ISO", "2024-12-05T10:11:12.1234567891Z", ISO, "2024-12-05T10:11:12.123456789Z", ""},
		{"ISO", "2024-12-05T10:11:12-01", ISO, "2024-12-05T11:11:12Z", ""},
		{"ISO", "2024-12-05T10:11:12+99:00", ISO, none, ""},
		{"ISO", "2024-02-30T10:11:12Z", ISO, none, ""},
		{"ISO", "0000-01-01T10:11:12Z", ISO, none, ""},
		{"RFC 3339", "2024-12-05 10:11:12Z", RFC3339, none, ""},
		{"Apache", "08/Dec/2021:17:23:24 +0100] x", Apache, "2021-12-08T16:23:24Z", "] x"},
		{"Apache", "8-Dec-2021 17:23:24.5 x", Apache, "2021-12-08T16:23:24.5Z", " x"},
		{"asctime", "Mon Jun  6 18:43:28 2016 [pid 2]", CTime, "2016-06-06T16:43:28Z", " [pid 2]"},
		{"asctime", "Mon Jun  6 18:43:28.123456 2016]", CTime, none, ""},
		{"asctime", "Non Jun  6 18:43:28 2016 x", CTime, none, ""},
		{"epoch", "1386543323.250 x", Epoch, "2013-12-08T22:55:23.25Z", " x"},
		{"epoch", "12345 x", Epoch, none, ""},
		{"epoch", "138654332312 x", Epoch, none, ""},
		{"American", "07/11/2022-10:29:01.860293  [", American, "2022-07-11T08:29:01.860293Z", "  ["},
		{"American", "7/1/2022 1:29:01 PM x", American, "2022-07-01T11:29:01Z", " x"},
		{"European", "17.11.2022 10:29:01 x", European, "2022-11-17T09:29:01Z", " x"},
		{"American", "17/11/2022 10:29:01 x", American, none, ""},
		{"compact", "130324  0:04:00 [Warning]", Compact, "2013-03-23T23:04:00Z", " [Warning]"},
		{"compact", "20130324-00:04:00:1", Compact, "2013-03-23T23:04:00Z", ":1"},
		{"klog", "0504 14:10:00.5  7 x", Klog, "2026-05-04T12:10:00.5Z", "  7 x"},
		{"TAI64N", "@400000004c91b044077a9e94 x", TAI64N, "2010-09-16T05:50:50.125476500Z", " x"},
	}
	oslo, err := time.LoadLocation("Europe/Oslo")
	if err != nil {
		t.Skipf("SKIPPED: no time zones on this machine: %v", err)
	}
	for _, tt := range tests {
		s, n := tt.read(tt.text)
		if tt.want == none {
			if n != 0 {
				t.Errorf("%s %q: read %+v", tt.name, tt.text, s)
			}
			continue
		}
		want, err := time.Parse(time.RFC3339Nano, tt.want)
		if err != nil {
			t.Fatal(err)
		}
		y := Years{Zone: Zone{Location: oslo}, Year: 2026}
		if got, _ := y.Time(&s); !got.Equal(want) || tt.text[n:] != tt.rest {
			t.Errorf("%s %q: got %v and %q, want %v and %q", tt.name, tt.text, got, tt.text[n:], want, tt.rest)
		}
	}
}

// TestDays holds the calendar against the standard library's.
func TestDays(t *testing.T) {
	for d := int64(-719162); d < 2_932_896; d += 13 { // the years 1 to 9999
		y, m, day := time.Unix(d*86400, 0).UTC().Date()
		if got := days(y, int(m), day); got != d {
			t.Fatalf("%d-%d-%d: got %d, want %d", y, m, day, got, d)
		}
	}
}

// FuzzReaders checks that a reader keeps within the text and gives days that exist.
func FuzzReaders(f *testing.F) {
	for _, s := range []string{"Mar  9 07:52:33.5 2019", "2024-12-05T10:11:12.3+01:00", "08/Dec/2021:17:23:24 +0100", "1386543323.2", "130324  0:04:00", "@400000004c91b044077a9e94", "Mon Jun  6 18:43:28 2016", "7/1/2022, 1:29:01 PM"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for i, read := range []Reader{BSD, ISO, RFC3339, Day, Apache, CTime, Epoch, American, European, Compact, Klog, TAI64N} {
			s, n := read(text)
			if n < 0 || n > len(text) || n > 0 == s.IsZero() {
				t.Fatalf("reader %d of %q: %+v, %d", i, text, s, n)
			}
			if n == 0 {
				continue
			}
			y := Years{Year: 2024}
			at, _ := y.Time(&s)
			local := at.Add(time.Duration(s.Offset) * time.Second)
			if at.IsZero() && s.Year != 1 || local.Day() != s.Day || local.Month() != s.Month || s.Clock < 0 || s.Clock >= 24*time.Hour {
				t.Fatalf("reader %d of %q: %+v became %v", i, text, s, at)
			}
		}
	})
}

func BenchmarkBSD(b *testing.B) {
	y := Years{Zone: Zone{Location: time.FixedZone("x", 3600)}, Year: 2026}
	for b.Loop() {
		s, _ := BSD("Mar  9 07:52:33 host")
		y.Time(&s)
	}
}

func BenchmarkISO(b *testing.B) {
	y := Years{}
	for b.Loop() {
		s, _ := ISO("2024-12-05T10:11:12.345678+01:00 h")
		y.Time(&s)
	}
}
