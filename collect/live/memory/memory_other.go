//go:build !linux

package memory

import (
	"context"
	"errors"

	"spor/artifacts"
)

var (
	errSystem = errors.New("not built for this system")
	// errDriver is what is to be said on Windows, where --profile memory asks for it.
	errDriver = errors.New("the memory of a running Windows is read by a signed driver alone, which this program does not carry: " +
		"take it by the hypervisor or with a driver of your own; page file, hibernation file and crash dumps are taken")
)

func collectProcesses(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }

func collectPhysical(context.Context, *artifacts.Host, artifacts.Recorder) error { return errDriver }

func collectSymbols(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }
