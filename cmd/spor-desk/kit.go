package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spor/artifacts"
	"spor/build/kit"
	"spor/build/kit/instruction"
	"spor/cmd/internal/cli"
	"spor/package/seal"
	"spor/report/incident"
	"spor/upload/receive"
	"spor/upload/tus"
)

// kitOptions are the flags of `spor-desk kit`.
type kitOptions struct {
	recipients     []string
	upload         []string
	stream         bool
	token, pin     string
	store          string
	caseID         string
	agents         []string
	out            string
	signKey        string
	passphraseFile string
	profiles       []string
	tlp, lang      string
	contact        kit.Contact
	expires        string
	singleFile     bool
}

func kitCommand(s cli.Streams) *cobra.Command {
	o := &kitOptions{}
	cmd := &cobra.Command{
		Use:   "kit --recipient FILE... --case ID --agent FILE... --out DIR",
		Short: "Make a kit for a case: the unchanged agent, spor.kit, an instruction",
		Example: `  spor-desk kit --recipient keys/cert-public.asc --sign-key keys/cert-private.asc \
    --upload https://desk.example.org:8443/files/ --store store --case 2026-017 --agent spor.exe --out kit`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return runKit(o, s, time.Now()) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.recipients, "recipient", nil, "public key `file` to seal to; repeat for several")
	f.StringArrayVar(&o.upload, "upload", nil, "`URL` to send to; repeat for fall-backs")
	f.BoolVar(&o.stream, "stream", false, "let the agent send from memory and write nothing to a disk of the host")
	f.StringVar(&o.token, "token", "", "upload token of the case (spor-desk token new)")
	f.StringVar(&o.pin, "pin", "", "SHA-256 of the receiver's public key, as spor-desk receive prints it")
	f.StringVar(&o.store, "store", "", "the receiver's `folder` on this machine: takes the pin from it, and makes a token where none is given")
	f.StringVar(&o.caseID, "case", "", "case `id`")
	f.StringArrayVar(&o.agents, "agent", nil, "the agent's executable `file`, copied unchanged; repeat for several systems")
	f.StringVar(&o.out, "out", "", "new or empty `folder`")
	f.StringVar(&o.signKey, "sign-key", "", "the CERT's private key `file`, to sign the kit with")
	f.StringVar(&o.passphraseFile, "passphrase-file", "", "`file` with its passphrase on the first line")
	f.StringArrayVar(&o.profiles, "profile", nil, "what to take (default triage); repeat to add")
	f.StringVar(&o.tlp, "tlp", "", "clear, green, amber, amber+strict or red (default amber)")
	f.StringVar(&o.lang, "lang", "", "language the agent speaks: is, nb or en")
	f.StringVar(&o.contact.Name, "contact-name", "", "whom the person at the machine can reach")
	f.StringVar(&o.contact.Phone, "contact-phone", "", "telephone number")
	f.StringVar(&o.contact.Mail, "contact-mail", "", "mail address")
	f.BoolVar(&o.singleFile, "single-file", false, "put the kit into the executables; they are no longer the unchanged ones, and are to be signed after it, if at all")
	f.StringVar(&o.expires, "expires", "", "when the kit ends: a `time` or, as in 30d, how long it is valid")
	for _, required := range []string{"recipient", "case", "agent", "out"} {
		cmd.MarkFlagRequired(required)
	}
	return cmd
}

func runKit(o *kitOptions, s cli.Streams, now time.Time) error {
	k, words, err := o.kit(now)
	if err != nil {
		return err
	}
	var signer *seal.Signer
	if o.signKey != "" {
		key, err := openKey(s, o.signKey, o.passphraseFile)
		if err != nil {
			return err
		}
		if signer, err = key.Signer(); err != nil {
			return cli.Fail(cli.Key, "", err)
		}
	}
	data, err := kit.Write(k, signer)
	if err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	archive := filepath.Clean(o.out) + ".zip"
	if _, err := os.Lstat(archive); err == nil {
		return cli.Fail(cli.Usage, "name a folder that is not there yet", fmt.Errorf("%s is there already", archive))
	}
	root, err := newFolder(o.out)
	if err != nil {
		return cli.Fail(cli.Usage, "name a folder that is not there yet", err)
	}
	defer root.Close()
	inside := data
	if !o.singleFile {
		inside = nil
		if err := root.WriteFile("spor.kit", data, 0o600); err != nil {
			return cli.Fail(cli.Failed, "", err)
		}
	}
	windows, linux, err := copyAgents(root, o.agents, inside)
	if err != nil {
		return cli.Fail(cli.Usage, "", err)
	}
	var sheet bytes.Buffer
	if err := instruction.Write(&sheet, k, words, windows, linux); err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	if err := errors.Join(root.WriteFile("instruction.html", sheet.Bytes(), 0o644), zipFolder(archive, root)); err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	printKit(s, o, words, signer)
	return nil
}

