package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"time"

	"spor/artifacts"
	"spor/artifacts/schema"
	"spor/cmd/internal/cli"
	"spor/collect"
	"spor/package/sample"
)

// A samples collector packs what the operator called malware into the locked zip inside the bundle, so that it never
// lies plainly in an opened folder. What it was given, no other source takes.
type samples struct {
	name    string // of the zip in the bundle
	opts    sample.Options
	maxFile int64 // bytes; zero: no limit
	secrets bool
	dry     bool
	now     func() time.Time
	parts   []*artifacts.Collector // they find the files: the walk, and what the operator named

	mu    sync.Mutex              // a collector that was left behind may still come
	named map[artifacts.Path]bool // what was found; true: it is in the zip
}

// sampleRecord is a line of live/sample.jsonl: what a file of the zip was on the host.
type sampleRecord struct {
	Zip    string          `json:"zip"`
	Path   artifacts.Path  `json:"path"`
	Times  artifacts.Times `json:"times,omitzero"`
	UID    string          `json:"uid,omitempty"`
	GID    string          `json:"gid,omitempty"`
	Mode   uint32          `json:"mode,omitempty"`
	Method string          `json:"method"` // how it was read
	sample.Sample
}

// checkSamples settles how samples are to be locked, before anything is touched.
func checkSamples(o *collectOptions) error {
	if _, err := sample.ParseCipher(o.sampleCipher); err != nil {
		return cli.Fail(cli.Usage, "", fmt.Errorf("--sample-cipher: %w", err))
	}
	if err := sample.CheckPassword(o.samplePassword); err != nil {
		return cli.Fail(cli.Usage, "", fmt.Errorf("--sample-password: %w", err))
	}
	return nil
}

// newSamples makes the collector of what --sample names; nil: nothing is.
func (j *job) newSamples() *samples {
	o := j.opts
	if len(o.samples) == 0 {
		return nil
	}
	plan := schema.NewPlan(j.set, j.host, schema.Options{Secrets: o.secrets, Take: paths(o.samples)})
	language := ""
	if j.kit != nil {
		language = j.kit.Language
	}
	return &samples{
		name:    "samples/" + sample.Name(j.caseID+"-"+j.plainHost(), language),
		opts:    sample.Options{Password: o.samplePassword, Cipher: sample.Cipher(o.sampleCipher)},
		maxFile: int64(o.maxFile), secrets: o.secrets, dry: o.dryRun, now: time.Now,
		parts: plan.Collectors(plan.All()[:1]),
		named: map[artifacts.Path]bool{},
	}
}

func paths(list []string) []artifacts.Path {
	all := make([]artifacts.Path, len(list))
	for i, p := range list {
		all[i] = artifacts.Path(p)
	}
	return all
}

// among puts the collector of samples before all others that take files, and keeps those from what it has taken.
func (s *samples) among(chosen []*artifacts.Collector) []*artifacts.Collector {
	if s == nil {
		return chosen
	}
	first := &artifacts.Collector{
		Name: "sample", Doc: "What the operator called malware, in a locked zip", Order: artifacts.Walk, Required: true, Collect: s.collect,
	}
	all := []*artifacts.Collector{first}
	for _, c := range chosen {
		other := *c
		other.Collect = func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
			return c.Collect(ctx, h, apart{rec, s})
		}
		all = append(all, &other)
	}
	return all
}

// apart is the Recorder of all others: what belongs in the zip they do not take.
type apart struct {
	artifacts.Recorder
	samples *samples
}

func (a apart) Take(ctx context.Context, p artifacts.Path) error {
	named, packed := a.samples.has(p)
	switch {
	case packed:
		a.Note(artifacts.Outcome{Path: p, Status: artifacts.Collected, Reason: "as a sample, locked in the zip", Item: a.samples.name})
		return nil
	case named:
		a.Note(artifacts.Outcome{Path: p, Status: artifacts.Skipped, Reason: "is a sample, to be taken into the locked zip alone"})
		return nil
	}
	return a.Recorder.Take(ctx, p)
}

func (s *samples) has(p artifacts.Path) (named, packed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	packed, named = s.named[p]
	return named, packed
}

func (s *samples) mark(p artifacts.Path, packed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.named[p] = packed
}

// finder is the Recorder of the collectors that find the samples: it keeps the paths.
type finder struct {
	artifacts.Recorder
	paths []artifacts.Path
}

func (f *finder) Take(_ context.Context, p artifacts.Path) error {
	f.paths = append(f.paths, p)
	return nil
}

func (s *samples) collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	found := &finder{Recorder: rec}
	for _, c := range s.parts {
		if err := c.Collect(ctx, h, found); err != nil {
			return err
		}
	}
	if s.dry {
		for _, p := range found.paths {
			if err := rec.Take(ctx, p); err != nil {
				return err
			}
		}
		return nil
	}
	for _, p := range found.paths {
		s.mark(p, false)
	}
	if len(found.paths) == 0 {
		return nil
	}
	return s.put(ctx, h.Files, found.paths, rec)
}

