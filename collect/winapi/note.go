package winapi

import (
	"errors"
	"io/fs"

	"spor/artifacts"
)

// Note notes what an error about p amounts to.
func Note(rec artifacts.Recorder, p artifacts.Path, err error) {
	Say(rec, p, Status(err), err.Error())
}

// Say notes an outcome about p in words.
func Say(rec artifacts.Recorder, p artifacts.Path, status artifacts.Status, reason string) {
	rec.Note(artifacts.Outcome{Path: p, Status: status, Reason: reason})
}

// Faults notes errors about many keys or files, each cause once: a hive that cannot be read has a thousand keys.
type Faults map[string]bool

// Note notes what an error about p amounts to, unless its cause was noted before.
func (f Faults) Note(rec artifacts.Recorder, p artifacts.Path, err error) {
	cause := err
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		cause = e.Err
	}
	if reason := cause.Error(); !f[reason] {
		f[reason] = true
		Note(rec, p, err)
	}
}
