package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"spor/build/kit"
	"spor/cmd/internal/cli"
	"spor/cmd/spor/internal/interview"
	"spor/package/seal"
	"spor/report/incident"
)

// A guide leads a person through a collection: language, what will happen, questions, where to, the collection, what now.
type guide struct {
	*console
	words     *interview.Words
	languages []*interview.Words
	opts      *collectOptions
	job       *job
	contact   kit.Contact
}

// guided is the program without arguments. With somebody at a terminal it leads them through; without, it collects as the kit
// says, or explains itself.
func (g *guide) guided(ctx context.Context, cmd *cobra.Command, s cli.Streams) error {
	g.opts = defaults()
	flags := pflag.NewFlagSet("spor", pflag.ContinueOnError)
	collectFlags(flags, g.opts)
	if err := cli.FromEnvironment(flags, "SPOR_"); err != nil {
		return cli.Fail(cli.Usage, "", err)
	}
	g.opts.given = given(flags)
	k, _, err := loadKit(g.opts.kit, time.Now())
	if !isTerminal(s.In) || !isTerminal(s.Out) {
		switch {
		case err != nil:
			return err
		case k == nil:
			return cmd.Help()
		}
		return runCollect(ctx, g.opts, s)
	}
	g.console = newConsole(s)
	wanted := interview.Closest(locale())
	if k != nil {
		wanted, g.contact = cmp.Or(k.Language, wanted), k.Contact
	}
	g.languages = interview.Languages()
	g.words = interview.In(g.languages, wanted)
	if err := g.lead(ctx); err != nil {
		return g.ending(err)
	}
	return nil
}

// ending says in the person's language how it went wrong, where it did.
func (g *guide) ending(err error) error {
	var e *cli.Error
	if !errors.As(err, &e) {
		return err
	}
	hint := e.Hint
	if e.Err != nil {
		said := g.inWords(e)
		if said != e.Err.Error() { // the hint is for administrators
			hint = ""
		}
		g.say("\n" + interview.Fill(g.words.Error, said))
		g.whom()
	}
	return cli.Fail(e.Code, hint, nil)
}

// inWords says in the person's language what went wrong where it is known, else as the error has it: for whoever is asked.
func (g *guide) inWords(e *cli.Error) string {
	notes := g.words.Notes
	switch t, known := troubleOf(e.Err); {
	case e.Code == cli.Running:
		return notes["running"]
	case errors.Is(e.Err, errStream):
		return notes["stream"]
	case errors.Is(e.Err, kit.ErrExpired):
		return notes["expired"]
	case errors.Is(e.Err, kit.ErrNotKit), errors.Is(e.Err, kit.ErrUnsigned), errors.Is(e.Err, seal.ErrSignature):
		return notes["altered"]
	case known && e.Code == cli.Failed && len(g.job.outs) > 0:
		return interview.Fill(notes[t.key], g.job.outs[len(g.job.outs)-1])
	}
	return e.Err.Error()
}

// errLeft is a person who went away before anything was begun.
var errLeft = errors.New("left")

// lead goes through all of it.
func (g *guide) lead(ctx context.Context) error {
	if err := g.language(); err != nil {
		return g.nothing()
	}
	if k, _, err := loadKit(g.opts.kit, time.Now()); err == nil && k == nil && len(g.opts.recipients) == 0 {
		g.say("\n" + g.words.NothingToSealTo)
		g.say(g.words.NothingTouched)
		return cli.Fail(cli.Usage, "", nil)
	}
	var err error
	if g.job, err = prepare(g.opts, time.Now()); err != nil {
		return g.refused(err)
	}
	if err := g.alone(); err != nil {
		return g.refused(err)
	}
	host, _ := os.Hostname()
	v := interview.New(g.words, g.known(), host)
	if err := g.introduce(v); err != nil {
		return g.nothing()
	}
	if err := g.questions(v, host); err != nil {
		if !v.Answered() {
			return g.nothing()
		}
		return g.keep(ctx, v)
	}
	return g.collect(ctx, v)
}

// alone tells early that another run is active, before somebody has answered thirty questions.
func (g *guide) alone() error {
	release, alone, err := onlyOne()
	if err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	if !alone {
		return cli.Fail(cli.Running, "wait for it, or end it", errors.New("another run is active on this host"))
	}
	release()
	return nil
}