// put stores the zip while it is packed, and then tells what is in it.
func (s *samples) put(ctx context.Context, files artifacts.Files, found []artifacts.Path, rec artifacts.Recorder) error {
	r, w := io.Pipe()
	done := make(chan packing, 1)
	go func() {
		p := packing{samples: s, files: files}
		w.CloseWithError(p.all(ctx, slices.Compact(found), w))
		done <- p
	}()
	err := rec.Put(ctx, artifacts.Item{Name: s.name, Size: -1, Method: "made", Read: s.now()}, r)
	r.CloseWithError(errors.New("the bundle takes no more")) // the packer must not wait for ever
	if err != nil {
		return err
	}
	select {
	case p := <-done:
		for _, o := range p.notes {
			rec.Note(o)
		}
		for i := range p.records {
			s.mark(p.records[i].Path, true)
			if err := rec.Record(p.records[i]); err != nil {
				return err
			}
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// packing is the zip in the making.
type packing struct {
	*samples
	files   artifacts.Files
	zip     *sample.Writer
	records []sampleRecord
	notes   []artifacts.Outcome
}

// all writes the zip. Its error means that the zip is not whole.
func (p *packing) all(ctx context.Context, found []artifacts.Path, w io.Writer) (err error) {
	if p.zip, err = sample.NewWriter(w, p.opts); err != nil {
		return err
	}
	for _, path := range found {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := p.one(path); err != nil {
			return err
		}
	}
	return p.zip.Close()
}

func (p *packing) note(path artifacts.Path, status artifacts.Status, reason string) {
	p.notes = append(p.notes, artifacts.Outcome{Path: path, Status: status, Reason: reason})
}

// one packs one file, or notes why it cannot be.
func (p *packing) one(path artifacts.Path) error {
	st, err := p.files.Lstat(path)
	switch {
	case err != nil:
		p.note(path, statusOf(err), err.Error())
		return nil
	case st.Kind == artifacts.Symlink:
		p.note(path, artifacts.Skipped, "is a link; name the file it leads to")
		return nil
	case st.Kind != artifacts.Regular && st.Kind != artifacts.Unknown:
		p.note(path, artifacts.Skipped, fmt.Sprintf("is a %s; only files are read", st.Kind))
		return nil
	}
	f, err := p.files.Open(path)
	if err != nil {
		p.note(path, statusOf(err), err.Error())
		return nil
	}
	defer f.Close()                                 // read only
	head, _ := io.ReadAll(io.LimitReader(f, 1<<10)) // an error comes again when it is read to the end
	if !p.secrets && collect.HoldsKey(head) {
		p.note(path, artifacts.Skipped, "holds a private key: taken only with --include-secrets")
		return nil
	}
	r := io.MultiReader(bytes.NewReader(head), f)
	if p.maxFile > 0 {
		r = io.LimitReader(r, p.maxFile)
	}
	packed, err := p.zip.Add(path.String(), st.Times.Modified, r)
	if err != nil {
		return err
	}
	p.records = append(p.records, sampleRecord{
		Zip: p.name, Path: path, Times: st.Times, UID: st.UID, GID: st.GID, Mode: uint32(st.Mode), Method: f.Method(), Sample: packed,
	})
	p.notes = append(p.notes, p.outcome(path, st, packed))
	return nil
}

// outcome says what became of a file that is in the zip.
func (p *packing) outcome(path artifacts.Path, st artifacts.Stat, packed sample.Sample) artifacts.Outcome {
	o := artifacts.Outcome{Path: path, Status: artifacts.Collected, Item: p.name, Bytes: packed.Size}
	o.Reason = fmt.Sprintf("locked in the zip as %s; sha256 %s", packed.Name, packed.SHA256)
	switch {
	case packed.Cut != "":
		o.Status, o.Reason = artifacts.Truncated, packed.Cut+"; "+o.Reason
	case p.maxFile > 0 && st.Size > p.maxFile:
		o.Status, o.Reason = artifacts.Truncated, fmt.Sprintf("is %d bytes long; the limit is %d; %s", st.Size, p.maxFile, o.Reason)
	}
	return o
}

func statusOf(err error) artifacts.Status {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return artifacts.Denied
	case errors.Is(err, artifacts.ErrNotRegular):
		return artifacts.Skipped
	}
	return artifacts.Failed
}

// facts say what is in the zip and how it opens; empty: there is none.
func (s *samples) facts() string {
	if s == nil {
		return ""
	}
	files := 0
	s.mu.Lock()
	for _, packed := range s.named {
		if packed {
			files++
		}
	}
	s.mu.Unlock()
	if files == 0 {
		return ""
	}
	c, _ := sample.ParseCipher(string(s.opts.Cipher)) // was checked before the run
	return fmt.Sprintf("%s, %s, password %s, files: %d", s.name, c, s.opts.Password, files)
}
