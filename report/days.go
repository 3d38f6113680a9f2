package report

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"math"
	"strconv"
	"time"
)

// Timeline is what the page says of timeline.jsonl.
type Timeline struct {
	Events  int64
	Untimed int64 // records without a possible time
	Files   int64 // of Events, times of files
	Bytes   int64 // of all lines
	First   []Happening
	Last    []Happening
	Days    map[int64]Day // by days since 1970 UTC
	Odd     int64         // events of days that Days had no room for
}

// A Day counts the events of one.
type Day struct {
	Records int64 // of logs and the like
	Files   int64 // times of files
}

// A Happening is an event as the page lists it.
type Happening struct {
	Datetime string `json:"datetime"`
	Message  string `json:"message"`
	Type     string `json:"data_type"`
	Path     string `json:"path"`
	Micros   int64  `json:"timestamp"`
}

const (
	listed       = 12      // first and last events
	maxDays      = 100_000 // a clock that was wrong for 270 years
	microsPerDay = 86400e6
)

// timeline reads the events in one pass. They are sorted, so the first are first; the times of files, which begin with
// the making of the distribution, are counted but not listed.
func (in *Input) timeline(ctx context.Context, fsys fs.FS) error {
	t := &in.Timeline
	t.Days = map[int64]Day{}
	var last [listed][]byte // a ring
	seen := 0
	for line, err := range lines(fsys, "timeline.jsonl") {
		if err != nil {
			return err
		}
		if t.Events++; t.Events%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		t.Bytes += int64(len(line))
		micros, ok := timestamp(line)
		if !ok || micros == 0 {
			t.Untimed++
			continue
		}
		file := bytes.Contains(line, []byte(`","data_type":"fs:stat",`))
		t.count(micros, file)
		if file {
			continue
		}
		if len(t.First) < listed {
			t.First = append(t.First, happening(line))
		}
		last[seen%listed] = append(last[seen%listed][:0], line...)
		seen++
	}
	for i := max(0, seen-listed); i < seen; i++ {
		t.Last = append(t.Last, happening(last[i%listed]))
	}
	return nil
}

func (t *Timeline) count(micros int64, file bool) {
	day := micros / microsPerDay
	if micros < 0 {
		day--
	}
	d, known := t.Days[day]
	if !known && len(t.Days) == maxDays {
		t.Odd++
		return
	}
	if file {
		t.Files++
		d.Files++
	} else {
		d.Records++
	}
	t.Days[day] = d
}

// timestamp finds the number without reading the whole line. Within a JSON string every quote is escaped, so the key
// cannot be part of one.
func timestamp(line []byte) (int64, bool) {
	_, rest, ok := bytes.Cut(line, []byte(`,"timestamp":`))
	if !ok {
		return 0, false
	}
	before, _, ok0 := bytes.Cut(rest, []byte{','})
	if !ok0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(before), 10, 64)
	return n, err == nil
}

func happening(line []byte) Happening {
	var h Happening
	if err := json.Unmarshal(line, &h); err != nil {
		h.Message = err.Error()
	}
	return h
}

// A bar is a day of the histogram, in the coordinates of its drawing.
type bar struct {
	X, Width              float64
	RecordsX              float64
	RecordsWidth          float64
	RecordsY, RecordsH    float64
	FilesY, FilesH        float64
	Label                 string
	Records, Files, Total int64
}

// A chart is the histogram of the last days before the collection.
type chart struct {
	Bars   []bar
	Width  float64
	Height float64
	Lines  []tick // of the count
	Dates  []tick
	Before int64 // events before the first day shown
	After  int64 // events after the day of the collection: times in the future
}

// A tick is a line or a word at an axis.
type tick struct {
	At    float64
	Label string
}

const (
	chartDays   = 60
	chartWidth  = 960.0
	chartHeight = 150.0
	chartFoot   = 132.0 // where the bars stand
	chartLeft   = 44.0
)

// newChart draws the chartDays up to the day of end. The height is logarithmic: a day of ten events and one of ten
// thousand are both to be seen.
func newChart(t *Timeline, end time.Time) *chart {
	c := &chart{Width: chartWidth, Height: chartHeight}
	lastDay := end.Unix() / 86400
	firstDay := lastDay - chartDays + 1
	most := int64(1)
	for day, n := range t.Days {
		switch {
		case day < firstDay:
			c.Before += n.Records + n.Files
		case day > lastDay:
			c.After += n.Records + n.Files
		default:
			most = max(most, n.Records, n.Files)
		}
	}
	decades := 1
	for n := int64(10); n < most && decades < 18; n *= 10 {
		decades++
	}
	step := (chartWidth - chartLeft) / chartDays
	label := int64(1)
	for i := 0; i <= decades; i++ {
		c.Lines = append(c.Lines, tick{chartFoot - float64(i)/float64(decades)*(chartFoot-8), short(label)})
		label *= 10
	}
	for i := range int64(chartDays) {
		n := t.Days[firstDay+i]
		date := time.Unix((firstDay+i)*86400, 0).UTC()
		b := bar{X: chartLeft + float64(i)*step + 1, Width: step - 2, Label: date.Format(time.DateOnly), Records: n.Records, Files: n.Files, Total: n.Records + n.Files}
		b.RecordsX, b.RecordsWidth = b.X+b.Width/4, b.Width/2 // in front of the other
		b.RecordsH, b.FilesH = height(n.Records, decades), height(n.Files, decades)
		b.RecordsY, b.FilesY = chartFoot-b.RecordsH, chartFoot-b.FilesH
		c.Bars = append(c.Bars, b)
		if date.Weekday() == time.Monday && i < chartDays-4 {
			c.Dates = append(c.Dates, tick{chartLeft + float64(i)*step, date.Format("01-02")})
		}
	}
	return c
}

// height is a bar's: one event stands a little above the ground, ten at the first line.
func height(n int64, decades int) float64 {
	if n <= 0 {
		return 0
	}
	return min((math.Log10(float64(n))+0.08)/float64(decades), 1) * (chartFoot - 8)
}

// short writes 1, 10, 100, 1k, 10k … 1M.
func short(n int64) string {
	switch {
	case n >= 1e9:
		return strconv.FormatInt(n/1e9, 10) + "G"
	case n >= 1e6:
		return strconv.FormatInt(n/1e6, 10) + "M"
	case n >= 1e3:
		return strconv.FormatInt(n/1e3, 10) + "k"
	}
	return strconv.FormatInt(n, 10)
}
