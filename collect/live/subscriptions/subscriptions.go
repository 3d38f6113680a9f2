// Package subscriptions lists the permanent event subscriptions of WMI: a filter says when, a consumer what is done, and a
// binding joins them. Consumers that run command lines or scripts outlive every reboot and are no file (ATT&CK
// T1546.003). WMI's service is asked; where it does not answer, its repository (OBJECTS.DATA) is what is left, and is
// collected as a file.
package subscriptions

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"spor/artifacts"
	"spor/collect/live/target"
	"spor/collect/winapi"
	"spor/collect/winapi/wmi"
)

// Collector takes one Record for each filter, consumer and binding.
var Collector = &artifacts.Collector{
	Name:     "wmi-subscriptions",
	Doc:      "Permanent event subscriptions of WMI: filters, consumers with their command lines and scripts, bindings",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Needs:    artifacts.NeedsLive,
	Collect:  collect,
}

// A Record is one line of live/wmi-subscriptions.jsonl. What is empty is not known.
type Record struct {
	Kind      string        `json:"kind"` // "filter", "consumer", "binding"
	Namespace string        `json:"namespace"`
	Class     string        `json:"class"` // "CommandLineEventConsumer", …
	Name      string        `json:"name,omitempty"`
	Creator   string        `json:"creator,omitempty"`       // SID of whoever made it
	Query     string        `json:"query,omitempty"`         // of a filter
	Of        string        `json:"query_of,omitempty"`      // the namespace whose events it is about
	Command   string        `json:"command,omitempty"`       // of a consumer: command line, or the file that is started
	Script    string        `json:"script,omitempty"`        // its text
	Engine    string        `json:"script_engine,omitempty"` // "VBScript", "JScript"
	File      string        `json:"file,omitempty"`          // script or log that the consumer names
	Text      string        `json:"text,omitempty"`          // what is written or sent
	To        string        `json:"to,omitempty"`            // mail
	Filter    string        `json:"filter,omitempty"`        // of a binding
	Consumer  string        `json:"consumer,omitempty"`
	Bound     bool          `json:"bound,omitempty"`   // a binding names it: it is in force
	Ships     bool          `json:"ships,omitempty"`   // by name and content what Windows ships with
	Targets   []target.File `json:"targets,omitempty"` // of a consumer
}

// namespaces are where subscriptions are kept; any namespace can have some.
var namespaces = []string{`root\subscription`, `root\default`, `root\cimv2`}

// maxScript bounds what is kept of a script, in bytes.
const maxScript = 256 << 10

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	return gather(ctx, h, rec, wmi.Select)
}

func gather(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, ask wmi.Asker) error {
	files := target.New(ctx, h)
	answered := 0
	for _, namespace := range namespaces {
		all, err := one(ctx, namespace, ask)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			o := artifacts.Outcome{Path: artifacts.Path(namespace), Status: winapi.Status(err), Reason: err.Error() + "; the repository is collected as a file (OBJECTS.DATA)"}
			if errors.Is(err, fs.ErrNotExist) && namespace != namespaces[0] {
				o.Status = artifacts.Absent
			}
			rec.Note(o)
		default:
			answered++
		}
		if err == nil && len(all) == 0 {
			winapi.Say(rec, artifacts.Path(namespace), artifacts.Absent, "WMI answers, and has no subscription here")
		}
		join(all)
		for i := range all {
			if all[i].Command != "" {
				all[i].Targets = files.Command(all[i].Command, h.Environ)
			} else if all[i].File != "" {
				all[i].Targets = []target.File{files.Path(all[i].File, h.Environ)}
			}
			if err := rec.Record(all[i]); err != nil {
				return err
			}
		}
	}
	if answered == 0 {
		return errors.New("WMI tells no subscriptions; its repository is collected as a file (OBJECTS.DATA)")
	}
	return nil
}

// one reads a namespace. What was read before an error is given with it.
func one(ctx context.Context, namespace string, ask wmi.Asker) ([]Record, error) {
	var all []Record
	for _, k := range []struct {
		class string
		read  func(wmi.Row) Record
	}{{"__EventFilter", filter}, {"__EventConsumer", consumer}, {"__FilterToConsumerBinding", binding}} {
		rows, err := ask(ctx, namespace, k.class)
		for _, row := range rows {
			r := k.read(row)
			r.Namespace, r.Class = namespace, row.Text("__class")
			r.Name, r.Creator = row.Text("name"), sid(row.Bytes("creatorsid"))
			all = append(all, r)
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func filter(r wmi.Row) Record {
	return Record{Kind: "filter", Query: r.Text("query"), Of: r.Text("eventnamespace")}
}

func consumer(r wmi.Row) Record {
	c := Record{
		Kind: "consumer", Command: r.Text("commandlinetemplate"), Script: r.Text("scripttext"), Engine: r.Text("scriptingengine"),
		File: r.Text("scriptfilename"), Text: r.Text("text"), To: r.Text("toline"),
	}
	if program := r.Text("executablepath"); program != "" && !strings.Contains(strings.ToLower(c.Command), strings.ToLower(program)) {
		c.Command = strings.TrimSpace(`"` + program + `" ` + c.Command)
	}
	if c.File == "" {
		c.File = r.Text("filename") // of a log
	}
	if c.Text == "" {
		c.Text = r.Text("message")
	}
	if len(c.Script) > maxScript {
		c.Script = c.Script[:maxScript] + "…"
	}
	return c
}

func binding(r wmi.Row) Record {
	return Record{Kind: "binding", Filter: r.Text("filter"), Consumer: r.Text("consumer")}
}

// join marks what is in force, and what Windows ships with: one consumer that writes an event, its filter, and no other
// under their names.
func join(all []Record) {
	named := map[string]bool{} // by bindings
	for i := range all {
		if b := &all[i]; b.Kind == "binding" {
			named["filter"+referred(b.Filter)], named["consumer"+referred(b.Consumer)] = true, true
		}
	}
	for i := range all {
		r := &all[i]
		switch r.Bound = named[r.Kind+refer(r.Class, r.Name)]; r.Kind {
		case "filter":
			r.Ships = r.Name == "SCM Event Log Filter" && strings.EqualFold(r.Query, "select * from MSFT_SCMEventLogEvent")
		case "consumer":
			r.Ships = r.Name == "SCM Event Log Consumer" && r.Class == "NTEventLogEventConsumer"
		case "binding":
			r.Ships = referred(r.Filter) == refer("__EventFilter", "SCM Event Log Filter") && referred(r.Consumer) == refer("NTEventLogEventConsumer", "SCM Event Log Consumer")
		}
	}
}

// refer names an object by class and name as referred finds them in a reference to it.
func refer(class, name string) string { return strings.ToLower(class + "." + name) }

// referred gives the class and name of a reference, `\\.\root\subscription:__EventFilter.Name="x"`, in which backslash and
// quote have a backslash before them.
func referred(reference string) string {
	before, name, _ := strings.Cut(strings.ToLower(reference), `.name="`)
	class := before[strings.LastIndexAny(before, `:\`)+1:]
	return refer(class, strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(strings.TrimSuffix(name, `"`)))
}

// sid spells the bytes of a SID; empty where they are none.
func sid(b []byte) string {
	text, _ := winapi.SID(b)
	return text
}
