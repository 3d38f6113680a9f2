package winapi

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// TestSDDLOfWindows compares what we write with what Windows does.
func TestSDDLOfWindows(t *testing.T) {
	for _, text := range []string{
		"O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICIIO;GA;;;CO)(A;;0x1301bf;;;BU)(D;ID;FR;;;WD)",
		"O:S-1-5-21-1-2-3-1001G:S-1-5-21-1-2-3-513D:AI(A;ID;FX;;;AU)(A;OICINPIOID;GXGR;;;AN)",
		"O:LSG:NSD:(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;BA)(A;;RCWD;;;OW)",
		"G:BUD:",
	} {
		sd, err := windows.SecurityDescriptorFromString(text)
		if err != nil {
			t.Logf("NOT TESTED: %s: %v", text, err)
			continue
		}
		raw := unsafe.Slice((*byte)(unsafe.Pointer(sd)), sd.Length())
		if got, err := SDDL(raw); got != sd.String() || err != nil {
			t.Errorf("%s, %v, Windows writes %s", got, err, sd.String())
		}
	}
}
