package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"spor/report/incident"
)

// A person sits at a program: reads what it shows, and types.
type person struct {
	t     *testing.T
	shown func() string // all that was shown up to now
	key   func(keys string)
	read  int // of what was shown
}

// until waits for a text after what was read before.
func (p *person) until(text string) {
	p.t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		all := p.shown()
		if at := strings.Index(all[min(p.read, len(all)):], text); at >= 0 {
			p.read += at + len(text)
			return
		}
	}
	p.t.Fatalf("no %q after\n%s", text, p.shown())
}

// types answers the next prompts, one after the other.
func (p *person) types(answers ...string) {
	p.t.Helper()
	for _, a := range answers {
		p.until("\n> ")
		p.key(a + "\n")
	}
}

// one is the environment of a run that takes little, so that the tests are short.
func one(out string) []string {
	return []string{"SPOR_ONLY=clock", "SPOR_OUT=" + out, "LANG=C.UTF-8", "TERM=xterm"}
}

// A speaker is what a test of a language types and reads.
type speaker struct {
	lang, number                    string
	more, understood, wrong, signer string
	yes, about, back, done, begin   string
	close                           string
	description                     string
}

var spoken = []speaker{
	{"is", "1", "áfram", "Skilið sem: ", "er ekki netfang", "Undirritunarlykill:", "já", "um ", "t", "LOKIÐ.", "ÞETTA ER LESIÐ", "Ýtið á Enter", "Skrár opnast ekki. Þórður sá það fyrst, ætli æði?"},
	{"nb", "2", "start", "Forstått: ", "er ikke en e-postadresse", "Signaturnøkkel:", "ja", "ca. ", "tilbake", "FERDIG.", "DETTE LESES", "Trykk Enter", "Filene åpnes ikke. Kåre så det først, på Ærøy."},
	{"en", "3", "go", "Understood: ", "is not a mail address", "Signer:", "yes", "about ", "b", "DONE.", "WHAT IT READS", "Press Enter", "Files do not open."},
}

// sealedForm opens the one bundle of a folder and gives its form and the manifest's completion.
func sealedForm(t *testing.T, dir, private string) (form incident.Incident, completion string) {
	t.Helper()
	bundles := glob(t, filepath.Join(dir, "*.pgp"))
	if len(bundles) != 1 {
		t.Fatalf("bundles: %v", bundles)
	}
	opened := filepath.Join(t.TempDir(), "opened")
	must(t, dir, []int{0}, "spor-desk", "open", bundles[0], "--key", private, "--out", opened)
	data, err := os.ReadFile(filepath.Join(opened, "incident.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &form); err != nil {
		t.Fatal(err)
	}
	var m struct{ Completion string }
	if data, err = os.ReadFile(filepath.Join(opened, "manifest.json")); err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return form, m.Completion
}

// skipsAll answers nothing, from the first screen to the last.
func (p *person) skipsAll(s speaker) {
	p.t.Helper()
	p.types(s.number, "")
	for range 27 { // three more come only after a yes
		p.types("")
	}
	p.types("", "")
}

// answersAll answers every question, one of them wrongly, and one changed by going back.
func (p *person) answersAll(s speaker) {
	p.t.Helper()
	p.types(s.number, "", "555 0100", "anna at example")
	p.until(s.wrong)
	p.types("anna@example.is", "2", s.back, "1")
	p.until(s.understood)
	p.types(s.description, "+ æðþøå", "", s.about+"4.3.2026 05:06", "1", "1", "2", s.yes, "3", "12", "2", "1", "2")
	p.types("fs01, 192.0.2.7; https://example.is/x", "cable pulled; accounts locked", "restore", "3.3.2026", "Ransom:Win32/Akira", "Akira", "akira_readme.txt")
	p.types("4.3.2026 04:10 the note was there", "", "cellar", "a photo", "trúnaðarmál", "1", "2", "Anna Þórðardóttir", "Sveitarfélagið", "1")
	p.types("", "")
}

// checkAnswers holds a form against what answersAll typed on a host.
func checkAnswers(t *testing.T, s speaker, host string, got incident.Incident) {
	t.Helper()
	zone := time.Date(2026, 3, 4, 5, 6, 0, 0, time.Local)
	want := incident.Incident{
		Contact: incident.Contact{Name: "Anna Þórðardóttir", Organisation: "Sveitarfélagið", Email: "anna@example.is", Phone: "555 0100", Consent: true, Constituent: incident.Yes, Critical: incident.No},
		TLP:     incident.Amber,
		Start:   incident.Start{Noticed: incident.When("about " + zone.Format(time.RFC3339)), FirstTrace: "2026-03-03"},
		What: incident.What{
			Description: s.description + "\n+ æðþøå", Class: incident.Ransomware, Malware: []string{"Ransom:Win32/Akira"}, Actor: "Akira",
			Traces: []string{"akira_readme.txt"}, DataTaken: incident.Unknown, DataDamaged: incident.Yes,
		},
		Systems: []incident.System{
			{Name: host, Location: "cellar", Events: []incident.Moment{{Time: incident.When(zone.Add(-56 * time.Minute).Format(time.RFC3339)), Text: "the note was there"}}},
			{Name: "fs01"},
			{Addresses: []string{"192.0.2.7"}},
			{URLs: []string{"https://example.is/x"}},
		},
		Ongoing:  incident.Ongoing{State: incident.Active},
		Severity: incident.Severity{OperationStops: incident.Yes, Infrastructure: incident.No},
		Extent:   incident.Extent{Workstations: 12, Servers: 2, Spreading: incident.Yes, Reach: incident.No},
		Measures: []incident.Measure{{Text: "cable pulled"}, {Text: "accounts locked"}, {Text: "restore", Planned: true}},
		Data:     []incident.Data{{Text: "a photo"}},
	}
	got.Machine, got.Zone = incident.Machine{}, ""
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: the form says\n%+v\nwant\n%+v", s.lang, got, want)
	}
	if err := got.Check(); err != nil {
		t.Errorf("%s: %v", s.lang, err)
	}
}

// checkSkipped holds that a form says what the machine found and nothing else.
func checkSkipped(t *testing.T, s speaker, form incident.Incident) {
	t.Helper()
	if len(form.Machine.Systems) != 1 {
		t.Errorf("%s: the machine is not in %+v", s.lang, form)
	}
	form.Machine, form.TLP, form.Zone = incident.Machine{}, "", ""
	if !reflect.DeepEqual(form, incident.Incident{}) {
		t.Errorf("%s: nobody answered, and the form says %+v", s.lang, form)
	}
}
