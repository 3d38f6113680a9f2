package interview

import (
	"bytes"
	"compress/flate"
	"errors"
	"flag"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/report/incident"
)

var update = flag.Bool("update", false, "rewrite words.z")

var languages = func() map[string]*Words {
	all := map[string]*Words{}
	for _, w := range Languages() {
		all[w.Lang] = w
	}
	return all
}()

// TestPacked holds what is built in to the folder of texts.
func TestPacked(t *testing.T) {
	var texts []string
	for _, lang := range []string{"is", "nb", "en"} {
		text, err := os.ReadFile("words/" + lang + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	want := strings.Join(texts, "\f")
	if *update {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, flate.BestCompression)
		if _, err := w.Write([]byte(want)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Close(), os.WriteFile("words.z", b.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile("words.z")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(flate.NewReader(bytes.NewReader(data))); err != nil || string(got) != want {
		t.Errorf("words.z is not what the folder has (%v): go test ./cmd/spor/internal/interview -run Packed -update", err)
	}
	for line := range strings.SplitSeq(want, "\n") {
		name, _, ok := strings.Cut(strings.TrimLeft(line, "\f"), ": ")
		field, _, _ := strings.Cut(name, ".")
		if _, known := reflect.TypeFor[Words]().FieldByName(field); line != "" && !strings.HasPrefix(line, "  ") && (!ok || !known) {
			t.Errorf("a line that is no text: %q", line)
		}
	}
}

// TestWordsAreWhole: no language lacks a text, has one too many, or fills in another number of values.
func TestWordsAreWhole(t *testing.T) {
	want := texts(languages["en"])
	for _, key := range Keys() {
		if _, ok := want["Questions."+key]; !ok {
			t.Errorf("no text for the question %s", key)
		}
	}
	for _, q := range questions {
		for _, c := range q.Choices {
			if languages["en"].Choices[c] == "" {
				t.Errorf("no text for the choice %s", c)
			}
		}
	}
	for _, w := range languages {
		have := texts(w)
		for key, text := range want {
			switch got := have[key]; {
			case got == "":
				t.Errorf("%s lacks %s", w.Lang, key)
			case strings.Count(got, "{}") != strings.Count(text, "{}"):
				t.Errorf("%s: %s is %q, in English %q", w.Lang, key, got, text)
			case strings.ContainsFunc(got, func(r rune) bool { return r > 0xff }):
				t.Errorf("%s: %s has signs that old terminals have not: %q", w.Lang, key, got)
			}
		}
		for key := range have {
			if _, ok := want[key]; !ok {
				t.Errorf("%s: %s is not there in English", w.Lang, key)
			}
		}
	}
}

// texts are those of a language by name.
func texts(w *Words) map[string]string {
	all := map[string]string{}
	v := reflect.ValueOf(*w)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch f := v.Field(i).Interface().(type) {
		case string:
			all[name] = f
		case []string:
			all[name] = f[0]
		case map[string]string:
			for key, text := range f {
				all[name+"."+key] = text
			}
		}
	}
	return all
}

var atNoon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.FixedZone("", 3600))

func TestMoment(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"now", "2026-03-05T12:00:00+01:00"},
		{"Núna", "2026-03-05T12:00:00+01:00"},
		{"11:30", "2026-03-05T11:30:00+01:00"},
		{"kl. 11.30", "2026-03-05T11:30:00+01:00"},
		{"kl 9", "2026-03-05T09:00:00+01:00"},
		{"22:30", "2026-03-04T22:30:00+01:00"},
		{"about 22:30", "about 2026-03-04T22:30:00+01:00"},
		{"um kl. 22.30", "about 2026-03-04T22:30:00+01:00"},
		{"ca 22:30", "about 2026-03-04T22:30:00+01:00"},
		{"i går 22.30", "2026-03-04T22:30:00+01:00"},
		{"Í gær kl. 22:30", "2026-03-04T22:30:00+01:00"},
		{"um í gær", "about 2026-03-04"},
		{"today", "2026-03-05"},
		{"4.3.2026 05:06", "2026-03-04T05:06:00+01:00"},
		{"4.3. at 05:06", "2026-03-04T05:06:00+01:00"},
		{"24.12.", "2025-12-24"},
		{"2026-03-04T05:06", "2026-03-04T05:06:00+01:00"},
		{"2026-03-04t05:06:07z", "2026-03-04T05:06:07Z"},
		{"~2026-03-04", "about 2026-03-04"},
		{"during the night", ""},
		{"25:00", ""},
		{"um", ""},
		{"", ""},
	} {
		got, ok := moment(tt.text, atNoon)
		if tt.text == "" {
			continue // is never asked
		}
		if string(got) != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: got %q, %v; want %q", tt.text, got, ok, tt.want)
		}
	}
}

