// Package screens takes what people see: a picture of the desktop of each session, for a ransom note, a fake support
// call or a tool that is open, and beside it the titles of all windows, those of hidden desktops too.
//
// The desktop of our own session is copied by GDI (BitBlt, GetDIBits). A session's desktop can be seen from within that
// session alone, and programs of remote management run in session 0, which has none. So as SYSTEM we start our own
// program, and no other, once in each session (WTSQueryUserToken, CreateProcessAsUser): it copies the screen, writes the
// picture into a pipe it inherits, and ends. Nothing is stored on the host. A locked, switched or disconnected session
// gives a black picture or none, and that is said.
package screens

import (
	"time"

	"spor/artifacts"
)

// Collector takes one Screen, and a picture, for each session that has a desktop.
var Collector = &artifacts.Collector{
	Name:     "screens",
	Doc:      "Picture of the desktop of every interactive session, and the titles of its windows",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.Volatile,
	Profiles: []string{"triage"},
	Needs:    artifacts.NeedsLive,
	Collect:  collect,
}

// Clipboard takes the one Clip of the session we run in.
var Clipboard = &artifacts.Collector{
	Name:     "clipboard",
	Doc:      "Text of the clipboard of the session we run in; it may hold passwords",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.Volatile,
	Profiles: []string{"full"},
	Secret:   true,
	Needs:    artifacts.NeedsLive,
	Collect:  clipboard,
}

// A Clip is one line of live/clipboard.jsonl.
type Clip struct {
	Session int      `json:"session"`
	PID     int      `json:"pid,omitempty"` // of the program that put it there
	Text    string   `json:"text,omitempty"`
	Cut     bool     `json:"cut,omitempty"` // there is more text than is kept
	Formats []uint32 `json:"formats"`       // CF_ numbers of all that is there: 1 and 13 text, 2 and 8 a picture, 15 files
}

// A Screen is one line of live/screens.jsonl: a session that may have a desktop, and what came of it.
type Screen struct {
	Session int    `json:"session"`
	User    string `json:"user,omitempty"`  // DOMAIN\name
	State   string `json:"state,omitempty"` // of the session: "active", "disconnected", …; empty: the terminal services do not tell
	Locked  *bool  `json:"locked,omitempty"`
	Own     bool   `json:"own,omitempty"`   // we run in it ourselves; else a copy of us was started there
	Image   string `json:"image,omitempty"` // name of the picture in the bundle
	Shot
}

// A Shot is what is seen from within a session.
type Shot struct {
	Taken    time.Time `json:"taken,omitzero"`
	Desktop  string    `json:"input_desktop,omitempty"` // that has keyboard and mouse: "Default", "Winlogon" (locked, or asking for consent), "Screen-saver"
	X        int       `json:"x"`                       // of the left upper corner of all monitors together, pixels
	Y        int       `json:"y"`
	Width    int       `json:"width,omitempty"`
	Height   int       `json:"height,omitempty"`
	Monitors int       `json:"monitors,omitempty"`
	Look     string    `json:"look,omitempty"` // "black", "one color"; empty: something is seen
	Error    string    `json:"error,omitempty"`
	Windows  []Window  `json:"windows,omitempty"` // from the front to the back of each desktop
	More     int       `json:"more_windows,omitempty"`
	Problems []string  `json:"problems,omitempty"` // about windows and desktops
}

// A Window is one that has a title, or is seen.
type Window struct {
	Title   string `json:"title"`
	Class   string `json:"class,omitempty"`
	PID     int    `json:"pid"`
	Visible bool   `json:"visible,omitempty"`
	Front   bool   `json:"foreground,omitempty"`
	Desktop string `json:"desktop,omitempty"` // where it is not "Default": programs that hide from the user have one of their own
	X       int    `json:"x"`
	Y       int    `json:"y"`
	Width   int    `json:"width"`
	Height  int    `json:"height"`
}

// Argument is the first of the two of a copy of ourselves in another session; the second is the number of the pipe.
const Argument = "take-screen-into-pipe"

// unseen says why a picture is not what somebody sees.
func (s *Screen) unseen() string {
	switch {
	case s.Locked != nil && *s.Locked:
		return "the session is locked"
	case s.State == "disconnected":
		return "nobody is connected to the session"
	case s.Desktop != "" && s.Desktop != "Default":
		return "the desktop " + s.Desktop + " has the keyboard: it is locked, or asks for consent"
	case s.Look == "black":
		return "the picture is black"
	case s.Look != "":
		return "the picture is of " + s.Look
	}
	return ""
}
