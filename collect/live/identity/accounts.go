package identity

import (
	"cmp"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// maxAccounts is more than the accounts of any host's own files, in bytes of one of them.
const maxAccounts = 32 << 20

// maxHomes bounds the folders of /home that are looked at.
const maxHomes = 20000

// Users gives the accounts of /etc/passwd, and one for each folder in /home that none of them has: accounts of a
// directory service have no line in that file, and deleted ones leave their folder.
func Users(f artifacts.Files) []artifacts.User {
	r := &reader{files: f}
	var users []artifacts.User
	for _, a := range r.accounts(nil) {
		users = append(users, a.User)
	}
	return users
}

// accounts reads passwd(5). The password field tells where a password is; what it holds is not kept.
func (r *reader) accounts(groups []Group) []Account {
	names := groupNames(groups)
	var all []Account
	for line := range procfs.Lines(r.read("/etc/passwd", maxAccounts)) {
		f := strings.Split(line, ":")
		if len(f) < 7 || f[0] == "" || f[0][0] == '+' || f[0][0] == '-' { // NIS: "+::::::" means "all of them"
			continue
		}
		a := Account{
			User: artifacts.User{
				Name: procfs.Text(f[0]), ID: procfs.Text(f[2]), Group: procfs.Text(f[3]), Home: artifacts.Path(f[5]), Shell: procfs.Text(f[6]),
			},
			FullName: procfs.Text(strings.TrimRight(f[4], ",")),
			Password: passwordPlace(f[1]),
			Admin:    f[2] == "0",
			Source:   "/etc/passwd",
		}
		if group, ok := names.byID[a.Group]; ok {
			a.Groups = append(a.Groups, group)
		}
		a.Groups = appendNew(a.Groups, names.of[a.Name]...)
		all = append(all, a)
	}
	return append(all, r.homes(all)...)
}

func passwordPlace(field string) string {
	switch {
	case field == "":
		return "empty"
	case field == "x":
		return "shadow"
	case strings.HasPrefix(field, "*"), strings.HasPrefix(field, "!"):
		return "locked"
	}
	return "in passwd"
}

// homes makes an account of each folder in /home that belongs to none. Folders of root there may hold those of a
// domain, as in /home/EXAMPLE/anna. A /home on the network is not looked at.
func (r *reader) homes(known []Account) []Account {
	has := map[artifacts.Path]bool{}
	for _, a := range known {
		has[a.Home] = true
	}
	var found []Account
	var list func(dir artifacts.Path, deeper bool)
	list = func(dir artifacts.Path, deeper bool) {
		if m, ok := r.files.Mount(dir); ok && m.Class != artifacts.Local {
			return
		}
		entries, _ := r.files.ReadDir(dir)
		for _, e := range entries {
			home := artifacts.Linux.Join(dir, e.Name)
			if e.Kind != artifacts.Directory && e.Kind != artifacts.Unknown || e.Name == "lost+found" || has[home] || len(found) >= maxHomes {
				continue
			}
			if m, ok := r.files.Mount(home); ok && m.Class == artifacts.Remote { // whose it is cannot be asked
				found = append(found, Account{User: artifacts.User{Name: procfs.Text(e.Name), Home: home}, Source: "home"})
				continue
			}
			st, err := r.files.Lstat(home)
			if err != nil || st.Kind != artifacts.Directory {
				continue
			}
			if st.UID == "0" && deeper {
				list(home, false)
			}
			found = append(found, Account{
				User:   artifacts.User{Name: procfs.Text(e.Name), ID: st.UID, Group: st.GID, Home: home},
				Source: "home",
			})
		}
	}
	list("/home", true)
	return found
}

// groups reads group(5), without its password field.
func (r *reader) groups() []Group {
	var all []Group
	for line := range procfs.Lines(r.read("/etc/group", maxAccounts)) {
		f := strings.Split(procfs.Text(line), ":")
		if len(f) < 4 || f[0] == "" || f[0][0] == '+' || f[0][0] == '-' {
			continue
		}
		g := Group{Name: f[0], ID: f[2]}
		for m := range strings.SplitSeq(f[3], ",") {
			g.Members = appendNew(g.Members, strings.TrimSpace(m))
		}
		all = append(all, g)
	}
	slices.SortStableFunc(all, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

type groupIndex struct {
	byID map[string]string
	of   map[string][]string // groups by member
}

func groupNames(groups []Group) groupIndex {
	x := groupIndex{byID: map[string]string{}, of: map[string][]string{}}
	for _, g := range groups {
		if _, ok := x.byID[g.ID]; !ok {
			x.byID[g.ID] = g.Name
		}
		for _, m := range g.Members {
			x.of[m] = append(x.of[m], g.Name)
		}
	}
	return x
}
