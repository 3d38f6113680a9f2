package protection

import (
	"context"
	"errors"

	"spor/artifacts"
	"spor/collect/winapi"
)

// Boot takes how far the kernel checks what it loads.
var Boot = &artifacts.Collector{
	Name: "boot-security", Doc: "Secure boot, test signing, kernel debugger, code integrity, firmware",
	OS: windowsOnly, Order: artifacts.State, Profiles: []string{"triage"}, Needs: artifacts.NeedsLive,
	Collect: boot,
}

// A BootRecord is the one line of live/boot-security.jsonl. Nil means that the system does not tell.
type BootRecord struct {
	SecureBoot    *bool    `json:"secure_boot,omitempty"`
	SecureCapable *bool    `json:"secure_boot_capable,omitempty"` // the firmware is
	Firmware      string   `json:"firmware,omitempty"`            // "bios", "uefi"
	Integrity     []string `json:"code_integrity,omitempty"`      // what is in force, see integrityNames
	Options       *uint32  `json:"code_integrity_options,omitempty"`
	TestSigning   *bool    `json:"test_signing,omitempty"` // drivers that anybody signed are loaded
	Debugger      *bool    `json:"kernel_debugger,omitempty"`
	Errors        []string `json:"errors,omitempty"`
}

// integrityNames are those of CODEINTEGRITY_OPTION (ntexapi.h, documented with NtQuerySystemInformation), by bit.
var integrityNames = []string{
	"enabled", "test_sign", "user_mode", "user_mode_audit", "user_mode_exclusion_paths", "test_build", "preproduction_build", "debug_mode", "flight_build",
	"flighting", "hypervisor", "hypervisor_audit", "hypervisor_strict", "hypervisor_user_mode",
}

// integrity puts the options into words.
func (r *BootRecord) integrity(options uint32) {
	r.Options = &options
	for i, name := range integrityNames {
		if options>>i&1 != 0 {
			r.Integrity = append(r.Integrity, name)
		}
	}
	test := options&2 != 0
	r.TestSigning = &test
}

func boot(_ context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
	var r BootRecord
	r.ask()
	for _, e := range r.Errors {
		winapi.Say(rec, "", artifacts.Failed, e)
	}
	if r.SecureBoot == nil && r.Options == nil && r.Debugger == nil && r.Firmware == "" {
		return errors.New("the system tells nothing of how it was booted")
	}
	return rec.Record(r)
}
