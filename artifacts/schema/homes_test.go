package schema

import (
	"testing"

	"spor/artifacts"
)

// What is asked for in every home is said once for all homes that lack it, and a home that is not there once: nothing is
// silent, and service accounts do not drown what matters.
func TestManyHomes(t *testing.T) {
	f := newFake(artifacts.Linux, "/home/anna/.bashrc", "/home/bert/", "/var/spool/", "/net/x")
	f.mounts["/net"] = artifacts.Mount{Path: "/net", Type: "nfs4", Class: artifacts.Remote}
	h := linuxHost(f)
	h.Users = []artifacts.User{
		{Name: "anna", Home: "/home/anna"},
		{Name: "bert", Home: "/home/bert"},
		{Name: "daemon", Home: "/usr/sbin"},
		{Name: "nobody", Home: "/nonexistent"},
		{Name: "_apt", Home: "/nonexistent"},
		{Name: "lp", Home: "/var/spool/lpd"},
		{Name: "carl", Home: "/net/carl"},
		{Name: "dora", Home: "/net/dora"},
	}
	rec := run(t, definitions(t, `
name: Shells
doc: Start files.
sources:
- type: FILE
  attributes: {paths: ['%%users.homedir%%/.bashrc', '%%users.homedir%%/.zshrc', '/etc/profile']}
supported_os: [Linux]
`), h, Options{})
	same(t, "taken", rec.taken, []string{"Shells /home/anna/.bashrc"})

	same(t, "noted", rec.notes, []string{
		"walk skipped /net: network file system nfs4 is not entered",
		"walk absent /nonexistent: the home of _apt, nobody",
		"walk absent /usr/sbin: the home of daemon",
		"walk absent /var/spool/lpd: the home of lp",
		"Shells skipped %%users.homedir%%/.bashrc: /net: network file system nfs4 is not entered",
		"Shells skipped %%users.homedir%%/.zshrc: /net: network file system nfs4 is not entered",
		"Shells absent %%users.homedir%%/.bashrc: in 4 of the 7 homes of users",
		"Shells absent %%users.homedir%%/.zshrc: in 5 of the 7 homes of users",
		"Shells absent /etc/profile",
	})
}
