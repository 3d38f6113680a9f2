package incident

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// TLP is a level of the Traffic Light Protocol 2.0 (first.org/tlp), in its full spelling. The zero TLP is none.
type TLP string

// The levels, least strict first.
const (
	Clear       TLP = "TLP:CLEAR"
	Green       TLP = "TLP:GREEN"
	Amber       TLP = "TLP:AMBER"
	AmberStrict TLP = "TLP:AMBER+STRICT"
	Red         TLP = "TLP:RED"
)

// Levels are all of them, least strict first.
var Levels = []TLP{Clear, Green, Amber, AmberStrict, Red}

// ParseTLP reads a level in any case, with or without "TLP:". "Trúnaðarmál" is AMBER, as CERT-IS reads it; WHITE is what
// TLP 1.0 called CLEAR.
func ParseTLP(s string) (TLP, error) {
	word := strings.ToLower(strings.TrimSpace(s))
	word = strings.TrimSpace(strings.TrimPrefix(word, "tlp:"))
	switch word = strings.ReplaceAll(word, " ", ""); word {
	case "trúnaðarmál", "trunadarmal", "tru\u0301nađarma\u0301l", "tru\u0301naðarma\u0301l":
		return Amber, nil
	case "white":
		return Clear, nil
	}
	level := TLP("TLP:" + strings.ToUpper(word))
	if slices.Contains(Levels, level) {
		return level, nil
	}
	return "", fmt.Errorf("tlp: %q is not clear, green, amber, amber+strict, red or Trúnaðarmál", s)
}

func (t TLP) String() string { return string(t) }

// UnmarshalText reads what ParseTLP reads. Here as in the other types of the form, what is no value stays as it is, for Check to
// say where it stands.
func (t *TLP) UnmarshalText(text []byte) error {
	if level, err := ParseTLP(string(text)); err == nil {
		*t = level
	} else {
		*t = TLP(text)
	}
	return nil
}

func (t TLP) problem() string {
	if t == "" || slices.Contains(Levels, t) {
		return ""
	}
	return "tlp"
}

// Class is the kind of an incident.
type Class string

// The classes of the form. The zero Class is not said.
const (
	DenialOfService Class = "denial-of-service" // álagsárás
	BreakIn         Class = "break-in"          // innbrot
	Ransomware      Class = "ransomware"        // gagnagíslataka
	Infection       Class = "infection"         // sýking
	Phishing        Class = "phishing"          // vefveiðar
	OtherClass      Class = "other"
)

// classWords are what else they are called.
const classWords texts = `denial-of-service: dos ddos álagsárás tjenestenekt
break-in: innbrot innbrudd datainnbrudd
ransomware: gagnagíslataka løsepengevirus
infection: sýking infeksjon skadevare
phishing: vefveiðar vefveiði nettfisking
other: annað annet
`

// UnmarshalText reads a class in English, Icelandic or Norwegian.
func (c *Class) UnmarshalText(text []byte) error {
	word := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(string(text))), " ", "-")
	*c = Class(text)
	for _, class := range Classes {
		if word == string(class) || slices.Contains(strings.Fields(classWords.get(string(class))), word) {
			*c = class
		}
	}
	if word == "" {
		*c = ""
	}
	return nil
}

// Classes are all of them.
var Classes = []Class{DenialOfService, BreakIn, Ransomware, Infection, Phishing, OtherClass}

func (c Class) problem() string {
	if c == "" || slices.Contains(Classes, c) {
		return ""
	}
	return "class"
}

// Answer is yes, no or unknown. The zero Answer was not given.
type Answer string

// The answers.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown"
)

// UnmarshalJSON reads true and false as well, which is what YAML makes of a bare yes.
func (a *Answer) UnmarshalJSON(b []byte) error {
	switch word := strings.ToLower(strings.Trim(string(b), `"`)); word {
	case "true", "yes", "já", "ja":
		*a = Yes
	case "false", "no", "nei":
		*a = No
	case "unknown", "veit ekki", "vet ikke", "óvíst", "ukjent":
		*a = Unknown
	case "", "null":
		*a = ""
	default:
		*a = Answer(strings.Trim(string(b), `"`))
	}
	return nil
}

// AnswersAll are all of them.
var AnswersAll = []Answer{Yes, No, Unknown}

func (a Answer) problem() string {
	if a == "" || slices.Contains(AnswersAll, a) {
		return ""
	}
	return "answer"
}

// State says how it stands.
type State string

// The states. The zero State is not said.
const (
	Uncertain State = "uncertain" // extent and events are not clear
	Active    State = "active"
	Contained State = "contained" // under control
	Over      State = "over"
)

// States are all of them.
var States = []State{Uncertain, Active, Contained, Over}

// UnmarshalText reads a state in any case.
func (s *State) UnmarshalText(text []byte) error {
	*s = State(strings.ToLower(strings.TrimSpace(string(text))))
	return nil
}

func (s State) problem() string {
	if s == "" || slices.Contains(States, s) {
		return ""
	}
	return "state"
}

// Zone is a time zone: an offset from UTC as in "+01:00", or a name of the tz database.
type Zone string

var zoneName = regexp.MustCompile(`^([+-](0\d|1[0-4]):[0-5]\d|UTC|Z|[A-Z][A-Za-z]+(/[A-Z][A-Za-z_+-]+){1,2})$`)

func (z Zone) problem() string {
	if z == "" || zoneName.MatchString(string(z)) {
		return ""
	}
	return "zone"
}

// Location is the zone, where it can be had: names need the system's tz database.
func (z Zone) Location() (*time.Location, error) {
	if t, err := time.Parse("-07:00", string(z)); err == nil {
		_, offset := t.Zone()
		return time.FixedZone(string(z), offset), nil
	}
	if z == "Z" {
		z = "UTC"
	}
	return time.LoadLocation(string(z))
}

// When is a time as the person gave it: RFC 3339, or a date with or without a time of day, whose zone is then the form's;
// with "about " before it where it is not certain.
type When string

const about = "about "

// aboutWords are what stands for about.
var aboutWords = []string{about, "um ", "u.þ.b. ", "ca. ", "ca ", "cirka ", "omkring ", "rundt ", "~"}

// whenLayouts are the forms of When; those after the first leave out the zone.
var whenLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

// Time reads it; zoned says whether a zone was given. A time without one is in the zone of the reporter.
func (w When) Time(reporter *time.Location) (t time.Time, zoned bool) {
	text := strings.TrimPrefix(string(w), about)
	for i, layout := range whenLayouts {
		if t, err := time.ParseInLocation(layout, text, reporter); err == nil {
			return t, i == 0
		}
	}
	return time.Time{}, false
}

// About tells that the time is not certain.
func (w When) About() bool { return strings.HasPrefix(string(w), about) }

// UnmarshalText reads any word for about.
func (w *When) UnmarshalText(text []byte) error {
	v := strings.TrimSpace(string(text))
	for _, word := range aboutWords {
		if len(v) > len(word) && strings.EqualFold(v[:len(word)], word) {
			v = about + strings.TrimSpace(v[len(word):])
			break
		}
	}
	*w = When(v)
	return nil
}

func (w When) problem() string {
	if t, _ := w.Time(time.UTC); t.IsZero() && w != "" {
		return "time"
	}
	return ""
}