// refused says that nothing was touched, and whom to ask.
func (g *guide) refused(err error) error {
	var e *cli.Error
	if !errors.As(err, &e) {
		e = &cli.Error{Code: cli.Usage, Err: err}
	}
	g.say("\n" + interview.Fill(g.words.Error, g.inWords(e)))
	g.say(g.words.NothingTouched)
	g.whom()
	return cli.Fail(e.Code, "", nil)
}

// nothing ends a run that has not begun.
func (g *guide) nothing() error {
	g.say("\n" + g.words.NothingTouched)
	return cli.Fail(cli.Interrupted, "", nil)
}

func (g *guide) whom() {
	all := slices.DeleteFunc([]string{g.contact.Name, g.contact.Phone, g.contact.Mail}, func(s string) bool { return s == "" })
	if len(all) > 0 {
		g.say(interview.Fill(g.words.Contact, strings.Join(all, ", ")))
	}
}

// language asks in which language to go on.
func (g *guide) language() error {
	fmt.Fprintln(g.out, "Tungumál / Språk / Language")
	preset := 0
	for i, w := range g.languages {
		fmt.Fprintf(g.out, "  %d %s\n", i+1, w.Name)
		if w == g.words {
			preset = i + 1
		}
	}
	for range 2 {
		text, err := g.ask(fmt.Sprintf("1, 2, 3; Enter: %d", preset))
		if err != nil {
			return err
		}
		text = strings.ToLower(text)
		for i, w := range g.languages {
			if text == strconv.Itoa(i+1) || text == w.Lang || len(text) > 2 && strings.HasPrefix(strings.ToLower(w.Name), text) {
				g.words = w
				return nil
			}
		}
		if text == "" {
			break
		}
	}
	return nil
}

// known is what stands in the form before anybody was asked.
func (g *guide) known() incident.Incident {
	if g.job.incident != nil {
		return *g.job.incident
	}
	return incident.Incident{}
}

// introduce says what will be read, what not, where it goes and to whom, and how long it takes.
func (g *guide) introduce(v *interview.Interview) error {
	w, o := g.words, g.opts
	receiver := g.contact.Name
	for _, r := range g.job.recipients {
		receiver = cmp.Or(receiver, r.UserID, r.Fingerprint)
	}
	fmt.Fprintln(g.out)
	g.say(interview.Fill(w.For, receiver) + " " + interview.Fill(w.Case, g.job.caseID))
	if g.job.kit != nil && len(g.job.warnings) > 0 {
		g.say(w.UnsignedKit)
		g.job.warnings = nil
	}
	reads, leaves, takes, secrets := w.Reads, w.Leaves, w.Takes, w.NoSecrets
	if slices.Contains(g.job.profiles, "full") {
		leaves, takes = w.LeavesFull, w.TakesLong
	}
	if slices.Contains(g.job.profiles, "memory") {
		reads, takes = reads+" "+w.ReadsMemory, w.TakesLong
	}
	if o.secrets {
		secrets = w.Secrets
	}
	g.say(reads)
	g.say(leaves + " " + secrets + " " + w.Changes)
	g.say(w.Sealed)
	for _, r := range g.job.recipients {
		g.say("  " + r.UserID + "\n  " + interview.Fill(w.Key, cli.Groups(r.Fingerprint)))
	}
	switch {
	case len(g.job.targets) == 0:
		g.say(w.NotSent)
	case o.stream:
		g.say(interview.Fill(w.SentAlone, g.job.targets[0].url))
	default:
		g.say(interview.Fill(w.Sent, g.job.targets[0].url))
	}
	g.say(takes)
	if !elevated() {
		g.say("\n" + w.NotAdmin)
	}
	_, most := v.Number()
	fmt.Fprintln(g.out)
	text, err := g.sure(interview.Fill(w.Begin, strconv.Itoa(most), w.Quit[0]))
	if err == nil && interview.Is(text, w.Quit) {
		err = errLeft
	}
	return err
}

// sure asks, and at Ctrl-C asks first whether it was meant.
func (g *guide) sure(prompt string) (string, error) {
	for {
		text, err := g.ask(prompt)
		if !errors.Is(err, errPressed) {
			return text, err
		}
		if g.leaves() {
			return "", errLeft
		}
	}
}

// leaves asks whether Ctrl-C was meant.
func (g *guide) leaves() bool {
	fmt.Fprintln(g.out)
	text, err := g.ask(g.words.Stop)
	return err != nil || interview.Yes(text)
}

