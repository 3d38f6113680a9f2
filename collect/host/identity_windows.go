package host

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

const (
	keyVersion  = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	keyCrypto   = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Cryptography`
	keyFirmware = `HKEY_LOCAL_MACHINE\HARDWARE\DESCRIPTION\System\BIOS`
	keyTime     = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\W32Time\Parameters`
)

// identity reads what names the machine.
func identity(reg artifacts.Registry, note func(artifacts.Outcome)) artifacts.Identity {
	id := artifacts.Identity{OS: artifacts.Windows, Source: "live", Arch: machine()}
	for _, n := range []struct {
		into *string
		kind uint32
		what string
	}{
		{&id.Hostname, windows.ComputerNamePhysicalDnsHostname, "host name"},
		{&id.FQDN, windows.ComputerNamePhysicalDnsFullyQualified, "full name"},
		{&id.Domain, windows.ComputerNamePhysicalDnsDomain, "DNS domain"},
	} {
		var err error
		if *n.into, err = computerName(n.kind); err != nil {
			note(artifacts.Outcome{Status: winapi.Status(err), Reason: fmt.Sprintf("%s: %v", n.what, err)})
		}
	}
	crypto, err := winapi.ReadKey(reg, keyCrypto)
	if id.MachineID = crypto.String("machineguid"); id.MachineID == "" {
		note(artifacts.Outcome{Path: keyCrypto, Status: artifacts.Failed, Reason: fmt.Sprintf("MachineGuid: %v", orAbsent(err))})
	}
	version, err := winapi.ReadKey(reg, keyVersion)
	if err != nil {
		note(artifacts.Outcome{Path: keyVersion, Status: winapi.Status(err), Reason: err.Error()})
	}
	v := windows.RtlGetVersion()
	id.OSName = winapi.ProductName(version, v.BuildNumber)
	id.OSVersion = fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
	id.Kernel = id.OSVersion
	if ubr, ok := version.Number("ubr"); ok {
		id.Kernel += "." + strconv.FormatUint(ubr, 10)
	}
	firmware, _ := winapi.ReadKey(reg, keyFirmware) // absent on the oldest and the smallest
	id.Platform = winapi.Hypervisor(firmware.String("systemmanufacturer"), firmware.String("systemproductname"))
	if w := winapi.Wine(); w != "" {
		id.Platform = "wine " + w
	}
	return id
}

func orAbsent(err error) error {
	if err == nil {
		return errors.New("not set")
	}
	return err
}

func computerName(kind uint32) (string, error) {
	n := uint32(256)
	for {
		buf := make([]uint16, n)
		err := windows.GetComputerNameEx(kind, &buf[0], &n)
		if err == nil {
			return winapi.Decode(buf[:n]), nil
		}
		if !errors.Is(err, windows.ERROR_MORE_DATA) || n > winapi.MaxPath {
			return "", err
		}
	}
}

// machine is the processor's architecture in Go's word, whatever we are built for.
func machine() string {
	var process, native uint16
	if err := windows.NewLazySystemDLL("kernel32.dll").NewProc("IsWow64Process2").Find(); err != nil {
		return ""
	}
	if err := windows.IsWow64Process2(windows.CurrentProcess(), &process, &native); err != nil {
		return ""
	}
	return winapi.Machine(native)
}

var (
	kernel32                                = windows.NewLazySystemDLL("kernel32.dll")
	procGetDynamicTimeZoneInformation       = kernel32.NewProc("GetDynamicTimeZoneInformation")
	systemTimeOfDay                   int32 = 3 // SystemTimeOfDayInformation
)

// dynamicTimeZone is DYNAMIC_TIME_ZONE_INFORMATION. Biases are minutes west of UTC.
type dynamicTimeZone struct {
	windows.Timezoneinformation
	KeyName         [128]uint16
	DynamicDisabled byte
	_               [3]byte
}

func clock(reg artifacts.Registry, now time.Time, note func(artifacts.Outcome)) artifacts.Clock {
	c := artifacts.Clock{Now: now.UTC()}
	var tz dynamicTimeZone
	r, last, err := winapi.Call(procGetDynamicTimeZoneInformation, uintptr(unsafe.Pointer(&tz)))
	bias := tz.Bias
	switch uint32(r) {
	case 0: // no daylight saving time here
	case 1:
		bias += tz.StandardBias
	case 2:
		bias += tz.DaylightBias
	default:
		err = last
	}
	if err != nil {
		note(artifacts.Outcome{Status: artifacts.Failed, Reason: fmt.Sprintf("time zone: %v", err)})
	}
	c.OffsetSeconds = -60 * int(bias)
	if c.Zone = windows.UTF16ToString(tz.KeyName[:]); c.Zone == "" {
		c.Zone = windows.UTF16ToString(tz.StandardName[:])
	}
	var day struct { // SYSTEM_TIMEOFDAY_INFORMATION, as far as it is always there
		BootTime, CurrentTime, Bias int64
		ZoneID, _                   uint32
		BootBias, SleepBias         uint64
	}
	if err := windows.NtQuerySystemInformation(systemTimeOfDay, unsafe.Pointer(&day), uint32(unsafe.Sizeof(day)), nil); err != nil {
		note(artifacts.Outcome{Status: artifacts.Failed, Reason: fmt.Sprintf("boot time: %v", err)})
	} else {
		c.BootTime = winapi.Time(day.BootTime)
	}
	sync, err := winapi.ReadKey(reg, keyTime)
	if err != nil {
		note(artifacts.Outcome{Path: keyTime, Status: winapi.Status(err), Reason: fmt.Sprintf("time synchronisation: %v", err)})
	}
	c.SyncSource = strings.TrimSpace(sync.String("type") + " " + sync.String("ntpserver"))
	return c
}
