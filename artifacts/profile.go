package artifacts

import "slices"

// A Profile is a choice of evidence for one kind of case. What it takes is said by those who carry its name.
type Profile struct {
	Name     string   `json:"name"`
	Doc      string   `json:"doc"`
	Includes []string `json:"includes,omitempty"` // other profiles
}

// Profiles are all that --profile can name. The default is DefaultProfile.
var Profiles = []Profile{
	{Name: "volatile", Doc: "only what a reboot destroys: processes, sockets, sessions, clock"},
	{Name: "triage", Doc: "what most cases are solved with, in minutes: volatile state, logs, accounts, persistence", Includes: []string{"volatile"}},
	{Name: "ransomware", Doc: "triage, and ransom notes, samples of encrypted files, backup and remote-access traces", Includes: []string{"triage"}},
	{Name: "webserver", Doc: "triage, and web server configuration, logs and content", Includes: []string{"triage"}},
	{Name: "full", Doc: "everything there is a definition or collector for", Includes: []string{"triage", "ransomware", "webserver"}},
	{Name: "memory", Doc: "the memory of the machine and of its processes"},
}

// DefaultProfile is taken where none is named.
const DefaultProfile = "triage"

// ExpandProfiles gives the named profiles with all they include, and the first name that is no profile, if any.
func ExpandProfiles(names []string) (all []string, unknown string) {
	for queue := slices.Clone(names); len(queue) > 0; queue = queue[1:] {
		i := slices.IndexFunc(Profiles, func(p Profile) bool { return p.Name == queue[0] })
		if i < 0 {
			return nil, queue[0]
		}
		if !slices.Contains(all, queue[0]) {
			all = append(all, queue[0])
			queue = append(queue, Profiles[i].Includes...)
		}
	}
	return all, ""
}
