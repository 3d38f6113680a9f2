//go:build !windows

package shadows

import "errors"

func devices() ([]string, error) { return nil, errors.ErrUnsupported }
