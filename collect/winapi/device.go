package winapi

import "strings"

// DeviceNames leads from the kernel's names of volumes to drives: `\Device\HarddiskVolume3` to "C:".
type DeviceNames map[string]string

// Path spells a path of the kernel with the drive, where one has it.
func (d DeviceNames) Path(kernel string) string {
	for device, drive := range d {
		if rest, ok := strings.CutPrefix(kernel, device+`\`); ok {
			return drive + `\` + rest
		}
	}
	if rest, ok := strings.CutPrefix(kernel, `\Device\Mup\`); ok {
		return `\\` + rest
	}
	if rest, ok := strings.CutPrefix(kernel, `\??\`); ok {
		return rest
	}
	return kernel
}
