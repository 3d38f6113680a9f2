// Package interview asks a person at an affected machine for what only they know of the incident: one short question after the
// other, in their language, each of which may be skipped. It is pure: questions are data, answers come in as text, and the
// form comes out. The terminal is the caller's.
package interview

import (
	"slices"
	"strings"
	"time"

	"spor/report/incident"
)

// An Interview is on its way through the questions. Answers are kept as they are understood, and the form is made of them anew
// each time, so that going back and changing one leaves nothing of the old.
type Interview struct {
	words   *Words
	base    incident.Incident // what was known before
	host    string            // name of this machine
	at      int               // index into questions
	again   bool              // the question was asked a second time
	answers map[string]answer // by key
}

// An answer is what was said to a question.
type answer struct {
	said  string // as it was typed
	value string // as the form has it; empty: it could not be understood, and stays as text
}

// New begins an interview about an incident of which something may be known already.
func New(words *Words, base incident.Incident, host string) *Interview {
	return &Interview{words: words, base: base, host: host, answers: map[string]answer{}}
}

// Question is the one to be asked; nil when there are no more.
func (v *Interview) Question() *Question {
	if v.at >= len(questions) {
		return nil
	}
	return &questions[v.at]
}

// Number tells which of the questions this is, and how many there are at most.
func (v *Interview) Number() (n, of int) { return v.at + 1, len(questions) }

// Said is what was answered before to the question that is asked.
func (v *Interview) Said() string {
	if v.at >= len(questions) {
		return ""
	}
	return v.answers[questions[v.at].Key].said
}

// Answered tells whether any question has an answer.
func (v *Interview) Answered() bool { return len(v.answers) > 0 }

// Skip leaves the question as it is and goes on.
func (v *Interview) Skip() { v.move(1) }

// Back goes to the question before; at the first it stays.
func (v *Interview) Back() {
	if v.at > 0 {
		v.move(-1)
	}
}

// End leaves out the questions that are left.
func (v *Interview) End() { v.at, v.again = len(questions), false }

// Remove takes the answer back and goes on.
func (v *Interview) Remove() {
	delete(v.answers, questions[v.at].Key)
	v.move(1)
}

// move goes to the next question that has to be asked, forwards or backwards.
func (v *Interview) move(by int) {
	v.again = false
	for v.at += by; v.at > 0 && v.at < len(questions); v.at += by {
		if asked := questions[v.at].asked; asked == nil || asked(v.Form()) {
			return
		}
	}
}

// Answer takes what was typed. What is wrong with it comes back once, and the question is to be asked again; the second time the
// text is kept as it is, and left says so. What was understood of it is in the reader's words where that is not plain.
func (v *Interview) Answer(text string, now time.Time) (understood string, left bool, problem *incident.Problem) {
	q := &questions[v.at]
	text = strings.TrimSpace(text)
	text = strings.ToValidUTF8(text[:min(len(text), Most)], "") // also where it is kept as it is
	value, shown := v.words.understand(q, text, now)
	before, had := v.answers[q.Key]
	v.answers[q.Key] = answer{text, value}
	if problem = v.problem(q, text, value); problem == nil {
		v.move(1)
		return shown, false, nil
	}
	if v.again {
		v.answers[q.Key] = answer{said: text}
		v.move(1)
		return "", true, nil
	}
	if delete(v.answers, q.Key); had {
		v.answers[q.Key] = before
	}
	v.again = true
	return "", false, problem
}

// problem is what is wrong with an answer in the form.
func (v *Interview) problem(q *Question, text, value string) *incident.Problem {
	if value == "" {
		return &incident.Problem{Field: q.Key, Kind: q.Kind.problem(), Value: text}
	}
	for _, p := range incident.Problems(v.Form().Check()) {
		if p.Field == q.Key {
			return p
		}
	}
	return nil
}

// Form is what was known before and what was answered up to here.
func (v *Interview) Form() *incident.Incident {
	f := v.base
	f.Systems = append([]incident.System(nil), f.Systems...)
	f.Measures = append([]incident.Measure(nil), f.Measures...)
	f.Data = append([]incident.Data(nil), f.Data...)
	for i := range questions {
		q := &questions[i]
		a, ok := v.answers[q.Key]
		if !ok || q.asked != nil && !q.asked(&f) {
			continue
		}
		if a.value != "" {
			q.fill(&f, v, a.value)
			continue
		}
		if q.Kind == Time {
			f.Start.About = join(f.Start.About, a.said)
			continue
		}
		ask, _ := v.words.Ask(q)
		f.What.Description = join(f.What.Description, ask+" "+a.said)
	}
	return &f
}

func join(before, more string) string {
	if before == "" {
		return more
	}
	return before + "\n" + more
}

// Zone says in the form in which zone its times without one are.
func Zone(f *incident.Incident, now time.Time) {
	if f.Zone == "" {
		f.Zone = incident.Zone(now.Format("-07:00"))
	}
}

// Keys are those of all questions, in the order in which they are asked.
func Keys() []string {
	keys := make([]string, len(questions))
	for i, q := range questions {
		keys[i] = q.Key
	}
	return keys
}

// own is the entry of this machine among the systems of the form.
func (v *Interview) own(f *incident.Incident) *incident.System {
	own := []incident.System{{Name: v.host}}
	for _, s := range f.Systems {
		if strings.EqualFold(s.Name, v.host) {
			own[0] = s
		} else {
			own = append(own, s)
		}
	}
	f.Systems = own
	return &own[0]
}

// Is tells whether what was typed is one of the words of a command.
func Is(typed string, command []string) bool {
	return slices.Contains(command, strings.ToLower(strings.TrimSpace(typed)))
}

// yes are the words for yes in all languages, no those for no, unknown those for neither.
var (
	yes     = []string{"1", "y", "yes", "j", "ja", "já"}
	no      = []string{"2", "n", "no", "nei"}
	unknown = []string{"3", "?", "u", "v", "d", "unknown", "don't know", "dont know", "veit ekki", "vet ikke", "ukjent", "óvíst"}
)

// Yes tells whether what was typed means yes, in any of the languages.
func Yes(typed string) bool { return Is(typed, yes) }

// valuesOf are the values that can be chosen by number, with what they are called.
func (w *Words) valuesOf(q *Question) (values, names []string) {
	for _, c := range q.Choices {
		values, names = append(values, c), append(names, w.Choices[c])
	}
	return values, names
}

// Lines are the choices as they are shown, a line each; none where the question is not one of choice.
func (w *Words) Lines(q *Question) []string {
	if q.Kind == YesNo {
		return []string{w.YesNo}
	}
	_, names := w.valuesOf(q)
	for i, name := range names {
		names[i] = string(rune('1'+i)) + " " + name
	}
	return names
}

// Ask is the question and, perhaps, what helps to answer it.
func (w *Words) Ask(q *Question) (ask, help string) {
	ask, help, _ = strings.Cut(w.Questions[q.Key], "\n")
	return ask, help
}
