package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spor/artifacts"
	"spor/artifacts/schema"
	"spor/build/kit"
	"spor/cmd/internal/cli"
	"spor/collect"
	"spor/collect/host"
	"spor/collect/live"
	"spor/package/seal"
	"spor/upload"
)

func checkCommand(s cli.Streams) *cobra.Command {
	var onHost bool
	cmd := &cobra.Command{
		Use: "check [FILE...]", Short: "Say whether kits, keys and definitions read, and what is in them; --host: what works here",
		Example: "  spor check spor.kit\n  spor check --host",
		RunE: func(cmd *cobra.Command, files []string) error {
			if onHost {
				return checkHost(cmd.Context(), s.Out)
			}
			if len(files) == 0 {
				own, err := ownKit()
				if err != nil {
					return err
				}
				files = []string{own}
			}
			var all []error
			for _, name := range files {
				if err := checkFile(cmd.Context(), s.Out, name, time.Now()); err != nil {
					all = append(all, fmt.Errorf("%s: %w", name, err))
				}
			}
			if err := errors.Join(all...); err != nil {
				return cli.Fail(cli.Usage, "", err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&onHost, "host", false, "what works on this machine, in one page")
	return cmd
}

// ownKit is the kit that a run would take.
func ownKit() (string, error) {
	_, name, err := kitFile("")
	if err == nil && name == "" {
		err = errors.New("nothing to check: there is no kit here")
	}
	if err != nil {
		return "", cli.Fail(cli.Usage, "spor check FILE... or spor check --host", err)
	}
	return name, nil
}

// checkFile tells what a file is by its name and content: definitions, a public key, or a kit.
func checkFile(ctx context.Context, w io.Writer, name string, now time.Time) error {
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	var set *schema.Set
	switch ext := strings.ToLower(filepath.Ext(name)); {
	case st.IsDir():
		set, err = schema.Load(os.DirFS(name))
	case ext == ".yaml" || ext == ".yml":
		set, err = schema.Load(oneFile{os.DirFS(filepath.Dir(name)), filepath.Base(name)})
	default:
		return checkKit(ctx, w, name, now)
	}
	if set != nil {
		fmt.Fprintf(w, "%s: %d definitions\n", name, len(set.All()))
	}
	return err
}

// oneFile is a folder in which only one file is seen.
type oneFile struct {
	fs.FS
	name string
}

// ReadDir lists the one file.
func (o oneFile) ReadDir(dir string) ([]fs.DirEntry, error) {
	st, err := fs.Stat(o.FS, o.name)
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(st)}, nil
}

func checkKit(ctx context.Context, w io.Writer, name string, now time.Time) error {
	data, err := carried(name)
	if data == nil && err == nil {
		data, err = readSmall(name)
	}
	if err != nil {
		return err
	}
	if keys, err := seal.ReadRecipients(strings.NewReader(string(data)), now); err == nil {
		for _, k := range keys {
			fmt.Fprintf(w, "%s: can be sealed to: %s\n", name, k)
		}
		return nil
	} else if !errors.Is(err, seal.ErrNotKey) {
		return err
	}
	k, signer, err := kit.Read(data, certKey, now)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: kit for case %s, made %s\n", name, k.Case, k.Made.Format(time.RFC3339))
	keys, err := recipients(nil, k, now)
	if err != nil {
		return err
	}
	for _, r := range keys {
		fmt.Fprintf(w, "  seals to   %s\n", r)
	}
	fmt.Fprintf(w, "  takes      %s, marked %s\n", strings.Join(firstOf(k.Profiles, []string{artifacts.DefaultProfile}), " "), cmp.Or(k.TLP, "TLP:AMBER"))
	if k.Contact != (kit.Contact{}) {
		fmt.Fprintf(w, "  contact    %s\n", strings.Join(strings.Fields(k.Contact.Name+" "+k.Contact.Phone+" "+k.Contact.Mail), " "))
	}
	if k.Stream {
		fmt.Fprintln(w, "  streams    from memory: nothing is written to a disk of the host")
	}
	if k.Pin != "" {
		fmt.Fprintf(w, "  trusts     only the server key with SHA-256 %s\n", k.Pin)
	}
	if !k.Expires.IsZero() {
		fmt.Fprintf(w, "  valid to   %s\n", k.Expires.Format(time.RFC3339))
	}
	if signer == "" {
		fmt.Fprintln(w, "  NOT signed: who made it is not certain")
	} else {
		fmt.Fprintf(w, "  signed by  %s\n", cli.Groups(signer))
	}
	return checkTargets(ctx, w, k)
}

// checkTargets asks each destination of a kit whether it would take a bundle. One is enough.
func checkTargets(ctx context.Context, w io.Writer, k *kit.Kit) error {
	all, err := targets(k.Upload, k.Token, k.Pin)
	if err != nil {
		return err
	}
	var refusals []error
	for _, t := range all {
		ctx, cancel := context.WithTimeout(ctx, trialSource)
		err := t.check(ctx)
		cancel()
		if err != nil {
			refusals = append(refusals, fmt.Errorf("sending to %s: %w", t.url, err))
			fmt.Fprintf(w, "  sends to   %s: NOT NOW: %v\n", t.url, err)
			continue
		}
		fmt.Fprintf(w, "  sends to   %s: would take it\n", t.url)
	}
	if len(refusals) < len(all) {
		return nil
	}
	return errors.Join(refusals...)
}

// check asks a destination that can be asked.
func (t target) check(ctx context.Context) error {
	if c, ok := t.Destination.(upload.Checker); ok {
		return c.Check(ctx)
	}
	return nil
}

// Bounds of a trial on the host.
const (
	trialFile   = 1 << 20 // bytes read of one file: enough to know that it can be read
	trialSource = 20 * time.Second
	trialWhole  = 3 * time.Minute
)

// checkHost tries on this machine what a triage needs, keeps nothing of it, and says in one page what works.
func checkHost(ctx context.Context, w io.Writer) error {
	h, err := host.Open(ctx)
	if err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	id := h.Identity
	fmt.Fprintf(w, "host      %s (%s, %s), %s\n", id.Hostname, id.OSName, id.Arch, id.Kernel)
	fmt.Fprintf(w, "program   spor %s\n", version)
	fmt.Fprintf(w, "clock     %s, %s\n", h.Clock.Now.UTC().Format(time.RFC3339), syncWords(h.Clock))
	rights := "full rights"
	if !h.Root {
		rights = "NOT administrator or root: much cannot be read"
	}
	fmt.Fprintf(w, "rights    %s\naccounts  %d\n", rights, len(h.Users))
	for _, o := range h.Limits {
		fmt.Fprintf(w, "limit     %s: %s %s\n", o.Source, o.Status, o.Reason)
	}
	for _, r := range h.Files.Roots() {
		says := "can be listed"
		if _, err := h.Files.ReadDir(r); err != nil {
			says = err.Error()
		}
		fmt.Fprintf(w, "files     %s %s\n", r, says)
	}
	trials, err := try(ctx, h)
	if err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	for _, t := range trials {
		fmt.Fprintln(w, t)
	}
	return nil
}

// A trial is what came of one source.
type trial struct {
	source          string
	records, files  int
	methods         []string // how content was had
	absent, refused int
	took            time.Duration
	reason          string // of the first thing that could not be had
}

// works puts the trial into one word.
func (t *trial) works() string {
	switch got := t.records + t.files; {
	case got > 0 && t.refused == 0:
		return "works"
	case got > 0:
		return "partly"
	case t.refused > 0:
		return "FAILS"
	}
	return "nothing"
}

func (t *trial) String() string {
	var line strings.Builder
	fmt.Fprintf(&line, "%-9s %-36s", t.works(), t.source)
	for _, part := range []struct {
		n    int
		what string
	}{{t.records, "records"}, {t.files, "files"}, {t.absent, "absent"}, {t.refused, "not had"}} {
		if part.n > 0 {
			fmt.Fprintf(&line, " %d %s,", part.n, part.what)
		}
	}
	fmt.Fprintf(&line, " %d ms", t.took.Milliseconds())
	if len(t.methods) > 0 {
		line.WriteString(", by " + strings.Join(t.methods, " and "))
	}
	if t.reason != "" {
		line.WriteString(": " + t.reason)
	}
	return line.String()
}

// try runs the live collectors of a triage and the definitions it requires.
func try(ctx context.Context, h *artifacts.Host) ([]*trial, error) {
	set, err := loadDefinitions(nil)
	if err != nil {
		return nil, err
	}
	plan := schema.NewPlan(set, h, schema.Options{})
	needed := slices.DeleteFunc(plan.All(), func(c *artifacts.Collector) bool { return !c.Required })
	chosen, err := schema.Choose(slices.Concat(live.All(), needed), h.OS, schema.Selection{Set: set})
	if err != nil {
		return nil, err
	}
	sink := trials{}
	rep, err := collect.Run(ctx, h, plan.Collectors(chosen), sink, collect.Options{
		PerSource: trialSource, Whole: trialWhole, MaxFile: trialFile, Withhold: plan.Withhold,
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	for o := range rep.Outcomes.All() {
		sink.of(o.Source).became(o)
	}
	var all []*trial
	for _, r := range rep.Sources {
		t := sink.of(r.Source)
		t.took = r.Took
		all = append(all, t)
	}
	return all, nil
}

func (t *trial) became(o artifacts.Outcome) {
	switch o.Status {
	case artifacts.Absent:
		t.absent++
	case artifacts.Denied, artifacts.Failed:
		t.refused++
		if t.reason == "" {
			t.reason = strings.TrimSpace(string(o.Path) + " " + o.Reason)
		}
	}
}

// trials is a sink that counts what it is given and keeps nothing.
type trials map[string]*trial

func (s trials) of(source string) *trial {
	if s[source] == nil {
		s[source] = &trial{source: source}
	}
	return s[source]
}

// Put counts the lines of a collector's own records, and files.
func (s trials) Put(_ context.Context, it artifacts.Item, r io.Reader) (artifacts.Stored, error) {
	t := s.of(it.Source)
	var count lines
	size, err := io.Copy(&count, r)
	if it.Origin == "" && strings.HasSuffix(it.Name, ".jsonl") {
		t.records += int(count)
	} else {
		t.files++
		if it.Method != "" && !slices.Contains(t.methods, it.Method) {
			t.methods = append(t.methods, it.Method)
		}
	}
	return artifacts.Stored{Name: it.Name, Size: size, Cut: err}, nil
}

// lines counts the line feeds written to it.
type lines int

func (n *lines) Write(b []byte) (int, error) {
	*n += lines(bytes.Count(b, []byte{'\n'}))
	return len(b), nil
}

func syncWords(c artifacts.Clock) string {
	switch {
	case c.Synchronized == nil:
		return "whether it is synchronised is not known"
	case *c.Synchronized:
		return "synchronised"
	}
	return "NOT synchronised"
}
