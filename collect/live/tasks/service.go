package tasks

import "time"

// A serviceTask is what the service tells of a task.
type serviceTask struct {
	path, state, xml string
	enabled          *bool
	lastRun, nextRun time.Time
	lastResult       *uint32
	errors           []string
}

// stateNames are those of TASK_STATE (taskschd.h).
var stateNames = []string{"unknown", "disabled", "queued", "ready", "running"}

// date turns a DATE, days since 1899-12-30 in the host's own time, into a time that is as if UTC. The service gives the
// 30th of December 1899, or the 30th of November 1999, for never.
func date(days float64) time.Time {
	if days < 36495 || days > 2958466 {
		return time.Time{}
	}
	return time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Add(time.Duration(days * 24 * float64(time.Hour))).Round(time.Second)
}