// kit makes the kit of what was asked for, and says its recipients in words.
func (o *kitOptions) kit(now time.Time) (k kit.Kit, recipients []string, err error) {
	usage := func(err error) error { return cli.Fail(cli.Usage, "", err) }
	if err := receive.CheckCase(o.caseID); err != nil {
		return k, nil, usage(fmt.Errorf("case %q: %w", o.caseID, err))
	}
	if _, unknown := artifacts.ExpandProfiles(o.profiles); unknown != "" {
		return k, nil, usage(fmt.Errorf("no profile is called %q", unknown))
	}
	tlp, err := incident.ParseTLP(cmp.Or(o.tlp, "amber"))
	if err != nil {
		return k, nil, usage(err)
	}
	if o.lang != "" {
		if err := language(o.lang); err != nil {
			return k, nil, err
		}
	}
	if o.stream && len(o.upload) == 0 {
		return k, nil, cli.Fail(cli.Usage, "name where to with --upload URL, or leave --stream out", errors.New("--stream has nowhere to send to"))
	}
	k = kit.Kit{
		Case: o.caseID, Upload: o.upload, Stream: o.stream, Token: o.token, Pin: o.pin, Profiles: o.profiles, TLP: tlp.String(), Language: o.lang,
		Contact: o.contact, Made: now.UTC().Truncate(time.Second),
	}
	if o.expires != "" {
		if k.Expires, err = expiry(o.expires, now); err != nil {
			return k, nil, usage(err)
		}
	}
	for _, name := range o.recipients {
		data, err := os.ReadFile(name)
		if err != nil {
			return k, nil, usage(err)
		}
		found, err := seal.ReadRecipients(bytes.NewReader(data), now)
		if err != nil {
			return k, nil, usage(fmt.Errorf("recipient %s: %w", name, err))
		}
		for _, r := range found {
			armored, err := r.Armor()
			if err != nil {
				return k, nil, usage(err)
			}
			k.Recipients, recipients = append(k.Recipients, armored), append(recipients, r.String())
		}
	}
	if o.store != "" {
		err = o.fromStore(&k)
	}
	if err == nil && k.Pin != "" {
		if _, pinErr := tus.ParsePin(k.Pin); pinErr != nil {
			err = usage(fmt.Errorf("--pin: %w", pinErr))
		}
	}
	return k, recipients, err
}

func (o *kitOptions) fromStore(k *kit.Kit) error {
	if k.Pin == "" {
		_, pin, err := receive.Certificate(o.store)
		if err != nil {
			return cli.Fail(cli.Usage, "", fmt.Errorf("store: %w", err))
		}
		k.Pin = pin
	}
	if k.Token != "" {
		return nil
	}
	token, err := newToken(o.store, k.Case, k.Expires)
	k.Token = token
	return err
}

// expiry is a moment, or how long from now.
func expiry(text string, now time.Time) (time.Time, error) {
	back, err := cli.ParseSince(text, now)
	if err != nil {
		return back, fmt.Errorf("--expires: %w", err)
	}
	if back.Before(now) && !strings.Contains(text, "-") { // it was a duration
		return now.Add(now.Sub(back)).UTC().Truncate(time.Second), nil
	}
	if back.Before(now) {
		return back, fmt.Errorf("--expires: %s is past", text)
	}
	return back, nil
}

// copyAgents copies the executables as they are, for a changed byte would break their signatures; or with a kit inside.
func copyAgents(root *os.Root, agents []string, inside []byte) (windows, linux string, err error) {
	for _, name := range agents {
		base := filepath.Base(name)
		if err := copyAgent(root, base, name, inside); err != nil {
			return "", "", err
		}
		if strings.EqualFold(filepath.Ext(base), ".exe") {
			windows = base
		} else {
			linux = base
		}
	}
	return windows, linux, nil
}

func copyAgent(root *os.Root, to, from string, inside []byte) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	var tail []byte
	if inside != nil {
		st, err := in.Stat()
		if err != nil {
			return err
		}
		if tail, err = kit.Carry(in, st.Size(), inside); err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
	}
	out, err := root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.MultiReader(in, bytes.NewReader(tail)))
	return errors.Join(err, out.Close())
}

// zipFolder packs a folder as it is handed out, under its own name: one file to send.
func zipFolder(archive string, root *os.Root) (err error) {
	f, err := os.OpenFile(archive, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	z := zip.NewWriter(f)
	defer func() { err = errors.Join(err, z.Close(), f.Close()) }()
	folder := strings.TrimSuffix(filepath.Base(archive), ".zip")
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return zipFile(z, folder, root, name)
	})
}

func zipFile(z *zip.Writer, folder string, root *os.Root, name string) error {
	in, err := root.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return err
	}
	header, err := zip.FileInfoHeader(st)
	if err != nil {
		return err
	}
	header.Name, header.Method = folder+"/"+name, zip.Deflate
	out, err := z.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return err
}

func printKit(s cli.Streams, o *kitOptions, recipients []string, signer *seal.Signer) {
	fmt.Fprintf(s.Out, "kit          %s\nto send      %s.zip\ncase         %s\n", o.out, filepath.Clean(o.out), o.caseID)
	for _, r := range recipients {
		fmt.Fprintf(s.Out, "sealed to    %s\n", r)
	}
	if signer == nil {
		fmt.Fprintln(s.Err, "spor-desk: warning: the kit is not signed; --sign-key signs it")
		return
	}
	fmt.Fprintf(s.Out, "signed by    %s\n", cli.Groups(signer.Fingerprint))
}