// answers goes to the question of a key and answers it.
func answers(t *testing.T, v *Interview, key string, text string) (string, bool, *incident.Problem) {
	t.Helper()
	for v.at = 0; questions[v.at].Key != key; v.at++ {
	}
	return v.Answer(text, atNoon)
}

func TestAnswer(t *testing.T) {
	for _, tt := range []struct {
		lang, key, text, wrong string
		has                    func(f *incident.Incident) bool
	}{
		{"is", "what.class", "innbrot", "", func(f *incident.Incident) bool { return f.What.Class == incident.BreakIn }},
		{"nb", "what.class", "løsepenge", "", func(f *incident.Incident) bool { return f.What.Class == incident.Ransomware }},
		{"en", "what.class", "7", "class", nil},
		{"is", "tlp", "TRÚNAÐARMÁL", "", func(f *incident.Incident) bool { return f.TLP == incident.Amber }},
		{"en", "tlp", "5", "", func(f *incident.Incident) bool { return f.TLP == incident.Red }},
		{"en", "tlp", "purple", "tlp", nil},
		{"en", "ongoing.state", "yes", "", func(f *incident.Incident) bool { return f.Ongoing.State == incident.Active }},
		{"en", "ongoing.state", "no", "state", nil}, // it could be either
		{"is", "extent.reach", "já", "", func(f *incident.Incident) bool { return f.Extent.Reach == incident.Yes }},
		{"nb", "extent.reach", "vet ikke", "", func(f *incident.Incident) bool { return f.Extent.Reach == incident.Unknown }},
		{"nb", "extent.reach", "kanskje", "answer", nil},
		{"en", "extent.servers", "12", "", func(f *incident.Incident) bool { return f.Extent.Servers == 12 }},
		{"en", "extent.servers", "-1", "number", nil},
		{"en", "extent.servers", "a few", "number", nil},
		{"en", "contact.email", "anna", "mail", nil},
		{"en", "measures", "; ;", "empty", nil},
		{"en", "start.noticed", "during the night", "time", nil},
	} {
		v := New(languages[tt.lang], incident.Incident{}, "pc1")
		_, left, problem := answers(t, v, tt.key, tt.text)
		switch {
		case tt.wrong == "" && (problem != nil || !tt.has(v.Form())):
			t.Errorf("%s %s %q: %v, %+v", tt.lang, tt.key, tt.text, problem, v.Form())
		case tt.wrong != "" && (problem == nil || problem.Kind != tt.wrong || left || v.Answered()):
			t.Errorf("%s %s %q: got %+v, want %s", tt.lang, tt.key, tt.text, problem, tt.wrong)
		case tt.wrong != "" && problem.Words(tt.lang) == "":
			t.Errorf("%s: no words for %s", tt.lang, tt.wrong)
		}
		if tt.wrong == "" {
			continue
		}
		_, left, problem = v.Answer(tt.text, atNoon) // asked once more: it stays as text
		f := v.Form()
		if text := f.What.Description + f.Start.About; problem != nil || !left || !strings.Contains(text, strings.TrimSpace(tt.text)) {
			t.Errorf("%s %s %q once more: %v, %v, %q", tt.lang, tt.key, tt.text, problem, left, text)
		}
	}
}

