package winapi

import (
	"errors"
	"io/fs"
	"slices"

	"spor/artifacts"
)

// Status is the kind of outcome an error of a call amounts to.
func Status(err error) artifacts.Status {
	switch {
	case errors.Is(err, fs.ErrPermission), slices.ContainsFunc(denials, func(d error) bool { return errors.Is(err, d) }):
		return artifacts.Denied
	case errors.Is(err, fs.ErrNotExist):
		return artifacts.Absent
	default:
		return artifacts.Failed
	}
}
