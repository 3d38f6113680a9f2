package identity

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

var (
	kernel32                   = windows.NewLazySystemDLL("kernel32.dll")
	procGetSystemFirmwareTable = kernel32.NewProc("GetSystemFirmwareTable")
	procGetFirmwareType        = kernel32.NewProc("GetFirmwareType")
	procGlobalMemoryStatusEx   = kernel32.NewProc("GlobalMemoryStatusEx")
)

func ptr[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }

func (a asker) hardware() Hardware {
	var h Hardware
	if raw, err := smbios(); err != nil {
		a.fail("SMBIOS", err)
	} else {
		f, err := winapi.ParseSMBIOS(raw)
		if err != nil {
			a.fail("SMBIOS", err)
		}
		h = Hardware{
			Vendor: f.Maker, Product: f.Product, Version: f.Model, Serial: f.Serial, UUID: f.UUID, SKU: f.SKU,
			BoardVendor: f.BoardMaker, BoardName: f.Board, BoardSerial: f.BoardSerial,
			ChassisType: f.Chassis, ChassisSerial: f.ChassisSerial, AssetTag: f.AssetTag,
			FirmwareName: f.Vendor, Firmware: f.Version, FirmwareDate: f.Date,
		}
	}
	var kind uint32 // 1 BIOS, 2 UEFI
	if r, last, err := winapi.Call(procGetFirmwareType, uintptr(ptr(&kind))); err != nil {
		a.fail("type of firmware", err)
	} else if r == 0 {
		a.fail("type of firmware", last)
	} else {
		efi := kind == 2
		h.EFI = &efi
	}
	if n, ok := a.optional(keyControl + `\SecureBoot\State`).Number("uefisecurebootenabled"); ok {
		on := n != 0
		h.SecureBoot = &on
	}
	h.CPU = strings.TrimSpace(a.key(keyHardware + `\CentralProcessor\0`).String("processornamestring"))
	h.CPUs = int(windows.GetActiveProcessorCount(windows.ALL_PROCESSOR_GROUPS))
	memory, err := totalMemory()
	if err != nil {
		a.fail("memory", err)
	}
	h.Memory = memory
	return h
}

// smbios gives RawSMBIOSData.
func smbios() ([]byte, error) {
	const provider = 'R'<<24 | 'S'<<16 | 'M'<<8 | 'B'
	buf := make([]byte, 1<<20)
	n, last, err := winapi.Call(procGetSystemFirmwareTable, provider, 0, uintptr(ptr(&buf[0])), uintptr(len(buf)))
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, fmt.Errorf("GetSystemFirmwareTable: %w", last)
	case n > uintptr(len(buf)):
		return nil, fmt.Errorf("table of %d bytes", n)
	}
	return buf[:n], nil
}

func totalMemory() (int64, error) {
	var m struct { // MEMORYSTATUSEX
		Length, Load                                                              uint32
		TotalPhys, AvailPhys, TotalPage, AvailPage, TotalVirtual, Avail, Extended uint64
	}
	m.Length = uint32(unsafe.Sizeof(m))
	r, last, err := winapi.Call(procGlobalMemoryStatusEx, uintptr(ptr(&m)))
	if err == nil && r == 0 {
		err = last
	}
	return int64(m.TotalPhys), err
}

// Control codes (ntddstor.h, winioctl.h): none needs the right to read the disk.
const (
	ioctlStorageQueryProperty = 0x2d1400
	ioctlDiskGetGeometryEx    = 0x700a0
	ioctlDiskGetLayoutEx      = 0x70050
	driveNumbers              = 64 // numbers have gaps where disks were taken away
)

