package clock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

const (
	keyService  = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\W32Time`
	keyTime     = keyService + `\Parameters`
	keyZone     = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\TimeZoneInformation`
	serviceName = "W32Time"
)

var (
	kernel32                          = windows.NewLazySystemDLL("kernel32.dll")
	procGetDynamicTimeZoneInformation = kernel32.NewProc("GetDynamicTimeZoneInformation")
	procGetTickCount64                = kernel32.NewProc("GetTickCount64")
)

func collect(_ context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	if !h.Live || h.OS != artifacts.Windows {
		return errors.New("only the running system tells its clock")
	}
	fail := func(what string, err error) {
		rec.Note(artifacts.Outcome{Status: winapi.Status(err), Reason: fmt.Sprintf("%s: %v", what, err)})
	}
	clock, errs := Ask(h.Registry, time.Now())
	for _, err := range errs {
		fail("clock", err)
	}
	out := Record{Clock: clock}
	if z, err := zoneInForce(); err == nil {
		out.ZoneShort = z.name
	}
	if ticks, _, err := winapi.Call(procGetTickCount64); err != nil {
		fail("uptime", err)
	} else if unsafe.Sizeof(ticks) == 8 {
		out.UptimeSeconds = float64(ticks) / 1000
	} else {
		out.UptimeSeconds = clock.Now.Sub(clock.BootTime).Seconds() // the half that is returned turns over after 50 days
	}
	setting, err := winapi.ReadKey(h.Registry, keyZone)
	if err != nil {
		fail("hardware clock", err)
	} else {
		utc, _ := setting.Number("realtimeisuniversal")
		local := utc != 1
		out.HardwareLocal = &local
	}
	service, err := w32time(h.Registry)
	if err != nil {
		fail("time service", err)
	}
	out.Services = []Service{service}
	return rec.Record(out)
}

// Ask gives the running system's clock as far as it can be had, and why some of it could not. Windows does not say
// whether its clock is synchronised, but to those who run w32tm.
func Ask(reg artifacts.Registry, now time.Time) (artifacts.Clock, []error) {
	var errs []error
	c := artifacts.Clock{Now: now.UTC()}
	if z, err := zoneInForce(); err != nil {
		errs = append(errs, fmt.Errorf("time zone: %w", err))
	} else {
		c.Zone, c.OffsetSeconds = z.key, z.offset
	}
	var day struct { // SYSTEM_TIMEOFDAY_INFORMATION
		BootTime, CurrentTime, Bias int64
		ZoneID, _                   uint32
		BootBias, SleepBias         uint64
	}
	if err := windows.NtQuerySystemInformation(windows.SystemTimeOfDayInformation, unsafe.Pointer(&day), uint32(unsafe.Sizeof(day)), nil); err != nil {
		errs = append(errs, fmt.Errorf("boot time: %w", err))
	} else {
		c.BootTime = winapi.Time(day.BootTime)
	}
	k, err := winapi.ReadKey(reg, keyTime)
	if err != nil {
		errs = append(errs, fmt.Errorf("time synchronisation: %w", err))
	}
	c.SyncSource = strings.TrimSpace(k.String("type") + " " + k.String("ntpserver"))
	return c, errs
}

// A zoneNow is the time zone in force.
type zoneNow struct {
	key    string // as Windows calls it in every language: "Greenwich Standard Time"
	name   string // of standard or daylight time, in the system's language
	offset int    // seconds east of UTC
}

func zoneInForce() (zoneNow, error) {
	var tz struct { // DYNAMIC_TIME_ZONE_INFORMATION; biases are minutes west of UTC
		windows.Timezoneinformation
		KeyName         [128]uint16
		DynamicDisabled byte
		_               [3]byte
	}
	r, last, err := winapi.Call(procGetDynamicTimeZoneInformation, uintptr(unsafe.Pointer(&tz)))
	if err != nil {
		return zoneNow{}, err
	}
	bias, name := tz.Bias, windows.UTF16ToString(tz.StandardName[:])
	switch uint32(r) {
	case 0: // no daylight saving time here
	case 1:
		bias += tz.StandardBias
	case 2:
		bias += tz.DaylightBias
		name = windows.UTF16ToString(tz.DaylightName[:])
	default:
		return zoneNow{}, fmt.Errorf("answer %d: %w", r, last)
	}
	z := zoneNow{key: windows.UTF16ToString(tz.KeyName[:]), name: name, offset: -60 * int(bias)}
	if z.key == "" {
		z.key = windows.UTF16ToString(tz.StandardName[:])
	}
	return z, nil
}

// w32time describes the time service by its key, and by the service manager whether it runs.
func w32time(reg artifacts.Registry) (Service, error) {
	s := Service{Name: serviceName}
	k, err := winapi.ReadKey(reg, keyTime)
	if s.Configured = err == nil; s.Configured {
		s.Config = keyTime
	}
	s.Mode = k.String("type")
	for server := range strings.FieldsSeq(k.String("ntpserver")) { // "time.windows.com,0x9": the number is flags
		name, _, _ := strings.Cut(server, ",")
		s.Servers = append(s.Servers, name)
	}
	running, errManager := isRunning(serviceName)
	if errManager == nil {
		s.Running = &running
	}
	if errors.Is(err, fs.ErrNotExist) && errors.Is(errManager, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return s, nil // both say that there is none
	}
	return s, errors.Join(err, errManager)
}

func isRunning(service string) (bool, error) {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return false, err
	}
	defer windows.CloseServiceHandle(manager)
	name, err := winapi.UTF16(service)
	if err != nil {
		return false, err
	}
	h, err := windows.OpenService(manager, name, windows.SERVICE_QUERY_STATUS)
	if err != nil {
		return false, err
	}
	defer windows.CloseServiceHandle(h)
	var status windows.SERVICE_STATUS
	err = windows.QueryServiceStatus(h, &status)
	return status.CurrentState == windows.SERVICE_RUNNING, err
}
