//go:build !linux && !windows

package main

// onlyOne cannot tell on this system.
func onlyOne() (release func(), alone bool, err error) { return func() {}, true, nil }
