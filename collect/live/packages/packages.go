// Package packages tells what is installed, which package a file belongs to, and which files are no longer what their
// package put there: the native form of "dpkg -l", "dpkg -S", "dpkg -V" and "rpm -Va".
//
// Databases are read from their files alone: dpkg (deb-status(5), dpkg(1), "dpkg/info" of deb-md5sums(5)), apk
// (wiki.alpinelinux.org/wiki/Apk_spec), pacman (libalpm's local database: desc, files and mtree) and rpm (headers as of
// rpm.org "Package format V4", in rpmdb.sqlite and Packages.db; a Berkeley DB is said to be unread).
//
// What a database says it says itself: an intruder who is root can change both the file and its digest. A file that
// differs was changed; one that does not may have been.
package packages

import (
	"context"
	"errors"
	"time"

	"spor/artifacts"
)

// Collector takes one Package for each installed package.
var Collector = &artifacts.Collector{
	Name:     "packages",
	Doc:      "Installed packages: name, version, state, origin, time of installation",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Collect:  collect,
}

// A Package is one line of live/packages.jsonl. What is zero or absent is not known.
type Package struct {
	Manager      string         `json:"manager"` // "dpkg", "rpm", "apk", "pacman"
	Name         string         `json:"name"`
	Version      string         `json:"version,omitempty"` // rpm: [epoch:]version-release
	Architecture string         `json:"architecture,omitempty"`
	Status       string         `json:"status,omitempty"` // dpkg: "install ok installed"; others: empty
	Source       string         `json:"source,omitempty"` // the source package
	Vendor       string         `json:"vendor,omitempty"` // maintainer, vendor or packager, as it stands
	Installed    time.Time      `json:"installed,omitzero"`
	Size         int64          `json:"size,omitempty"`  // bytes, as the package claims
	Files        int            `json:"files,omitempty"` // it owns, folders among them
	Path         artifacts.Path `json:"path,omitempty"`  // where its files are listed

	id uint32
}

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	x, err := Load(ctx, h)
	if err != nil {
		return err
	}
	for _, o := range x.Notes {
		rec.Note(o)
	}
	if len(x.Packages) == 0 && len(x.Notes) == 0 {
		return errors.New("no database of packages: none of dpkg, rpm, apk, pacman")
	}
	for i := range x.Packages {
		if err := errors.Join(ctx.Err(), rec.Record(x.Packages[i])); err != nil {
			return err
		}
	}
	return nil
}
