package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const thirdPartyHead = `# Third-party modules

What is linked into the two programs besides spor itself (which is under the Apache License 2.0, see LICENSE).
Written by ` + "`go run ./build/licences > THIRD_PARTY.md`" + `; a test fails when it is stale, when a module has no known
licence, or when one would reach over to spor (GPL, AGPL).

| module | version | licence | spor | spor-desk |
|---|---|---|---|---|
`

// ThirdParty gives the content of THIRD_PARTY.md for the sources in root.
func ThirdParty(ctx context.Context, root string) (string, error) {
	modules, err := Linked(ctx, root)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(thirdPartyHead)
	var errs []error
	owners := map[string][]string{} // licence text → modules
	var texts []string
	for _, m := range modules {
		l, err := ReadLicence(m.Dir)
		if err == nil && Copyleft(l.SPDX) {
			err = fmt.Errorf("under %s: may not be linked", l.SPDX)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", m.Path, m.Version, err))
			continue
		}
		if m.Path == Standard {
			m.Version = "of the Go that builds" // a point release is no change here
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", m.Path, m.Version, l.SPDX, where(m.In["spor"]), where(m.In["spor-desk"]))
		if owners[l.Text] == nil {
			texts = append(texts, l.Text)
		}
		owners[l.Text] = append(owners[l.Text], m.Path)
	}
	for _, text := range texts {
		fmt.Fprintf(&b, "\n## %s\n\n~~~text\n%s\n~~~\n", strings.Join(owners[text], ", "), text)
	}
	return b.String(), errors.Join(errs...)
}

// where says in few words which of the targets a module is linked for.
func where(in []Target) string {
	if len(in) == 0 {
		return "–"
	}
	var missing bool
	var parts []string
	for _, os := range []string{"linux", "windows"} {
		var have, all []string
		for _, t := range Targets() {
			if t.OS != os {
				continue
			}
			all = append(all, t.String())
			if slices.Contains(in, t) {
				have = append(have, t.String())
			}
		}
		if len(have) == len(all) {
			parts = append(parts, os)
			continue
		}
		missing = true
		parts = append(parts, have...)
	}
	if !missing {
		return "all"
	}
	return strings.Join(parts, ", ")
}
