package interview

import (
	"slices"
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
	Understood, OnceMore, LeftAsText              string
	YesNo                                         string
	Answers                                       map[string]string // "yes", "no", "unknown"
	Choices                                       map[string]string // of classes, states and levels of TLP
	Questions                                     map[string]string // by Key; after a line end what helps to answer

	// Where to, and off.
	Where, OwnDisk, BadFolder string
	Ready                     string

	// On the way.
	Collecting, Progress, Left, LastSource, Finishing, Sending, Waiting string
	Stop, StopCollecting, GoingOn, Stopping                             string
	Kept                                                                string

	// At the end.
	Done, Interrupted              string
	Taken, Complete, Gaps, MoreOf  string
	Why                            map[string]string // by status of an outcome
	Denied                         string
	Lies, Arrived, NotArrived      string
	ReadOut, Signer, Digest        string
	Contact, Next                  string
	Advice, AdviceHand, AdviceSent string
	Close                          string
}

// Languages are those of the guided run, in the order in which they are offered.
var Languages = []*Words{&icelandic, &norwegian, &english}

// In gives a language by its code, English where it is none of ours.
func In(lang string) *Words {
	i := slices.IndexFunc(Languages, func(w *Words) bool { return w.Lang == lang })
	if i < 0 {
		return &english
	}
	return Languages[i]
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
