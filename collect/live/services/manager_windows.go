package services

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/collect/winapi"
)

const (
	maxList   = 64 << 20 // bytes, of the list of all services
	maxConfig = 1 << 20  // bytes; documented is 8 KiB
)

// managed asks the service manager what it knows.
func managed(ctx context.Context) ([]Service, error) {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT|windows.SC_MANAGER_ENUMERATE_SERVICE)
	if err != nil {
		return nil, err
	}
	defer windows.CloseServiceHandle(manager)
	var all []Service
	for _, kind := range []uint32{windows.SERVICE_WIN32, windows.SERVICE_DRIVER} { // wine does not take both at once
		listed, err := list(manager, kind)
		if err != nil {
			return all, fmt.Errorf("list of services of type %#x: %w", kind, err)
		}
		all = append(all, listed...)
	}
	if len(all) == 0 {
		return nil, errors.New("lists none, which cannot be")
	}
	for i := range all {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		if err := all[i].configure(manager); err != nil {
			all[i].Errors = append(all[i].Errors, "configuration: "+err.Error())
		}
	}
	return all, nil
}

func list(manager windows.Handle, kind uint32) ([]Service, error) {
	for size := uint32(256 << 10); size <= maxList; size *= 4 {
		buf := make([]uint64, size/8)
		var needed, count uint32
		err := windows.EnumServicesStatusEx(manager, windows.SC_ENUM_PROCESS_INFO, kind, windows.SERVICE_STATE_ALL,
			(*byte)(unsafe.Pointer(&buf[0])), size, &needed, &count, nil, nil)
		if errors.Is(err, windows.ERROR_MORE_DATA) {
			continue
		}
		if err != nil {
			return nil, err
		}
		listed := true
		var all []Service
		for _, e := range unsafe.Slice((*windows.ENUM_SERVICE_STATUS_PROCESS)(unsafe.Pointer(&buf[0])), count) {
			p := e.ServiceStatusProcess
			s := Service{
				Name: windows.UTF16PtrToString(e.ServiceName), DisplayName: windows.UTF16PtrToString(e.DisplayName),
				State: stateName(p.CurrentState), PID: int(p.ProcessId), ExitCode: p.Win32ExitCode, InManager: &listed,
			}
			s.setType(p.ServiceType)
			all = append(all, s)
		}
		return all, nil
	}
	return nil, fmt.Errorf("more than %d bytes", maxList)
}

// configure adds how the service is configured, as the manager has it.
func (s *Service) configure(manager windows.Handle) error {
	text, err := winapi.UTF16(s.Name)
	if err != nil {
		return err
	}
	service, err := windows.OpenService(manager, text, windows.SERVICE_QUERY_CONFIG)
	if err != nil {
		return err
	}
	defer windows.CloseServiceHandle(service)
	for size := uint32(8 << 10); size <= maxConfig; size *= 4 {
		buf := make([]uint64, size/8)
		var needed uint32
		c := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&buf[0]))
		err := windows.QueryServiceConfig(service, c, size, &needed)
		if errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) {
			continue
		}
		if err != nil {
			return err
		}
		s.Config = "manager"
		s.setType(c.ServiceType)
		s.Start, s.Account, s.Command = startName(c.StartType), windows.UTF16PtrToString(c.ServiceStartName), windows.UTF16PtrToString(c.BinaryPathName)
		s.Group = windows.UTF16PtrToString(c.LoadOrderGroup)
		s.DependsOn = multi(c.Dependencies)
		return nil
	}
	return fmt.Errorf("more than %d bytes", maxConfig)
}

// multi reads strings one after the other up to an empty one. A name of a group begins with a plus sign.
func multi(p *uint16) []string {
	var all []string
	for range 1000 {
		s := windows.UTF16PtrToString(p)
		if s == "" {
			break
		}
		all = append(all, strings.TrimPrefix(s, "+"))
		p = (*uint16)(unsafe.Add(unsafe.Pointer(p), 2*(len(winapi.Encode(s))+1)))
	}
	return all
}

func stateName(n uint32) string {
	return name([]string{"", "stopped", "start_pending", "stop_pending", "running", "continue_pending", "pause_pending", "paused"}, n)
}
