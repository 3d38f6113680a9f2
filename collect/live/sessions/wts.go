package sessions

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"spor/collect/winapi"
)

// WTS_CONNECTSTATE_CLASS (wtsapi32.h).
var wtsStates = [...]string{"active", "connected", "connect_query", "shadow", "disconnected", "idle", "listen", "reset", "down", "init"}

func wtsState(n uint32) string { return numbered(wtsStates[:], n) }

// SECURITY_LOGON_TYPE (ntsecapi.h), as the Security event log counts them.
var logonTypes = [...]string{
	"system", "1", "interactive", "network", "batch", "service", "proxy", "unlock", "network_cleartext", "new_credentials",
	"remote_interactive", "cached_interactive", "cached_remote_interactive", "cached_unlock",
}

func logonType(n uint32) string { return numbered(logonTypes[:], n) }

func numbered(names []string, n uint32) string {
	if int64(n) < int64(len(names)) {
		return names[n]
	}
	return strconv.FormatUint(uint64(n), 10)
}

// parseInfo reads a WTSINFOW (wtsapi32.h): 216 bytes, names of fixed length, times as FILETIME.
func parseInfo(b []byte, s *Session) error {
	const size = 216
	if len(b) < size {
		return fmt.Errorf("WTSINFO of %d bytes, want %d", len(b), size)
	}
	when := func(at int) int64 { return int64(binary.LittleEndian.Uint64(b[at:])) }
	s.State = wtsState(binary.LittleEndian.Uint32(b))
	s.Terminal = winapi.DecodeBytes(b[32:96])
	s.Domain = winapi.DecodeBytes(b[96:130])
	s.User = winapi.DecodeBytes(b[130:172])
	s.LastUsed = winapi.Time(when(192))
	s.Login = winapi.Time(when(200))
	return nil
}

// parseAddress reads a WTS_CLIENT_ADDRESS (wtsapi32.h): a family, and from the third byte of its 20 the address.
// It is empty for a session at the console.
func parseAddress(b []byte) (string, error) {
	const inet, inet6 = 2, 23
	if len(b) < 24 {
		return "", fmt.Errorf("WTS_CLIENT_ADDRESS of %d bytes, want 24", len(b))
	}
	switch family := binary.LittleEndian.Uint32(b); family {
	case inet:
		return netip.AddrFrom4([4]byte(b[6:10])).String(), nil
	case inet6:
		return netip.AddrFrom16([16]byte(b[6:22])).String(), nil
	case 0:
		return "", nil
	default:
		return "", fmt.Errorf("address of family %d", family)
	}
}
