//go:build !windows

package protection

import "errors"

func audited(uint32) (uint32, error) { return 0, errors.ErrUnsupported }

func (r *BootRecord) ask() { r.Errors = append(r.Errors, "not Windows") }
