package tasks

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"time"

	"spor/collect/winapi"
)

// A definition is what the XML of a task says, as far as it is kept.
type definition struct {
	Author, Date, Description, User, RunLevel, LogonType string
	Hidden                                               bool
	Enabled                                              *bool
	Triggers                                             []string
	Actions                                              []Action
}

const (
	maxElements = 20_000
	maxActions  = 64
	maxNesting  = 64
	maxText     = 32 << 10 // bytes of one element
)

var errXML = errors.New("is no XML of a task, or cut short")

// parse reads the XML of a task ([MS-TSCH] 2.5) by a scan for its elements: their names without prefix, and their text.
// Attributes, comments and what is not known are passed over.
func parse(s string) (definition, error) {
	var d definition
	var path []string // open elements
	text := ""
	for range maxElements {
		open := strings.IndexByte(s, '<')
		if open < 0 {
			break
		}
		if len(path) > 0 && open+len(text) <= maxText {
			text += s[:open]
		}
		s = s[open:]
		name, rest, kind := tag(s)
		s = rest
		switch kind {
		case opening:
			if len(path) == maxNesting {
				return d, errXML
			}
			path, text = append(path, name), ""
			d.begin(path)
		case empty:
			d.begin(append(path, name))
		case closing:
			if len(path) == 0 || path[len(path)-1] != name {
				return d, errXML
			}
			d.end(path, strings.TrimSpace(unescape(text)))
			path, text = path[:len(path)-1], ""
			if len(path) == 0 {
				return d, nil
			}
		case verbatim:
			if len(name)+len(text) <= maxText {
				text += strings.ReplaceAll(name, "&", "&amp;")
			}
		case broken:
			return d, errXML
		}
	}
	return d, errXML
}

// What a tag is.
const (
	broken = iota
	other  // comment, declaration, instruction
	opening
	empty
	closing
	verbatim // CDATA: its content stands for the name
)

// tag reads the tag that s begins with, and gives what comes after it.
func tag(s string) (name, rest string, kind int) {
	if inside, ok := strings.CutPrefix(s, "<![CDATA["); ok {
		content, rest, closed := strings.Cut(inside, "]]>")
		if !closed {
			return "", "", broken
		}
		return content, rest, verbatim
	}
	for _, skip := range [][2]string{{"<!--", "-->"}, {"<?", "?>"}, {"<!", ">"}} {
		if strings.HasPrefix(s, skip[0]) {
			i := strings.Index(s, skip[1])
			if i < 0 {
				return "", "", broken
			}
			return "", s[i+len(skip[1]):], other
		}
	}
	end, quote := -1, byte(0)
	for i := 1; i < len(s) && end < 0; i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			end = i
		}
	}
	if end < 0 {
		return "", "", broken
	}
	inside, rest := s[1:end], s[end+1:]
	kind = opening
	if after, ok := strings.CutPrefix(inside, "/"); ok {
		kind, inside = closing, after
	} else if before, ok := strings.CutSuffix(inside, "/"); ok {
		kind, inside = empty, before
	}
	if i := strings.IndexAny(inside, " \t\r\n"); i >= 0 {
		inside = inside[:i]
	}
	return inside[strings.IndexByte(inside, ':')+1:], rest, kind
}

// unescape resolves the entities of XML and characters by number.
func unescape(s string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "&")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, ";")
		c := entity(name)
		if !closed || c == 0 {
			b.WriteByte('&')
			s = rest
			continue
		}
		b.WriteRune(c)
		s = after
	}
}

// entity is the character of an entity's name; zero: there is none.
func entity(name string) rune {
	switch name {
	case "lt":
		return '<'
	case "gt":
		return '>'
	case "quot":
		return '"'
	case "apos":
		return '\''
	case "amp":
		return '&'
	}
	number, ok := strings.CutPrefix(name, "#")
	if !ok {
		return 0
	}
	base := 10
	if hex, ok := strings.CutPrefix(number, "x"); ok {
		number, base = hex, 16
	}
	n, err := strconv.ParseUint(number, base, 21)
	if err != nil {
		return 0
	}
	return rune(n)
}

// begin sees an element open.
func (d *definition) begin(path []string) {
	if len(path) != 3 {
		return
	}
	switch name := path[2]; path[1] {
	case "Triggers":
		if len(d.Triggers) < maxActions {
			d.Triggers = append(d.Triggers, strings.TrimSuffix(name, "Trigger"))
		}
	case "Actions":
		kind := ""
		switch name {
		case "Exec":
			kind = "exec"
		case "ComHandler":
			kind = "com"
		case "SendEmail":
			kind = "email"
		case "ShowMessage":
			kind = "message"
		}
		if kind != "" && len(d.Actions) < maxActions {
			d.Actions = append(d.Actions, Action{Kind: kind})
		}
	}
}

