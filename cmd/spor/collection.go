package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"spor/artifacts"
	"spor/cmd/internal/cli"
	"spor/collect"
	"spor/detect"
	"spor/package/bundle"
	"spor/package/manifest"
	"spor/package/seal"
	"spor/timeline"
)

// Bounds of the events held on the host, in bytes. The rest is sealed under a key that never leaves memory, on the disk of
// the bundle; where there is none, it is dropped.
const (
	timelineMemory = 6 << 20
	streamedMemory = 24 << 20
)

// maxLog bounds the run's own log, in bytes.
const maxLog = 8 << 20

// A collection is a job with its bundle in the making.
type collection struct {
	*job
	signer  *seal.Signer
	out     string // folder; empty: the stream
	place   *place // of the folder
	base    string // of the volumes' names
	lost    []abandoned
	outbox  *outbox
	stop    context.CancelCauseFunc // of the outbox
	writer  *bundle.Writer
	sorter  *timeline.Sorter
	tap     artifacts.Sink
	detect  *detect.Detector
	log     boundedBuffer
	custody []manifest.Step
	volumes []manifest.Volume
	digest  string
}

// begin makes the output folder and the first volume: the first thing that is written at all.
func (c *collection) begin(ctx context.Context) error {
	store, size, err := c.store()
	if err != nil {
		return err
	}
	opts := bundle.Options{
		Case: c.caseID, TLP: c.tlp.String(), Host: c.host.Identity.Hostname, Started: c.began.UTC(),
		Recipients: c.recipients, Signer: c.signer, VolumeSize: size, Now: time.Now,
	}
	if !c.streams() {
		opts.Temp = func() (bundle.Temp, error) { return c.place.temp(c.out) }
	}
	w, err := bundle.NewWriter(store, c.base, opts)
	if err != nil {
		return err
	}
	c.writer = w
	if !c.streams() {
		c.host.Self = append(c.host.Self, artifacts.Path(filepath.Join(c.out, c.base+".")))
	}
	spill := timeline.SorterOptions{Memory: streamedMemory}
	if !c.streams() {
		spill = timeline.SorterOptions{Memory: timelineMemory, Dir: c.out, Temp: c.place.temp}
	}
	c.sorter = timeline.NewSorter(spill)
	name := c.host.Identity.Hostname
	c.detect = &detect.Detector{Host: name, Self: c.host.Self}
	c.tap = &detect.Tap{Detector: c.detect, Next: &timeline.Tap{
		Next: w, Formats: parsers(ctx, c.host), Packings: packings(), Add: c.sorter.Add, Host: name, Zone: timeline.Zone(c.host.Clock, c.zoneRules), Since: c.since,
	}}
	for _, l := range c.lost {
		c.step(c.operator, "collection begun anew", l.String())
	}
	c.step(c.operator, "collection started", "spor "+version+" "+strings.Join(c.opts.given, " "))
	facts := startFacts{
		Version: version, Case: c.caseID, Host: c.host.Identity.Hostname, System: c.host.Identity.OSName, Root: c.host.Root,
		Profiles: c.profiles, Sources: len(c.chosen), Signer: c.signer.Fingerprint, Bundle: w.Bundle(),
	}
	for _, r := range c.recipients {
		facts.Recipients = append(facts.Recipients, r.String())
	}
	c.view.start(facts)
	return nil
}

// zoneRules reads the rules of a time zone from the examined host's own files.
func (c *collection) zoneRules(name string) (*time.Location, error) {
	const dir, most = "/usr/share/zoneinfo/", 1 << 20
	if c.host.OS != artifacts.Linux || !fs.ValidPath(name) {
		return nil, fs.ErrNotExist
	}
	f, err := c.host.Files.Open(artifacts.Path(dir + name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, err
	}
	return time.LoadLocationFromTZData(name, data)
}

func (c *collection) step(who, what, detail string) {
	c.custody = append(c.custody, manifest.Step{Time: time.Now().UTC(), Who: who, What: what, Detail: detail})
}

func (c *collection) sink() artifacts.Sink { return c.tap }

func (c *collection) options() collect.Options {
	o := c.limits()
	o.Whole = c.remaining(time.Now())
	o.Log = slog.New(slog.NewJSONHandler(&c.log, nil))
	return o
}

// finish puts what the run itself has to say into the bundle, signs and closes it. It is done whatever ended the run.
func (c *collection) finish(rep *collect.Report) error {
	ctx := context.Background() // an interrupted run must still end in a valid bundle
	c.step(c.operator, "collection ended", completion(rep))
	if o := c.putTimeline(ctx); o != nil {
		rep.Outcomes.Add(*o)
		c.view.outcome(*o)
	}
	if err := c.putOwn(ctx); err != nil {
		return err
	}
	if facts := c.packed.facts(); facts != "" {
		c.step(c.operator, "samples locked", facts)
	}
	c.step(c.operator, "sealed and signed", "by run key "+c.signer.Fingerprint)
	var err error
	c.volumes, c.digest, err = c.writer.Close(&manifest.Manifest{
		Case: c.caseID, TLP: c.tlp.String(), Operator: c.operator, Tool: tool(), Host: c.host.Identity, Clock: c.host.Clock,
		Started: c.began.UTC(), Finished: time.Now().UTC(), Completion: completion(rep), Profiles: c.profiles,
		Options: c.opts.given, Custody: c.custody,
	}, rep.Outcomes.All())
	for _, v := range c.volumes {
		c.view.volume(c.path(v), v)
	}
	return err
}

func completion(rep *collect.Report) string {
	switch {
	case errors.Is(rep.Stopped, cli.ErrInterrupted):
		return "interrupted"
	case rep.Stopped != nil:
		return "limit"
	case len(rep.Gaps()) > 0:
		return "gaps"
	}
	return "complete"
}

// putTimeline stores the sorted events. What it could not hold is an outcome.
func (c *collection) putTimeline(ctx context.Context) *artifacts.Outcome {
	defer c.sorter.Close()
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.CloseWithError(writeEvents(c.detect.Events(c.sorter.Events()), w))
	}()
	// Its size is not known: to sort a million events twice costs more than to write one that is large in parts.
	stored, err := c.writer.Put(ctx, artifacts.Item{Name: "timeline.jsonl", Source: "timeline", Size: -1, Method: "parsed", Read: time.Now()}, r)
	r.Close()
	<-done
	err = errors.Join(err, stored.Cut)
	dropped, why := c.sorter.Dropped()
	if err == nil && dropped == 0 {
		return nil
	}
	o := &artifacts.Outcome{Source: "timeline", Status: artifacts.Truncated, Item: "timeline.jsonl"}
	if o.Reason = fmt.Sprintf("%d events had no room (%v); spor-desk timeline makes it anew from the evidence", dropped, why); err != nil {
		o.Reason = err.Error()
	}
	return o
}

