//go:build !windows

package wmi

import (
	"context"
	"errors"
)

// Select has nobody to ask.
func Select(context.Context, string, string) ([]Row, error) {
	return nil, errors.ErrUnsupported
}
