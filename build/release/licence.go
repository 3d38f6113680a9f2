package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Licence is what a module may be used under.
type Licence struct {
	SPDX string // expression; empty: not recognised
	Text string // of all licence files, with NOTICE
}

// marks tell a licence by words that stand in it and in no other of this list; the first that fits is taken. They are
// looked for in text in lower case with single spaces.
var marks = []struct {
	spdx string
	all  []string
}{
	{"AGPL-3.0", []string{"gnu affero general public license version 3"}},
	{"LGPL-3.0", []string{"gnu lesser general public license version 3"}},
	{"LGPL-2.1", []string{"gnu lesser general public license version 2.1"}},
	{"GPL-3.0", []string{"gnu general public license version 3"}},
	{"GPL-2.0", []string{"gnu general public license version 2"}},
	{"MPL-2.0", []string{"mozilla public license", "2.0"}},
	{"EPL-2.0", []string{"eclipse public license - v 2.0"}},
	{"Apache-2.0", []string{"apache license version 2.0, january 2004"}},
	{"MIT", []string{"permission is hereby granted, free of charge", "the above copyright notice and this permission notice"}},
	{"ISC", []string{"permission to use, copy, modify, and/or distribute this software for any purpose"}},
	{"ISC", []string{"permission to use, copy, modify, and distribute this software for any purpose"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "neither the name"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "may not be used to endorse"}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms"}},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}},
	{"CC0-1.0", []string{"cc0 1.0 universal"}},
}

// Classify gives the SPDX name of the licence a text is, and "" for one it does not know.
func Classify(text string) string {
	plain := strings.Join(strings.Fields(strings.ToLower(text)), " ")
	for _, m := range marks {
		if !slices.ContainsFunc(m.all, func(words string) bool { return !strings.Contains(plain, words) }) {
			return m.spdx
		}
	}
	return ""
}

// Copyleft tells whether a licence would reach over to the static program that links the module: the GPL family, the
// LGPL with it, since a static program leaves nothing to replace.
func Copyleft(spdx string) bool { return strings.Contains(spdx, "GPL") }

// ReadLicence reads the licence files in a module's top folder: LICENSE, COPYING and UNLICENSE in any spelling, and
// NOTICE. It fails where there is none.
func ReadLicence(dir string) (Licence, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Licence{}, err
	}
	var l Licence
	var names []string
	for _, e := range entries {
		kind, ok := licenceFile(e)
		if !ok {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return Licence{}, err
		}
		text := strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n"))
		if kind == "notice" {
			l.Text += "\n\n" + e.Name() + ":\n\n" + text
			continue
		}
		spdx := Classify(text)
		if spdx == "" {
			return Licence{}, fmt.Errorf("%s: no known licence", filepath.Join(dir, e.Name()))
		}
		if !slices.Contains(names, spdx) {
			names = append(names, spdx)
		}
		l.Text += "\n\n" + text
	}
	if len(names) == 0 {
		return Licence{}, fmt.Errorf("%s: no licence file: %w", dir, errors.ErrUnsupported)
	}
	l.SPDX, l.Text = strings.Join(names, " AND "), strings.TrimSpace(l.Text)
	return l, nil
}

func licenceFile(e fs.DirEntry) (kind string, ok bool) {
	if e.IsDir() {
		return "", false
	}
	name := strings.ToLower(e.Name())
	if strings.HasSuffix(name, ".go") {
		return "", false
	}
	for _, k := range []string{"license", "licence", "copying", "unlicense", "notice"} {
		if strings.HasPrefix(name, k) {
			return k, true
		}
	}
	return "", false
}
