package subscriptions

import (
	"context"
	"io/fs"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/collect/live/livetest"
	"spor/collect/winapi/wmi"
)

var rows = map[string][]wmi.Row{
	`root\subscription __EventFilter`: {
		{"__class": "__EventFilter", "name": "SCM Event Log Filter", "query": "select * from MSFT_SCMEventLogEvent", "eventnamespace": `root\cimv2`},
		{"__class": "__EventFilter", "name": "Updater", "query": "SELECT * FROM __InstanceModificationEvent WITHIN 60", "creatorsid": []byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0}},
	},
	`root\subscription __EventConsumer`: {
		{"__class": "NTEventLogEventConsumer", "name": "SCM Event Log Consumer"},
		{"__class": "CommandLineEventConsumer", "name": "Updater", "commandlinetemplate": `cmd.exe /c C:\Users\Public\x.exe`},
		{"__class": "CommandLineEventConsumer", "name": "Loose", "executablepath": `C:\Users\Public\x.exe`, "commandlinetemplate": "-a"},
		{"__class": "ActiveScriptEventConsumer", "name": "Script", "scripttext": strings.Repeat("x", maxScript+9), "scriptingengine": "VBScript"},
	},
	`root\subscription __FilterToConsumerBinding`: {
		{"__class": "__FilterToConsumerBinding", "filter": `__EventFilter.Name="SCM Event Log Filter"`, "consumer": `NTEventLogEventConsumer.Name="SCM Event Log Consumer"`},
		{"__class": "__FilterToConsumerBinding", "filter": `\\HOST\root\subscription:__EventFilter.Name="Updater"`, "consumer": `CommandLineEventConsumer.Name="updater"`},
	},
}

func TestGather(t *testing.T) {
	rec := &livetest.Recorder{}
	h := &artifacts.Host{OS: artifacts.Windows, Live: true, Environ: map[string]string{"systemroot": `C:\Windows`}, Files: livetest.Drives{`C:\Users\Public\x.exe`: "x"}}
	err := gather(t.Context(), h, rec, func(_ context.Context, namespace, class string) ([]wmi.Row, error) {
		if namespace == `root\default` {
			return nil, fs.ErrNotExist
		}
		return rows[namespace+" "+class], nil
	})
	if err != nil || len(rec.Records) != 8 {
		t.Fatalf("%v, %d records", err, len(rec.Records))
	}
	want := []string{"filter SCM ships bound", "filter Updater bound", "consumer SCM ships bound", "consumer Updater bound", "consumer Loose", "consumer Script", "binding ships", "binding"}
	for i, v := range rec.Records {
		r := v.(Record)
		name, _, _ := strings.Cut(r.Name, " ")
		got := strings.TrimSpace(r.Kind + " " + name)
		if r.Ships {
			got += " ships"
		}
		if r.Bound {
			got += " bound"
		}
		if got != want[i] {
			t.Errorf("record %d is %q, want %q: %+v", i, got, want[i], r)
		}
	}
	if r := rec.Records[1].(Record); r.Creator != "S-1-5-32-544" {
		t.Errorf("creator %q", r.Creator)
	}
	if r := rec.Records[3].(Record); len(r.Targets) != 2 || r.Targets[1].SHA256 == "" {
		t.Errorf("targets %+v", r.Targets)
	}
	if r := rec.Records[4].(Record); r.Command != `"C:\Users\Public\x.exe" -a` {
		t.Errorf("command %q", r.Command)
	}
	if r := rec.Records[5].(Record); len(r.Script) > maxScript+3 {
		t.Errorf("script of %d bytes", len(r.Script))
	}
	if len(rec.Notes) != 2 || rec.Notes[0].Status != artifacts.Absent || rec.Notes[1].Status != artifacts.Absent {
		t.Errorf("notes %+v", rec.Notes)
	}
}

func TestNoAnswer(t *testing.T) {
	rec := &livetest.Recorder{}
	err := gather(t.Context(), &artifacts.Host{}, rec, func(context.Context, string, string) ([]wmi.Row, error) { return nil, fs.ErrPermission })
	if err == nil || len(rec.Notes) != len(namespaces) || rec.Notes[0].Status != artifacts.Denied || !strings.Contains(rec.Notes[0].Reason, "OBJECTS.DATA") {
		t.Errorf("%v, %+v", err, rec.Notes)
	}
}