// writeEvents writes lines of JSON, many at a time.
func writeEvents(events iter.Seq2[timeline.Event, error], w io.Writer) error {
	const many = 64 << 10
	lines := make([]byte, 0, many+many/4)
	for e, err := range events {
		if err != nil {
			return err
		}
		if lines = append(e.AppendJSON(lines), '\n'); len(lines) < many {
			continue
		}
		if _, err := w.Write(lines); err != nil {
			return err
		}
		lines = lines[:0]
	}
	_, err := w.Write(lines)
	return err
}

// putOwn stores the findings, the incident form and the log of the run.
func (c *collection) putOwn(ctx context.Context) error {
	findings, err := detect.WriteJSON(nil, c.detect.Findings())
	if err != nil {
		return err
	}
	if err := c.put(ctx, "findings.jsonl", findings); err != nil {
		return err
	}
	form, err := c.form().JSON()
	if err != nil {
		return err
	}
	if err := c.put(ctx, "incident.json", form); err != nil {
		return err
	}
	return c.put(ctx, "log.jsonl", c.log.Bytes())
}

func (c *collection) put(ctx context.Context, name string, data []byte) error {
	it := artifacts.Item{Name: name, Source: "spor", Size: int64(len(data)), Method: "made", Read: time.Now()}
	_, err := c.writer.Put(ctx, it, bytes.NewReader(data))
	return err
}

// path is where a volume lies; of a stream, its name alone.
func (c *collection) path(v manifest.Volume) string {
	if c.streams() {
		return v.Name
	}
	return filepath.Join(c.out, v.Name)
}

func (c *collection) paths() []string {
	list := make([]string, len(c.volumes))
	for i, v := range c.volumes {
		list[i] = c.path(v)
	}
	return list
}

func (c *collection) summary(rep *collect.Report, sent bool, code cli.Code) {
	f := summaryFacts{
		Bundle: c.writer.Bundle(), Volumes: c.paths(), words: c.words(), Items: rep.Items, Bytes: rep.Bytes, Gaps: rep.Gaps(),
		Outcomes: map[artifacts.Status]int{}, Digest: c.digest, Signer: c.signer.Fingerprint, Completion: completion(rep),
		Abandoned: c.lost, Samples: c.packed.facts(), Sent: sent, Seconds: time.Since(c.began).Seconds(), ExitCode: code, streamed: c.streams(),
	}
	arrived := c.outbox.arrived()
	for _, v := range c.volumes {
		f.Sealed += v.Size
		if len(arrived[v.Name]) > 0 {
			f.arrived++
		}
	}
	for o := range rep.Outcomes.All() {
		f.Outcomes[o.Status]++
	}
	c.view.summary(f)
}

// hint is the next step after a run that ended with the code.
func (c *collection) hint(code cli.Code) string {
	switch code {
	case cli.NotSent:
		return "the bundle is kept; send it later with: spor upload " + strings.Join(c.words(), " ")
	case cli.Interrupted:
		if c.streams() {
			return "what was taken up to here is a valid bundle, and was sent"
		}
		return "what was taken up to here is a valid bundle: " + strings.Join(c.words(), " ")
	}
	return ""
}

// boundedBuffer keeps the first maxLog bytes.
type boundedBuffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	dropped int // writes, each a line
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.b.Len()+len(p) <= maxLog {
		b.b.Write(p)
	} else {
		b.dropped++
	}
	return len(p), nil
}

// Bytes is what was kept, and at its end how many lines were not.
func (b *boundedBuffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := bytes.Clone(b.b.Bytes())
	if b.dropped > 0 {
		kept = fmt.Appendf(kept, `{"level":"WARN","msg":"log cut","lines_left_out":%d}`+"\n", b.dropped)
	}
	return kept
}
