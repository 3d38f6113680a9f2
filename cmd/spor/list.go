package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"spor/artifacts"
	"spor/artifacts/schema"
	"spor/cmd/internal/cli"
	"spor/collect/live"
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
