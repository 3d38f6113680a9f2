package modules

import (
	"context"
	"errors"
	"unsafe"

	"spor/artifacts"
	"spor/collect/live/program"
	"spor/collect/winapi"
)

// systemModuleInformation is a class of NtQuerySystemInformation.
const systemModuleInformation = 11

func drivers(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	b, err := winapi.SystemInformation(systemModuleInformation)
	if err != nil {
		return err
	}
	loaded, err := winapi.ParseDrivers(b, int(unsafe.Sizeof(uintptr(0))))
	if err != nil {
		rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: err.Error()})
	}
	if len(loaded) == 0 {
		return errors.New("no driver is listed; the kernel itself is always there")
	}
	for _, l := range loaded {
		d := Driver{Name: l.Name, Kernel: artifacts.Path(l.Path), Base: l.Base, Memory: l.Size, Order: l.Order}
		d.File = program.Look(ctx, h.Files, artifacts.Path(winapi.ImageFile(l.Path, h.Environ)))
		if err := errors.Join(ctx.Err(), rec.Record(d)); err != nil {
			return err
		}
	}
	return nil
}
