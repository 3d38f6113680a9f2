package report

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"time"

	"spor/detect"
)

//go:embed viewer.js
var viewerJS string

// scriptSource is what the page's content policy lets run: this text and no other.
var scriptSource = func() string {
	sum := sha256.Sum256([]byte(viewerJS))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// Bounds of what the viewer carries. What is over them stays in timeline.jsonl, and the page says how much that is.
const (
	maxEvents      = 2_000_000
	maxEventText   = 320 << 20 // bytes of messages, each counted once
	maxEventPaths  = 96 << 20
	maxKinds       = 4_000 // pairs of source, type and meaning
	eventsAFinding = 64
)

// viewer is the events of all hosts, packed, and what they have to do with findings.
type viewer struct {
	count  int
	left   int64 // events that are not in the page
	pieces []piece
	kinds  []kind
	first  map[*detect.Finding]int // the event a finding links to
	marks  []mark
	own    *details
}

// kind is what many events share.
type kind struct {
	Host, Parser, Type, Desc string
	Recovered, Untimed       bool
}

// MarshalJSON writes an array, as the script reads it.
func (k kind) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{k.Host, k.Parser, k.Type, k.Desc, truth(k.Recovered), truth(k.Untimed)})
}

// A mark ties a finding to events by their number.
type mark struct {
	Title    string `json:"title"`
	Severity string `json:"severity"`
	Events   []int  `json:"events"`
}

// packer builds the columns.
type packer struct {
	v                            *viewer
	messages, paths              *dictionary
	seconds, micros, of, offsets *column
	kinds                        map[kind]int
	lastSecond                   int64
	lastOffset                   []int64 // by path
	records, files               int64   // that may still be taken
}

func newPacker(few bool) *packer {
	return &packer{
		v: &viewer{first: map[*detect.Finding]int{}, own: newDetails(few)}, messages: newDictionary("m", maxEventText), paths: newDictionary("p", maxEventPaths),
		seconds: newColumn(), micros: newColumn(), of: newColumn(), offsets: newColumn(), kinds: map[kind]int{},
	}
}

// newViewer packs the timelines of the hosts into one. Where there are more events than most, the oldest times of files stay
// out first, then the oldest records; those that a finding points at stay in.
func newViewer(ctx context.Context, hosts []*Input, most int64) (*viewer, error) {
	var records, files, bytes int64
	for _, in := range hosts {
		bytes += in.Timeline.Bytes
		records += in.Timeline.Events - in.Timeline.Files
		files += in.Timeline.Files
	}
	p := newPacker(bytes > manyBytes)
	keepRecords := min(records, most)
	keepFiles := min(files, most-keepRecords)
	p.records, p.files = records-keepRecords, files-keepFiles // to pass over
	tied := newTied(hosts)
	n := 0
	for from, e := range merged(hosts) {
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		at := tied.of(from, e)
		if !p.wanted(e) && len(at) == 0 || !p.add(e) {
			p.v.left++
			continue
		}
		for _, f := range at {
			f.saw(e, p.v.count-1)
		}
	}
	tied.close(p.v)
	p.close()
	return p.v, nil
}

// wanted passes over what is too much.
func (p *packer) wanted(e *event) bool {
	left := &p.records
	if e.Type == "fs:stat" {
		left = &p.files
	}
	if *left > 0 {
		*left--
		return false
	}
	return true
}

// The times that a script's Date has.
const (
	firstMicro = -62135596800 * 1e6
	lastMicro  = 253402300799 * 1e6
)

func (p *packer) add(e *event) bool {
	path := e.Path
	tidyEvent(e)
	k := kind{Host: e.Host, Parser: e.Parser, Type: e.Type, Desc: e.Desc, Recovered: e.Recovered, Untimed: e.Micros == 0 || e.Micros < firstMicro || e.Micros > lastMicro}
	number, known := p.kinds[k]
	if p.v.count >= maxEvents+maxFindings*eventsAFinding || !known && len(p.kinds) >= maxKinds || !p.messages.fits(e.Message) || !p.paths.fits(e.Path) {
		return false
	}
	if !known {
		number = len(p.kinds)
		p.kinds[k] = number
		p.v.kinds = append(p.v.kinds, k)
	}
	second, micro := p.lastSecond, int64(0)
	if !k.Untimed {
		second, micro = floorDiv(e.Micros, 1e6)
	}
	p.seconds.int(second - p.lastSecond)
	p.lastSecond = second
	p.micros.uint(uint64(micro))
	p.of.uint(uint64(number))
	p.messages.add(e.Message)
	id := p.paths.add(e.Path)
	if int(id) == len(p.lastOffset) {
		p.lastOffset = append(p.lastOffset, 0)
	}
	p.offsets.int(e.Offset - p.lastOffset[id])
	p.lastOffset[id] = e.Offset
	p.v.own.add(e)
	p.v.count++
	e.Path = path // findings know it as it was
	return true
}

// floorDiv divides, rounding down; the remainder is never negative.
func floorDiv(n, by int64) (int64, int64) {
	q, r := n/by, n%by
	if r < 0 {
		q, r = q-1, r+by
	}
	return q, r
}

func (p *packer) close() {
	p.v.own.close()
	p.v.pieces = append(p.v.pieces, p.of.piece("kinds"), p.seconds.piece("seconds"), p.micros.piece("micros"), p.offsets.piece("offsets"))
	for _, d := range []*dictionary{p.paths, p.messages} {
		d.close()
		p.v.pieces = append(p.v.pieces, d.refs.piece(d.name+"-refs"))
		for i, segment := range d.done {
			segment.ID = d.name + strconv.Itoa(i)
			p.v.pieces = append(p.v.pieces, segment)
		}
	}
}

