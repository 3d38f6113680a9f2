// Package histories reads what people typed: the histories of shells and other programs that read lines.
//
//   - bash 5: with HISTTIMEFORMAT set, "#1700000000" before each command (lib/readline/histfile.c); without, no time is
//     known and none is invented
//   - zsh 5.9: with EXTENDED_HISTORY, ": 1700000000:3;command", bytes over 0x82 encoded as Src/utils.c metafy does
//   - fish 3: "- cmd: …", "  when: 1700000000", "  paths:" (src/history.cpp)
//   - Vim 8 and later: the lines of .viminfo that begin with "|" (:help viminfo-timestamp)
//   - known only by name, a command a line: ash, ksh, Python, MySQL, MariaDB, psql, SQLite, Redis, Node.js
//
// The user is the owner of the folder, as far as the path tells.
package histories

import (
	"bytes"
	"fmt"
	"iter"
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/lines"
	"spor/timeline/textlog"
)

// Formats are the parsers of this package, the strictest first.
var Formats = []*timeline.Format{
	(&textlog.Dialect{Name: "zsh_extended_history", Type: "shell:zsh:history", Begin: zshBegin, Read: zsh}).Format(),
	(&textlog.Dialect{Name: "fish_history", Type: "fish:history:entry", Begin: fishBegin, Read: fish}).Format(),
	(&textlog.Dialect{Name: "viminfo", Type: "viminfo:history", Names: viminfo, Begin: vimBegin, Read: vim}).Format(),
	{Name: "bash_history", Sniff: bashSniff, Parse: bash},
	{Name: "line_history", Sniff: plainSniff, Parse: plain},
}

// said gives the fields and the message of a command.
func said(e *textlog.Entry, command string) {
	e.Did("command", "")
	e.Add("command", command)
	e.Message = command
	if strings.TrimSpace(command) == "" {
		e.Message = "(empty command)"
	}
}

func zshBegin(line string) (dates.Stamp, int, bool) {
	rest, ok := strings.CutPrefix(line, ": ")
	if !ok {
		return dates.Stamp{}, 0, false
	}
	rest = strings.TrimLeft(rest, " ")
	s, n := dates.Epoch(rest)
	at := len(line) - len(rest) + n
	return s, at, n > 0 && strings.HasPrefix(line[at:], ":") && strings.IndexByte(line[at:], ';') > 0
}

func zsh(e *textlog.Entry) {
	duration, command, ok := strings.Cut(strings.TrimPrefix(e.Words(), ":"), ";")
	if !ok {
		said(e, strings.TrimSpace(e.Text))
		return
	}
	command = strings.ReplaceAll(unmetafy(strings.TrimRight(command, "\n")), "\\\n", "\n")
	said(e, command)
	e.Digits("elapsed_seconds", duration)
}

