//go:build !linux && !windows

package main

import "errors"

func lowImpact() error { return errors.ErrUnsupported }
