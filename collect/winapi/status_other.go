//go:build !windows

package winapi

var denials []error
