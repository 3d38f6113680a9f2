// Package incident is the report a person makes of an incident: the ten groups that CERT-IS asks for, as typed data read
// from YAML or JSON. Every field may be left out but a way to reach the reporter; what stands there must make sense,
// and a Problem names the field in the reader's language. The reporter's identity stays with the receiver (Contact).
package incident

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// An Incident is the filled-in form. The numbers are those of the ten groups.
type Incident struct {
	Contact  Contact   `json:"contact,omitzero"`   // 1
	TLP      TLP       `json:"tlp,omitempty"`      // 2; empty: not said
	Start    Start     `json:"start,omitzero"`     // 3
	What     What      `json:"what,omitzero"`      // 4
	Systems  []System  `json:"systems,omitempty"`  // 5
	Ongoing  Ongoing   `json:"ongoing,omitzero"`   // 6
	Severity Severity  `json:"severity,omitzero"`  // 7
	Extent   Extent    `json:"extent,omitzero"`    // 8
	Measures []Measure `json:"measures,omitempty"` // 9
	Data     []Data    `json:"data,omitempty"`     // 10
	Zone     Zone      `json:"zone,omitempty"`     // of times that say none: "+01:00", "Europe/Oslo"; empty: not said
	Machine  Machine   `json:"machine,omitzero"`   // what no person wrote
}

// Machine is what the collecting program found, beside what the person knows and never in its place.
type Machine struct {
	Systems      []System `json:"systems,omitempty"`
	FirstFinding When     `json:"first_finding,omitempty"` // the earliest time of a finding
	Findings     int      `json:"findings,omitempty"`      // how many
	Malware      []string `json:"malware,omitempty"`       // verdicts of the antivirus, as they stand in its log
	Notes        []string `json:"notes,omitempty"`         // files with names like a ransom note's
}

// Contact is who reports. It is never handed on without consent.
type Contact struct {
	Name         string `json:"name,omitempty"`         // full; asked of constituents and operators of important infrastructure
	Organisation string `json:"organisation,omitempty"` // likewise
	Email        string `json:"email,omitempty"`
	Phone        string `json:"phone,omitempty"`
	Consent      bool   `json:"consent,omitempty"`     // the identity may be handed on to other responders
	Constituent  Answer `json:"constituent,omitempty"` // the organisation is of the team's constituency
	Critical     Answer `json:"critical,omitempty"`    // it runs infrastructure the nation needs; of both, name and organisation are asked
}

// Start is when it began.
type Start struct {
	Noticed    When   `json:"noticed,omitempty"`
	FirstTrace When   `json:"first_trace,omitempty"`
	About      string `json:"about,omitempty"` // in words, where no time can be given
}

// What happened.
type What struct {
	Description string   `json:"description,omitempty"`
	Class       Class    `json:"class,omitempty"`
	Taxonomy    Taxonomy `json:"taxonomy,omitempty"`   // empty: what Class comes to
	Malware     []string `json:"malware,omitempty"`    // as the antivirus called it
	Actor       string   `json:"actor,omitempty"`      //
	Traces      []string `json:"traces,omitempty"`     // file names, warnings of defences, words of the note
	DataTaken   Answer   `json:"data_taken,omitempty"` //
	DataDamaged Answer   `json:"data_damaged,omitempty"`
}

// A System is affected.
type System struct {
	Name      string   `json:"name,omitempty"` // host name
	Addresses []string `json:"addresses,omitempty"`
	Domains   []string `json:"domains,omitempty"`
	URLs      []string `json:"urls,omitempty"`
	Location  string   `json:"location,omitempty"` // physical
	Role      string   `json:"role,omitempty"`     // whatever else identifies it
	Events    []Moment `json:"events,omitempty"`   // as exact a timeline as is known
}

// A Moment is what a person knows to have happened.
type Moment struct {
	Time When   `json:"time"`
	Text string `json:"text"`
}

// Ongoing says whether it still goes on.
type Ongoing struct {
	State State  `json:"state,omitempty"`
	Text  string `json:"text,omitempty"`
}