// end sees an element close, with its text.
func (d *definition) end(path []string, text string) {
	if len(path) < 3 || text == "" {
		return
	}
	last := path[len(path)-1]
	switch path[1] {
	case "Triggers":
		if i := len(d.Triggers) - 1; i >= 0 && len(d.Triggers[i]) < 1000 && len(text) < 500 {
			d.Triggers[i] += " " + last + "=" + text
		}
	case "Settings":
		on := strings.EqualFold(text, "true") || text == "1"
		switch {
		case last == "Hidden" && len(path) == 3:
			d.Hidden = on
		case last == "Enabled" && len(path) == 3:
			d.Enabled = &on
		}
	default:
		if p := d.field(path[1], last); p != nil {
			*p = text
		}
	}
}

// field is where the text of an element goes; nil: it is not kept.
func (d *definition) field(part, name string) *string {
	switch part + "/" + name {
	case "RegistrationInfo/Author":
		return &d.Author
	case "RegistrationInfo/Date":
		return &d.Date
	case "RegistrationInfo/Description":
		return &d.Description
	case "Principals/UserId", "Principals/GroupId":
		return &d.User
	case "Principals/RunLevel":
		return &d.RunLevel
	case "Principals/LogonType":
		return &d.LogonType
	}
	i := len(d.Actions) - 1
	if part != "Actions" || i < 0 {
		return nil
	}
	switch name {
	case "Command", "ClassId":
		return &d.Actions[i].Command
	case "Arguments", "Data":
		return &d.Actions[i].Arguments
	case "WorkingDirectory":
		return &d.Actions[i].Folder
	}
	return nil
}

var errActions = errors.New("are cut short, or of a kind that is not known")

// parseActions reads the value Actions of TaskCache\Tasks: a version, from version 2 on the account, and then for each
// action its kind and its strings, each with its length in bytes before it (github.com/libyal/winreg-kb, "Task
// scheduler", "Actions value data").
func parseActions(b []byte) ([]Action, error) {
	if len(b) == 0 {
		return nil, errors.New("are not there")
	}
	r := reader{b}
	version := r.number(2)
	if version >= 2 && version <= 3 {
		r.text()
	}
	if r.b == nil {
		return nil, errActions
	}
	var all []Action
	for len(r.b) > 0 && len(all) < maxActions {
		kind := r.number(2)
		r.text() // the action's own id
		switch kind {
		case 0x6666:
			a := Action{Kind: "exec", Command: r.text(), Arguments: r.text(), Folder: r.text()}
			if version >= 3 {
				r.number(2)
			}
			all = append(all, a)
		case 0x7777:
			all = append(all, Action{Kind: "com", Command: r.class(), Arguments: r.text()})
		case 0x9999:
			all = append(all, Action{Kind: "message", Command: r.text(), Arguments: r.text()})
		default: // 0x8888 sends mail, which Windows does no more
			return all, errActions
		}
		if r.b == nil {
			return all[:len(all)-1], errActions
		}
	}
	return all, nil
}

// A reader takes from the front; once it lacks something its bytes are nil, and all that follows is empty.
type reader struct{ b []byte }

func (r *reader) take(n int) []byte {
	if n < 0 || len(r.b) < n {
		r.b = nil
		return nil
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

func (r *reader) number(size int) uint32 {
	b := r.take(size)
	switch {
	case b == nil:
		return 0
	case size == 2:
		return uint32(binary.LittleEndian.Uint16(b))
	}
	return binary.LittleEndian.Uint32(b)
}

func (r *reader) text() string {
	n := r.number(4)
	if n > maxFile {
		r.b = nil
		return ""
	}
	return winapi.DecodeBytes(r.take(int(n)))
}

func (r *reader) class() string {
	b := r.take(16)
	if b == nil {
		return ""
	}
	hex := func(n uint64, digits int) string {
		s := strings.ToUpper(strconv.FormatUint(n, 16))
		return strings.Repeat("0", max(0, digits-len(s))) + s
	}
	return "{" + hex(uint64(binary.LittleEndian.Uint32(b)), 8) + "-" + hex(uint64(binary.LittleEndian.Uint16(b[4:])), 4) + "-" +
		hex(uint64(binary.LittleEndian.Uint16(b[6:])), 4) + "-" + hex(uint64(binary.BigEndian.Uint16(b[8:])), 4) + "-" + hex(binary.BigEndian.Uint64(b[8:])&(1<<48-1), 12) + "}"
}

// dynamic reads the value DynamicInfo: a version, when the task was registered and last run (FILETIME), a state, and the
// last result.
func dynamic(b []byte) (registered, last time.Time, result uint32, ok bool) {
	if len(b) < 28 {
		return registered, last, 0, false
	}
	at := func(o int) time.Time { return winapi.Time(int64(binary.LittleEndian.Uint64(b[o:]))) }
	return at(4), at(12), binary.LittleEndian.Uint32(b[24:]), true
}
