package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"spor/artifacts"
)

// Bounds of what Read accepts, well above the largest public definition (17 KB). The YAML parser recurses as deep as
// its input nests, and takes the square of that in time, hence the bounds on one document.
const (
	maxFile     = 8 << 20 // bytes
	maxDocument = 64 << 10
	maxOpen     = 64 // brackets that are not closed yet
)

// systems are those the schema names.
var systems = []string{"Android", "Darwin", "ESXi", "iOS", "Linux", "Windows"}

// nameForm keeps names fit to be names in a bundle.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,119}$`)

// Read reads one file of definitions, documents separated by "---". A bad definition costs only itself: the good ones
// come back beside an error that joins one line per fault, "file.yaml:123: Name: what is wrong". The name is used in
// errors and in Definition.File alone.
func Read(name string, r io.Reader) ([]artifacts.Definition, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxFile)
	}
	var definitions []artifacts.Definition
	var wrong []error
	for _, doc := range documents(data) {
		d, faults := read(doc)
		for _, f := range faults {
			wrong = append(wrong, fmt.Errorf("%s:%d: %s: %s", name, f.line+doc.line, named(d.Name), f.what))
		}
		if len(faults) == 0 && d.Name != "" {
			d.File, d.Line = name, d.Line+doc.line
			definitions = append(definitions, d)
		}
	}
	return definitions, errors.Join(wrong...)
}

func named(name string) string {
	if name == "" {
		return "(definition without name)"
	}
	return name
}

// A document is one YAML document and the number of lines before it.
type document struct {
	text []byte
	line int
}

// documents cuts a file at its separator lines, so that a syntax error reaches no further than one definition. A line
// that begins with "---" cannot be content: block text is indented.
func documents(data []byte) []document {
	var docs []document
	start, startLine, line := 0, 0, 0
	for at := 0; at < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if rest, ok := bytes.CutPrefix(data[at:end], []byte("---")); ok && (len(rest) == 0 || strings.ContainsRune(" \t\r\n", rune(rest[0]))) {
			docs = append(docs, document{data[start:at], startLine})
			start, startLine = end, line+1
		}
		at = end
	}
	return append(docs, document{data[start:], startLine})
}

// A fault is something wrong at a line of its document, counted from 1.
type fault struct {
	line int
	what string
}

// read makes a definition of one document. A document without content gives neither definition nor fault.
func read(doc document) (artifacts.Definition, []fault) {
	if len(doc.text) > maxDocument {
		return artifacts.Definition{}, []fault{{1, fmt.Sprintf("longer than %d bytes", maxDocument)}}
	}
	if line := tooDeep(doc.text); line > 0 {
		return artifacts.Definition{Name: guessName(doc.text)}, []fault{{line, fmt.Sprintf("more than %d brackets are open", maxOpen)}}
	}
	file, err := parser.ParseBytes(doc.text, 0)
	if err != nil {
		return artifacts.Definition{Name: guessName(doc.text)}, []fault{syntaxFault(err)}
	}
	var r reader
	for _, body := range file.Docs {
		if body.Body == nil || body.Body.Type() == ast.NullType || body.Body.Type() == ast.CommentType {
			continue
		}
		r.definition(body.Body)
	}
	return r.d, r.faults
}

// tooDeep gives the line at which too many brackets are open; 0 where there is none. It counts those in quotes too.
func tooDeep(text []byte) int {
	open, line := 0, 1
	for _, c := range text {
		switch c {
		case '[', '{':
			open++
		case ']', '}':
			open = max(open-1, 0)
		case '\n':
			line++
		}
		if open > maxOpen {
			return line
		}
	}
	return 0
}

// guessName finds the name in a document that does not parse.
func guessName(text []byte) string {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("name:")); ok {
			if name := string(bytes.TrimSpace(rest)); nameForm.MatchString(name) {
				return name
			}
		}
	}
	return ""
}

func syntaxFault(err error) fault {
	var at interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &at) && at.GetToken() != nil && at.GetToken().Position != nil {
		return fault{at.GetToken().Position.Line, "not YAML: " + at.GetMessage()}
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return fault{1, "not YAML: " + line}
}

// A reader fills one definition from the syntax tree. Reading the tree and not decoding into structs gives every fault
// its line, and expands no YAML aliases.
type reader struct {
	d      artifacts.Definition
	faults []fault
}

func (r *reader) fault(n ast.Node, format string, args ...any) {
	line := 1
	if t := n.GetToken(); t != nil && t.Position != nil {
		line = t.Position.Line
	}
	r.faults = append(r.faults, fault{line, fmt.Sprintf(format, args...)})
}

func (r *reader) definition(n ast.Node) {
	if r.d.Name != "" {
		r.fault(n, "two definitions in one document")
		return
	}
	fields := r.fields(n, "definition", "name", "doc", "sources", "aliases", "supported_os", "labels", "urls", "conditions", "provides")
	if v := fields["name"]; v != nil {
		r.d.Name = r.text(v, "name")
		r.d.Line = v.GetToken().Position.Line
		if !nameForm.MatchString(r.d.Name) {
			r.fault(v, "name: %q is not made of letters, digits, '_', '.' and '-'", r.d.Name)
		}
	} else {
		r.fault(n, "has no name")
	}
	if v := fields["doc"]; v != nil {
		r.d.Doc = strings.TrimSpace(r.text(v, "doc"))
	}
	if r.d.Doc == "" {
		r.fault(n, "has no doc")
	}
	r.d.Aliases = r.list(fields["aliases"], "aliases")
	r.d.Labels = r.list(fields["labels"], "labels")
	r.d.URLs = r.list(fields["urls"], "urls")
	r.d.SupportedOS = r.systems(fields["supported_os"])
	sources := r.sequence(fields["sources"], "sources")
	if len(sources) == 0 {
		r.fault(n, "has no sources")
	}
	for _, s := range sources {
		r.d.Sources = append(r.d.Sources, r.source(s))
	}
}

