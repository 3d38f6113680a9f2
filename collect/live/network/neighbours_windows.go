package network

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

var (
	iphlpapi      = windows.NewLazySystemDLL("iphlpapi.dll")
	procNeighbour = iphlpapi.NewProc("GetIpNetTable2")
	procOldTable  = iphlpapi.NewProc("GetIpNetTable")
)

const maxNeighbours = 1 << 20

func neighbours(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
	all, err := newTable()
	if err != nil {
		rec.Note(artifacts.Outcome{Status: winapi.Status(err), Reason: fmt.Sprintf("GetIpNetTable2: %v: GetIpNetTable was asked, which has IPv4 alone", err)})
		if all, err = oldTable(); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		rec.Note(artifacts.Outcome{Status: artifacts.Absent, Reason: "the system knows no neighbours"})
	}
	for _, n := range all {
		r := Neighbour{Address: n.Address.String(), MAC: n.MAC, Interface: fmt.Sprint(n.Index), State: n.State}
		if err := errors.Join(ctx.Err(), rec.Record(r)); err != nil {
			return err
		}
	}
	return nil
}

func newTable() ([]winapi.Neighbour, error) {
	const header, row = 8, 88
	var table *byte
	r, _, err := winapi.Call(procNeighbour, windows.AF_UNSPEC, uintptr(unsafe.Pointer(&table)))
	if err != nil {
		return nil, err
	}
	if r != 0 {
		return nil, windows.Errno(r)
	}
	if table == nil {
		return nil, errors.New("no table")
	}
	defer windows.FreeMibTable(unsafe.Pointer(table))
	n := min(*(*uint32)(unsafe.Pointer(table)), maxNeighbours)
	return winapi.ParseNeighbours(unsafe.Slice(table, header+row*int(n))[header:]), nil
}

func oldTable() ([]winapi.Neighbour, error) {
	for size := uint32(64 << 10); size <= 64<<20; size *= 4 {
		buf := make([]byte, size)
		n := size
		r, _, err := winapi.Call(procOldTable, uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&n)), 0)
		switch {
		case err != nil:
			return nil, err
		case windows.Errno(r) == windows.ERROR_NO_DATA:
			return nil, nil
		case r == 0:
			return winapi.ParseOldNeighbours(buf)
		case windows.Errno(r) != windows.ERROR_INSUFFICIENT_BUFFER:
			return nil, windows.Errno(r)
		}
	}
	return nil, errors.New("the table is too large")
}
