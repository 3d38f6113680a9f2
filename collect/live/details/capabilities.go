package details

import (
	"strconv"
	"strings"
)

// capabilityNames are those of include/uapi/linux/capability.h, by bit.
var capabilityNames = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
	NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT
	SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
	MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

// capabilities gives the names of a set written in hexadecimal; bits without a name by their number. last is the highest
// bit that the kernel knows.
func capabilities(set string, last int) []string {
	bits, err := strconv.ParseUint(set, 16, 64)
	if err != nil || bits == 0 {
		return nil
	}
	if last > 0 && last < 63 && bits == 1<<(last+1)-1 {
		return []string{"all"}
	}
	var names []string
	for i := range 64 {
		switch {
		case bits&(1<<i) == 0:
		case i < len(capabilityNames):
			names = append(names, capabilityNames[i])
		default:
			names = append(names, strconv.Itoa(i))
		}
	}
	return names
}
