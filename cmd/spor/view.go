package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"spor/artifacts"
	"spor/cmd/internal/cli"
	"spor/package/manifest"
	"spor/upload"
)

// A view shows how a run goes on: JSON lines on stdout, one status line on a terminal, or a plain line every few
// seconds. The facts are the same in all three.
type view struct {
	out, err io.Writer
	mode     viewMode

	mu       sync.Mutex
	source   string
	items    int
	bytes    int64
	counts   [6]int // outcomes by status
	sending  string // what the outbox does, for the status line
	width    int    // of the status line on the screen
	lastLine time.Time
	lastSend time.Time // when the outbox was last heard of
	restarts int
	telling  *telling // how it is said to a person who is led through; nil: to administrators
}

type viewMode struct {
	json, quiet, verbose, terminal bool
}

// plainEvery is how often a run that is not on a terminal says where it is.
const plainEvery = 5 * time.Second

func newView(s cli.Streams, o *collectOptions) *view {
	return &view{out: s.Out, err: s.Err, mode: viewMode{o.json, o.quiet, o.verbose, isTerminal(s.Err)}}
}

// emit writes a JSON line with its type first.
func (v *view) emit(kind string, fields any) {
	data, err := json.Marshal(fields)
	if err != nil {
		return // the fields are ours, and all can be marshalled
	}
	line := fmt.Sprintf(`{"type":%q`, kind)
	if len(data) > 2 {
		line += "," + string(data[1:])
	} else {
		line += "}"
	}
	fmt.Fprintln(v.out, line)
}

// say writes a line for people, over the status line if there is one.
func (v *view) say(format string, args ...any) {
	if v.mode.quiet || v.mode.json || v.telling != nil {
		return
	}
	v.clear()
	fmt.Fprintf(v.err, "spor: "+format+"\n", args...)
}

func (v *view) warn(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clear()
	if v.telling != nil {
		v.telling.warn(v.err, fmt.Sprintf(format, args...))
		return
	}
	fmt.Fprintf(v.err, "spor: warning: "+format+"\n", args...)
}

// note warns of what a person who is led is told in their own language: the key and the values are those of the words.
func (v *view) note(key, english string, values ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clear()
	if v.telling != nil {
		v.telling.note(v.err, key, values...)
		return
	}
	fmt.Fprintf(v.err, "spor: warning: %s\n", english)
}

func (v *view) clear() {
	if v.width > 0 {
		fmt.Fprintf(v.err, "\r%s\r", strings.Repeat(" ", v.width))
		v.width = 0
	}
}

type startFacts struct {
	Version    string   `json:"version"`
	Case       string   `json:"case"`
	Host       string   `json:"host"`
	System     string   `json:"os"`
	Root       bool     `json:"root"`
	Profiles   []string `json:"profiles"`
	Sources    int      `json:"sources"`
	Recipients []string `json:"recipients"`
	Signer     string   `json:"signer"`
	Bundle     string   `json:"bundle"`
}

func (v *view) start(f startFacts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.mode.json {
		v.emit("start", f)
		return
	}
	if v.telling != nil {
		v.telling.start(v.err, f)
		return
	}
	if v.restarts > 0 {
		v.say("collecting anew, bundle %s", f.Bundle)
		return
	}
	v.say("collecting from %s (%s), case %s, %d sources", cmp.Or(f.Host, "a host without a name"), cmp.Or(f.System, "system not known"), f.Case, f.Sources)
	for _, r := range f.Recipients {
		v.say("sealed to %s", r)
	}
	v.say("signed with a key made for this run: %s", cli.Groups(f.Signer))
	if !f.Root {
		v.say("warning: not run as administrator or root: much cannot be read")
	}
}

// restart forgets what was counted: everything is collected anew.
func (v *view) restart() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.items, v.bytes, v.counts = 0, 0, [6]int{}
	v.restarts++
}

// collected says that only sending is left.
func (v *view) collected() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.source = ""
}