// unmetafy decodes zsh's 0x83: the byte behind it has its sixth bit turned.
func unmetafy(s string) string {
	if strings.IndexByte(s, 0x83) < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == 0x83 && i+1 < len(s) {
			i++
			b = append(b, s[i]^32)
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

func fishBegin(line string) (dates.Stamp, int, bool) {
	return dates.Stamp{}, 0, strings.HasPrefix(line, "- cmd: ")
}

// What fish and Vim write for what a line cannot hold.
var (
	fishEscapes = strings.NewReplacer(`\\`, `\`, `\n`, "\n")
	vimEscapes  = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n")
)

func fish(e *textlog.Entry) {
	var files []string
	command := ""
	for line := range strings.SplitSeq(e.Text, "\n") {
		if v, ok := strings.CutPrefix(line, "- cmd: "); ok {
			command = fishEscapes.Replace(v)
		} else if v, ok := strings.CutPrefix(line, "  when: "); ok {
			if s, n := dates.Epoch(v); n > 0 {
				e.Stamp = s
			}
		} else if v, ok := strings.CutPrefix(line, "    - "); ok && len(files) < 64 {
			files = append(files, v)
		}
	}
	said(e, command)
	e.List("filenames", files)
}

func viminfo(base string) bool { return strings.Contains(base, "viminfo") }

// vimKinds are the kinds of lines with a time: what stands before it.
var vimKinds = map[string]struct {
	kind   string
	fields int
}{"2": {"command line", 1}, "3": {"register", 5}, "4": {"mark", 3}}

// vimBegin reads "|2,0,1234567890,,"e TEST"", "|3,0,0,0,1,0,1234567890,"text"" and "|4,39,1,0,1234567890,"~/name"".
func vimBegin(line string) (dates.Stamp, int, bool) {
	if !strings.HasPrefix(line, "|") {
		return dates.Stamp{}, 0, strings.HasPrefix(line, "# This viminfo file")
	}
	number, rest, _ := strings.Cut(line[1:], ",")
	kind, ok := vimKinds[number]
	for range kind.fields {
		_, rest, _ = strings.Cut(rest, ",")
	}
	s, n := dates.Epoch(rest)
	return s, len(line) - len(rest) + n, ok && n > 0
}

func vim(e *textlog.Entry) {
	if e.Skip = e.Stamp.IsZero(); e.Skip { // the heading
		return
	}
	first, _, _ := strings.Cut(e.Text, "\n") // the rest is the next line's plain form
	number, _, _ := strings.Cut(first[1:], ",")
	value := ""
	if at := strings.IndexByte(first[e.At:], '"'); at >= 0 {
		value = vimEscapes.Replace(strings.TrimSuffix(first[e.At+at+1:], `"`))
	}
	e.Add("item", vimKinds[number].kind)
	switch number {
	case "4":
		e.Did("file_edited", "")
		e.Add("filename", value)
	default:
		e.Did("command", "")
		e.Add("command", value)
	}
	e.Message = e.Join("[vim, ", vimKinds[number].kind, "] ", value)
}

// bashSniff asks for a time in the first lines, or bash's own name for the file and text in it.
func bashSniff(name string, head []byte) bool {
	if bytes.IndexByte(head, 0) >= 0 || len(head) == 0 {
		return false
	}
	base := strings.ToLower(timeline.Base(name))
	if strings.HasPrefix(base, ".bash_history") || strings.HasPrefix(base, "bash_history") {
		return true
	}
	if head[0] != '#' {
		return false
	}
	lines := strings.SplitN(string(head), "\n", 4)
	if len(lines) < 2 || strings.HasPrefix(lines[1], "#") {
		return false
	}
	_, ok := bashTime(lines[0])
	return ok && (len(lines) < 4 || strings.HasPrefix(lines[2], "#") == timed(lines[2]))
}

func timed(line string) bool { _, ok := bashTime(line); return ok }

// bashTime reads "#1700000000".
func bashTime(line string) (dates.Stamp, bool) {
	if len(line) < 10 || line[0] != '#' {
		return dates.Stamp{}, false
	}
	s, n := dates.Epoch(line[1:])
	return s, n > 0 && n == len(line)-1
}

// maxCommand bounds a command of several lines.
const maxCommand = 256 << 10

// bash gives an event for each command. A command of several lines is one where times tell where it ends, and several
// where they do not.
func bash(in timeline.Input) iter.Seq2[timeline.Event, error] {
	return func(yield func(timeline.Event, error) bool) {
		h := history{yield: yield}
		for line, err := range lines.Read(in.R) {
			stamp, ok := bashTime(line.Text)
			switch {
			case err != nil:
				if !yield(timeline.Event{}, err) {
					return
				}
			case ok:
				if !h.flush() {
					return
				}
				h.stamp, h.offset, h.dated = stamp, line.Offset, true
			case h.dated && len(h.text) < maxCommand:
				if h.text != nil {
					h.text = append(h.text, '\n')
				}
				h.text = append(h.text, line.Text...)
			case line.Text != "":
				if !h.flush() {
					return
				}
				h.offset, h.text = line.Offset, []byte(line.Text)
			}
		}
		h.flush()
	}
}

// A history is bash's while it is read.
type history struct {
	entry  textlog.Entry
	stamp  dates.Stamp
	dated  bool
	offset int64
	text   []byte
	number int64
	yield  func(timeline.Event, error) bool
}

func (h *history) flush() bool {
	if h.text == nil && !h.dated {
		return true
	}
	h.number++
	ok := h.yield(h.event("bash:history:entry"), nil)
	h.stamp, h.dated, h.text = dates.Stamp{}, false, nil
	return ok
}

func (h *history) event(kind string) timeline.Event {
	h.entry.Fields = h.entry.Fields[:0]
	said(&h.entry, string(h.text))
	h.entry.Number("line_number", h.number)
	ev := timeline.Event{Type: kind, Desc: timeline.DescNone, Offset: h.offset, Message: h.entry.Message}
	if !h.stamp.IsZero() {
		ev.Time, ev.Desc = h.stamp.In(h.stamp.Year, nil), timeline.DescModified
	}
	ev.Fields = h.entry.Fields
	return ev
}

// plainNames are histories without times, and what keeps them.
var plainNames = map[string]string{
	".ash_history": "ash", ".sh_history": "ksh", ".history": "shell", ".zsh_history": "zsh", ".zhistory": "zsh", ".python_history": "python", ".mysql_history": "mysql", ".mariadb_history": "mysql",
	".psql_history": "psql", ".sqlite_history": "sqlite", ".rediscli_history": "redis", ".node_repl_history": "node", ".mongorc_history": "mongo", ".dbshell": "mongo", ".lesshst": "less",
	".irb_history": "ruby", ".php_history": "php", ".ipython_history": "ipython", ".gdb_history": "gdb", ".scapy_history": "scapy", ".msf4_history": "metasploit",
}

func plainSniff(name string, head []byte) bool {
	return plainNames[timeline.Base(name)] != "" && len(head) > 0 && strings.IndexByte(string(head), 0) < 0
}

// plain gives an event without a time for each line.
func plain(in timeline.Input) iter.Seq2[timeline.Event, error] {
	return func(yield func(timeline.Event, error) bool) {
		h := history{yield: yield}
		program := plainNames[timeline.Base(in.Name)]
		for line, err := range lines.Read(in.R) {
			if err != nil {
				if !yield(timeline.Event{}, fmt.Errorf("%s history: %w", program, err)) {
					return
				}
				continue
			}
			h.number++
			text := line.Text
			switch {
			case text == "" || text == "_HiStOrY_V2_": // libedit's first line
				continue
			case program == "mysql" || program == "psql":
				text = strings.NewReplacer(`\040`, " ", `\012`, "\n", "\x01", "\n").Replace(text)
			case program == "less" && text[0] != '"' && text[0] != '!' && text[0] != '/':
				continue
			}
			h.text, h.offset = []byte(text), line.Offset
			ev := h.event("shell:history:entry")
			if program != "" {
				ev.Fields = append(ev.Fields, timeline.Text("program", program))
			}
			if !yield(ev, nil) {
				return
			}
		}
	}
}
