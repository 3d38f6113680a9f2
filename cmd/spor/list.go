package main

import (
	"context"
	"encoding/json"
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
	"spor/artifacts/schema"
	"spor/build/kit"
	"spor/cmd/internal/cli"
	"spor/collect/host"
	"spor/collect/live"
	"spor/package/seal"
)

func listCommand(s cli.Streams) *cobra.Command {
	var asJSON bool
	var folders []string
	cmd := &cobra.Command{
		Use: "list", Short: "List the profiles, collectors and definitions of this build", Args: cobra.NoArgs, Example: "  spor list --json",
		RunE: func(*cobra.Command, []string) error {
			set, err := loadDefinitions(folders)
			if err != nil {
				return cli.Fail(cli.Usage, "", err)
			}
			return list(s.Out, set, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	cmd.Flags().StringArrayVar(&folders, "definitions", nil, "`folder` of more definitions")
	return cmd
}

// listed is one collector or definition.
type listed struct {
	Name     string         `json:"name"`
	Kind     string         `json:"kind"` // "collector" or "definition"
	Doc      string         `json:"doc"`
	OS       []artifacts.OS `json:"os,omitempty"`
	Order    string         `json:"order"`
	Profiles []string       `json:"profiles,omitempty"`
	Required bool           `json:"required,omitempty"`
	Secret   bool           `json:"secret,omitempty"`
}

func list(w io.Writer, set *schema.Set, asJSON bool) error {
	var all []listed
	add := func(kind string, collectors []*artifacts.Collector) {
		for _, c := range collectors {
			doc, _, _ := strings.Cut(c.Doc, "\n")
			all = append(all, listed{c.Name, kind, doc, c.OS, c.Order.String(), c.Profiles, c.Required, c.Secret})
		}
	}
	add("collector", live.All())
	add("collector", places())
	add("definition", schema.NewPlan(set, &artifacts.Host{}, schema.Options{}).All())
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(map[string]any{"profiles": artifacts.Profiles, "sources": all})
	}
	fmt.Fprintln(w, "Profiles:")
	for _, p := range artifacts.Profiles {
		fmt.Fprintf(w, "  %-12s %s\n", p.Name, p.Doc)
	}
	kind := ""
	for _, l := range all {
		if l.Kind != kind {
			kind = l.Kind
			fmt.Fprintf(w, "\n%s%ss:\n", strings.ToUpper(kind[:1]), kind[1:])
		}
		marks := ""
		if l.Required {
			marks += " required"
		}
		if l.Secret {
			marks += " secret"
		}
		fmt.Fprintf(w, "  %-36s %s [%s%s]\n", l.Name, l.Doc, strings.Join(l.Profiles, " "), marks)
	}
	return nil
}

func checkCommand(s cli.Streams) *cobra.Command {
	var onHost bool
	cmd := &cobra.Command{
		Use: "check FILE...", Short: "Do this kit, key or these definitions read, and what do they say; --host: what works here",
		Example: "  spor check spor.kit\n  spor check --host",
		RunE: func(cmd *cobra.Command, files []string) error {
			if onHost {
				return checkHost(cmd.Context(), s.Out)
			}
			if len(files) == 0 {
				return cli.Fail(cli.Usage, "spor check FILE... or spor check --host", errors.New("nothing to check"))
			}
			var all []error
			for _, name := range files {
				if err := checkFile(s.Out, name, time.Now()); err != nil {
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

// checkFile tells what a file is by its name and content: definitions, a public key, or a kit.
func checkFile(w io.Writer, name string, now time.Time) error {
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
		return checkKit(w, name, now)
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

func checkKit(w io.Writer, name string, now time.Time) error {
	data, err := readSmall(name)
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
	for _, u := range k.Upload {
		fmt.Fprintf(w, "  sends to   %s\n", u)
	}
	if _, err := targets(k.Upload, k.Token, k.Pin); err != nil {
		return err
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
	return nil
}

// checkHost says what works on this machine, in one page.
func checkHost(ctx context.Context, w io.Writer) error {
	h, err := host.Open(ctx)
	if err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	id := h.Identity
	fmt.Fprintf(w, "host      %s (%s, %s), %s\n", id.Hostname, id.OSName, id.Arch, id.Kernel)
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
		_, err := h.Files.ReadDir(r)
		says := "can be listed"
		if err != nil {
			says = err.Error()
		}
		fmt.Fprintf(w, "files     %s %s\n", r, says)
	}
	for _, c := range live.All() {
		if c.Supports(h.OS) {
			fmt.Fprintf(w, "collector %-12s %s\n", c.Name, c.Doc)
		}
	}
	return nil
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
