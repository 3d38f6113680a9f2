package incident

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const filled = `
contact: {name: Guðrún Jónsdóttir, organisation: Sveitarfélagið, email: gudrun@example.is, phone: "+354 555 0100"}
tlp: Trúnaðarmál
start: {noticed: 2026-03-04T05:06:00Z, first_trace: 2026-03-03, about: during the night}
what:
  description: Files on the share no longer open.
  class: gagnagíslataka
  malware: [Ransom:Win32/Akira]
  traces: [akira_readme.txt]
  data_taken: unknown
  data_damaged: yes
systems:
- name: fs01
  addresses: [192.0.2.7, "2001:db8::7"]
  events: [{time: 2026-03-04 02:10, text: note written}]
ongoing: {state: contained}
severity: {operation_stops: true, infrastructure: no}
extent: {servers: 2, spreading: unknown}
measures: [{text: network cable pulled, time: 2026-03-04T05:20:00Z}, {text: restore, planned: true}]
data: [{kind: screenshot, name: note.png}]
`

func TestRead(t *testing.T) {
	in, err := Read("form.yaml", strings.NewReader(filled))
	if err != nil {
		t.Fatal(err)
	}
	if in.TLP != Amber || in.What.Class != Ransomware || in.What.DataDamaged != Yes || in.Severity.OperationStops != Yes || in.Severity.Infrastructure != No ||
		in.Extent.Servers != 2 || in.Systems[0].Addresses[1] != "2001:db8::7" || !in.Measures[1].Planned {
		t.Errorf("got %+v", in)
	}
	if at, zoned := in.Start.Noticed.Time(time.UTC); !zoned || at.Minute() != 6 {
		t.Errorf("noticed %v, %v", at, zoned)
	}
	if at, zoned := in.Systems[0].Events[0].Time.Time(time.UTC); zoned || at.Hour() != 2 {
		t.Errorf("event at %v, %v", at, zoned)
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Read("incident.json", strings.NewReader(string(b)))
	if err != nil || !reflect.DeepEqual(again, in) {
		t.Errorf("%v: JSON gave back %+v", err, again)
	}
	y, err := in.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Read("form.yaml", strings.NewReader(string(y))); err != nil || !reflect.DeepEqual(again, in) {
		t.Errorf("%v: YAML gave back %+v\n%s", err, again, y)
	}
}

var update = flag.Bool("update", false, "rewrite docs/incident.schema.json")

// TestSchema holds the published schema against the types, and a filled-in form against the schema.
func TestSchema(t *testing.T) {
	want, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("..", "..", "docs", "incident.schema.json")
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != string(want) {
		t.Errorf("docs/incident.schema.json is not what the types come to: go test ./report/incident -run Schema -update (%v)", err)
	}
	in, err := Read("form.yaml", strings.NewReader(filled))
	if err != nil {
		t.Fatal(err)
	}
	form, _ := in.JSON()
	if exec.Command("python3", "-c", "import jsonschema").Run() != nil {
		t.Skip("SKIPPED: python3-jsonschema is not here; no form was held against the schema")
	}
	forms := []string{
		string(form), `{}`, `{"start":{"noticed":"about 2026-03-04"}}`,
		`{"contact":{"emial":"a@b"}}`, `{"tlp":"TLP:PINK"}`, `{"start":{"noticed":"last night"}}`, `{"extent":{"servers":-1}}`,
	}
	cmd := exec.Command("python3", "-c", `import json,sys,jsonschema
v = jsonschema.Draft202012Validator(json.load(open(sys.argv[1])))
print(*(int(v.is_valid(f)) for f in json.load(sys.stdin)))`, name)
	cmd.Stdin = strings.NewReader("[" + strings.Join(forms, ",") + "]")
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "1 1 1 0 0 0 0" {
		t.Errorf("%v: valid are %s, of %q", err, out, forms)
	}
}

// TestProblems: whoever reads is told in his language, with the field as that language names it.
func TestProblems(t *testing.T) {
	_, err := Read("f", strings.NewReader("contact: {email: hér}\nsystems: [{name: a}, {addresses: [b]}]"))
	found := Problems(err)
	if len(found) != 2 {
		t.Fatalf("%d problems in %v", len(found), err)
	}
	for i, want := range []map[string]string{
		{"is": `Netfang (contact.email): "hér" er ekki netfang`, "nb": `E-post (contact.email): "hér" er ikke en e-postadresse`, "en": `E-mail (contact.email): "hér" is not a mail address`},
		{"is": `IP-tölur (systems[1].addresses[0]): "b" er ekki IP-tala`, "se": `IP addresses (systems[1].addresses[0]): "b" is not an IP address`},
	} {
		for lang, words := range want {
			if got := found[i].In(lang); got != words {
				t.Errorf("%s: got %s, want %s", lang, got, words)
			}
		}
	}
	if Problems(nil) != nil || Problems(errors.New("other")) != nil {
		t.Error("problems where there are none")
	}
}

// TestTexts: each language has every word, and each field of the form a name.
func TestTexts(t *testing.T) {
	for _, lang := range []string{"is", "nb", "en"} {
		for line := range strings.Lines(string(problemTexts("en"))) {
			kind, want, _ := strings.Cut(line, ": ")
			if got := problemTexts(lang).get(kind); got == "" || strings.Count(got, "{}") != strings.Count(want, "{}") {
				t.Errorf("%s: %s: %q", lang, kind, got)
			}
		}
		for line := range strings.Lines(string(labels("en"))) {
			if name, _, _ := strings.Cut(line, ": "); labels(lang).get(name) == "" {
				t.Errorf("%s: %s has no name", lang, name)
			}
		}
		fields(reflect.TypeFor[Incident](), "", func(field string) {
			if labels(lang).get(field) == "" && !strings.HasPrefix(field, "machine.systems.") {
				t.Errorf("%s: the field %s has no name", lang, field)
			}
		})
	}
}

func fields(typ reflect.Type, path string, yield func(string)) {
	for f := range typ.Fields() {
		name := strings.TrimPrefix(path+"."+fieldName(f), ".")
		yield(name)
		inner := f.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			fields(inner, name, yield)
		}
	}
}

