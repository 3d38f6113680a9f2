package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"spor/artifacts"
	"spor/cmd/internal/cli"
	"spor/collect"
	"spor/detect"
	"spor/package/bundle"
	"spor/package/manifest"
	"spor/package/seal"
	"spor/timeline"
	"spor/timeline/formats"
)

// timelineMemory bounds the events held on the host, in bytes; the rest is sealed under a key that never leaves memory.
const timelineMemory = 24 << 20

// maxLog bounds the run's own log, in bytes.
const maxLog = 8 << 20

// A collection is a job with its bundle in the making.
type collection struct {
	*job
	signer  *seal.Signer
	base    string
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
func (c *collection) begin() error {
	if err := os.MkdirAll(c.out, 0o700); err != nil {
		return cli.Fail(cli.Usage, "name a folder that can be written to with --out, such as a USB stick", err)
	}
	w, err := bundle.NewWriter(bundle.Folder(c.out), c.base, bundle.Options{
		Case: c.caseID, TLP: c.tlp.String(), Host: c.host.Identity.Hostname, Started: c.began.UTC(),
		Recipients: c.recipients, Signer: c.signer, VolumeSize: int64(c.opts.volumeSize), Now: time.Now,
	})
	if err != nil {
		return c.cannotBegin(err)
	}
	c.writer = w
	c.host.Self = append(c.host.Self, artifacts.Path(filepath.Join(c.out, c.base+".")))
	c.sorter = timeline.NewSorter(timeline.SorterOptions{Memory: timelineMemory, Dir: c.out})
	name := c.host.Identity.Hostname
	c.detect = &detect.Detector{Host: name, Self: c.host.Self}
	c.tap = &detect.Tap{Detector: c.detect, Next: &timeline.Tap{
		Next: w, Formats: formats.All(), Add: c.sorter.Add, Host: name, Zone: timeline.Zone(c.host.Clock, c.zoneRules),
	}}
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

// cannotBegin tells a folder that cannot be written to from one that is full. Nothing was taken yet.
func (c *collection) cannotBegin(err error) error {
	os.Remove(filepath.Join(c.out, c.base+".001.tar.zst.pgp.part"))
	if isFull(err) {
		return cli.Fail(cli.Failed, "make room, or name another folder with --out", fmt.Errorf("the disk is full: %w", err))
	}
	return cli.Fail(cli.Usage, "name a folder that can be written to with --out, such as a USB stick", err)
}

func (c *collection) step(who, what, detail string) {
	c.custody = append(c.custody, manifest.Step{Time: time.Now().UTC(), Who: who, What: what, Detail: detail})
}

func (c *collection) sink() artifacts.Sink { return c.tap }

func (c *collection) options() collect.Options {
	o := c.limits()
	o.Log = slog.New(slog.NewJSONHandler(&c.log, nil))
	return o
}

// finish puts what the run itself has to say into the bundle, signs and closes it. It is done whatever ended the run.
func (c *collection) finish(rep *collect.Report) error {
	ctx := context.Background() // an interrupted run must still end in a valid bundle
	c.step(c.operator, "collection ended", completion(rep))
	if o := c.putTimeline(ctx); o != nil {
		rep.Outcomes = append(rep.Outcomes, *o)
		c.view.outcome(*o)
	}
	if err := c.putOwn(ctx); err != nil {
		return err
	}
	c.step(c.operator, "sealed and signed", "by run key "+c.signer.Fingerprint)
	var err error
	c.volumes, c.digest, err = c.writer.Close(&manifest.Manifest{
		Case: c.caseID, TLP: c.tlp.String(), Operator: c.operator, Tool: tool(), Host: c.host.Identity, Clock: c.host.Clock,
		Started: c.began.UTC(), Finished: time.Now().UTC(), Completion: completion(rep), Profiles: c.profiles,
		Options: c.opts.given, Custody: c.custody, Outcomes: rep.Outcomes,
	})
	for _, v := range c.volumes {
		c.view.volume(filepath.Join(c.out, v.Name), v)
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
	size, err := writeEvents(c.detect.Events(c.sorter.Events()), io.Discard) // once for the size and the findings
	if err == nil {
		r, w := io.Pipe()
		go func() {
			_, err := writeEvents(c.sorter.Events(), w)
			w.CloseWithError(err)
		}()
		var stored artifacts.Stored
		stored, err = c.writer.Put(ctx, artifacts.Item{Name: "timeline.jsonl", Source: "timeline", Size: size, Method: "parsed", Read: time.Now()}, r)
		err = errors.Join(err, stored.Cut)
	}
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

func writeEvents(events iter.Seq2[timeline.Event, error], w io.Writer) (int64, error) {
	var n int64
	var line []byte
	for e, err := range events {
		if err != nil {
			return n, err
		}
		line = append(e.AppendJSON(line[:0]), '\n')
		m, err := w.Write(line)
		if n += int64(m); err != nil {
			return n, err
		}
	}
	return n, nil
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
	if c.incident != nil {
		data, err := json.MarshalIndent(c.incident, "", "  ")
		if err != nil {
			return err
		}
		if err := c.put(ctx, "incident.json", append(data, '\n')); err != nil {
			return err
		}
	}
	return c.put(ctx, "log.jsonl", c.log.Bytes())
}

func (c *collection) put(ctx context.Context, name string, data []byte) error {
	it := artifacts.Item{Name: name, Source: "spor", Size: int64(len(data)), Method: "made", Read: time.Now()}
	_, err := c.writer.Put(ctx, it, bytes.NewReader(data))
	return err
}

// broken is the end of a run whose bundle can no longer be written. What was finished stays and is named.
func (c *collection) broken(err error) error {
	abortErr := c.writer.Abort()
	hint := "spor-desk open --recover reads what was written up to here: " + filepath.Join(c.out, c.base+".*")
	if isFull(err) {
		err = fmt.Errorf("the disk of %s is full: %w", c.out, err)
		hint = "run again with --out on a larger disk; " + hint
	}
	return cli.Fail(cli.Failed, hint, errors.Join(err, abortErr))
}

func isFull(err error) bool {
	const windowsDiskFull, windowsHandleDiskFull = syscall.Errno(112), syscall.Errno(39)
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, windowsDiskFull) && os.PathSeparator == '\\' ||
		errors.Is(err, windowsHandleDiskFull) && os.PathSeparator == '\\'
}

func (c *collection) paths() []string {
	list := make([]string, len(c.volumes))
	for i, v := range c.volumes {
		list[i] = filepath.Join(c.out, v.Name)
	}
	return list
}

func (c *collection) summary(rep *collect.Report, sent bool, code cli.Code) {
	f := summaryFacts{
		Bundle: c.writer.Bundle(), Volumes: c.paths(), Items: rep.Items, Bytes: rep.Bytes, Gaps: rep.Gaps(),
		Outcomes: map[artifacts.Status]int{}, Digest: c.digest, Signer: c.signer.Fingerprint, Completion: completion(rep),
		Sent: sent, Seconds: time.Since(c.began).Seconds(), ExitCode: code,
	}
	for _, v := range c.volumes {
		f.Sealed += v.Size
	}
	for _, o := range rep.Outcomes {
		f.Outcomes[o.Status]++
	}
	c.view.summary(f)
}

// hint is the next step after a run that ended with the code.
func (c *collection) hint(code cli.Code) string {
	switch code {
	case cli.NotSent:
		return "the bundle is kept; send it later with: spor upload " + strings.Join(c.paths(), " ")
	case cli.Interrupted:
		return "what was taken up to here is a valid bundle: " + strings.Join(c.paths(), " ")
	}
	return ""
}

// boundedBuffer keeps the first maxLog bytes.
type boundedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.b.Len()+len(p) <= maxLog {
		b.b.Write(p)
	}
	return len(p), nil
}

// Bytes is what was kept.
func (b *boundedBuffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.b.Bytes())
}
