package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"spor/cmd/internal/cli"
	"spor/collect"
	"spor/package/bundle"
	"spor/package/seal"
)

// An abandoned bundle is one whose destination failed while it was written. Its finished volumes are as good as any.
type abandoned struct {
	Bundle  string   `json:"bundle"`
	At      string   `json:"at"` // a folder, or theStream
	Volumes []string `json:"volumes"`
	Reason  string   `json:"reason"`
}

// theStream is where a bundle goes that lies in no folder.
const theStream = "the stream"

func (a abandoned) String() string {
	kept := "no volume of it was finished"
	if len(a.Volumes) > 0 {
		kept = "kept: " + strings.Join(a.Volumes, " ")
	}
	return fmt.Sprintf("bundle %s at %s: %s; %s", a.Bundle, a.At, a.Reason, kept)
}

// run collects into a bundle and sends it. Where the destination fails, everything is collected anew into the next one.
// What was sealed into the torn volume is gone with it: a volume cannot be moved in the middle, for it is one message
// that was never kept, and to know what of it is safe one would have to read a disk that has just failed. To take it
// again costs time and loses nothing; the live state of the first attempt is in its own bundle, which is kept and named.
func (j *job) run(ctx context.Context) error {
	signer, err := seal.NewSigner("spor run key")
	if err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	places := j.places()
	var lost []abandoned
	for n, folder := range places {
		c := &collection{job: j, signer: signer, out: folder, base: j.baseName(), lost: lost}
		if n > 0 { // another bundle, whose volumes must not be taken for those of the first
			c.base += fmt.Sprintf("-%d", n+1)
			if err := j.choose(); err != nil {
				return err
			}
			j.view.restart()
		}
		rep, err := c.attempt(ctx)
		if err == nil {
			return c.conclude(rep)
		}
		if n+1 == len(places) || ctx.Err() != nil {
			return c.broken(err)
		}
		lost = c.abandon(err)
		_, said := c.explain(err)
		switch t, known := troubleOf(err); {
		case c.streams() && j.view.led(): // was told when it was not sent
		case known && !c.streams():
			j.view.note(t.key, said.Error(), folder)
		default:
			j.view.warn("%v", said)
		}
		j.view.note("anew", "everything is collected anew into "+places[n+1], places[n+1])
	}
	return nil
}

// places are where bundles go, in turn; the empty name is the stream.
func (j *job) places() []string {
	if j.opts.stream {
		return append([]string{""}, j.outs...)
	}
	return j.outs
}

func (c *collection) streams() bool { return c.out == "" }

// attempt collects into one place, to the end of the bundle; of a stream, to its arrival.
func (c *collection) attempt(ctx context.Context) (*collect.Report, error) {
	sending := ctx
	if c.streams() { // what an interrupted run has taken is nowhere but in memory: it is still sent
		sending = context.WithoutCancel(ctx)
		defer context.AfterFunc(ctx, func() {
			c.view.note("still", "what was taken up to here is still being sent; interrupt once more to end at once")
		})()
	}
	sending, c.stop = context.WithCancelCause(sending)
	c.outbox = newOutbox(c.view, c.targets, c.opts.patience)
	go c.outbox.run(sending)
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	rep, err := collect.Run(ctx, c.host, c.chosen, c.sink(), c.options())
	if err != nil {
		return rep, err
	}
	if err := c.finish(rep); err != nil {
		return rep, err
	}
	c.view.collected()
	c.outbox.close()
	if c.streams() && !c.outbox.wait() {
		return rep, errStream
	}
	return rep, nil
}

// store opens the place.
func (c *collection) store() (store bundle.Store, volumeSize int64, err error) {
	if c.streams() {
		size := int64(c.opts.volumeSize)
		return newMemory(c.outbox, size), size, nil
	}
	if c.place, err = newPlace(c.out, c.opts.silence, c.outbox); err != nil {
		return nil, 0, err
	}
	size, notes := c.volumeFor(c.place)
	for _, n := range notes {
		c.view.warn("%s", n)
	}
	return c.place, size, nil
}

