package formats

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"spor/timeline"
	"spor/timeline/packed"
)

// A stated is a file of the corpus and the figures that its index has of it.
type stated struct {
	path string
	kind string
	most int    // the most that a reader of the format counts
	who  string // counted that
}

var figures = []struct {
	column int
	who    string
	figure *regexp.Regexp
}{
	{6, "plaso", regexp.MustCompile(`event_data=(\d+)`)},
	{7, "evtxinfo", regexp.MustCompile(`evtxinfo: records=(\d+)`)},
	{7, "python-evtx", regexp.MustCompile(`python-evtx [0-9.]+: records=(\d+)`)},
	{7, "evtinfo", regexp.MustCompile(`evtinfo: records=(\d+)`)},
	{7, "utmpdump", regexp.MustCompile(`utmpdump: records=(\d+)`)},
	{7, "journalctl", regexp.MustCompile(`journalctl \d+ --file: entries=(\d+)`)},
}

// kinds are those of which the index has figures that a parser here can be held to. Kinds that are no files of records,
// or that no parser here is for, are not.
var kinds = map[string]bool{
	"applog": true, "auditd": true, "av-log": true, "evt": true, "evtx": true, "evtx-attack": true, "evtx-sigma": true, "journal": true, "shell-history": true,
	"syslog": true, "utmp": true, "weblog": true, "weblog-iis": true,
}

func statedFigures(t *testing.T) (files []stated) {
	t.Helper()
	f, err := os.Open(filepath.Join(corpus(), "INDEX.tsv"))
	if err != nil {
		t.Skipf("SKIPPED: the corpus is not here: %v", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	for row, err := r.Read(); err == nil; row, err = r.Read() {
		if len(row) < 8 || !kinds[row[1]] {
			continue
		}
		s := stated{path: row[0], kind: row[1], most: -1}
		for _, fig := range figures {
			if m := fig.figure.FindStringSubmatch(row[fig.column]); m != nil {
				if n, _ := strconv.Atoi(m[1]); n > s.most {
					s.most, s.who = n, fig.who
				}
			}
		}
		if s.most >= 0 {
			files = append(files, s)
		}
	}
	return files
}

// differ are the files of which we count another number of live records than the best of the others, and why.
var differ = map[string]struct {
	records int64
	why     string
}{
	"log2timeline-plaso/audit_enriched.log":      {12, "29 lines, of which those of one event are one record"},
	"log2timeline-plaso/selinux.log":             {6, "plaso counts lines; two of the seven that can be read are of one event"},
	"log2timeline-plaso/skydriveerr.log":         {0, "no parser: SkyDrive, until 2014"},
	"log2timeline-plaso/skydriveerr-unicode.log": {0, "no parser: SkyDrive, until 2014"},
	"log2timeline-plaso/SysEvent.Evt.gz":         {6063, "plaso counts the 438 recovered ones too, as do we: 6501 together"},
	"log2timeline-plaso/apache_access.log":       {15, "plaso warns of one line and leaves it out"},

	"log2timeline-plaso/evtx/System2.evtx":                       {283, "cut in its third chunk, whose first 89 records are whole; the others read no part of a chunk"},
	"omerbenamram-evtx/sample-with-zero-data-size-event.evtx.gz": {449, "a record of no size; 114 live ones behind it in the chunk, which libevtx calls recovered"},
	"omerbenamram-evtx/sample_with_a_bad_chunk_magic.evtx.gz":    {298, "28 records behind damaged ones, in their chunk's bounds and numbers; libevtx reads 267 and recovers 163, we 298 and 132"},
}

// TestCorpus reads every file of the corpus of which a figure is known, in the way of `spor-desk timeline --summary`.
func TestCorpus(t *testing.T) {
	files := statedFigures(t)
	for _, s := range files {
		for f, err := range timeline.Files(filepath.Join(corpus(), s.path)) {
			if err != nil {
				t.Fatal(err)
			}
			r := timeline.Reader{Formats: All(), Packings: packed.All()}
			sum, err := r.File(t.Context(), f)
			if err != nil {
				t.Errorf("%s: %v", s.path, err)
				continue
			}
			got, want := sum.Records-sum.Recovered, int64(s.most)
			d, known := differ[strings.TrimPrefix(s.path, s.kind+"/")]
			if known {
				want = d.records
			}
			if got != want {
				t.Errorf("%s (%s): %d live records and %d recovered of %q; %s counts %d; %s", s.path, s.kind, got, sum.Recovered, sum.Parser, s.who, s.most, sum.Error)
			}
			if known && got == int64(s.most) {
				t.Errorf("%s: equal to %s, though the table says why not", s.path, s.who)
			}
		}
	}
	t.Logf("%d files with a stated figure, %d differences explained", len(files), len(differ))
}
