package winapi

import "spor/artifacts"

// Note notes what an error about p amounts to.
func Note(rec artifacts.Recorder, p artifacts.Path, err error) {
	Say(rec, p, Status(err), err.Error())
}

// Say notes an outcome about p in words.
func Say(rec artifacts.Recorder, p artifacts.Path, status artifacts.Status, reason string) {
	rec.Note(artifacts.Outcome{Path: p, Status: status, Reason: reason})
}
