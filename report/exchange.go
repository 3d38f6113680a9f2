package report

import (
	"cmp"
	"encoding/json"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"spor/detect"
	"spor/report/incident"
)

// A Case is what is said of all hosts together in what goes to others.
type Case struct {
	ID         string
	TLP        incident.TLP // the strictest; red where one is not understood
	Began      time.Time    // of the first collection; not after Ended
	Ended      time.Time    // of the last collection
	Indicators []Indicator
}

// NewCase sums up the hosts.
func NewCase(hosts []*Input) *Case {
	c := &Case{TLP: incident.Clear, Indicators: Indicators(hosts)}
	var ids []string
	for _, in := range hosts {
		ids = append(ids, clean(in.Manifest.Case))
		level, err := incident.ParseTLP(in.Manifest.TLP)
		if err != nil {
			level = incident.Red
		}
		if slices.Index(incident.Levels, level) > slices.Index(incident.Levels, c.TLP) {
			c.TLP = level
		}
		if end := in.end(); end.After(c.Ended) {
			c.Ended = end
		}
		if at := in.Manifest.Started; at.Year() >= 1970 && (c.Began.IsZero() || at.Before(c.Began)) {
			c.Began = at
		}
	}
	c.ID = strings.Join(compact(ids...), ", ")
	c.Ended = c.Ended.UTC().Truncate(time.Second)
	if c.Began = c.Began.UTC().Truncate(time.Second); c.Began.IsZero() || c.Began.After(c.Ended) {
		c.Began = c.Ended
	}
	return c
}

// level is the TLP as both formats write it in small letters: "amber+strict".
func (c *Case) level() string { return strings.ToLower(strings.TrimPrefix(string(c.TLP), "TLP:")) }

type (
	mispEvent struct {
		UUID          string          `json:"uuid"`
		Info          string          `json:"info"`
		Date          string          `json:"date"`
		ThreatLevelID string          `json:"threat_level_id"` // "1" high … "4" undefined
		Analysis      string          `json:"analysis"`        // "0" initial
		Distribution  string          `json:"distribution"`    // "0" your organisation only: whoever imports it decides
		Published     bool            `json:"published"`
		Timestamp     string          `json:"timestamp"` // seconds since 1970
		PublishedAt   string          `json:"publish_timestamp"`
		SharingGroup  string          `json:"sharing_group_id"`
		Count         string          `json:"attribute_count"`
		Tag           []mispTag       `json:"Tag"`
		Attribute     []mispAttribute `json:"Attribute"`
	}
	mispTag struct {
		Name string `json:"name"`
	}
	mispAttribute struct {
		UUID               string `json:"uuid"`
		Type               string `json:"type"`
		Category           string `json:"category"`
		Value              string `json:"value"`
		Comment            string `json:"comment"`
		ToIDs              bool   `json:"to_ids"`
		Distribution       string `json:"distribution"` // "5" as the event
		Timestamp          string `json:"timestamp"`
		FirstSeen          string `json:"first_seen,omitempty"` // microseconds, +00:00
		DisableCorrelation bool   `json:"disable_correlation"`
	}
)

// WriteMISP writes the indicators as an event of MISP's core format (misp-standard.org/rfc/misp-standard-core.html), to be
// imported. Identifiers are made of the content: importing it twice changes nothing.
func (c *Case) WriteMISP(w io.Writer) error {
	stamp := strconv.FormatInt(max(c.Ended.Unix(), 0), 10)
	e := mispEvent{
		UUID: uuid5(space, "misp", c.ID), Info: tidy("spor: "+c.ID, 250, ' '), Date: c.Ended.Format(time.DateOnly), ThreatLevelID: c.threat(), Analysis: "0", Distribution: "0", Timestamp: stamp,
		PublishedAt: "0", SharingGroup: "0", Count: strconv.Itoa(len(c.Indicators)),
		Tag: []mispTag{{"tlp:" + c.level()}}, Attribute: []mispAttribute{},
	}
	for _, i := range c.Indicators {
		kind, category := i.misp()
		e.Attribute = append(e.Attribute, mispAttribute{
			UUID: uuid5(space, "misp", c.ID, string(i.Kind), i.Value), Type: kind, Category: category, Value: i.Value, Comment: i.Finding, ToIDs: i.sure(), Distribution: "5", Timestamp: stamp, FirstSeen: i.seen("2006-01-02T15:04:05.000000-07:00"),
		})
	}
	return writeJSON(w, map[string]any{"Event": e})
}

func (c *Case) threat() string {
	worst := len(detect.Severities)
	for _, i := range c.Indicators {
		worst = min(worst, i.Severity.Rank())
	}
	switch {
	case worst <= detect.High.Rank():
		return "1"
	case worst <= detect.Medium.Rank():
		return "2"
	case worst <= detect.Low.Rank():
		return "3"
	}
	return "4"
}

