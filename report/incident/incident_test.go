package incident

import (
	"encoding/json"
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
}

func TestReadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "f: empty",
		"contact: {emial: a@b}":            `there is no field "emial"`,
		"contact: {email: here}":           `contact.email: "here" is no mail address`,
		"tlp: red":                         "contact: neither email nor phone",
		"contact: {phone: 1}":              "contact.phone: a number stands where a string belongs",
		"contact: {phone: '1'}\ntlp: pink": `tlp: "pink" is not clear`,
		"contact: {phone: '1'}\nwhat: {class: bad}":           `what.class: "bad" is not`,
		"contact: {phone: '1'}\nwhat: {data_taken: maybe}":    `"maybe" is not yes, no or unknown`,
		"contact: {phone: '1'}\nstart: {noticed: last night}": `"last night" is no time`,
		"contact: {phone: '1'}\nsystems: [{addresses: [a]}]":  `systems[0].addresses[0]: "a" is no IP address`,
		"contact: {phone: '1'}\nextent: {servers: -1}":        "extent.servers: -1",
		"contact: [":                   "f: ",
		`{"contact":{"phone":"1"}} {}`: "something follows the form",
		"a: &a [x]\nb: *a":             "f: ",
		"contact: {phone: '1'}\nx: " + strings.Repeat("y", MaxSize):       "larger than",
		"contact: {phone: '1'}\nmeasures: [{text: ' '}, {planned: true}]": "measures[1].text: empty",
	} {
		if in, err := Read("f", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: got %+v, %v, want %q", text, in, err, want)
		}
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