// led tells whether it is a person's guided run.
func (v *view) led() bool { return v != nil && v.telling != nil }

// tell says something of a person's run between two states of the status line.
func (v *view) tell(say func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clear()
	say()
}

func (v *view) begin(source string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.source = source
	if v.telling != nil {
		v.telling.begun++
		v.telling.estimate.begin(source, v.telling.total-v.telling.begun+1, v.bytes, time.Now())
	}
	v.progress()
}

func (v *view) outcome(o artifacts.Outcome) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if int(o.Status) < len(v.counts) {
		v.counts[o.Status]++
	}
	v.bytes += o.Bytes
	if o.Item != "" {
		v.items++
	}
	switch {
	case v.mode.json:
		v.emit("outcome", o)
	case o.Gap:
		v.say("gap: %s %s %s: %s", o.Source, o.Path, o.Status, o.Reason)
	case v.mode.verbose && o.Status != artifacts.Absent:
		v.say("%s %s %s %s", o.Source, o.Path, o.Status, o.Reason)
	}
	v.progress()
}

// progress is called often and shows itself now and then; v.mu is held.
func (v *view) progress() {
	now := time.Now()
	if v.telling != nil {
		v.telling.progress(v, now)
		return
	}
	every := plainEvery
	if v.mode.terminal && !v.mode.json {
		every = 100 * time.Millisecond
	}
	if v.source == "" && v.sending == "" || v.mode.quiet && !v.mode.json || now.Sub(v.lastLine) < every {
		return
	}
	v.lastLine = now
	switch {
	case v.mode.json:
		v.emit("progress", map[string]any{"source": v.source, "items": v.items, "bytes": v.bytes})
	case v.mode.terminal:
		line := "spor: "
		if v.source != "" {
			line += fmt.Sprintf("%s, %d items, %s; ", v.source, v.items, cli.Bytes(v.bytes))
		}
		line = strings.TrimSuffix(line+v.sending, "; ")
		line = line[:min(len(line), 79)]
		fmt.Fprintf(v.err, "\r%-*s", v.width, line)
		v.width = len(line)
	default:
		v.say("%s, %d items, %s", v.source, v.items, cli.Bytes(v.bytes))
	}
}

func (v *view) volume(path string, vol manifest.Volume) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.mode.json {
		v.emit("volume", struct {
			Path string `json:"path"`
			manifest.Volume
		}{path, vol})
	}
}

func (v *view) uploading(to string) func(upload.Progress) {
	return func(p upload.Progress) {
		v.mu.Lock()
		defer v.mu.Unlock()
		now := time.Now()
		v.sending = fmt.Sprintf("%s %s", p.Phase, cli.Bytes(p.Done))
		if p.Size > 0 {
			v.sending += " of " + cli.Bytes(p.Size)
		}
		switch recent := now.Sub(v.lastSend) < plainEvery; {
		case v.telling != nil:
			v.sending, v.telling.waits = v.telling.sending(p), p.Phase == upload.Waiting
			v.progress()
			return
		case p.Phase == upload.Waiting && !v.mode.json:
			v.sending = "the receiver does not answer"
			v.say("%s: %v; trying again in %s", p.Name, p.Err, p.Wait.Round(time.Second))
			return
		case v.mode.terminal && !v.mode.json:
			v.progress()
			return
		case recent && p.Phase != upload.Waiting:
			return
		}
		v.lastSend = now
		switch {
		case v.mode.json:
			v.emit("upload", map[string]any{"to": to, "name": p.Name, "phase": p.Phase, "done": p.Done, "size": p.Size})
		default:
			v.say("%s: %s", p.Name, v.sending)
		}
	}
}

