package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"spor/artifacts"
	"spor/artifacts/definitions"
	"spor/artifacts/registered"
	"spor/artifacts/schema"
	"spor/artifacts/shadow"
	"spor/build/kit"
	"spor/cmd/internal/cli"
	"spor/collect"
	"spor/collect/host"
	"spor/collect/image"
	"spor/collect/live"
	"spor/package/bundle"
	"spor/package/manifest"
	"spor/package/seal"
	"spor/report/incident"
	"spor/upload"
	"spor/upload/deadline"
)

// A job is one collection: what was asked for, checked, and what it has come to.
type job struct {
	opts       *collectOptions
	began      time.Time
	kit        *kit.Kit // nil: none
	recipients []seal.Recipient
	targets    []target
	set        *schema.Set
	profiles   []string
	outs       []string // folders, absolute, in the order they are used
	caseID     string
	operator   string
	tlp        incident.TLP
	incident   *incident.Incident // nil: none
	since      time.Time
	warnings   []string

	view   *view
	host   *artifacts.Host
	plan   *schema.Plan
	guard  func(artifacts.Path) string // of places that settings name; nil: none
	chosen []*artifacts.Collector
	packed *samples // nil: no samples were named
}

// prepare reads and checks all that was asked for. It touches nothing of the host and writes nothing.
func prepare(o *collectOptions, now time.Time) (*job, error) {
	if err := nameless(o); err != nil {
		return nil, err
	}
	j := &job{opts: o, began: now}
	k, signer, err := loadKit(o.kit, now)
	if err != nil {
		return nil, err
	}
	if j.kit = k; k == nil {
		k = &kit.Kit{}
	} else if signer == "" {
		j.warnings = append(j.warnings, "the kit is not signed: who made it is not certain")
	}
	if j.recipients, err = recipients(o.recipients, j.kit, now); err != nil {
		return nil, err
	}
	usage := func(err error) error { return cli.Fail(cli.Usage, "", err) }
	j.profiles = firstOf(o.profiles, k.Profiles, []string{artifacts.DefaultProfile})
	if _, unknown := artifacts.ExpandProfiles(j.profiles); unknown != "" {
		return nil, cli.Fail(cli.Usage, "spor list shows the profiles", fmt.Errorf("no profile is called %q", unknown))
	}
	if o.caseID != "" && k.Case != "" && o.caseID != k.Case {
		return nil, cli.Fail(cli.Usage, "ask the CERT for a kit of this case, or leave --case out", fmt.Errorf("the kit is for case %s, not %s", k.Case, o.caseID))
	}
	j.caseID = cmp.Or(o.caseID, k.Case, "nocase")
	if !caseName.MatchString(j.caseID) {
		return nil, usage(fmt.Errorf("case %q: a case id is 1 to 64 of A-Z a-z 0-9 . _ -, and does not begin with . or -", j.caseID))
	}
	if j.tlp, err = incident.ParseTLP(cmp.Or(o.tlp, k.TLP, "amber")); err != nil {
		return nil, usage(err)
	}
	if o.since != "" {
		if j.since, err = cli.ParseSince(o.since, now); err != nil {
			return nil, usage(fmt.Errorf("--since: %w", err))
		}
	}
	if int64(o.volumeSize) < bundle.MinVolume {
		return nil, usage(fmt.Errorf("--volume-size: the least is %s", cli.Bytes(bundle.MinVolume)))
	}
	if err := j.readIncident(o.incident); err != nil {
		return nil, usage(err)
	}
	if j.set, err = loadDefinitions(o.definitions); err != nil {
		return nil, usage(err)
	}
	j.operator = cmp.Or(o.operator, account())
	if err := checkSamples(o); err != nil {
		return nil, err
	}
	if !o.noUpload {
		if j.targets, err = targetsWithin(firstOf(o.upload, k.Upload), cmp.Or(o.token, k.Token), cmp.Or(o.pin, k.Pin), o.silence); err != nil {
			return nil, err
		}
	}
	if err := j.checkStream(); err != nil {
		return nil, err
	}
	if j.outs, err = outFolders(o.out, o.stream, o.silence); err != nil {
		return nil, cli.Fail(cli.Usage, "name a folder that can be written to with --out, such as a USB stick", err)
	}
	return j, nil
}

// nameless refuses options that name a file or a place and are empty, which is what a script makes of a variable that is
// not set: no root would be the running host, nothing to take all of it.
func nameless(o *collectOptions) error {
	empty := func(option string) error {
		return cli.Fail(cli.Usage, "is a variable of a script not set? leave the option out where it is not wanted", errors.New("--"+option+" names nothing"))
	}
	for _, list := range []struct {
		option string
		values []string
	}{{"recipient", o.recipients}, {"definitions", o.definitions}, {"take", o.take}, {"sample", o.samples}, {"out", o.out}} {
		if slices.Contains(list.values, "") {
			return empty(list.option)
		}
	}
	for _, option := range []string{"kit", "root", "image", "incident"} {
		if slices.Contains(o.given, "--"+option+"=") {
			return empty(option)
		}
	}
	return nil
}

