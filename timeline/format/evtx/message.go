package evtx

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

// messagesTSV is provider, event, message, one a line. In a message {Name} is the field of that name and {1} the first
// of the strings; {Name:kind} is its value in words, of the tables below. What stands between two bars is left out where
// all its fields are empty. The wording is ours; what the events mean is from Microsoft's and Sysmon's documentation.
//
//go:embed messages.tsv
var messagesTSV string

// A message is a text with fields in it.
type message []clause

// A clause is what is left out together.
type clause []piece

// A piece is a text, or a field.
type piece struct {
	text  string
	field string
	words map[string]string
}

type messageKey struct {
	provider string
	id       uint64
}

// messages is the table, read when the first event asks.
var messages = sync.OnceValue(func() map[messageKey]message {
	table := map[messageKey]message{}
	for line := range strings.Lines(messagesTSV) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
		if len(f) < 3 || strings.HasPrefix(line, "#") {
			continue
		}
		for id := range strings.SplitSeq(f[1], ",") {
			n, err := strconv.ParseUint(id, 10, 64)
			if err == nil {
				table[messageKey{f[0], n}] = parseMessage(f[2])
			}
		}
	}
	return table
})

func parseMessage(text string) message {
	var m message
	for c := range strings.SplitSeq(text, "|") {
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
			pieces = append(pieces, piece{field: name, words: words[kind]})
			c = after
		}
		m = append(m, pieces)
	}
	return m
}

// messageOf gives the message of an event, or nil.
func (b *builder) messageOf() message {
	return messages()[messageKey{string(b.text[b.provider.from:b.provider.to]), b.id}]
}

// maxMessage is how much of one field a message has: command lines and scripts are in the field itself.
const maxMessage = 300

func (m message) append(b *builder) {
	for i, c := range m {
		from, filled, fields := len(b.text), false, false
		for _, p := range c {
			if p.field == "" {
				b.text = append(b.text, p.text...)
				continue
			}
			fields = true
			v := b.find(p.field)
			if empty(v) {
				continue
			}
			filled = true
			b.words(v, p.words)
		}
		if i > 0 && fields && !filled {
			b.text = b.text[:from]
		}
	}
}

// words appends a value, in words where there are, and only so much of it as a message can take.
func (b *builder) words(v []byte, words map[string]string) {
	if w, ok := words[string(v)]; ok {
		b.text = append(b.text, w...)
		return
	}
	b.flat(cut(v, maxMessage))
}

// flat appends a value with each stretch of white space and control characters as one blank.
func (b *builder) flat(v []byte) {
	for i, c := range v {
		switch {
		case c > ' ':
			b.text = append(b.text, c)
		case i == 0 || v[i-1] > ' ':
			b.text = append(b.text, ' ')
		}
	}
}

// words are the tables for values that are numbers, by the name they have in messages.tsv.
var words = map[string]map[string]string{
	"logon": {
		"0": "system", "2": "interactive", "3": "network", "4": "batch", "5": "service", "7": "unlock", "8": "network cleartext",
		"9": "new credentials", "10": "remote interactive", "11": "cached interactive", "12": "cached remote interactive", "13": "cached unlock",
	},
	"status": { // NTSTATUS, [MS-ERREF] 2.3
		"0x0": "success", "0xc0000064": "no such user", "0xc000006a": "wrong password", "0xc000006d": "bad user name or password",
		"0xc000006e": "account restriction", "0xc000006f": "outside logon hours", "0xc0000070": "workstation not allowed",
		"0xc0000071": "password expired", "0xc0000072": "account disabled", "0xc000015b": "logon type not granted",
		"0xc0000193": "account expired", "0xc0000224": "password must change", "0xc0000234": "account locked out", "0xc000018c": "trust failed",
	},
	"kerberos": { // RFC 4120, 7.5.9
		"0x0": "success", "0x6": "no such client", "0x7": "no such service", "0x12": "account disabled, expired or locked",
		"0x17": "password expired", "0x18": "wrong password", "0x19": "pre-authentication required", "0x25": "clock skew",
	},
	"encryption": {"0x1": "DES", "0x3": "DES", "0x11": "AES128", "0x12": "AES256", "0x17": "RC4", "0x18": "RC4"},
}