// conclude says what came of a bundle that is whole, when what can be sent is sent.
func (c *collection) conclude(rep *collect.Report) error {
	sent := c.outbox.wait()
	code := verdict(rep, len(c.targets) > 0, sent)
	c.summary(rep, sent, code)
	if code == cli.OK {
		return nil
	}
	return cli.Fail(code, c.hint(code), nil)
}

// errAnew is why the volumes of an abandoned bundle are not sent any more: the next bundle holds all of it again.
var errAnew = errors.New("collected anew")

// abandon gives the bundle up for the next place, and adds it to those that were given up before.
func (c *collection) abandon(err error) []abandoned {
	c.stop(errAnew)
	<-c.outbox.done
	if c.writer == nil { // nothing was begun
		c.tidy()
		return c.lost
	}
	_ = c.writer.Abort() // the place has failed; what it says now is no news
	c.sorter.Close()
	return append(slices.Clip(c.lost), abandoned{
		Bundle: c.writer.Bundle(), At: cmp.Or(c.out, theStream), Volumes: c.finished(), Reason: err.Error(),
	})
}

// tidy takes away what could not even be begun.
func (c *collection) tidy() {
	if c.place != nil {
		_ = c.place.do(0, func() error { return os.Remove(filepath.Join(c.out, c.base+".001.tar.zst.pgp.part")) })
	}
}

// finished are the volumes of a bundle that has no end: the paths of those in the folder; of a stream, those that
// arrived, and where.
func (c *collection) finished() []string {
	if !c.streams() {
		return append([]string{}, c.place.finished...)
	}
	all := []string{}
	for name, at := range c.outbox.arrived() {
		all = append(all, name+" at "+strings.Join(at, ", "))
	}
	slices.Sort(all)
	return all
}

// explain says in words why the place failed, and what to do.
func (c *collection) explain(err error) (hint string, said error) {
	if c.streams() {
		return "name a folder that is used then with --out, or run again", err
	}
	return explain(c.out, err)
}

// broken is the end of a run without a whole bundle. What was finished stays, is sent where there is somebody to take
// it, and is named.
func (c *collection) broken(err error) error {
	hint, said := c.explain(err)
	if c.writer == nil {
		c.stop(errAnew)
		c.tidy()
		if t, known := troubleOf(err); len(c.lost) > 0 || known && t == diskFull {
			return cli.Fail(cli.Failed, hint, said)
		}
		return cli.Fail(cli.Usage, "name a folder that can be written to with --out, such as a USB stick", said)
	}
	_ = c.writer.Abort() // the place has failed; what it says now is no news
	c.sorter.Close()
	c.outbox.close()
	c.outbox.wait()
	defer c.stop(nil)
	if c.view.led() && !c.streams() {
		c.view.note("torn", "", c.out)
	}
	switch done := c.finished(); {
	case !c.streams():
		hint += "; spor-desk open --recover reads what was written up to here: " + filepath.Join(c.out, c.base+".*")
	case len(done) > 0:
		hint += "; spor-desk open --recover reads what arrived: " + strings.Join(done, " ")
	}
	for _, l := range c.lost {
		c.view.warn("before: %v", l)
	}
	return cli.Fail(cli.Failed, hint, said)
}

// manyVolumes are so many that they are named by one pattern.
const manyVolumes = 8

// words name the volumes for a person: each, or all by a pattern.
func (c *collection) words() []string {
	if len(c.volumes) <= manyVolumes {
		return c.paths()
	}
	return []string{filepath.Join(c.out, c.base+".*.tar.zst.pgp")}
}

// remaining is what is left of the time of the whole run, for an attempt that is not the first.
func (j *job) remaining(now time.Time) time.Duration {
	if j.opts.timeout == 0 {
		return 0
	}
	return max(j.opts.timeout-now.Sub(j.began), time.Second)
}
