package artifacts

import "fmt"

// An Outcome is what became of one planned thing. Nothing planned is without one.
type Outcome struct {
	Source string `json:"source"`         // definition or collector
	Path   Path   `json:"path,omitempty"` // of the file or key, or the pattern where nothing matched; empty: the source as a whole
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"` // in words; empty only for collected and absent
	Item   string `json:"item,omitempty"`   // its name in the bundle
	Bytes  int64  `json:"bytes,omitempty"`  // taken
	Gap    bool   `json:"gap,omitempty"`    // it matters: something required is not whole, or a limit of the run cut it; set by the engine
}

// Status is the kind of an outcome.
type Status uint8

// What can become of a planned path.
const (
	Collected Status = iota // taken whole
	Absent                  // not there
	Denied                  // the system refused
	Skipped                 // left out on purpose: limit, policy, kind
	Truncated               // taken in part
	Failed                  // an error on the way
)

var statusNames = [...]string{"collected", "absent", "denied", "skipped", "truncated", "failed"}

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("Status(%d)", s)
}

// MarshalText gives the status in lower case.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Status) UnmarshalText(text []byte) error {
	for i, name := range statusNames {
		if name == string(text) {
			*s = Status(i)
			return nil
		}
	}
	return fmt.Errorf("unknown status %q", text)
}
