package report

import (
	"cmp"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"spor/artifacts"
	"spor/report/incident"
)

// pageView is what the template writes: what is of the whole case, and a view of each host.
type pageView struct {
	T                      *texts
	TLP, TLPClass, TLPText string
	Case, Name             string // of the case; of its hosts
	Several                bool
	Hosts                  []*view
	Findings               []finding
	MoreFindings           string
	Summary                summary
	Viewing                bool
	LeftOut                string
	Shared                 string // what was taken out before the page may be handed on
	ScriptSource           string
	end                    time.Time // of the last collection
}

func newPageView(hosts []*Input, viewer *viewer, t *texts) *pageView {
	v := &pageView{T: t, Several: len(hosts) > 1, Viewing: viewer.count > 0, ScriptSource: scriptSource}
	var cases, names []string
	for i, in := range hosts {
		host := newView(in, t)
		if v.Several {
			host.ID = "-" + strconv.Itoa(i+1)
		}
		if slices.ContainsFunc(v.Hosts, func(other *view) bool { return reflect.DeepEqual(other.Incident, host.Incident) }) {
			host.Incident, host.Said = nil, false // the same form came with several hosts
		}
		v.Hosts = append(v.Hosts, host)
		cases, names = append(cases, host.Case), append(names, host.Host)
		if end := in.end(); end.After(v.end) {
			v.end = end
		}
	}
	if hosts[0].reduced {
		v.Shared = t.Shared
	}
	v.Case, v.Name = strings.Join(compact(cases...), ", "), strings.Join(names, ", ")
	v.mark(hosts)
	v.findings(hosts, viewer)
	v.sum(hosts)
	v.LeftOut = viewer.lacks(t)
	return v
}

// lacks says what of the events is not in the page.
func (v *viewer) lacks(t *texts) string {
	var said []string
	if v.left > 0 {
		said = append(said, t.number(v.left)+" "+t.LeftOut)
	}
	if v.own != nil && v.own.few {
		said = append(said, t.FewFields)
	}
	if v.own != nil && v.own.left > 0 {
		said = append(said, t.number(v.own.left)+" "+t.NoFields)
	}
	return strings.Join(said, " ")
}

// mark gives the page the strictest level of its hosts. What is not understood is kept closest.
func (v *pageView) mark(hosts []*Input) {
	strictest := -1
	for _, in := range hosts {
		level, err := incident.ParseTLP(in.Manifest.TLP)
		if err != nil {
			v.TLP, v.TLPClass, v.TLPText = "TLP: "+clean(in.Manifest.TLP), "red", ""
			return
		}
		if at := slices.Index(incident.Levels, level); at > strictest {
			strictest = at
			v.TLP, v.TLPText = level.String(), v.T.TLP[level.String()]
			v.TLPClass = strings.ToLower(strings.NewReplacer("TLP:", "", "+", "-").Replace(level.String()))
		}
	}
}

// findings lists what was found on all hosts, gravest first, each with a link to the evidence where the folder has it and
// to the event it is about.
func (v *pageView) findings(hosts []*Input, viewer *viewer) {
	type found struct {
		in     *Input
		host   *view
		number int
		items  *items
	}
	var all []found
	for i, in := range hosts {
		list := newItems(in)
		for n := range in.Findings {
			all = append(all, found{in, v.Hosts[i], n, list})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Compare(a.in.Findings[a.number].Severity.Rank(), b.in.Findings[b.number].Severity.Rank())
	})
	for i, one := range all {
		if i == shownFindings {
			v.MoreFindings = "+ " + v.T.number(int64(len(all)-i))
			break
		}
		f := &one.in.Findings[one.number]
		shown := v.finding(f)
		shown.ID = "finding-" + strconv.Itoa(i+1)
		shown.Host = one.host.Host
		shown.Link = link(one.in.Beside, one.items.of(f))
		if e, tied := viewer.first[f]; tied {
			shown.Event = "#e=" + strconv.Itoa(e)
		}
		v.Findings = append(v.Findings, shown)
	}
}

func (v *pageView) finding(f *findingRecord) finding {
	class := string(f.Severity)
	if v.T.Severities[class] == "" {
		class = "low"
	}
	where := clean(f.Path.String())
	if f.Line > 0 {
		where = clean(f.Item) + ":" + strconv.Itoa(f.Line)
	} else if f.Offset > 0 {
		where += " @" + strconv.FormatInt(f.Offset, 10)
	}
	reason, own := v.T.told(f.Reason)
	out := finding{
		Class: class, Severity: v.T.Severities[class], Title: cmp.Or(v.T.Rules[f.Rule], clean(f.Title)), Reason: clean(reason), Own: own,
		Technique: clean(strings.Join(f.Technique, ", ")), Time: moment(f.Time), Where: where,
	}
	if f.More > 0 {
		out.More = "+ " + v.T.number(int64(f.More)) + " " + v.T.More
	}
	return out
}

// items finds the item that a finding is about.
type items struct {
	names    map[string]bool
	byOrigin map[artifacts.Path]string
	sums     map[artifacts.Path]string // SHA-256
}

func newItems(in *Input) *items {
	l := &items{map[string]bool{}, map[artifacts.Path]string{}, map[artifacts.Path]string{}}
	for i := range in.Manifest.Entries {
		e := &in.Manifest.Entries[i]
		l.names[e.Name] = true
		if e.Origin != "" {
			l.byOrigin[e.Origin], l.sums[e.Origin] = e.Name, e.SHA256
		}
	}
	return l
}

func (l *items) of(f *findingRecord) string {
	if l.names[f.Item] {
		return f.Item
	}
	return l.byOrigin[f.Path]
}

// link leads to a file of an opened folder that lies beside the page, or nowhere.
func link(folder, item string) string {
	in := func(top string) bool { return strings.HasPrefix(item, top) }
	if folder == "" || !slices.ContainsFunc([]string{"files/", "live/", "screens/"}, in) || slices.Contains(strings.Split(item, "/"), "..") {
		return ""
	}
	return "./" + (&url.URL{Path: path.Join(folder, item)}).EscapedPath()
}

// end is when the collection ended; where that is not known, the day of the last event.
func (in *Input) end() time.Time {
	end := in.Manifest.Finished
	if y := end.Year(); !end.IsZero() && y >= 1970 && y <= 9999 {
		return end
	}
	end = time.Time{}
	for day := range in.Timeline.Days {
		if last := time.Unix(day*86400, 0); last.After(end) {
			end = last
		}
	}
	return end
}
