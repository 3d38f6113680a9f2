// Package sessions collects who is logged on, since when, and from where.
//
// Linux: /run/utmp (utmp(5)) and, where that is no longer written, /run/systemd/sessions (systemd-logind). Windows:
// WTSEnumerateSessionsEx, LsaEnumerateLogonSessions.
package sessions

import (
	"time"

	"spor/artifacts"
)

// Collector takes one Session for each record of a session. The same one may be told by two sources.
var Collector = &artifacts.Collector{
	Name:     "sessions",
	Doc:      "Interactive, remote and service logons, with their origin",
	Order:    artifacts.Volatile,
	Profiles: []string{"volatile"},
	Needs:    artifacts.NeedsLive,
	Collect:  collect,
}

// A Session is one line of live/sessions.jsonl. What is zero or absent is not known.
type Session struct {
	Source   string    `json:"source"`                // "utmp", "logind", "wts", "lsa"
	ID       string    `json:"id,omitempty"`          // utmp id, logind session, Windows session number or logon id
	Type     string    `json:"type,omitempty"`        // utmp: "user", "login", "dead", "empty" (wiped), "boot", "run_level", "init", "clock_old", "clock_new"; logind: "tty", "x11", …; Windows: "interactive", "remote_interactive", "network", "service", …
	Class    string    `json:"class,omitempty"`       // logind: "user", "greeter", "manager", …
	User     string    `json:"user,omitempty"`        //
	UserID   string    `json:"user_id,omitempty"`     // uid or SID
	Domain   string    `json:"domain,omitempty"`      // Windows
	Terminal string    `json:"terminal,omitempty"`    // "pts/0", ":0", "RDP-Tcp#3"
	Remote   *bool     `json:"remote,omitempty"`      // from another machine; nil: the source does not say
	Host     string    `json:"remote_host,omitempty"` // as the client or the name service called it
	Address  string    `json:"remote_address,omitempty"`
	Login    time.Time `json:"login,omitzero"`      // utmp: of the record, for "dead" the logout
	State    string    `json:"state,omitempty"`     // logind: "active", "online", "closing"; Windows: "active", "disconnected", …
	PID      int       `json:"pid,omitempty"`       // leader of the session
	Service  string    `json:"service,omitempty"`   // logind: PAM service, "sshd"; Windows: authentication package
	LastUsed time.Time `json:"last_input,omitzero"` // Windows
}