func (i *Indicator) misp() (kind, category string) {
	switch i.Kind {
	case Address:
		return "ip-dst", "Network activity"
	case DomainName, WebURL:
		return string(i.Kind), "Network activity"
	}
	return string(i.Kind), "Artifacts dropped"
}

// seen is when it was seen, in UTC; empty: not known, or no time that the formats have.
func (i *Indicator) seen(layout string) string {
	if y := i.Seen.Year(); i.Seen.IsZero() || y < 1970 || y > 9999 {
		return ""
	}
	return i.Seen.UTC().Format(layout)
}

// sure tells what a sensor may raise an alarm for without a person: no names of files, and only what is grave.
func (i *Indicator) sure() bool {
	return i.Kind != FileName && i.Severity.Rank() <= detect.High.Rank()
}

// The identifiers of TLP 2.0's marking definitions, as OASIS published them for STIX 2.1 (cti-stix-common-objects,
// extension-definition-specifications/tlp-2.0).
const tlpExtension = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

var tlpMarkings = map[incident.TLP]string{
	incident.Clear:       "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
	incident.Green:       "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
	incident.Amber:       "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
	incident.AmberStrict: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
	incident.Red:         "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}

// stixObject has the properties of the kinds of objects we write; those a kind lacks are empty.
type stixObject struct {
	Type           string         `json:"type"`
	SpecVersion    string         `json:"spec_version"`
	ID             string         `json:"id"`
	Created        string         `json:"created"`
	Modified       string         `json:"modified,omitempty"`
	Name           string         `json:"name,omitempty"`
	Description    string         `json:"description,omitempty"`
	IndicatorTypes []string       `json:"indicator_types,omitempty"`
	Pattern        string         `json:"pattern,omitempty"`
	PatternType    string         `json:"pattern_type,omitempty"`
	ValidFrom      string         `json:"valid_from,omitempty"`
	Published      string         `json:"published,omitempty"`
	ReportTypes    []string       `json:"report_types,omitempty"`
	ObjectRefs     []string       `json:"object_refs,omitempty"`
	MarkingRefs    []string       `json:"object_marking_refs,omitempty"`
	Extensions     map[string]any `json:"extensions,omitempty"`
}

const stixTime = "2006-01-02T15:04:05.000Z"

// WriteSTIX writes the indicators as a bundle of STIX 2.1 (docs.oasis-open.org/cti/stix/v2.1), with a report that holds
// them together where there are any. An object keeps its identifier and when it was created as long as the case has the same
// first collection; that it was modified tells a later version.
func (c *Case) WriteSTIX(w io.Writer) error {
	made, at := c.Began.Format(stixTime), c.Ended.Format(stixTime)
	marking := tlpMarkings[c.TLP]
	objects := []stixObject{{
		Type: "marking-definition", SpecVersion: "2.1", ID: marking, Created: "2022-10-01T00:00:00.000Z", Name: string(c.TLP),
		Extensions: map[string]any{tlpExtension: map[string]any{"extension_type": "property-extension", "tlp_2_0": c.level()}},
	}}
	var refs []string
	for _, i := range c.Indicators {
		o := stixObject{
			Type: "indicator", SpecVersion: "2.1", ID: "indicator--" + uuid5(space, "stix", c.ID, string(i.Kind), i.Value), Created: made, Modified: at, Name: i.Value, Description: i.Finding,
			IndicatorTypes: []string{"anomalous-activity"}, Pattern: i.pattern(), PatternType: "stix", ValidFrom: cmp.Or(i.seen(stixTime), made), MarkingRefs: []string{marking},
		}
		if i.sure() {
			o.IndicatorTypes = []string{"malicious-activity"}
		}
		refs = append(refs, o.ID)
		objects = append(objects, o)
	}
	if len(refs) > 0 {
		objects = append(objects, stixObject{
			Type: "report", SpecVersion: "2.1", ID: "report--" + uuid5(space, "stix", c.ID), Created: made, Modified: at, Name: "spor: " + c.ID, Published: at, ReportTypes: []string{"indicator"},
			ObjectRefs: refs, MarkingRefs: []string{marking},
		})
	}
	return writeJSON(w, map[string]any{"type": "bundle", "id": "bundle--" + uuid5(space, "stix-bundle", c.ID, at), "objects": objects})
}

var stixEscapes = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// pattern is the indicator in STIX's language of patterns.
func (i *Indicator) pattern() string {
	path := map[IndicatorKind]string{
		FileSHA256: "file:hashes.'SHA-256'", FileSHA1: "file:hashes.'SHA-1'", FileMD5: "file:hashes.MD5", FileName: "file:name", Address: "ipv4-addr:value", DomainName: "domain-name:value", WebURL: "url:value",
	}[i.Kind]
	if a, err := netip.ParseAddr(i.Value); i.Kind == Address && err == nil && a.Is6() {
		path = "ipv6-addr:value"
	}
	return "[" + cmp.Or(path, "file:name") + " = '" + stixEscapes.Replace(i.Value) + "']"
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
