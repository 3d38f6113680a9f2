// Package eventlog is what the readers of Windows event logs, old and new, know of the programs that write them: their
// messages in English, the words for numbers among their values, and the texts that %%nnnn in a value stands for.
//
// messages.tsv: a line that begins with = names the providers of those that follow; each of these is event identifiers and
// a message. In a message {Name} is the field of that name and {1} the first of the strings; {Name:kind} is its value in
// words, of the tables in words.tsv; {A/B} is the field A or, where the record has none, B. What stands between two bars is
// left out where all its fields are empty or not in the record; elsewhere an empty one is a dash, and one that the record
// lacks is its name behind a percent sign, as Windows shows insertions that it misses: %3, %Name. A message never says what
// the record does not.
//
// A line %% says of which kind the providers' references are: in the Security log the texts of msobjs.dll, with the manager
// of services the texts of system errors. One number means other things with other providers: theirs stay as they are.
//
// The wording is ours; what the events mean is from Microsoft's documentation of them (learn.microsoft.com: "Advanced
// security audit policy", one page for each event; the pages of the components), from the manifests that providers carry
// (as published in github.com/nasbench/EVTX-ETW-Resources and github.com/repnz/etw-providers-docs), from libyal's winevt-kb
// for the old logs, and from Sysmon's documentation.
package eventlog

import (
	"bytes"
	"strings"
	"sync"
)

// A Record is the event that a message is about.
type Record interface {
	// Value gives the field of a name, or of the strings the one of a number from 1; false: the record has none.
	Value(name string) ([]byte, bool)
}

// A Provider is a program that writes events. A nil one is not known.
type Provider struct {
	messages   map[uint64]message
	references *Kind // what its %%nnnn mean; nil: not known, or more than one thing
}

// Of gives the provider of a name.
func Of(name []byte) *Provider {
	p := providers()[string(name)]
	if p == nil && strings.HasPrefix(string(name), namedInstance) {
		return providers()["MSSQLSERVER"]
	}
	return p
}

// namedInstance is how the sources of SQL Server's instances begin that have a name of their own.
const namedInstance = "MSSQL$"

// A message is a text with fields in it.
type message []clause

// A clause is what is left out together.
type clause []piece

// A piece is a text, or a field.
type piece struct {
	text   string
	fields []string // the first that the record has; none: a text
	kind   *Kind
}

// value gives that of the field.
func (p *piece) value(r Record) (v []byte, ok bool) {
	for _, name := range p.fields {
		if v, ok = r.Value(name); ok {
			return v, ok
		}
	}
	return nil, false
}

// short are what messages say often.
var short = strings.NewReplacer(
	"{subject}", `{SubjectDomainName}\{SubjectUserName}`,
	"{target}", `{TargetDomainName}\{TargetUserName}`,
)

// providers is the table, read when the first event asks.
var providers = sync.OnceValue(func() map[string]*Provider {
	_, messages := texts()
	table := map[string]*Provider{}
	var named []*Provider
	for _, r := range rows(messages) {
		switch {
		case r.key[0] == '=':
			named = named[:0]
			for name, rest := r.key[1:], r.text; name != ""; name, rest, _ = strings.Cut(rest, "\t") {
				if table[name] == nil {
					table[name] = &Provider{messages: map[uint64]message{}}
				}
				named = append(named, table[name])
			}
		case r.key == "%%":
			for _, p := range named {
				p.references = kinds()[r.text]
			}
		default:
			m := parseMessage(short.Replace(r.text))
			for _, id := range numbers(r.key) {
				for _, p := range named {
					p.messages[id] = m
				}
			}
		}
	}
	return table
})

func parseMessage(text string) message {
	var m message
	for more := true; more; {
		var c string
		c, text, more = strings.Cut(text, "|")
		var pieces clause
		for c != "" {
			before, rest, found := strings.Cut(c, "{")
			if before != "" {
				pieces = append(pieces, piece{text: before})
			}
			if !found {
				break
			}
			name, after, _ := strings.Cut(rest, "}")
			name, kind, _ := strings.Cut(name, ":")
			pieces = append(pieces, piece{fields: strings.Split(name, "/"), kind: kinds()[kind]})
			c = after
		}
		m = append(m, pieces)
	}
	return m
}

// maxValue is how many bytes of one field a message has: command lines and scripts are in the field itself.
const maxValue = 300

// AppendMessage appends the message of an event; false: it is not in the table.
func (p *Provider) AppendMessage(b []byte, id uint64, r Record) ([]byte, bool) {
	if p == nil {
		return b, false
	}
	m, ok := p.messages[id]
	for i, c := range m {
		before := len(b)
		var filled bool
		if b, filled = p.appendClause(b, c, r); i > 0 && !filled {
			b = b[:before]
		}
	}
	return b, ok
}

// appendClause tells too whether a field of the clause says something; true where it has none.
func (p *Provider) appendClause(b []byte, c clause, r Record) (out []byte, filled bool) {
	fields := false
	for i := range c {
		piece := &c[i]
		if piece.fields == nil {
			b = append(b, piece.text...)
			continue
		}
		fields = true
		v, has := piece.value(r)
		switch {
		case !has:
			b = append(append(b, '%'), piece.fields[0]...)
		case Empty(bytes.TrimSpace(v)):
			b = append(b, '-')
		default:
			before := len(b)
			b = p.appendValue(b, piece.kind, v)
			filled = filled || len(b) > before
		}
	}
	return b, filled || !fields
}

// appendValue appends a value, in words where there are, and only so much of it as a message can take.
func (p *Provider) appendValue(b []byte, kind *Kind, v []byte) []byte {
	if kind != nil && kind.name == "references" {
		if out, ok := p.references.appendAmid(b, Cut(v, maxValue)); ok {
			return out
		}
	}
	if out, ok := kind.Append(b, v); ok {
		return out
	}
	if out, ok := p.references.appendReferences(b, v); ok {
		return out
	}
	return AppendFlat(b, Cut(bytes.TrimSpace(v), maxValue))
}

// Explained tells whether the provider's fields are known by their names, so that Explain can say more of them.
func (p *Provider) Explained() bool {
	return p != nil && p.references != nil && p.references.name == "audit"
}

// Explain appends the words for the value of a field that is of a kind, or of none; false: there are none for it.
func (p *Provider) Explain(b []byte, id uint64, kind *Kind, v []byte) ([]byte, bool) {
	if kind != nil && kind.name == "status" && kerberosFrom <= id && id <= kerberosTo {
		kind = kinds()["kerberos"]
	}
	if kind != nil && kind.name == "references" {
		return p.references.appendAmid(b, v)
	}
	if out, ok := kind.Append(b, v); ok {
		return out, len(out) > len(b)
	}
	return p.references.appendReferences(b, v)
}

// Events of the Kerberos service, whose Status is no NTSTATUS.
const (
	kerberosFrom = 4768
	kerberosTo   = 4773
)
