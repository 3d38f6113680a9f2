package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"spor/artifacts"
	"spor/cmd/internal/cli"
	"spor/collect"
	"spor/collect/image"
	"spor/package/bundle"
	"spor/package/sample"
)

// collectOptions are the flags of `spor collect`.
type collectOptions struct {
	recipients  []string
	kit         string
	profiles    []string
	secrets     bool
	only, skip  []string
	definitions []string
	take        []string
	samples     []string
	root        string
	image       string
	shadows     bool
	out         []string
	upload      []string
	noUpload    bool
	stream      bool
	patience    time.Duration
	token, pin  string
	caseID      string
	incident    string
	operator    string
	tlp         string
	since       string
	volumeSize  cli.Size
	maxFile     cli.Size
	maxTotal    cli.Size
	timeout     time.Duration
	perSource   time.Duration
	silence     time.Duration
	lowImpact   bool
	dryRun      bool
	json        bool
	quiet       bool
	verbose     bool

	samplePassword, sampleCipher string

	given []string // what was given on the command line or by the environment, for the custody record
}

// elsewhere tells whether something else than the running host is examined.
func (o *collectOptions) elsewhere() bool { return o.root != "" || o.image != "" }

// gave tells whether the option stood on the command line or in the environment, which then goes before the kit.
func (o *collectOptions) gave(name string) bool {
	return slices.ContainsFunc(o.given, func(g string) bool { return strings.HasPrefix(g, "--"+name+"=") })
}

// How long one source may take. With --stream it may wait for the network meanwhile, which must not cost evidence.
const (
	defaultPerSource = 15 * time.Minute
	streamPerSource  = 4 * time.Hour
)

// How long others may not answer: a receiver, a disk or network folder that is written to.
const (
	defaultPatience = 10 * time.Minute
	defaultSilence  = 5 * time.Minute
)

// defaults are the options that nobody gave.
func defaults() *collectOptions {
	return &collectOptions{
		volumeSize: bundle.DefaultVolume, maxFile: 4 << 30, perSource: defaultPerSource, patience: defaultPatience, silence: defaultSilence,
		samplePassword: sample.DefaultPassword, sampleCipher: string(sample.AES256),
	}
}

