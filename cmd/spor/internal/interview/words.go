package interview

import (
	"compress/flate"
	_ "embed"
	"io"
	"reflect"
	"strings"
)

// Words are everything the guided run says in one language. A pair of braces is filled in, in order. There are no signs outside
// of Latin-1, which old terminals have.
type Words struct {
	Lang, Name string // "nb", "Norsk bokmål"

	// What may be typed beside an answer; "<" and ">" work in every language.
	Back, Go, Quit []string // the first is the one that is shown

	Warning, Error string

	// Before the questions.
	NothingToSealTo, NothingTouched string
	For, Case, UnsignedKit          string
	Reads, ReadsMemory              string
	Leaves, LeavesFull              string
	Changes, Secrets, NoSecrets     string
	Sealed, Key                     string
	Sent, SentAlone, NotSent        string
	Takes, TakesLong                string
	NotAdmin                        string
	Begin                           string

	// The questions.
	Of, Skip, Keep, End, Known, IfSkipped, Before string
	Understood, OnceMore, LeftAsText, TooLong     string
	YesNo                                         string
	Answers                                       map[string]string // "yes", "no", "unknown"
	Choices                                       map[string]string // of classes, states and levels of TLP
	Questions                                     map[string]string // by Key; after a line end what helps to answer

	// Where to, and off.
	Where, OwnDisk, BadFolder string
	Ready                     string

	// On the way.
	Collecting, Progress, Left, NotKnown, LastSource, Finishing, Sending, Waiting string
	Stop, StopCollecting, GoingOn, Stopping                                       string
	StopSending, Kept                                                             string
	Notes                                                                         map[string]string // of what goes wrong, by a key of the caller's

	// At the end.
	Done, Interrupted              string
	Taken, Complete, Gaps, MoreOf  string
	Why                            map[string]string // by status of an outcome
	Reasons                        map[string]string // of outcomes, by a key of the caller's
	Denied                         string
	Lies, Streamed                 string
	Arrived, SomeArrived           string
	NotArrived                     string
	ReadOut, Signer, Digest        string
	Contact, Next                  string
	Advice, AdviceHand, AdviceSent string
	Close                          string
}

// packed are the texts of the folder words, one after the other, in deflate: as they are they would be a hundredth of the agent.
//
//go:embed words.z
var packed string

// Languages are those of the guided run, in the order in which they are offered: Icelandic, Norwegian, English.
func Languages() []*Words {
	text, err := io.ReadAll(flate.NewReader(strings.NewReader(packed)))
	if err != nil {
		panic("interview: the texts are torn: " + err.Error()) // a test has read these very bytes
	}
	var all []*Words
	for one := range strings.SplitAfterSeq(string(text), "\f") {
		all = append(all, parse(strings.TrimSuffix(one, "\f")))
	}
	return all
}

// parse reads the texts of one language: "Name: text" or "Name.key: text" a line. What begins with two spaces goes on from the line
// before; words of a command have bars between.
func parse(text string) *Words {
	w := &Words{}
	fields := reflect.ValueOf(w).Elem()
	for line := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSpace(text), "\n  ", "\t"), "\n") {
		name, value, _ := strings.Cut(line, ": ")
		value = strings.ReplaceAll(value, "\t", "\n")
		name, key, _ := strings.Cut(name, ".")
		switch f := fields.FieldByName(name); f.Kind() {
		case reflect.String:
			f.SetString(value)
		case reflect.Slice:
			f.Set(reflect.ValueOf(strings.Split(value, "|")))
		case reflect.Map:
			if f.IsNil() {
				f.Set(reflect.ValueOf(map[string]string{}))
			}
			f.Interface().(map[string]string)[key] = value
		}
	}
	return w
}

// In gives a language by its code, English where it is none of ours.
func In(all []*Words, lang string) *Words {
	for _, w := range all {
		if w.Lang == lang {
			return w
		}
	}
	return all[len(all)-1]
}

// Closest is the one of our languages that a system's own name of a locale asks for: "nn_NO.UTF-8", "is-IS".
func Closest(locale string) string {
	code, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(locale, "-", "_")), "_")
	switch code {
	case "is":
		return "is"
	case "nb", "nn", "no", "norwegian":
		return "nb"
	}
	return "en"
}

// Fill puts values for the braces of a text; braces within a value stay.
func Fill(text string, values ...string) string {
	before, after, ok := strings.Cut(text, "{}")
	if !ok || len(values) == 0 {
		return text
	}
	return before + values[0] + Fill(after, values[1:]...)
}

// Wrap breaks a text into lines of at most so many letters, at spaces. What follows a line end in the text begins a new one.
func Wrap(text string, width int) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		indent := len(line) - len(strings.TrimLeft(line, " "))
		b.WriteString(line[:indent])
		column := indent
		for i, word := range strings.Fields(line) {
			letters := len([]rune(word))
			switch {
			case i == 0:
			case column+1+letters > width:
				b.WriteString("\n" + strings.Repeat(" ", indent))
				column = indent
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += letters
		}
	}
	return b.String()
}