func (v *view) sent(to string, r upload.Result) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sending = ""
	how := ""
	if r.Resumed > 0 {
		how = fmt.Sprintf(" (resumed at %s)", cli.Bytes(r.Resumed))
	}
	switch {
	case v.telling != nil && r.Err == nil: // the end says so
	case v.mode.json:
		f := map[string]any{"to": to, "name": r.Object.Name, "size": r.Object.Size, "sha256": r.Object.SHA256, "resumed": r.Resumed}
		if r.Err != nil {
			f["error"] = r.Err.Error()
		} else {
			f["receipt"] = r.Receipt
		}
		v.emit("upload", f)
	case v.telling != nil:
		v.clear()
		v.telling.note(v.err, "unsent", r.Object.Name, v.telling.reason(r.Err.Error(), unsentKey(r.Err)))
	case r.Err != nil:
		v.clear()
		fmt.Fprintf(v.err, "spor: warning: %s was not sent: %v\n", r.Object.Name, r.Err)
	case !v.mode.quiet:
		v.clear()
		fmt.Fprintf(v.out, "sent     %s, %s%s, receipt of %s for sha256 %s\n", r.Object.Name, cli.Bytes(r.Object.Size), how, r.Receipt.Receiver, r.Receipt.SHA256)
	}
}

type summaryFacts struct {
	Bundle     string                   `json:"bundle"`
	Volumes    []string                 `json:"volumes"`
	Items      int                      `json:"items"`
	Bytes      int64                    `json:"bytes"`
	Sealed     int64                    `json:"sealed"`
	Outcomes   map[artifacts.Status]int `json:"outcomes"`
	Gaps       []artifacts.Outcome      `json:"gaps"`
	Digest     string                   `json:"digest"`
	Signer     string                   `json:"signer"`
	Completion string                   `json:"completion"`
	Samples    string                   `json:"samples,omitempty"`   // the locked zip and its password
	Abandoned  []abandoned              `json:"abandoned,omitempty"` // bundles whose destination failed
	Sent       bool                     `json:"sent"`
	Seconds    float64                  `json:"seconds"`
	ExitCode   cli.Code                 `json:"exit_code"`

	words    []string // the volumes, for a person
	arrived  int      // of the volumes
	streamed bool     // they are nowhere else
}

func (v *view) summary(f summaryFacts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.mode.json {
		v.emit("summary", f)
		return
	}
	v.clear()
	if v.telling != nil {
		v.telling.end(v.out, f)
		return
	}
	for _, a := range f.Abandoned {
		fmt.Fprintf(v.out, "torn     %s\n", a)
	}
	for _, name := range f.words {
		if len(f.words) == len(f.Volumes) {
			fmt.Fprintf(v.out, "bundle   %s\n", name)
		} else {
			fmt.Fprintf(v.out, "bundle   %s, %d volumes\n", name, len(f.Volumes))
		}
	}
	if v.mode.quiet {
		return
	}
	fmt.Fprintf(v.out, "taken    %d items, %s, sealed in %s, %.1f s\n", f.Items, cli.Bytes(f.Bytes), cli.Bytes(f.Sealed), f.Seconds)
	n := f.Outcomes
	fmt.Fprintf(v.out, "outcomes %d collected, %d absent, %d denied, %d skipped, %d truncated, %d failed; %d gaps that matter\n",
		n[artifacts.Collected], n[artifacts.Absent], n[artifacts.Denied], n[artifacts.Skipped], n[artifacts.Truncated], n[artifacts.Failed], len(f.Gaps))
	for i, g := range f.Gaps {
		if i == 10 {
			fmt.Fprintf(v.out, "gap      and %d more\n", len(f.Gaps)-i)
			break
		}
		fmt.Fprintf(v.out, "gap      %s %s %s: %s\n", g.Source, g.Path, g.Status, g.Reason)
	}
	if f.Samples != "" {
		fmt.Fprintf(v.out, "samples  %s\n", f.Samples)
	}
	fmt.Fprintf(v.out, "signer   %s\ndigest   %s\n", cli.Groups(f.Signer), cli.Groups(f.Digest))
}
