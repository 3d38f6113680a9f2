package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"spor/artifacts"
	"spor/build/kit"
	"spor/cmd/internal/cli"
	"spor/cmd/spor/internal/interview"
	"spor/upload"
)

// A telling is how a run is told to a person who is led through it, in their language.
type telling struct {
	words    *interview.Words
	contact  kit.Contact
	width    func() int // of the terminal, in letters
	formOnly bool       // nothing but the form is sealed
	streams  bool       // what is collected waits until it is sent
	waits    bool       // for a receiver that does not answer
	paused   bool       // a question stands on the screen
	root     bool
	begun    int // sources, up to now
	total    int
	estimate estimate
}

// tellEvery is how often the progress line changes: what reads the screen aloud must keep up.
const tellEvery = time.Second

func (t *telling) say(w io.Writer, text string) {
	fmt.Fprintln(w, interview.Wrap(text, lineWidth(t.width())))
}

func (t *telling) warn(w io.Writer, text string) { t.say(w, interview.Fill(t.words.Warning, text)) }

// note says one of the notes.
func (t *telling) note(w io.Writer, key string, values ...string) {
	t.warn(w, interview.Fill(t.words.Notes[key], values...))
}

// reason says why in the person's language where that is known, else as it is.
func (t *telling) reason(text, key string) string { return cmp.Or(t.words.Reasons[key], text) }

// unsentKey is the key of the reason why something was not sent; empty: the error says it best.
func unsentKey(err error) string {
	for _, known := range []struct {
		err error
		key string
	}{
		{upload.ErrUnreachable, "unreachable"},
		{upload.ErrUnauthorized, "unauthorized"},
		{upload.ErrCertificate, "certificate"},
		{upload.ErrQuota, "quota"},
		{upload.ErrIntegrity, "integrity"},
		{context.Canceled, "stopped"},
		{cli.ErrInterrupted, "stopped"},
	} {
		if errors.Is(err, known.err) {
			return known.key
		}
	}
	return ""
}

// gapKey is the key of the reason of an outcome, by what the engine and the systems say most often; empty: another one.
func gapKey(reason string) string {
	reason = strings.ToLower(reason)
	for _, known := range [][2]string{
		{"time limit", "time"},
		{"does not answer", "time"},
		{"size limit", "size"},
		{"interrupted", "stopped"},
		{"walk ended", "stopped"},
		{"denied", "denied"},
		{"not permitted", "denied"},
		{"used by another process", "busy"},
		{"sharing violation", "busy"},
		{"nothing is there", "absent"},
		{"no such file", "absent"},
		{"cannot find the", "absent"},
	} {
		if strings.Contains(reason, known[0]) {
			return known[1]
		}
	}
	return ""
}

func (t *telling) start(w io.Writer, f startFacts) {
	t.root, t.total, t.begun, t.estimate = f.Root, f.Sources, 0, estimate{sizing: t.estimate.sizing}
	if !t.formOnly {
		t.say(w, "\n"+interview.Fill(t.words.Collecting, f.Host))
	}
}

// progress writes the one line that says how far it is: over itself on a terminal, else anew every few seconds.
func (t *telling) progress(v *view, now time.Time) {
	every := tellEvery
	if !v.mode.terminal {
		every = plainEvery
	}
	if t.paused || t.formOnly || now.Sub(v.lastLine) < every {
		return
	}
	v.lastLine = now
	line, most := "", max(min(t.width()-1, 79), 1) // a line that is wider would begin another one each time
	switch {
	case t.waits && (t.streams || v.source == ""):
		line = v.sending
	case v.source != "":
		left := t.left(v.bytes, now)
		say := func(source string) string {
			return interview.Fill(t.words.Progress, strconv.Itoa(t.begun), strconv.Itoa(t.total), source, t.bytes(v.bytes)) + ", " + left
		}
		line = say(v.source)
		if over := len([]rune(line)) - most; over > 0 { // of all that stands there the name says least
			line = say(v.source[:max(len(v.source)-over, 0)])
		}
	case v.sending != "":
		line = v.sending
	default:
		line = t.words.Finishing
	}
	if !v.mode.terminal {
		fmt.Fprintln(v.err, line)
		return
	}
	runes := []rune(line)
	runes = runes[:min(len(runes), most)]
	fmt.Fprintf(v.err, "\r%s%s", string(runes), strings.Repeat(" ", max(0, min(v.width, most)-len(runes))))
	v.width = len(runes)
}

// bytes writes a number of bytes as the language does.
func (t *telling) bytes(n int64) string {
	if t.words.Lang == "en" {
		return cli.Bytes(n)
	}
	return strings.Replace(cli.Bytes(n), ".", ",", 1)
}