// Severity says how serious it is.
type Severity struct {
	OperationStops Answer `json:"operation_stops,omitempty"` // of something needed
	Infrastructure Answer `json:"infrastructure,omitempty"`  // the hold could affect that of the company or the nation
	Text           string `json:"text,omitempty"`
}

// Extent says how wide it is.
type Extent struct {
	Workstations int    `json:"workstations,omitempty"`
	Servers      int    `json:"servers,omitempty"`
	Spreading    Answer `json:"spreading,omitempty"` // it may spread
	Reach        Answer `json:"reach,omitempty"`     // the attacker's control reaches further systems
	Text         string `json:"text,omitempty"`
}

// A Measure was taken, or is planned.
type Measure struct {
	Time    When   `json:"time,omitempty"`
	Text    string `json:"text"`
	Planned bool   `json:"planned,omitempty"`
}

// Data helps the analysis and does not come with the bundle, or is pointed at in it.
type Data struct {
	Kind string `json:"kind,omitempty"` // "mail", "screenshot", "logs", "malware", "disk image", "memory image", …
	Name string `json:"name,omitempty"`
	Text string `json:"text,omitempty"`
}

// MaxSize bounds a form, in bytes.
const MaxSize = 256 << 10

// Read reads a form in YAML or JSON (what begins with a brace) and checks it. A form that reads but holds what makes no sense, or
// leaves out what is needed, comes back beside the error: half a report is better than none. The name is for messages.
func Read(name string, r io.Reader) (*Incident, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, MaxSize)
	}
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if len(text) == 0 {
		return nil, fmt.Errorf("%s: empty", name)
	}
	if text[0] != '{' {
		if text, err = toJSON(text); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	var in Incident
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, fmt.Errorf("%s: %w", name, explain(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: something follows the form", name)
	}
	if err := in.Check(); err != nil {
		return &in, fmt.Errorf("%s: %w", name, err)
	}
	return &in, nil
}

// toJSON turns YAML into JSON. A form needs no anchors, and those let a small file become a large one.
func toJSON(text []byte) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("not YAML: %v", r)
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, errors.New(strings.TrimSpace(err.Error()))
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, errors.New("not one form")
	}
	tree, err := plain(file.Docs[0].Body, 0)
	if err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

// plain turns YAML into what JSON has. Aliases, anchors and tags are not taken: a form has no use for them, and they
// can make a small text large.
func plain(n ast.Node, depth int) (any, error) {
	line := n.GetToken().Position.Line
	if depth > 16 {
		return nil, fmt.Errorf("line %d: nested too deep", line)
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return plainMap(n.Values, depth)
	case *ast.MappingValueNode:
		return plainMap([]*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		list := make([]any, 0, len(n.Values))
		for _, v := range n.Values {
			x, err := plain(v, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
		return list, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.NullNode:
		return nil, nil
	case *ast.BoolNode:
		return n.Value, nil
	case *ast.IntegerNode:
		return n.Value, nil
	case *ast.FloatNode:
		return n.Value, nil
	case *ast.StringNode:
		return n.Value, nil
	}
	return nil, fmt.Errorf("line %d: %s is not taken here", line, n.Type())
}

func plainMap(values []*ast.MappingValueNode, depth int) (any, error) {
	m := make(map[string]any, len(values))
	for _, kv := range values {
		key := kv.Key.GetToken().Value
		if _, twice := m[key]; twice {
			return nil, fmt.Errorf("line %d: %s stands twice", kv.Key.GetToken().Position.Line, key)
		}
		x, err := plain(kv.Value, depth+1)
		if err != nil {
			return nil, err
		}
		m[key] = x
	}
	return m, nil
}

// explain makes a Problem of what json found wrong.
func explain(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &Problem{Field: wrong.Field, Kind: "type", Value: wrong.Value}
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return &Problem{Kind: "unknown-field", Value: strings.Trim(name, `"`)}
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}
