package release

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTargets(t *testing.T) {
	want := []Target{{"linux", "amd64"}, {"linux", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"}, {"windows", "386"}}
	if got := Targets(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// THIRD_PARTY.md is what the sources say now: every module that is linked, with a licence that allows it.
func TestThirdPartyIsCurrent(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	want, err := ThirdParty(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, "THIRD_PARTY.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) == want {
		return
	}
	have := slices.Collect(strings.Lines(string(got)))
	for line := range strings.Lines(want) {
		if !slices.Contains(have, line) {
			t.Errorf("THIRD_PARTY.md lacks %q", line)
		}
	}
	t.Fatal("THIRD_PARTY.md is stale: go run ./build/licences > THIRD_PARTY.md, and read the difference")
}

func TestClassify(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n   Version 2.0, January 2004": "Apache-2.0",
		"Permission is hereby granted, free of charge, to any person …\nThe above copyright notice and this\npermission notice shall be included": "MIT",
		"Redistribution and use in source and binary forms …\nNeither the name of Google Inc. nor the names":                                      "BSD-3-Clause",
		"Redistribution and use in source and binary forms, with or without modification":                                                         "BSD-2-Clause",
		"Mozilla Public License Version 2.0 … means either the GNU General Public License, Version 2.0, the GNU Lesser General":                   "MPL-2.0",
		"GNU AFFERO GENERAL PUBLIC LICENSE\n  Version 3, 19 November 2007":                                                                        "AGPL-3.0",
		"GNU GENERAL PUBLIC LICENSE\n  Version 3, 29 June 2007":                                                                                   "GPL-3.0",
		"GNU GENERAL PUBLIC LICENSE\n  Version 2, June 1991":                                                                                      "GPL-2.0",
		"GNU LESSER GENERAL PUBLIC LICENSE\n  Version 3":                                                                                          "LGPL-3.0",
		"all rights reserved": "",
	} {
		if got := Classify(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestCopyleft(t *testing.T) {
	for spdx, want := range map[string]bool{"MIT": false, "MPL-2.0": false, "AGPL-3.0": true, "MIT AND GPL-2.0": true, "LGPL-3.0": true} {
		if got := Copyleft(spdx); got != want {
			t.Errorf("%s: got %v, want %v", spdx, got, want)
		}
	}
}

func TestReadLicence(t *testing.T) {
	const mit = "Permission is hereby granted, free of charge; the above copyright notice and this permission notice stay."
	tests := []struct {
		name  string
		files map[string]string
		want  string // empty: an error
	}{
		{"one", map[string]string{"LICENSE": mit, "licence.go": "package x"}, "MIT"},
		{"two", map[string]string{"COPYING": mit, "LICENSE.libx": "Redistribution and use in source and binary forms"}, "MIT AND BSD-2-Clause"},
		{"notice is no licence", map[string]string{"NOTICE": "made by us"}, ""},
		{"unknown", map[string]string{"LICENSE": "ask me"}, ""},
		{"one known, one not", map[string]string{"LICENSE": mit, "LICENSE.data": "ask me"}, ""},
		{"none", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := ReadLicence(dir)
			if got.SPDX != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%v: got %q, %v; want %q", tt.files, got.SPDX, err, tt.want)
			}
		})
	}
}

func TestWhere(t *testing.T) {
	all := Targets()
	for _, tt := range []struct {
		in   []Target
		want string
	}{
		{nil, "–"},
		{all, "all"},
		{all[:2], "linux"},
		{all[2:], "windows"},
		{all[:1], "linux/amd64"},
		{[]Target{all[0], all[1], all[4]}, "linux, windows/386"},
	} {
		if got := where(tt.in); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.in, got, tt.want)
		}
	}
}