// questions asks them all, then where to write, then whether to begin. Its error means that the person is gone.
func (g *guide) questions(v *interview.Interview, host string) error {
	for {
		for v.Question() != nil {
			if err := g.question(v, host); err != nil {
				return err
			}
		}
		if err := g.where(); err != nil {
			return err
		}
		fmt.Fprintln(g.out)
		text, err := g.sure(interview.Fill(g.words.Ready, g.words.Back[0], g.words.Quit[0]))
		switch {
		case err != nil:
			return err
		case text == "<" || interview.Is(text, g.words.Back):
			v.Back()
		case interview.Is(text, g.words.Quit):
			return errLeft
		default:
			return nil
		}
	}
}

// question shows one and takes its answer.
func (g *guide) question(v *interview.Interview, host string) error {
	w, q := g.words, v.Question()
	n, of := v.Number()
	ask, help := w.Ask(q)
	fmt.Fprintln(g.out)
	g.say(interview.Fill(w.Of, strconv.Itoa(n), strconv.Itoa(of)))
	g.say(ask)
	if help != "" {
		g.say(help)
	}
	for _, line := range w.Lines(q) {
		g.say("  " + line)
	}
	switch q.Key {
	case "systems":
		g.say(interview.Fill(w.Known, strings.Join(append([]string{host}, addresses()...), ", ")))
	case "tlp":
		g.say(interview.Fill(w.IfSkipped, g.job.tlp.String()))
	}
	keys := w.Skip
	if said := v.Said(); said != "" {
		g.say(interview.Fill(w.Before, said))
		keys = w.Keep
	}
	keys = interview.Fill(keys, w.Back[0], w.Go[0])
	if q.Kind.Long() {
		keys = w.End + " " + keys
	}
	for v.Question() == q {
		text, err := g.sure(keys)
		if err != nil {
			return err
		}
		if err := g.answer(v, text); err != nil {
			return err
		}
	}
	return nil
}

// answer does what was typed.
func (g *guide) answer(v *interview.Interview, text string) error {
	w := g.words
	switch {
	case text == "":
		v.Skip()
		return nil
	case text == "-":
		v.Remove()
		return nil
	case text == "<" || interview.Is(text, w.Back):
		v.Back()
		return nil
	case text == ">" || interview.Is(text, w.Go):
		v.End()
		return nil
	}
	var gone error
	long := g.long
	if v.Question().Kind.Long() {
		text, gone = g.more(text)
	} else {
		text = strings.Join(strings.Fields(text), " ")
	}
	if long || g.long || len(text) > interview.Most {
		g.say(interview.Fill(w.TooLong, strconv.Itoa(interview.Most)))
	}
	understood, left, problem := v.Answer(text, time.Now())
	switch {
	case problem != nil:
		g.say(problem.Words(w.Lang))
		g.say(w.OnceMore)
	case left:
		g.say(w.LeftAsText)
	case understood != "":
		g.say(interview.Fill(w.Understood, understood))
	}
	return gone
}

// more reads the other lines of an answer that may have several. They are kept also where the person goes meanwhile.
func (g *guide) more(text string) (string, error) {
	for long := g.long; ; {
		fmt.Fprint(g.out, "> ")
		line, err := g.line()
		g.long = g.long || long
		switch {
		case errors.Is(err, errPressed):
			if g.leaves() {
				return text, errLeft
			}
			continue
		case err != nil || line == "":
			return text, err
		}
		if long = g.long; len(text) <= interview.Most {
			text += "\n" + line
		}
	}
}

// where asks for the folder, and says where one is on the wrong disk.
func (g *guide) where() error {
	w := g.words
	if g.opts.stream {
		return nil
	}
	for tries := 0; ; tries++ {
		fmt.Fprintln(g.out)
		folder := g.job.outs[0]
		if d, err := diskOf(folder); err == nil && d.system {
			g.say(interview.Fill(w.OwnDisk, folder))
		}
		text, err := g.sure(interview.Fill(w.Where, folder, otherFolder))
		if err != nil {
			return err
		}
		if text = strings.Trim(text, `"' `); text != "" {
			found, err := outFolders([]string{text}, false, g.opts.silence)
			if err != nil {
				g.say(interview.Fill(w.BadFolder, text, err.Error()))
				continue
			}
			folder = found[0]
		}
		if err := g.writable(folder); err != nil {
			_, said := explain(folder, err)
			if g.say(interview.Fill(w.BadFolder, folder, said.Error())); tries < 5 {
				continue
			}
			return err
		}
		changed := folder != g.job.outs[0]
		g.job.outs = append([]string{folder}, slices.DeleteFunc(slices.Clone(g.job.outs), func(s string) bool { return s == folder })...)
		if d, err := diskOf(folder); !changed || err != nil || !d.system {
			return nil
		}
	}
}