func TestWhen(t *testing.T) {
	oslo := time.FixedZone("+01:00", 3600)
	for text, want := range map[string]struct {
		utc   string
		about bool
	}{
		"2026-03-04T05:06:00Z":      {"2026-03-04T05:06:00Z", false},
		"2026-03-04 05:06":          {"2026-03-04T04:06:00Z", false},
		"um 2026-03-04 05:06":       {"2026-03-04T04:06:00Z", true},
		"Ca. 2026-03-04":            {"2026-03-03T23:00:00Z", true},
		"about 2026-03-04T05:06:00": {"2026-03-04T04:06:00Z", true},
	} {
		var w When
		if err := w.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if at, _ := w.Time(oslo); at.UTC().Format(time.RFC3339) != want.utc || w.About() != want.about {
			t.Errorf("%q: %v, about %v", text, at.UTC(), w.About())
		}
	}
	for zone, want := range map[Zone]int{"+01:00": 3600, "-03:30": -12600, "Atlantic/Reykjavik": 0, "Z": 0} {
		loc, err := zone.Location()
		if err != nil {
			t.Fatalf("%s: %v", zone, err)
		}
		if _, offset := time.Date(2026, 1, 1, 0, 0, 0, 0, loc).Zone(); offset != want || zone.problem() != "" {
			t.Errorf("%s: %d seconds", zone, offset)
		}
	}
}

// TestReference: each class of the form is somewhere in the reference taxonomy.
func TestReference(t *testing.T) {
	for _, c := range Classes {
		w := What{Class: c}
		if ref := w.Reference(); ref == "" || ref.problem() != "" {
			t.Errorf("%s belongs to %q", c, ref)
		}
	}
	if ref := (&What{Class: Ransomware, Taxonomy: "availability/sabotage"}).Reference(); ref != "availability/sabotage" {
		t.Errorf("the reporter's own word became %s", ref)
	}
}

func TestParseTLP(t *testing.T) {
	for s, want := range map[string]TLP{
		"amber": Amber, "TLP:AMBER": Amber, " Trúnaðarmál ": Amber, "TRÚNAÐARMÁL": Amber, "amber+strict": AmberStrict, "tlp: Red": Red, "WHITE": Clear, "clear": Clear,
		"green": Green, "": "", "secret": "", "tlp:": "",
	} {
		if got, err := ParseTLP(s); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", s, got, err, want)
		}
	}
}

// FuzzRead checks that what is read can be written and read again.
func FuzzRead(f *testing.F) {
	f.Add(filled)
	f.Add(`{"contact":{"phone":"1"},"tlp":"red"}`)
	f.Fuzz(func(t *testing.T, text string) {
		in, err := Read("f", strings.NewReader(text))
		if err != nil {
			return
		}
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Read("f", strings.NewReader(string(b))); err != nil || !reflect.DeepEqual(again, in) {
			t.Errorf("%v: %s", err, b)
		}
	})
}