func collectCommand(s cli.Streams) *cobra.Command {
	o := defaults()
	cmd := &cobra.Command{
		Use:   "collect",
		Short: "Collect, seal and (with a kit or --upload) send; never asks",
		Long: `Collect, seal and (with a kit or --upload) send; never asks.

Finished volumes are sent while the next is written. With --stream nothing is
written to any disk of this host: volumes of 16 MiB are kept in memory until
they are sent, and collecting waits where sending is slower. What is over the
memory of the timeline is left out of it, and said; the desk makes it anew.

When --out fails (full, pulled, read-only, silent), or with --stream no receiver takes
the volumes any more, the collection begins anew on the next --out, so that
nothing of the torn volume is missing. Both bundles are kept and named.

Each option can be set by the environment too, --out by SPOR_OUT: an option goes
before the environment, and that before the kit.`,
		Example: `  spor collect --recipient cert-public.asc --out E:\ --case 2026-017
  spor collect --recipient cert-public.asc --stream --upload https://cert.example.org/files/ --out E:\
  spor collect --sample C:\Users\anna\Downloads\invoice.exe --out E:\ --out F:\
  SPOR_KIT=/mnt/usb/spor.kit spor collect --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.given = given(cmd.Flags())
			return runCollect(cmd.Context(), o, s)
		},
	}
	collectFlags(cmd.Flags(), o)
	cmd.MarkFlagsMutuallyExclusive("root", "image")
	return cmd
}

// collectFlags are the options by name. The guided run takes them from the environment.
func collectFlags(f *pflag.FlagSet, o *collectOptions) {
	f.StringArrayVar(&o.recipients, "recipient", nil, "OpenPGP public key `file` to seal to; repeat for several")
	f.StringVar(&o.kit, "kit", "", "the kit `file` (default: the one inside the program, else spor.kit beside it)")
	f.StringArrayVar(&o.profiles, "profile", nil, "`name` of what to take: volatile, triage (default), ransomware, webserver, full, memory; repeat to add")
	f.BoolVar(&o.secrets, "include-secrets", false, "also password hashes, private keys, credential stores")
	f.StringArrayVar(&o.only, "only", nil, "definitions or collectors by `name` or glob, instead of a profile; none: only what --take names")
	f.StringArrayVar(&o.skip, "skip", nil, "definitions or collectors to leave out, by `name` or glob; repeat")
	f.StringArrayVar(&o.definitions, "definitions", nil, "`folder` of more ForensicArtifacts definitions; the same name replaces ours")
	f.StringArrayVar(&o.take, "take", nil, "also take the file, folder or glob at this `path` of the host; repeat")
	f.BoolVar(&o.shadows, "shadow-copies", false, "also take what differs in the existing shadow copies of Windows, as of when they were made; none is created")
	f.StringArrayVar(&o.samples, "sample", nil, "malware: take the file, folder or glob at this `path` into a locked zip inside the bundle")
	f.StringVar(&o.samplePassword, "sample-password", o.samplePassword, "`password` of that zip; it accompanies the report and is no secret")
	f.StringVar(&o.sampleCipher, "sample-cipher", o.sampleCipher, "`way` that zip is locked: aes256, or zipcrypto, which unzip opens too")
	f.StringVar(&o.root, "root", "", "examine this mounted disk or `folder` instead of the running host")
	f.StringVar(&o.image, "image", "", "examine this disk image `file` ("+image.Formats+") instead of the running host")
	f.StringArrayVar(&o.out, "out", nil, "`folder` the bundle is written to (default: beside the program); repeat: the next is used when one fails")
	f.StringArrayVar(&o.upload, "upload", nil, "`URL` to send to: https://…, file:///…; repeat for fall-backs")
	f.BoolVar(&o.noUpload, "no-upload", false, "keep the bundle for a later spor upload")
	f.BoolVar(&o.stream, "stream", false, "write nothing to a disk: send from memory (sources may then take 4h)")
	f.DurationVar(&o.patience, "patience", o.patience, "how long to try again at a receiver that does not answer")
	f.StringVar(&o.token, "token", "", "upload `token` (better by SPOR_TOKEN or the kit: command lines are seen by others)")
	f.StringVar(&o.pin, "pin", "", "`SHA-256` of the receiver's public key, which alone is trusted then")
	f.StringVar(&o.caseID, "case", "", "`id` of the case, such as 2026-017 (default: the kit's)")
	f.StringVar(&o.incident, "incident", "", "the incident form, answered (YAML or JSON `file`)")
	f.StringVar(&o.operator, "operator", "", "`name` of who collects (default: the account)")
	f.StringVar(&o.tlp, "tlp", "", "traffic light `mark`: clear, green, amber, amber+strict or red (default amber)")
	f.StringVar(&o.since, "since", "", "only what changed since a `time` or for a duration: 2026-11-20, 7d, 36h")
	f.Var(&o.volumeSize, "volume-size", "most bytes of one file of the bundle; with --stream 16 MiB, at most 32 MiB")
	f.Var(&o.maxFile, "max-file", "most bytes taken of one file; 0: no limit")
	f.Var(&o.maxTotal, "max-total", "most bytes taken in all")
	f.DurationVar(&o.timeout, "timeout", 0, "longest time for the whole run, such as 2h")
	f.DurationVar(&o.perSource, "source-timeout", o.perSource, "longest time for one source; 0: no limit")
	f.DurationVar(&o.silence, "disk-timeout", o.silence, "longest time a disk or network folder that is written to may not answer; 0: no limit")
	f.BoolVar(&o.lowImpact, "low-impact", false, "background priority for processor and disk")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be taken and how much it is; write nothing")
	f.BoolVar(&o.json, "json", false, "JSON lines on stdout, one object each")
	f.BoolVar(&o.quiet, "quiet", false, "say only where the bundle is, and what is wrong")
	f.BoolVar(&o.verbose, "verbose", false, "say what became of each file")
}

// noArguments refuses what stands alone on the line: more often than not a file that was to be taken.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return cli.Fail(cli.Usage, "a file to take is named with --take, a folder to write to with --out", fmt.Errorf("%q does not belong to an option", args[0]))
}

// runCollect is the unattended collection, from what was asked for to the exit code.
func runCollect(ctx context.Context, o *collectOptions, s cli.Streams) error {
	job, err := prepare(o, time.Now())
	if err != nil {
		return err
	}
	job.view = newView(s, o)
	return job.collect(ctx)
}

// collect does what was prepared.
func (j *job) collect(ctx context.Context) error {
	o := j.opts
	if !o.elsewhere() {
		release, alone, err := onlyOne()
		if err != nil {
			return cli.Fail(cli.Failed, "", err)
		}
		if !alone {
			return cli.Fail(cli.Running, "wait for it, or end it", errors.New("another run is active on this host"))
		}
		defer release()
	}
	for _, w := range j.warnings {
		j.view.warn("%s", w)
	}
	if o.lowImpact {
		if err := lowImpact(); err != nil {
			j.view.warn("low impact: %v", err)
		}
	}
	if err := j.open(context.WithoutCancel(ctx)); err != nil { // an interrupted run ends in a valid bundle, however early
		return err
	}
	if err := j.choose(); err != nil {
		return err
	}
	if o.dryRun {
		return j.dryRun(ctx)
	}
	return j.run(ctx)
}

// verdict is the exit code of a collection whose bundle is good.
func verdict(rep *collect.Report, wantSent, sent bool) cli.Code {
	switch {
	case errors.Is(rep.Stopped, cli.ErrInterrupted):
		return cli.Interrupted
	case wantSent && !sent:
		return cli.NotSent
	case len(rep.Gaps()) > 0 || rep.Stopped != nil:
		return cli.Gaps
	}
	return cli.OK
}

// dryRun walks and looks, but reads nothing and writes nothing.
func (j *job) dryRun(ctx context.Context) error {
	var files, bytes int64
	sizes := map[string][2]int64{}
	var order []string
	opts := j.limits()
	opts.Dry = true
	opts.Watch.Outcome = func(o artifacts.Outcome) {
		if o.Reason == collect.DryRun && o.Path != "" {
			if _, known := sizes[o.Source]; !known {
				order = append(order, o.Source)
			}
			sizes[o.Source] = [2]int64{sizes[o.Source][0] + 1, sizes[o.Source][1] + o.Bytes}
			files, bytes = files+1, bytes+o.Bytes
		}
		j.view.outcome(o)
	}
	rep, err := collect.Run(ctx, j.host, j.chosen, nil, opts)
	if err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	if !j.opts.json {
		j.view.clear()
		for _, name := range order {
			fmt.Fprintf(j.view.out, "%8d files %10s  %s\n", sizes[name][0], cli.Bytes(sizes[name][1]), name)
		}
		fmt.Fprintf(j.view.out, "%8d files %10s  in all, of %d sources; nothing was read or written\n", files, cli.Bytes(bytes), len(j.chosen))
	} else {
		j.view.emit("summary", map[string]any{"dry_run": true, "files": files, "bytes": bytes, "sources": len(j.chosen)})
	}
	if errors.Is(rep.Stopped, cli.ErrInterrupted) {
		return cli.Fail(cli.Interrupted, "", nil)
	}
	return nil
}