// writable makes the folder where it is not there, and tries to write there.
func (g *guide) writable(folder string) error {
	p, err := newPlace(folder, g.opts.silence, nil)
	if err != nil {
		return err
	}
	return p.do(0, func() error {
		f, err := os.CreateTemp(folder, "spor-*.part")
		if err != nil {
			return err
		}
		return errors.Join(f.Close(), os.Remove(f.Name()))
	})
}

// keep seals what was answered into a bundle of its own when the person goes: a run that is interrupted before its first source.
func (g *guide) keep(ctx context.Context, v *interview.Interview) error {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	cancel(cli.ErrInterrupted)
	g.job.warnings = nil
	return g.run(ctx, v, &telling{words: g.words, contact: g.contact, width: g.width, streams: g.opts.stream, formOnly: true})
}

// collect is the collection, with somebody watching who may stop it.
func (g *guide) collect(ctx context.Context, v *interview.Interview) error {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	t := &telling{words: g.words, contact: g.contact, width: g.width, streams: g.opts.stream}
	done := make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		g.watch(t, cancel, done)
	}()
	defer func() {
		close(done)
		<-gone
	}()
	return g.run(ctx, v, t)
}

// run fills in the form and collects.
func (g *guide) run(ctx context.Context, v *interview.Interview, t *telling) error {
	now := time.Now()
	form := v.Form()
	interview.Zone(form, now)
	j := g.job
	j.began, j.incident, j.tlp = now, form, cmp.Or(form.TLP, j.tlp)
	j.opts.given = append(j.opts.given, "guided="+g.words.Lang)
	j.view = newView(cli.Streams{Out: g.out, Err: g.out}, j.opts)
	kind := os.Getenv("TERM")
	j.view.mode.terminal = kind != "dumb" && (kind != "" || runtime.GOOS == "windows")
	j.view.telling = t
	t.estimate.sizing = func() func() map[string]int64 { return j.plan.Sizing() }
	err := j.collect(ctx)
	var e *cli.Error
	if errors.As(err, &e) && e.Err == nil { // all was said
		return cli.Fail(e.Code, "", nil)
	}
	return err
}

// again is how long after Ctrl-C another one is taken for the same.
const again = 3 * time.Second

// watch waits for Ctrl-C and for the closing of the window. The first Ctrl-C asks, and the collection goes on meanwhile.
func (g *guide) watch(t *telling, cancel context.CancelCauseFunc, done <-chan struct{}) {
	asked := false
	for {
		text, err := g.wait(done)
		switch {
		case errors.Is(err, errDone):
			return
		case err == nil && !interview.Yes(text):
			asked = false
			g.job.view.tell(func() {
				t.paused = false
				g.say(g.words.GoingOn)
			})
		case errors.Is(err, errPressed) && !asked:
			asked = true
			g.job.view.tell(func() {
				t.paused = true
				if t.streams || g.job.view.source != "" {
					g.say(g.words.StopCollecting)
				} else {
					g.say(g.words.StopSending)
				}
			})
			g.want()
		default:
			g.closed = g.closed || errors.Is(err, errClosed)
			g.job.view.tell(func() {
				t.paused = false
				g.say(g.words.Stopping)
			})
			cancel(cli.ErrInterrupted)
			g.insist(done)
			return
		}
	}
}

// insist ends the program at once where somebody wants it a second time, and not by the same press.
func (g *guide) insist(done <-chan struct{}) {
	for stopped := time.Now(); ; {
		_, err := g.wait(done)
		switch {
		case errors.Is(err, errDone):
			return
		case err != nil && time.Since(stopped) > again:
			os.Exit(int(cli.Interrupted))
		}
		g.closed = g.closed || errors.Is(err, errClosed)
	}
}

// keepWindow waits for Enter where the program was perhaps double-clicked and its window would close with it.
func (g *guide) keepWindow(s cli.Streams) {
	if runtime.GOOS != "windows" || g.console == nil || g.closed {
		return
	}
	fmt.Fprint(s.Out, "\n"+g.words.Close)
	for {
		if _, err := g.line(); !errors.Is(err, errPressed) {
			return
		}
	}
}