// took writes a time in seconds as all of our languages do.
func took(seconds int) string {
	switch n := strconv.Itoa; {
	case seconds < 60:
		return n(seconds) + " s"
	case seconds < 3600:
		return n(seconds/60) + " min " + n(seconds%60) + " s"
	default:
		return n(seconds/3600) + " h " + n(seconds%3600/60) + " min"
	}
}

// sending says how much of a volume has arrived.
func (t *telling) sending(p upload.Progress) string {
	if p.Phase == upload.Waiting {
		return t.words.Waiting
	}
	done := t.bytes(p.Done)
	if p.Size > 0 {
		done += " / " + t.bytes(p.Size)
	}
	return interview.Fill(t.words.Sending, done)
}

// left says how long it will take, roughly.
func (t *telling) left(taken int64, now time.Time) string {
	left, known := t.estimate.left(taken, now)
	switch {
	case t.begun >= t.total && left < 20*time.Second:
		return t.words.LastSource
	case !known:
		return t.words.NotKnown
	case left < 20*time.Second:
		return interview.Fill(t.words.Left, "20 s")
	case left < time.Minute:
		return interview.Fill(t.words.Left, "1 min")
	}
	return interview.Fill(t.words.Left, strconv.Itoa(int(left/time.Minute)+1)+" min")
}

// mostGaps are named at the end; the bundle has all.
const mostGaps = 6

// end says what was taken, what was not and why, where it lies, what to read out, and what to do now.
func (t *telling) end(w io.Writer, f summaryFacts) {
	words := t.words
	say := func(text string) { t.say(w, text) }
	fmt.Fprintln(w)
	switch {
	case t.formOnly:
		say(words.Kept)
	case f.ExitCode == cli.Interrupted:
		say(words.Interrupted)
	default:
		say(words.Done)
	}
	if !t.formOnly {
		say(interview.Fill(words.Taken, strconv.Itoa(f.Items), t.bytes(f.Bytes), took(int(f.Seconds))))
		t.gaps(w, f)
	}
	for _, a := range f.Abandoned {
		if len(a.Volumes) > 0 && a.At != theStream {
			t.note(w, "torn", a.At)
		}
	}
	switch {
	case len(f.Volumes) == 0:
	case f.streamed:
		say(words.Streamed)
	default:
		say(words.Lies)
	}
	for _, name := range f.words { // not broken: it is copied
		fmt.Fprintln(w, "  "+name)
	}
	switch {
	case f.Sent:
		say(words.Arrived)
	case f.ExitCode != cli.NotSent:
	case f.arrived > 0:
		say(interview.Fill(words.SomeArrived, strconv.Itoa(len(f.Volumes)), strconv.Itoa(f.arrived)) + " " + words.NotArrived)
	default:
		say(words.NotArrived)
	}
	fmt.Fprintln(w)
	say(words.ReadOut)
	for _, one := range [][2]string{{words.Signer, f.Signer}, {words.Digest, f.Digest}} {
		say(one[0])
		say("  " + cli.Groups(one[1]))
	}
	fmt.Fprintln(w)
	t.next(w, f)
}

// gaps names what is missing.
func (t *telling) gaps(w io.Writer, f summaryFacts) {
	if len(f.Gaps) == 0 {
		t.say(w, t.words.Complete)
		return
	}
	t.say(w, t.words.Gaps)
	for i, g := range f.Gaps {
		if i == mostGaps {
			t.say(w, "  "+interview.Fill(t.words.MoreOf, strconv.Itoa(len(f.Gaps)-i)))
			break
		}
		line := "  - " + g.Source + ": " + t.words.Why[g.Status.String()]
		if g.Path != "" {
			line += ", " + g.Path.String()
		}
		if g.Reason != "" && g.Status != artifacts.Absent && g.Status != artifacts.Denied {
			line += " (" + t.reason(g.Reason, gapKey(g.Reason)) + ")"
		}
		t.say(w, line)
	}
	if !t.root {
		t.say(w, t.words.Denied)
	}
}

// next says whom to call and what to do.
func (t *telling) next(w io.Writer, f summaryFacts) {
	var whom []string
	for _, s := range []string{t.contact.Name, t.contact.Phone, t.contact.Mail} {
		if s != "" {
			whom = append(whom, s)
		}
	}
	if len(whom) > 0 {
		t.say(w, interview.Fill(t.words.Contact, strings.Join(whom, ", ")))
	}
	t.say(w, t.words.Next)
	t.say(w, t.words.Advice)
	switch {
	case f.streamed: // there is nothing to keep
	case f.Sent:
		t.say(w, t.words.AdviceSent)
	default:
		t.say(w, t.words.AdviceHand)
	}
}
