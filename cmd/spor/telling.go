package main

import (
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
	formOnly bool // nothing but the form is sealed
	paused   bool // a question stands on the screen
	root     bool
	began    time.Time
	begun    int // sources, up to now
	total    int
}

// tellEvery is how often the progress line changes: what reads the screen aloud must keep up.
const tellEvery = time.Second

func (t *telling) say(w io.Writer, text string) {
	fmt.Fprintln(w, interview.Wrap(text, screenWidth))
}

func (t *telling) warn(w io.Writer, text string) { t.say(w, interview.Fill(t.words.Warning, text)) }

func (t *telling) start(w io.Writer, f startFacts) {
	t.root, t.total, t.begun, t.began = f.Root, f.Sources, 0, time.Now()
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
	line := ""
	switch {
	case v.source != "":
		line = interview.Fill(t.words.Progress, strconv.Itoa(t.begun), strconv.Itoa(t.total), v.source, cli.Bytes(v.bytes)) + ", " + t.left(now)
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
	runes = runes[:min(len(runes), 79)]
	fmt.Fprintf(v.err, "\r%s%s", string(runes), strings.Repeat(" ", max(0, v.width-len(runes))))
	v.width = len(runes)
}

// sending says how much of a volume has arrived.
func (t *telling) sending(p upload.Progress) string {
	if p.Phase == upload.Waiting {
		return t.words.Waiting
	}
	done := cli.Bytes(p.Done)
	if p.Size > 0 {
		done += " / " + cli.Bytes(p.Size)
	}
	return interview.Fill(t.words.Sending, done)
}

// left estimates by the sources that are done. The last ones are the long ones, so it is said carefully.
func (t *telling) left(now time.Time) string {
	if t.begun == 0 || t.begun >= t.total {
		return t.words.LastSource
	}
	left := now.Sub(t.began) * time.Duration(t.total-t.begun) / time.Duration(t.begun)
	switch {
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
		say(interview.Fill(words.Taken, strconv.Itoa(f.Items), cli.Bytes(f.Bytes), (time.Duration(f.Seconds) * time.Second).String()))
		t.gaps(w, f)
	}
	for _, a := range f.Abandoned {
		t.warn(w, a.String())
	}
	if len(f.Volumes) > 0 {
		say(words.Lies)
	}
	for _, name := range f.words { // not broken: it is copied
		fmt.Fprintln(w, "  "+name)
	}
	switch {
	case f.Sent:
		say(words.Arrived)
	case f.ExitCode == cli.NotSent:
		say(words.NotArrived)
	}
	fmt.Fprintln(w)
	say(words.ReadOut)
	for _, one := range [][2]string{{words.Signer, f.Signer}, {words.Digest, f.Digest}} {
		say(one[0])
		say("  " + cli.Groups(one[1]))
	}
	fmt.Fprintln(w)
	t.next(w, f.Sent)
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
		if g.Status == artifacts.Failed || g.Status == artifacts.Truncated {
			line += " (" + g.Reason + ")"
		}
		t.say(w, line)
	}
	if !t.root {
		t.say(w, t.words.Denied)
	}
}

// next says whom to call and what to do.
func (t *telling) next(w io.Writer, sent bool) {
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
	if sent {
		t.say(w, t.words.AdviceSent)
	} else {
		t.say(w, t.words.AdviceHand)
	}
}