var caseName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$`)

func firstOf(lists ...[]string) []string {
	for _, l := range lists {
		if len(l) > 0 {
			return l
		}
	}
	return nil
}

func (j *job) readIncident(name string) error {
	if name == "" {
		return nil
	}
	data, err := readSmall(name)
	if err != nil {
		return fmt.Errorf("incident: %w", err)
	}
	if j.incident, err = incident.Read(name, bytes.NewReader(data)); err != nil {
		return fmt.Errorf("incident: %w", err)
	}
	return nil
}

// loadDefinitions reads ours and the folders that were named. A bad definition is an error: it must be found before the
// deployment, not in the evidence.
func loadDefinitions(folders []string) (*schema.Set, error) {
	own, err := definitions.Load()
	if err != nil {
		return nil, fmt.Errorf("built-in definitions: %w", err)
	}
	sets := []*schema.Set{own}
	for _, dir := range folders {
		set, err := schema.Load(os.DirFS(dir))
		if err != nil {
			return nil, fmt.Errorf("definitions in %s: %w", dir, err)
		}
		sets = append(sets, set)
	}
	set := schema.Merge(sets...)
	return set, set.Check()
}

func account() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// shortSilence is how long a folder is waited for only to refuse it early. Whether it can be written to is seen later.
const shortSilence = 10 * time.Second

// outFolders gives the absolute paths of the bundle's folders: those named, else the program's own, unless the bundle is
// streamed.
func outFolders(names []string, stream bool, silence time.Duration) ([]string, error) {
	if len(names) == 0 && !stream {
		exe, err := os.Executable()
		if err != nil {
			return nil, err
		}
		names = []string{filepath.Dir(exe)}
	}
	var all []string
	for _, name := range names {
		dir, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		var st fs.FileInfo
		guard := deadline.Guard{Wait: min(silence, shortSilence)}
		if err := guard.Do(context.Background(), 0, func() (err error) {
			st, err = os.Stat(dir)
			return err
		}); err == nil && !st.IsDir() {
			return nil, fmt.Errorf("%s is not a folder", dir)
		}
		all = append(all, dir)
	}
	return all, nil
}

// open opens the host, or the folder or image that stands for one.
func (j *job) open(ctx context.Context) error {
	var err error
	switch {
	case j.opts.image != "":
		j.host, err = image.Disk(j.opts.image)
	case j.opts.root != "":
		j.host, err = image.Folder(j.opts.root)
	default:
		j.host, err = host.Open(ctx)
	}
	if err != nil {
		code := cli.Failed
		if j.opts.elsewhere() {
			code = cli.Usage
		}
		return cli.Fail(code, "", err)
	}
	j.guard = registered.Guard(ctx, j.host)
	return nil
}

// choose picks the collectors.
func (j *job) choose() error {
	o := j.opts
	j.plan = schema.NewPlan(j.set, j.host, schema.Options{Secrets: o.secrets, Take: paths(o.take)})
	all := slices.Concat(live.All(), j.plan.All(), places())
	chosen, err := schema.Choose(all, j.host.OS, schema.Selection{
		Profiles: j.profiles, Only: o.only, Skip: o.skip, Set: j.set,
	})
	if err != nil {
		return cli.Fail(cli.Usage, "spor list shows the names", err)
	}
	if o.shadows {
		chosen = append(chosen, shadow.Files(j.set, chosen, schema.Options{Secrets: o.secrets}))
	}
	j.packed = j.newSamples()
	j.chosen = j.packed.among(j.plan.Collectors(chosen))
	return nil
}

// withhold tells why a path is not to be taken: a definition, or a setting of the host, says that passwords are there.
func (j *job) withhold(p artifacts.Path) string {
	why := j.plan.Withhold(p)
	if why == "" && j.guard != nil {
		why = j.guard(p)
	}
	return why
}

func (j *job) limits() collect.Options {
	o := j.opts
	return collect.Options{
		PerSource: o.perSource, Whole: o.timeout, MaxFile: int64(o.maxFile), MaxTotal: int64(o.maxTotal), Since: j.since,
		Secrets: o.secrets, Withhold: j.withhold, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Watch: collect.Watcher{Begin: j.view.begin, Outcome: j.view.outcome},
	}
}

// baseName is CASE-HOST-TIME: what the bundle's files are called, in letters that every system and receiver takes. The
// time is to the microsecond, for many hosts of one name (localhost) may be started in the same second.
func (j *job) baseName() string {
	return fmt.Sprintf("%s-%s-%s", j.caseID, j.plainHost(), j.began.UTC().Format("20060102T150405.000000Z"))
}

func (j *job) plainHost() string {
	hostname := strings.Trim(notPlain.ReplaceAllString(j.host.Identity.Hostname, "-"), "-.")
	return cmp.Or(hostname[:min(len(hostname), 48)], "host")
}

var notPlain = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// send tries the targets in turn until one has given a receipt for every volume.
func send(ctx context.Context, v *view, to []target, files []string, patience time.Duration) bool {
	o := newOutbox(v, to, patience)
	for _, name := range files {
		o.add(&parcel{Source: upload.File(name)})
	}
	o.close()
	o.run(ctx)
	return o.wait()
}

// tool describes this program, with the hash of the very file that runs.
func tool() manifest.Tool {
	t := manifest.Tool{Name: "spor", Version: version, Commit: commit, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	exe, err := os.Executable()
	if err != nil {
		return t
	}
	f, err := os.Open(exe)
	if err != nil {
		return t
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err == nil {
		t.SHA256 = hex.EncodeToString(h.Sum(nil))
	}
	return t
}

// given lists the options of a run for the custody record; tokens are left out.
func given(flags *pflag.FlagSet) []string {
	list := []string{}
	flags.Visit(func(f *pflag.Flag) {
		value := f.Value.String()
		if f.Name == "token" {
			value = "(left out)"
		}
		list = append(list, "--"+f.Name+"="+value)
	})
	return list
}
