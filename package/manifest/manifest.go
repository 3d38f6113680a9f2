// Package manifest is the signed list of a bundle: what was planned, taken and missed, from which host, by whom, with
// which tool. Its canonical form is the very bytes of manifest.json; the signature (manifest.json.sig) is a detached
// OpenPGP signature over them.
package manifest

import (
	"iter"
	"time"

	"spor/artifacts"
)

// Format is the version of the bundle format, docs/bundle-format.md.
const Format = 1

// A Manifest is everything that is signed.
type Manifest struct {
	Format     int                 `json:"format"`
	Bundle     string              `json:"bundle"` // random, 128 bits in hex: the same in every volume
	Case       string              `json:"case"`
	TLP        string              `json:"tlp"` // "TLP:AMBER"
	Operator   string              `json:"operator"`
	Tool       Tool                `json:"tool"`
	Host       artifacts.Identity  `json:"host"`
	Clock      artifacts.Clock     `json:"clock"`
	Started    time.Time           `json:"started"`
	Finished   time.Time           `json:"finished"`
	Completion string              `json:"completion"` // "complete", "gaps", "interrupted", "limit"
	Profiles   []string            `json:"profiles"`
	Options    []string            `json:"options"` // the command line, tokens left out
	Recipients []Recipient         `json:"recipients"`
	Signer     Signer              `json:"signer"`
	Totals     Totals              `json:"totals"`
	Custody    []Step              `json:"custody"`
	Volumes    []Volume            `json:"volumes"` // all but the last, which holds this manifest
	Outcomes   []artifacts.Outcome `json:"outcomes"`
	Entries    []Entry             `json:"entries"` // in the order they were taken
}

// Tool is the program that collected.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
	System  string `json:"system"`           // "windows/amd64"
	SHA256  string `json:"sha256,omitempty"` // of the executable
}

// A Recipient is a key the bundle is sealed to.
type Recipient struct {
	Fingerprint string `json:"fingerprint"` // upper-case hex
	UserID      string `json:"user_id"`
}

// Signer is the key made for this run alone; its private half is gone when the run ends.
type Signer struct {
	Fingerprint string `json:"fingerprint"` // upper-case hex; shown to the operator, to be read out
	PublicKey   string `json:"public_key"`  // armored
}

// Totals count what the lists hold.
type Totals struct {
	Items    int                      `json:"items"`
	Bytes    int64                    `json:"bytes"`
	Outcomes map[artifacts.Status]int `json:"outcomes"`
	Gaps     int                      `json:"gaps"`
}

// A Step is one link in the chain of custody.
type Step struct {
	Time   time.Time `json:"time"` // by the clock of whoever took it
	Who    string    `json:"who"`
	What   string    `json:"what"`
	Detail string    `json:"detail,omitempty"`
}

// A Volume is one sealed file of the bundle.
type Volume struct {
	Number int    `json:"number"` // from 1
	Name   string `json:"name"`
	Size   int64  `json:"size"`   // bytes, sealed
	SHA256 string `json:"sha256"` // of the sealed bytes
}

// An Entry is an item as the bundle holds it. The same record follows the item in its volume.
type Entry struct {
	Number int `json:"number"` // from 1, in the order taken
	artifacts.Item
	Size    int64  `json:"size"`           // bytes taken
	SHA256  string `json:"sha256"`         // of those bytes
	SHA1    string `json:"sha1,omitempty"` // of programs and scripts, for indicators that know no better
	MD5     string `json:"md5,omitempty"`
	Volume  int    `json:"volume"`            // where its first part is
	Parts   []Part `json:"parts,omitempty"`   // where it is in more than one piece; else it is one file called Name
	Padding int64  `json:"padding,omitempty"` // zero bytes after the content in the archive: the source gave less than it said
	Cut     string `json:"cut,omitempty"`     // why less was taken than there was
	Changed string `json:"changed,omitempty"` // what happened to the source while it was read: see artifacts.Item.After
}

// A Part is a run of an item's bytes that is a file of its own in the archive.
type Part struct {
	Name   string `json:"name"`
	Volume int    `json:"volume"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // of this part
}

// Count gives the totals of outcomes.
func Count(outcomes iter.Seq[artifacts.Outcome]) Totals {
	t := Totals{Outcomes: map[artifacts.Status]int{}}
	for o := range outcomes {
		t.Outcomes[o.Status]++
		if o.Gap {
			t.Gaps++
		}
	}
	return t
}

// AppendJSON appends the entry as encoding/json would write it: the record of the item.
func (e *Entry) AppendJSON(b []byte) []byte {
	o := artifacts.NewObject(b)
	o.Number("number", int64(e.Number))
	e.Item.AppendMembers(o)
	o.Number("size", e.Size)
	o.Text("sha256", e.SHA256)
	o.MaybeText("sha1", e.SHA1)
	o.MaybeText("md5", e.MD5)
	o.Number("volume", int64(e.Volume))
	if len(e.Parts) > 0 {
		o.Value("parts", e.Parts)
	}
	o.MaybeNumber("padding", e.Padding)
	o.MaybeText("cut", e.Cut)
	o.MaybeText("changed", e.Changed)
	return o.End()
}