// TestBack goes forth and back: what was changed leaves nothing of the old, and what is asked only after a yes comes and goes.
func TestBack(t *testing.T) {
	v := New(languages["en"], incident.Incident{}, "pc1")
	if v.Back(); v.Question().Key != Keys()[0] {
		t.Errorf("before the first there is %s", v.Question().Key)
	}
	answers(t, v, "systems", "fs01, 192.0.2.7")
	answers(t, v, "systems", "fs02")
	answers(t, v, "systems.location", "cellar")
	if got := v.Form().Systems; len(got) != 2 || got[0].Name != "pc1" || got[1].Name != "fs02" {
		t.Errorf("systems are %+v", got)
	}
	answers(t, v, "contact.constituent", "1")
	answers(t, v, "contact.critical", "2")
	if v.Question().Key != "contact.name" {
		t.Fatalf("after a yes comes %s", v.Question().Key)
	}
	if _, _, p := v.Answer("Anna", atNoon); p != nil {
		t.Error(p)
	}
	answers(t, v, "contact.constituent", "no")
	answers(t, v, "contact.critical", "no")
	if v.Question() != nil || v.Form().Contact.Name != "" {
		t.Errorf("after a no: %+v, %+v", v.Question(), v.Form().Contact)
	}
	if v.Back(); v.Question().Key != "contact.critical" {
		t.Errorf("back is %s", v.Question().Key)
	}
	v.Remove()
	if v.Form().Contact.Critical != "" {
		t.Error("a removed answer stays")
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"aa bb cc", "aa bb\ncc"},
		{"  aa bb cc", "  aa\n  bb\n  cc"},
		{"åååå ðð", "åååå\nðð"},
		{"longerthan it", "longerthan\nit"},
		{"a\n\nb", "a\n\nb"},
	} {
		if got := Wrap(tt.text, 5); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
	if got := Fill("{} of {}", "{}", "b"); got != "{} of b" {
		t.Errorf("got %q", got)
	}
}

// TestMost: of whatever is pasted, to whatever question, the beginning is kept, also where it could not be understood.
func TestMost(t *testing.T) {
	text := strings.Repeat("2026-03-04 GET /wp-login.php ð\n", 4*Most/32)
	for i := range questions {
		v := New(languages["en"], incident.Incident{Contact: incident.Contact{Constituent: incident.Yes}}, "pc1")
		v.at = i
		if _, _, problem := v.Answer(text, atNoon); problem != nil {
			v.Answer(text, atNoon)
		}
		if got := len(v.answers[questions[i].Key].said); got == 0 || got > Most {
			t.Errorf("%s: of %d bytes %d are kept, want at most %d", questions[i].Key, len(text), got, Most)
		}
	}
}

// Whatever is typed, to whatever question, in the end the form is written and reads again, and nothing of it is lost.
func FuzzAnswer(f *testing.F) {
	for i := range questions {
		for _, text := range []string{"1", "about 22:30", "a, b; c", "\xff", "4.3.2026 04:10 x\ny"} {
			f.Add(i, text)
		}
	}
	f.Fuzz(func(t *testing.T, number int, text string) {
		if number < 0 || number >= len(questions) || strings.TrimSpace(text) == "" || len(text) > Most {
			return
		}
		v := New(languages["is"], incident.Incident{Contact: incident.Contact{Phone: "+354 1", Name: "A", Organisation: "B"}}, "pc1")
		v.at = number
		if _, _, problem := v.Answer(text, atNoon); problem != nil {
			v.Answer(text, atNoon)
		}
		form := v.Form()
		if !slices.Contains([]string{"contact.consent", "contact.name", "contact.organisation"}, questions[number].Key) &&
			reflect.DeepEqual(*form, New(languages["is"], v.base, "pc1").base) && !onlyZero(text) {
			t.Errorf("%s: nothing came of %q", questions[number].Key, text)
		}
		data, err := form.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := incident.Read("form", strings.NewReader(string(data))); err != nil {
			t.Errorf("%s %q: %v", questions[number].Key, text, err)
		}
	})
}

// onlyZero tells of an answer that the form does not write: no machine at all, or nothing that is a letter.
func onlyZero(text string) bool {
	return strings.Trim(strings.ToValidUTF8(text, ""), "0+- \t\r\n") == ""
}
