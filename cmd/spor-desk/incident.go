package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"spor/cmd/internal/cli"
	"spor/report/incident"
)

// incidentOptions are the flags of `spor-desk incident`.
type incidentOptions struct {
	format string
	lang   string
	schema bool
}

func incidentCommand(s cli.Streams) *cobra.Command {
	o := &incidentOptions{}
	cmd := &cobra.Command{
		Use:   "incident FORM",
		Short: "Check the form of an incident, and write it as YAML or JSON; --schema: its JSON Schema",
		Example: `  spor-desk incident form.yaml --lang nb
  spor-desk incident opened/incident.json --format yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runIncident(o, args, s) },
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "yaml", "yaml or json")
	f.StringVar(&o.lang, "lang", "en", "language of what is wrong with the form: is, nb or en")
	f.BoolVar(&o.schema, "schema", false, "write the form's JSON Schema")
	return cmd
}

func runIncident(o *incidentOptions, args []string, s cli.Streams) error {
	usage := func(err error) error { return cli.Fail(cli.Usage, "", err) }
	if err := language(o.lang); err != nil {
		return err
	}
	if o.schema {
		schema, err := incident.Schema()
		if err == nil {
			_, err = s.Out.Write(schema)
		}
		return err
	}
	if len(args) == 0 {
		return usage(errors.New("name the form, or ask for --schema"))
	}
	f, err := os.Open(args[0])
	if err != nil {
		return usage(err)
	}
	defer f.Close()
	in, err := incident.Read(args[0], f)
	if problems := incident.Problems(err); len(problems) > 0 {
		for _, p := range problems {
			fmt.Fprintln(s.Err, p.In(o.lang))
		}
		return cli.Fail(cli.Usage, "", nil)
	}
	if err != nil {
		return usage(err)
	}
	write := map[string]func() ([]byte, error){"yaml": in.YAML, "json": in.JSON}[o.format]
	if write == nil {
		return usage(fmt.Errorf("--format: %q is not yaml or json", o.format))
	}
	text, err := write()
	if err == nil {
		_, err = s.Out.Write(text)
	}
	return err
}
