// Package shares collects what a Windows shares with others and takes from them: shares with their access lists, who has
// a session and which files are open through it, connections to other machines, and drives that are mapped at logon.
//
// Sources: NetShareEnum, NetSessionEnum, NetFileEnum (lmshare.h), WNetEnumResource (winnetwk.h); the registry keys
// LanmanServer\Shares and HKEY_USERS\SID\Network.
package shares

import (
	"spor/artifacts"
)

// Collector takes one Record for each of them.
var Collector = &artifacts.Collector{
	Name:     "shares",
	Doc:      "Network shares, sessions and open files of others, connections and mapped drives of our own",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.Volatile,
	Profiles: []string{"volatile"},
	Needs:    artifacts.NeedsLive,
	Collect:  collect,
}

// A Record is one line of live/shares.jsonl. What is zero or absent is not known, or the kind has it not.
type Record struct {
	Kind     string         `json:"kind"`                   // "share", "session" of another machine here, "open_file" by one, "connection" of ours, "mapped_drive" at logon
	Name     string         `json:"name,omitempty"`         // share: its name; connection, mapped_drive: the drive, "X:"
	Type     string         `json:"type,omitempty"`         // share: "disk", "printer", "device", "ipc"; with " special" for those the system makes
	Path     artifacts.Path `json:"path,omitempty"`         // share, open_file: on this machine
	Remote   string         `json:"remote,omitempty"`       // connection, mapped_drive: `\\server\share`
	Computer string         `json:"computer,omitempty"`     // session: where it comes from
	User     string         `json:"user,omitempty"`         //
	UserID   string         `json:"user_id,omitempty"`      // mapped_drive: SID
	Comment  string         `json:"comment,omitempty"`      //
	Access   string         `json:"acl,omitempty"`          // share: SDDL; empty: the default
	Uses     uint32         `json:"uses,omitempty"`         // share: connections now
	Opens    uint32         `json:"opens,omitempty"`        // session: files, devices and pipes
	Seconds  uint32         `json:"seconds,omitempty"`      // session: since it began
	Idle     uint32         `json:"idle_seconds,omitempty"` // session
	Guest    bool           `json:"guest,omitempty"`        // session
	Modes    string         `json:"modes,omitempty"`        // open_file: "read", "write", "create"
	Locks    uint32         `json:"locks,omitempty"`        // open_file
	Source   string         `json:"source"`                 // the call, or "registry"
}

// shareType puts SHARE_INFO's type into words.
func shareType(n uint32) string {
	const special = 0x80000000
	word := "other"
	if i := n & 0xff; i < 4 {
		word = [...]string{"disk", "printer", "device", "ipc"}[i]
	}
	if n&special != 0 {
		word += " special"
	}
	return word
}

// modes puts FILE_INFO's permissions into words.
func modes(n uint32) string {
	word := ""
	for i, mode := range [...]string{"read", "write", "create"} {
		if n>>i&1 != 0 {
			if word != "" {
				word += " "
			}
			word += mode
		}
	}
	return word
}
