package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"spor/artifacts"
)

// homes tells which users' homes are not there. That is said once for a home, by the walk; of what was asked for in it, the
// definitions say how many homes lack it.
type homes struct {
	os    artifacts.OS
	of    map[artifacts.Path][]string // users by home
	above map[artifacts.Path]bool     // the homes and all folders above them
	gone  map[artifacts.Path]bool     // of above
}

// maxGone bounds the outcomes, and the users that one of them names.
const (
	maxGone  = 1000
	maxNamed = 10
)

func newHomes(h *artifacts.Host) homes {
	x := homes{os: h.OS, of: map[artifacts.Path][]string{}, above: map[artifacts.Path]bool{}, gone: map[artifacts.Path]bool{}}
	for i := range h.Users {
		p := h.Users[i].Home
		if p == "" {
			continue
		}
		x.of[p] = append(x.of[p], h.Users[i].Name)
		for !x.above[p] {
			x.above[p] = true
			dir, name := x.os.Split(p)
			if dir == "" || name == "" {
				break
			}
			p = dir
		}
	}
	return x
}

// lacks is told of a path that is not there.
func (x *homes) lacks(p artifacts.Path) {
	if x.above[p] {
		x.gone[p] = true
	}
}

// outcomes gives one for each home that is not there.
func (x *homes) outcomes() (list []artifacts.Outcome) {
	missing := 0
	for _, home := range slices.Sorted(maps.Keys(x.of)) {
		users := x.of[home]
		if !x.isGone(home) {
			continue
		}
		if missing++; len(list) == maxGone {
			continue
		}
		slices.Sort(users)
		names := strings.Join(users[:min(len(users), maxNamed)], ", ")
		if more := len(users) - maxNamed; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		list = append(list, artifacts.Outcome{Path: home, Status: artifacts.Absent, Reason: "the home of " + names})
	}
	if missing > maxGone {
		list = append(list, artifacts.Outcome{Status: artifacts.Absent, Reason: fmt.Sprintf("%d more homes of users", missing-maxGone)})
	}
	return list
}

// isGone tells whether a path or a folder above it is not there.
func (x *homes) isGone(p artifacts.Path) bool {
	for {
		if x.gone[p] {
			return true
		}
		dir, name := x.os.Split(p)
		if dir == "" || name == "" {
			return false
		}
		p = dir
	}
}
