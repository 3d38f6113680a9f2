package host

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

const (
	keyVersion  = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	keyCrypto   = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Cryptography`
	keyFirmware = `HKEY_LOCAL_MACHINE\HARDWARE\DESCRIPTION\System\BIOS`
)

// identity reads what names the machine.
func identity(reg artifacts.Registry, note func(artifacts.Outcome)) artifacts.Identity {
	id := artifacts.Identity{OS: artifacts.Windows, Source: "live", Arch: winapi.NativeMachine()}
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
