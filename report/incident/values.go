package incident

import (
	"fmt"
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

// UnmarshalText reads what ParseTLP reads; empty stays empty.
func (t *TLP) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*t = ""
		return nil
	}
	*t, err = ParseTLP(string(text))
	return err
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

var classWords = map[string]Class{
	"": "", "denial-of-service": DenialOfService, "dos": DenialOfService, "ddos": DenialOfService, "álagsárás": DenialOfService, "tjenestenekt": DenialOfService,
	"break-in": BreakIn, "innbrot": BreakIn, "innbrudd": BreakIn, "datainnbrudd": BreakIn,
	"ransomware": Ransomware, "gagnagíslataka": Ransomware, "løsepengevirus": Ransomware,
	"infection": Infection, "sýking": Infection, "infeksjon": Infection, "skadevare": Infection,
	"phishing": Phishing, "vefveiðar": Phishing, "vefveiði": Phishing, "nettfisking": Phishing, "other": OtherClass, "annað": OtherClass, "annet": OtherClass,
}

// UnmarshalText reads a class in English, Icelandic or Norwegian.
func (c *Class) UnmarshalText(text []byte) error {
	word := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(string(text))), " ", "-")
	class, ok := classWords[word]
	if !ok {
		return fmt.Errorf("what.class: %q is not denial-of-service, break-in, ransomware, infection, phishing or other", text)
	}
	*c = class
	return nil
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
		return fmt.Errorf("%s is not yes, no or unknown", b)
	}
	return nil
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

// UnmarshalText reads a state.
func (s *State) UnmarshalText(text []byte) error {
	switch v := State(strings.ToLower(strings.TrimSpace(string(text)))); v {
	case "", Uncertain, Active, Contained, Over:
		*s = v
		return nil
	}
	return fmt.Errorf("ongoing.state: %q is not uncertain, active, contained or over", text)
}

// When is a time as the person gave it: RFC 3339, or a date with or without a time of day, whose zone is then not said.
type When string

// whenLayouts are the forms of When; those after the first leave out the zone.
var whenLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

// Time reads it; zoned says whether a zone was given. A time without one is in the zone of the reporter.
func (w When) Time(reporter *time.Location) (t time.Time, zoned bool) {
	for i, layout := range whenLayouts {
		if t, err := time.ParseInLocation(layout, string(w), reporter); err == nil {
			return t, i == 0
		}
	}
	return time.Time{}, false
}

// UnmarshalText refuses what is no time.
func (w *When) UnmarshalText(text []byte) error {
	v := When(strings.TrimSpace(string(text)))
	if t, _ := v.Time(time.UTC); t.IsZero() && v != "" {
		return fmt.Errorf("%q is no time: write 2026-03-04T05:06:00Z, or 2026-03-04 05:06, or a date", text)
	}
	*w = v
	return nil
}
