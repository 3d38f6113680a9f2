// Package e2e tests both programs as a user meets them: scripts in testdata, and what a script cannot do (killing at
// random moments, watching system calls, Windows under wine) in Go.
package e2e
