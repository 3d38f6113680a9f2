package protection

import (
	"context"
	"fmt"
	"strings"

	"spor/artifacts"
	"spor/collect/winapi"
)

// Audit takes what the system writes to the security log.
var Audit = &artifacts.Collector{
	Name: "audit-policy", Doc: "What the security log records, by subcategory",
	OS: windowsOnly, Order: artifacts.State, Profiles: []string{"triage"}, Needs: artifacts.NeedsLive,
	Collect: audit,
}

// An AuditPolicy is one line of live/audit-policy.jsonl.
type AuditPolicy struct {
	ID          string `json:"id"` // GUID of the subcategory, the same in every language
	Subcategory string `json:"subcategory"`
	Success     bool   `json:"success"` // is recorded
	Failure     bool   `json:"failure"`
}

// subcategories are named in the order of their GUIDs, from 0CCE9210 on, which end alike (ntsecapi.h; [MS-GPAC] 2.2.1.2).
const subcategories = `Security State Change;Security System Extension;System Integrity;IPsec Driver;Other System Events;Logon;Logoff;Account Lockout;IPsec Main Mode;IPsec Quick Mode;IPsec Extended Mode;Special Logon;Other Logon/Logoff Events;File System;Registry;Kernel Object;SAM;Certification Services;Application Generated;Handle Manipulation;File Share;Filtering Platform Packet Drop;Filtering Platform Connection;Other Object Access Events;Sensitive Privilege Use;Non Sensitive Privilege Use;Other Privilege Use Events;Process Creation;Process Termination;DPAPI Activity;RPC Events;Audit Policy Change;Authentication Policy Change;Authorization Policy Change;MPSSVC Rule-Level Policy Change;Filtering Platform Policy Change;Other Policy Change Events;User Account Management;Computer Account Management;Security Group Management;Distribution Group Management;Application Group Management;Other Account Management Events;Directory Service Access;Directory Service Changes;Directory Service Replication;Detailed Directory Service Replication;Credential Validation;Kerberos Service Ticket Operations;Other Account Logon Events;Kerberos Authentication Service;Network Policy Server;Detailed File Share;Removable Storage;Central Policy Staging;User / Device Claims;Plug and Play Events;Group Membership;Token Right Adjusted`

const firstSubcategory = 0x0cce9210

func audit(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
	var last error
	answered, number := 0, uint32(firstSubcategory)
	for name := range strings.SplitSeq(subcategories, ";") {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		bits, err := audited(number)
		if err != nil {
			last = err // older systems lack the last ones
		} else {
			answered++
			p := AuditPolicy{ID: fmt.Sprintf("{%08X-69AE-11D9-BED3-505054503030}", number), Subcategory: name, Success: bits&1 != 0, Failure: bits&2 != 0}
			if err := rec.Record(p); err != nil {
				return err
			}
		}
		number++
	}
	if answered == 0 {
		return fmt.Errorf("the system tells no audit policy: %w", last)
	}
	if last != nil {
		winapi.Say(rec, "", winapi.Status(last), fmt.Sprintf("%d subcategories are not told: %v", int(number-firstSubcategory)-answered, last))
	}
	return nil
}
