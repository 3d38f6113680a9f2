package winapi

import "fmt"

var signers = [...]string{"none", "Authenticode", "CodeGen", "Antimalware", "Lsa", "Windows", "WinTcb", "WinSystem", "App"}

// ProtectionName puts a PS_PROTECTION byte (winternl.h; bits 0 to 2 the type, 4 to 7 the signer) into words:
// "PPL Antimalware", "PP WinTcb", empty for none.
func ProtectionName(level byte) string {
	var kind string
	switch level & 7 {
	case 0:
		return ""
	case 1:
		kind = "PPL"
	case 2:
		kind = "PP"
	default:
		kind = fmt.Sprintf("type %d", level&7)
	}
	if s := level >> 4; int(s) < len(signers) {
		return kind + " " + signers[s]
	}
	return fmt.Sprintf("%s %d", kind, level>>4)
}

// IntegrityName puts the last number of an integrity level's SID into words (winnt.h SECURITY_MANDATORY_*_RID); levels
// between are those below.
func IntegrityName(rid uint32) string {
	switch {
	case rid < 0x1000:
		return "untrusted"
	case rid < 0x2000:
		return "low"
	case rid < 0x3000:
		return "medium"
	case rid < 0x4000:
		return "high"
	case rid < 0x5000:
		return "system"
	default:
		return "protected"
	}
}
