package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// WriteMail writes the case as plain text that can go out by mail, in UTF-8: lines of at most 76 characters but for what
// must not be broken, the TLP mark on top and at the end, indicators written so that no program makes a link of them.
// The hosts should have been through Reduce.
func WriteMail(w io.Writer, hosts []*Input, c *Case, language string) error {
	t, ok := languages[language]
	if !ok {
		return fmt.Errorf("no language is called %q: is, nb or en", language)
	}
	v := newPageView(hosts, &viewer{}, t)
	m := &mail{bufio.NewWriter(w)}
	m.line(v.TLP)
	m.wrap("", v.TLPText)
	m.line("")
	m.line(t.Case + " " + v.Case)
	for _, h := range v.Hosts {
		m.wrap("", t.Host+": "+h.Host+", "+t.Collected+" "+h.Collected+" UTC, "+h.Completion)
	}
	if v.Shared != "" {
		m.wrap("", v.Shared)
	}
	for _, h := range v.Hosts {
		if len(h.Incident) == 0 {
			continue
		}
		title := t.Incident
		if v.Several {
			title += " · " + h.Host
		}
		m.heading(title)
		m.rows(h.Incident)
	}
	for _, h := range v.Hosts {
		m.heading(h.Host)
		m.rows(h.HostRows)
	}
	m.findings(v)
	m.indicators(c.Indicators, t)
	m.line("")
	m.line(v.TLP)
	return m.Flush()
}

type mail struct{ *bufio.Writer }

const mailWidth = 76

func (m *mail) line(s string) { fmt.Fprint(m, s, "\r\n") }

func (m *mail) heading(s string) {
	m.line("")
	m.line(s)
	m.line(strings.Repeat("-", min(utf8.RuneCountInString(s), mailWidth)))
}

func (m *mail) rows(rows []row) {
	for _, r := range rows {
		if len(r.Lines) == 1 {
			m.wrap("  ", r.Label+": "+r.Lines[0])
			continue
		}
		m.line(r.Label + ":")
		for _, l := range r.Lines {
			m.wrap("  ", l)
		}
	}
}

// wrap breaks a text between words; what follows is indented.
func (m *mail) wrap(indent, s string) {
	at := 0
	for word := range strings.FieldsSeq(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case at == 0:
		case at+1+n > mailWidth:
			m.WriteString("\r\n" + indent)
			at = len(indent)
		default:
			m.WriteByte(' ')
			at++
		}
		m.WriteString(word)
		at += n
	}
	m.WriteString("\r\n")
}

const mailFindings = 30

func (m *mail) findings(v *pageView) {
	m.heading(v.T.Findings)
	if len(v.Findings) == 0 {
		m.wrap("", v.T.NoFindings)
		return
	}
	m.wrap("", v.T.FindingsNote)
	for i, f := range v.Findings {
		if i == mailFindings {
			m.line("+ " + v.T.number(int64(len(v.Findings)-i)))
			break
		}
		head := "* [" + f.Severity + "] " + f.Title
		if v.Several {
			head += " (" + f.Host + ")"
		}
		m.wrap("  ", head)
		if f.Time != "" {
			m.line("  " + f.Time + " UTC")
		}
		m.wrap("  ", "  "+defang(f.Reason))
	}
}

func (m *mail) indicators(list []Indicator, t *texts) {
	if len(list) == 0 {
		return
	}
	m.heading(t.Indicators)
	for i, one := range list {
		if i == 200 {
			m.line("+ " + t.number(int64(len(list)-i)))
			break
		}
		value := one.Value
		if one.Kind == Address || one.Kind == DomainName || one.Kind == WebURL {
			value = defangAll(value)
		}
		m.line(fmt.Sprintf("%-9s %s", one.Kind, value))
	}
}

// defangAll writes an address so that it cannot be followed by mistake: "hxxp://198[.]51[.]100[.]9/x".
func defangAll(s string) string {
	return strings.NewReplacer(".", "[.]", "http", "hxxp", "://", "[://]").Replace(s)
}

// defang does so with the URLs in a text.
func defang(s string) string { return urlText.ReplaceAllStringFunc(s, defangAll) }