func (a asker) disks() []Disk {
	var all []Disk
	for n := range driveNumbers {
		name := fmt.Sprintf(`\\.\PhysicalDrive%d`, n)
		text, err := winapi.UTF16(name)
		if err != nil {
			continue
		}
		handle, err := windows.CreateFile(text, 0, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
		if err != nil {
			if winapi.Status(err) != artifacts.Absent {
				a.fail(name, err)
			}
			continue
		}
		all = append(all, a.disk(name, handle))
		windows.CloseHandle(handle)
	}
	if len(all) == 0 {
		a.fail("disks", errors.New("none can be opened, but we run from one"))
	}
	return all
}

func (a asker) disk(name string, handle windows.Handle) Disk {
	d := Disk{Name: name}
	query := [12]byte{} // STORAGE_PROPERTY_QUERY of the device, by the standard query
	if b, err := control(handle, ioctlStorageQueryProperty, query[:]); err != nil {
		a.fail(name+": description", err)
	} else if device, err := winapi.ParseDevice(b); err != nil {
		a.fail(name+": description", err)
	} else {
		d.Vendor, d.Model, d.Serial, d.Bus, d.Removable = device.Vendor, device.Product, device.Serial, device.Bus, device.Removable
	}
	if b, err := control(handle, ioctlDiskGetGeometryEx, nil); err != nil {
		a.fail(name+": size", err)
	} else if size, ok := winapi.DiskSize(b); ok {
		d.Size = size
	}
	b, err := control(handle, ioctlDiskGetLayoutEx, nil)
	if err == nil {
		var parts []winapi.Partition
		parts, err = winapi.ParseLayout(b)
		for _, p := range parts {
			d.Partitions = append(d.Partitions, Partition{
				Name: fmt.Sprintf("%s partition %d", name, p.Number), Number: p.Number, Start: p.Start, Size: p.Size, Label: p.Name, UUID: p.ID,
			})
		}
	}
	if err != nil {
		a.fail(name+": partitions", err)
	}
	return d
}

func control(handle windows.Handle, code uint32, in []byte) ([]byte, error) {
	out := make([]byte, 32<<10)
	var n uint32
	var first *byte
	if len(in) > 0 {
		first = &in[0]
	}
	err := windows.DeviceIoControl(handle, code, first, uint32(len(in)), &out[0], uint32(len(out)), &n, nil)
	return out[:min(int(n), len(out))], err
}

var driveKinds = map[uint32]string{
	windows.DRIVE_FIXED: "fixed", windows.DRIVE_REMOVABLE: "removable", windows.DRIVE_REMOTE: "network",
	windows.DRIVE_CDROM: "cdrom", windows.DRIVE_RAMDISK: "ramdisk",
}

// mounts gives all drives, but asks only those that were entered: a network drive may hang, and asking an empty card
// reader may show a window.
func (a asker) mounts() []Mount {
	mask, err := windows.GetLogicalDrives()
	if err != nil {
		a.fail("drives", err)
	}
	var all []Mount
	for letter := range 26 {
		if mask&(1<<letter) == 0 {
			continue
		}
		root := artifacts.Path(string(rune('A'+letter)) + `:\`)
		text, err := winapi.UTF16(string(root))
		if err != nil {
			continue
		}
		m := Mount{Mount: artifacts.Mount{Path: root}, Class: "local", Drive: driveKinds[windows.GetDriveType(text)]}
		if m.Drive == "network" {
			m.Class = "remote"
		}
		if entered, ok := a.h.Files.Mount(root); ok {
			m.Mount = entered
			a.volume(&m, text)
		}
		all = append(all, m)
	}
	return all
}

func (a asker) volume(m *Mount, root *uint16) {
	var label [256]uint16
	var serial uint32
	if err := windows.GetVolumeInformation(root, &label[0], uint32(len(label)), &serial, nil, nil, nil, 0); err != nil {
		a.fail(m.Path.String(), err)
	} else {
		m.Label, m.Serial = windows.UTF16ToString(label[:]), fmt.Sprintf("%04X-%04X", serial>>16, serial&0xffff)
	}
	if err := windows.GetDiskFreeSpaceEx(root, nil, &m.Size, &m.Free); err != nil {
		a.fail(m.Path.String()+": size", err)
	}
}
