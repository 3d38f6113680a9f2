package winapi

import "golang.org/x/sys/windows"

// Devices asks which volume each drive letter stands for.
func Devices() DeviceNames {
	all := DeviceNames{}
	drives, err := windows.GetLogicalDrives()
	if err != nil {
		return all
	}
	for i := range 26 {
		if drives>>i&1 == 0 {
			continue
		}
		drive := string(rune('A'+i)) + ":"
		text, err := UTF16(drive)
		if err != nil {
			continue
		}
		var buf [512]uint16
		if n, err := windows.QueryDosDevice(text, &buf[0], uint32(len(buf))); err == nil && n > 0 {
			all[windows.UTF16ToString(buf[:])] = drive
		}
	}
	return all
}