// attributes names what each type of source must have, and what it may have.
var attributes = map[artifacts.SourceType]struct{ must, may []string }{
	artifacts.SourceFile:          {[]string{"paths"}, []string{"separator"}},
	artifacts.SourcePath:          {[]string{"paths"}, []string{"separator"}},
	artifacts.SourceGroup:         {[]string{"names"}, nil},
	artifacts.SourceRegistryKey:   {[]string{"keys"}, nil},
	artifacts.SourceRegistryValue: {[]string{"key_value_pairs"}, nil},
	artifacts.SourceCommand:       {[]string{"cmd"}, []string{"args"}},
	artifacts.SourceWMI:           {[]string{"query"}, []string{"base_object"}},
}

func (r *reader) source(n ast.Node) artifacts.Source {
	var s artifacts.Source
	fields := r.fields(n, "source", "type", "attributes", "supported_os", "conditions", "returned_types", "provides")
	s.SupportedOS = r.systems(fields["supported_os"])
	if fields["type"] == nil {
		r.fault(n, "a source has no type")
		return s
	}
	s.Type = artifacts.SourceType(r.text(fields["type"], "type"))
	has, known := attributes[s.Type]
	if !known {
		r.fault(fields["type"], "source type %q is not known", s.Type)
		return s
	}
	if fields["attributes"] == nil {
		r.fault(n, "a %s source has no attributes", s.Type)
		return s
	}
	given := r.fields(fields["attributes"], string(s.Type)+" source", slices.Concat(has.must, has.may)...)
	s.Paths = r.list(given["paths"], "paths")
	s.Names = r.list(given["names"], "names")
	s.Keys = r.list(given["keys"], "keys")
	s.Args = r.list(given["args"], "args")
	s.Separator = r.text(given["separator"], "separator")
	s.Command = r.text(given["cmd"], "cmd")
	s.Query = r.text(given["query"], "query")
	s.BaseObject = r.text(given["base_object"], "base_object")
	for _, pair := range r.sequence(given["key_value_pairs"], "key_value_pairs") {
		kv := r.fields(pair, "key_value_pair", "key", "value")
		if kv["key"] == nil || kv["value"] == nil {
			r.fault(pair, "a key_value_pair needs both key and value")
		}
		s.Pairs = append(s.Pairs, artifacts.KeyValue{Key: r.text(kv["key"], "key"), Value: r.text(kv["value"], "value")})
	}
	r.complete(n, &s, given, has.must)
	return s
}

// complete faults what a source must say and does not.
func (r *reader) complete(n ast.Node, s *artifacts.Source, given map[string]ast.Node, must []string) {
	for _, key := range must {
		if given[key] == nil {
			r.fault(n, "a %s source needs %s", s.Type, key)
		}
	}
	if len(r.faults) == 0 && len(s.Paths)+len(s.Names)+len(s.Keys)+len(s.Pairs) == 0 && s.Command == "" && s.Query == "" {
		r.fault(n, "a %s source names nothing", s.Type)
	}
	if s.Separator != "" && s.Separator != "/" && s.Separator != `\` {
		r.fault(given["separator"], "separator %q is neither / nor \\", s.Separator)
	}
	for _, p := range slices.Concat(s.Paths, s.Keys) {
		if strings.TrimSpace(p) == "" {
			r.fault(n, "a %s source has an empty path", s.Type)
		}
	}
}

func (r *reader) systems(n ast.Node) []artifacts.OS {
	var all []artifacts.OS
	for _, name := range r.list(n, "supported_os") {
		if !slices.Contains(systems, name) {
			r.fault(n, "supported_os: %q is none of %s", name, strings.Join(systems, ", "))
		}
		all = append(all, artifacts.OS(name))
	}
	return all
}

// fields gives the values of a mapping by key. A key that is not allowed, or given twice, is a fault. A null value
// counts as not given.
func (r *reader) fields(n ast.Node, what string, allowed ...string) map[string]ast.Node {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		r.fault(n, "a %s is not a mapping but a %s", what, n.Type().YAMLName())
	}
	fields := make(map[string]ast.Node, len(values))
	for _, kv := range values {
		key := ""
		if t := kv.Key.GetToken(); t != nil {
			key = t.Value
		}
		switch {
		case !slices.Contains(allowed, key):
			r.fault(kv.Key, "unknown key %q in a %s", key, what)
		case fields[key] != nil:
			r.fault(kv.Key, "key %q is given twice", key)
		case kv.Value != nil && kv.Value.Type() != ast.NullType:
			fields[key] = kv.Value
		}
	}
	return fields
}

func (r *reader) sequence(n ast.Node, what string) []ast.Node {
	if n == nil {
		return nil
	}
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fault(n, "%s is not a list but a %s", what, n.Type().YAMLName())
		return nil
	}
	return s.Values
}

func (r *reader) list(n ast.Node, what string) []string {
	var all []string
	for _, v := range r.sequence(n, what) {
		all = append(all, r.text(v, what))
	}
	return all
}

// text gives a scalar as it is written: 007 stays "007".
func (r *reader) text(n ast.Node, what string) string {
	switch s := n.(type) {
	case nil:
	case *ast.StringNode:
		return s.Value
	case *ast.LiteralNode:
		return s.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value
	default:
		r.fault(n, "%s is not text but a %s", what, n.Type().YAMLName())
	}
	return ""
}