// merged gives the events of all hosts in the order of their times; each host's own order is kept.
func merged(hosts []*Input) iter.Seq2[*Input, *event] {
	return func(yield func(*Input, *event) bool) {
		type source struct {
			in   *Input
			next func() (*event, bool)
			head *event
		}
		var open []source
		for _, in := range hosts {
			next, stop := iter.Pull(in.events())
			defer stop()
			if head, ok := next(); ok {
				open = append(open, source{in, next, head})
			}
		}
		for len(open) > 0 {
			first := 0
			for i := range open {
				if early(open[i].head) < early(open[first].head) {
					first = i
				}
			}
			s := &open[first]
			if !yield(s.in, s.head) {
				return
			}
			var ok bool
			if s.head, ok = s.next(); !ok {
				open = slices.Delete(open, first, first+1)
			}
		}
	}
}

// early is the time by which events are merged: those without one come first, as in each timeline.
func early(e *event) int64 {
	if e.Micros == 0 {
		return -1 << 63
	}
	return e.Micros
}

// events reads timeline.jsonl again. What is no event was counted and said when the folder was read.
func (in *Input) events() iter.Seq[*event] {
	return func(yield func(*event) bool) {
		if in.folder == nil {
			return
		}
		for line, err := range lines(in.folder, "timeline.jsonl") {
			if err != nil {
				return
			}
			e := &event{}
			if e.read(line) && !yield(e) {
				return
			}
		}
	}
}

// tied finds the events that findings are about.
type tied struct {
	byPath map[*Input]map[string][]*tie
	all    []*tie
}

// A tie is a finding with the events it is about: those of its very record, or else those of its file.
type tie struct {
	finding      *detect.Finding
	exact, about []int
}

func newTied(hosts []*Input) *tied {
	t := &tied{byPath: map[*Input]map[string][]*tie{}}
	for _, in := range hosts {
		paths := map[string][]*tie{}
		for i := range in.Findings {
			f := &in.Findings[i]
			if f.Path != "" {
				one := &tie{finding: f}
				t.all = append(t.all, one)
				paths[f.Path.String()] = append(paths[f.Path.String()], one)
			}
		}
		t.byPath[in] = paths
	}
	return t
}

func (t *tied) of(in *Input, e *event) []*tie {
	var out []*tie
	for _, one := range t.byPath[in][e.Path] {
		if (one.record(e) && len(one.exact) < eventsAFinding) || (e.Type == "fs:stat" && len(one.about) < eventsAFinding) {
			out = append(out, one)
		}
	}
	return out
}

func (t *tie) record(e *event) bool {
	return t.finding.Time.UnixMicro() == e.Micros && t.finding.Offset == e.Offset && e.Micros != 0
}

func (t *tie) saw(e *event, number int) {
	if t.record(e) {
		t.exact = append(t.exact, number)
	} else {
		t.about = append(t.about, number)
	}
}

func (t *tied) close(v *viewer) {
	for _, one := range t.all {
		events := one.exact
		if len(events) == 0 {
			events = one.about
		}
		if len(events) == 0 {
			continue
		}
		v.first[one.finding] = events[0]
		v.marks = append(v.marks, mark{Title: one.finding.Rule, Severity: string(one.finding.Severity), Events: events})
	}
}

// meta is what the script is told beside the columns.
type meta struct {
	Count    int               `json:"count"`
	Pieces   []piece           `json:"pieces"`
	Kinds    []kind            `json:"kinds"`
	Findings []mark            `json:"findings"`
	From     int64             `json:"from"` // seconds since 1970: what the histogram shows at first
	To       int64             `json:"to"`
	Words    map[string]string `json:"words"`
	Digits   string            `json:"digits"` // between groups of three
	Block    int               `json:"block"`  // events whose own fields are in one piece
	Shapes   int               `json:"shapes"` // bytes of the names of those fields when opened
	Own      []int             `json:"own"`    // bytes of those pieces when opened
}

// write writes the blocks of data and the script, to stand at the end of the body.
func (v *viewer) write(w io.Writer, t *texts, end time.Time) error {
	shapes := v.own.table()
	m := meta{
		Count: v.count, Pieces: v.pieces, Kinds: v.kinds, Findings: append([]mark{}, v.marks...), Words: t.Viewer, Digits: t.Thousands,
		From: end.Unix() - chartDays*86400, To: end.Unix() + 3600, Block: detailBlock, Shapes: shapes.Size,
	}
	for _, p := range v.own.done {
		m.Own = append(m.Own, p.Size)
	}
	for i := range m.Findings {
		f := &m.Findings[i]
		f.Title, f.Severity = cmp.Or(t.Rules[f.Title], clean(f.Title)), cmp.Or(t.Severities[f.Severity], t.Severities["low"])
	}
	j, err := json.Marshal(m) // escapes what could end the block
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(w, 1<<16)
	fmt.Fprintf(b, "<script type=\"application/json\" id=\"viewer-meta\">%s</script>\n", j)
	for _, p := range slices.Concat(v.pieces, []piece{shapes}, v.own.done) {
		fmt.Fprintf(b, "<script type=\"application/octet-stream\" id=\"viewer-%s\">", p.ID)
		e := base64.NewEncoder(base64.StdEncoding, b)
		e.Write(p.data)
		e.Close()
		b.WriteString("</script>\n")
	}
	fmt.Fprintf(b, "<script>%s</script>\n", viewerJS)
	return b.Flush()
}
