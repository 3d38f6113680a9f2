package syslog

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"spor/timeline"
)

// TestControls reads what a program may have let through into a line: it neither ends nor begins an entry, and a reader of the
// JSON gets it escaped.
func TestControls(t *testing.T) {
	for _, said := range []string{
		"x\rMar  9 07:52:34 host sshd[1]: Accepted password for root from 9.9.9.9 port 1 ssh2",
		"x\x1b[2J\x1b[1;1HMar  9 07:52:34 host sshd[1]: y",
		"x\vMar  9 07:52:34 host sshd[1]: y\fz",
		"x\x00Mar  9 07:52:34 host sshd[1]: y",
		"x\u2028Mar  9 07:52:34 host sshd[1]: y\u0085z\u202eexe",
		"x\xff\xfe\xc0\xaf\xed\xa0\x80",
	} {
		text := "Mar  9 07:52:33 host app[77]: " + said + "\n"
		events, errs := parse(timeline.Input{ModTime: modified, R: strings.NewReader(text)})
		if len(events) != 1 || errs != nil {
			t.Errorf("%q: %d events, %v", said, len(events), errs)
			continue
		}
		e := &events[0]
		if f, ok := e.Get("action"); ok || e.Message != "[app, pid: 77] "+said {
			t.Errorf("%q: did %v, message %q", said, f, e.Message)
		}
		line := e.AppendJSON(nil)
		var got map[string]any
		if err := json.Unmarshal(line, &got); err != nil {
			t.Errorf("%q: %v", said, err)
		}
		for _, c := range line {
			if c < ' ' && c != '\n' {
				t.Errorf("%q: byte %#x stands in the JSON", said, c)
			}
		}
	}
}

// TestSlowLines gives lines that are made to be looked at again and again: none may cost far more than its length.
func TestSlowLines(t *testing.T) {
	const size = 1 << 20
	for name, line := range map[string]string{
		"numbers":          "1: 2: 3: 4: ",
		"brackets":         "<1><2><3>",
		"structured":       `<34>1 2003-10-11T22:14:15.003Z h a - - [x y="\\\"[" `,
		"one line":         "Mar  9 07:52:33 h a: [",
		"no line ends":     "x",
		"line ends":        "\n",
		"zeros":            "\x00",
		"zeros and lines":  "\x00\n",
		"carriage returns": "\r",
		"years":            "Jan  1 00:00:00 h a: b\nDec 31 00:00:00 h a: b\n",
		"tags":             "Mar  9 07:52:33 " + strings.Repeat("a[", 100) + "\n",
		"kernel":           "Mar  9 07:52:33 h kernel: [1.0] " + strings.Repeat("IN= SRC=", 100) + "\n",
	} {
		text := strings.Repeat(line, size/len(line))
		start := time.Now()
		events, _ := parse(timeline.Input{ModTime: modified, R: strings.NewReader(text)})
		if took := time.Since(start); took > 30*time.Second { // what is looked at again and again takes minutes
			t.Errorf("%s: %v for %d bytes, %d events", name, took, len(text), len(events))
		}
	}
}
