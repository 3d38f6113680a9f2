package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"spor/report/incident"
)

// TestForm fills in every field of a form of each class, and finds all of it on the page, in one language after the other.
func TestForm(t *testing.T) {
	for i, class := range incident.Classes {
		for _, language := range Languages[i%3 : i%3+1] {
			form, want := filled(class)
			j, err := json.Marshal(form)
			if err != nil {
				t.Fatal(err)
			}
			folder := made(t, "")
			folder["incident.json"] = &fstest.MapFile{Data: j}
			delete(folder, "timeline.jsonl")
			got := html.UnescapeString(render(t, folder, language))
			words := languages[language]
			want = append(want, words.Classes[string(class)], words.States["active"], words.Consent, words.Planned, words.Answers["yes"], words.About+" 2026-01-02", "+01:00", string(form.What.Reference()))
			for _, one := range want {
				if !strings.Contains(got, one) {
					t.Errorf("%s %s: lacks %q; faults %s", class, language, one, between(got, words.Faults, "</ul>"))
				}
			}
		}
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s[:min(len(s), 300)]
}

// filled is a form with another value in each field, and those values.
func filled(class incident.Class) (*incident.Incident, []string) {
	form := &incident.Incident{}
	var want []string
	n := 0
	var fill func(v reflect.Value, name string)
	fill = func(v reflect.Value, name string) {
		n++
		switch v.Interface().(type) {
		case incident.TLP:
			v.SetString(string(incident.Amber))
			return
		case incident.Class:
			v.SetString(string(class))
			return
		case incident.Taxonomy:
			return // of the class
		case incident.Answer:
			v.SetString(string(incident.Yes))
			return
		case incident.State:
			v.SetString(string(incident.Active))
			return
		case incident.Zone:
			v.SetString("Europe/Oslo")
			want = append(want, "Europe/Oslo")
			return
		case incident.When:
			v.SetString(fmt.Sprintf("about 2026-01-02T03:%02d:%02d+01:00", n/60, n%60))
			want = append(want, fmt.Sprintf("2026-01-02 03:%02d:%02d", n/60, n%60))
			return
		}
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				fill(v.Field(i), v.Type().Field(i).Name)
			}
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			fill(v.Index(0), name)
			fill(v.Index(1), name)
		case reflect.String:
			text := fmt.Sprintf("word%dþ", n)
			switch name {
			case "Email":
				text = "a@b.example"
			case "Addresses":
				text = fmt.Sprintf("192.0.2.%d", n)
			}
			v.SetString(text)
			want = append(want, text)
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Int:
			v.SetInt(int64(1000 + n))
			if name != "Findings" { // the page counts them itself
				want = append(want, fmt.Sprint(1000+n))
			}
		}
	}
	fill(reflect.ValueOf(form).Elem(), "")
	return form, want
}

// TestOneForm shows a form that came with several hosts once.
func TestOneForm(t *testing.T) {
	page := Page{Hosts: loaded(t, made(t, ""), made(t, "")), Language: "en"}
	var b bytes.Buffer
	if err := page.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), `<section id="incident`); n != 1 {
		t.Errorf("the form is shown %d times", n)
	}
	if n := strings.Count(b.String(), "Files on the share no longer open."); n != 2 { // in short, and in the form
		t.Errorf("what happened is said %d times", n)
	}
}
