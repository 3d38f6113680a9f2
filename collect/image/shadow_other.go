//go:build !windows

package image

import (
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"spor/artifacts"
	"spor/collect/rawfile"
	"spor/collect/rawfile/vss"
)

// A past is a volume as it was, opened when it is first read.
type past struct {
	artifacts.Shadow
	open func() (*rawfile.Volume, error)
}

// A present is the drives of a disk, with what they were in paths of their own.
type present struct {
	drives
	pasts []past
}

var (
	_ artifacts.Files     = (*present)(nil)
	_ artifacts.Undeleter = (*present)(nil)
)

// shadows finds the shadow copies of the drives, which lie on the volumes themselves, and gives the host the files in
// them. They are numbered drive by drive, the oldest first; the running system may have given them other numbers.
func shadows(h *artifacts.Host, d drives, all []volume) {
	p := &present{drives: d}
	for i, v := range all[:min(len(all), len(d))] {
		if !v.isNTFS() {
			continue
		}
		drive := strings.TrimSuffix(string(d[i].Roots()[0]), `\`)
		kept, err := vss.Open(v, v.size)
		if err != nil {
			h.Limits = append(h.Limits, artifacts.Outcome{Source: source, Status: artifacts.Failed, Reason: fmt.Sprintf("%s: %v", v.name, err)})
		}
		if n := len(kept.Foreign); n > 0 {
			h.Limits = append(h.Limits, artifacts.Outcome{Source: source, Status: artifacts.Skipped, Reason: fmt.Sprintf("%s holds the blocks of %d shadow copies of other volumes, which are read only with those", v.name, n)})
		}
		for n, c := range kept.Copies {
			s := artifacts.Shadow{
				Path:  artifacts.Path(fmt.Sprintf("%s%d", artifacts.ShadowDevice, len(p.pasts)+1)),
				Drive: artifacts.Path(drive), Created: c.Created, ID: c.ID, SetID: c.SetID, Machine: c.Machine,
			}
			if c.Elsewhere {
				s.Error = "its blocks lie on another volume"
			}
			p.pasts = append(p.pasts, past{s, sync.OnceValues(func() (*rawfile.Volume, error) {
				r, err := kept.Reader(n)
				if err != nil {
					return nil, err
				}
				return rawfile.Open(r, c.Size, drive)
			})})
		}
	}
	h.Files = p
	h.Shadows = func() ([]artifacts.Shadow, error) {
		var copies []artifacts.Shadow
		for _, c := range p.pasts {
			if _, err := c.open(); err != nil && c.Error == "" {
				c.Error = err.Error()
			}
			copies = append(copies, c.Shadow)
		}
		return copies, nil
	}
}

// on gives the files that a path is of: those of the drives, or of a copy.
func (p *present) on(op string, name artifacts.Path) (artifacts.Files, error) {
	if !strings.HasPrefix(string(name), artifacts.ShadowDevice) {
		return p.drives, nil
	}
	for _, c := range p.pasts {
		r := &artifacts.Renamed{From: c.Path, To: c.Drive}
		if !r.Has(name) {
			continue
		}
		v, err := c.open()
		if err != nil {
			return nil, &fs.PathError{Op: op, Path: name.String(), Err: err}
		}
		r.Files = v
		return r, nil
	}
	return nil, &fs.PathError{Op: op, Path: name.String(), Err: fs.ErrNotExist}
}

// Lstat implements artifacts.Files.
func (p *present) Lstat(name artifacts.Path) (artifacts.Stat, error) {
	f, err := p.on("lstat", name)
	if err != nil {
		return artifacts.Stat{}, err
	}
	return f.Lstat(name)
}

// ReadDir implements artifacts.Files.
func (p *present) ReadDir(name artifacts.Path) ([]artifacts.DirEntry, error) {
	f, err := p.on("readdir", name)
	if err != nil {
		return nil, err
	}
	return f.ReadDir(name)
}

// Readlink implements artifacts.Files.
func (p *present) Readlink(name artifacts.Path) (artifacts.Path, error) {
	f, err := p.on("readlink", name)
	if err != nil {
		return "", err
	}
	return f.Readlink(name)
}

// Open implements artifacts.Files.
func (p *present) Open(name artifacts.Path) (artifacts.File, error) {
	f, err := p.on("open", name)
	if err != nil {
		return nil, err
	}
	return f.Open(name)
}
