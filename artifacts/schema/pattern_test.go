package schema

import (
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"spor/artifacts"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		glob, name string
		want       bool
	}{
		{"*", "", true},
		{"*", "a.b", true},
		{"a*b*c", "aXbYc", true},
		{"a*b*c", "aXbY", false},
		{"?", "é", true},
		{"??", "é", false},
		{"?", "\xff", true},
		{"[\xff]", "\xff", true},
		{"[^a]", "\xff", true},
		{"[a-c]x", "bx", true},
		{"[!a-c]x", "bx", false},
		{"[]]", "]", true},
		{"[!]]", "]", false},
		{"[a-]", "-", true},
		{"[-a]", "-", true},
		{"[z-a]", "m", false},
		{"[", "[", true},
		{"a[", "a[", true},
		{"[æ-ø]", "ø", true},
		{"a**b", "axyb", true},
		{"*a", strings.Repeat("a", 50) + "b", false},
	}
	for _, test := range tests {
		if got := match(test.glob, test.name); got != test.want {
			t.Errorf("match(%q, %q) = %v, want %v", test.glob, test.name, got, test.want)
		}
	}
}

func TestCompileFaults(t *testing.T) {
	for _, p := range []string{"/a/../b", "/**0", "/**101", "/**99999999999999999999", strings.Repeat("/a", 300)} {
		parts, err := split(artifacts.Linux, p, "")
		if err == nil {
			_, err = compile(parts, false)
		}
		if err == nil {
			t.Errorf("%.40s: compiled", p)
		}
	}
}

// FuzzMatch compares with path.Match where the two mean the same, and quoting with itself.
func FuzzMatch(f *testing.F) {
	f.Add("a*[b-d]?", "axcx")
	f.Add("[]a]", "]")
	f.Add("\xff*", "\xff\xfe")
	f.Fuzz(func(t *testing.T, glob, name string) {
		if len(glob) > 100 || len(name) > 100 {
			t.Skip()
		}
		got := match(glob, name)
		if strings.ContainsAny(glob, `\[]`) || strings.Contains(name, "/") || !utf8.ValidString(glob) || !utf8.ValidString(name) {
			return
		}
		if want, err := path.Match(glob, name); err == nil && got != want {
			t.Errorf("match(%q, %q) = %v, path.Match says %v", glob, name, got, want)
		}
	})
}

// FuzzCompile holds that a quoted name stands for itself alone, and that no pattern breaks the trie.
func FuzzCompile(f *testing.F) {
	f.Add("/a/**3/[b]*", "x[*]?")
	f.Add(`C:\**\*`, "æ")
	f.Fuzz(func(t *testing.T, p, name string) {
		for _, os := range []artifacts.OS{artifacts.Linux, artifacts.Windows} {
			parts, err := split(os, p, "C:")
			if err != nil {
				continue
			}
			if n, err := compile(parts, os.FoldsCase()); err == nil {
				tr := newTrie(os.FoldsCase())
				tr.add(n, 0)
				tr.matches(names(os, artifacts.Path(name)))
			}
		}
		if name == "" || name == "." || name == ".." || strings.HasPrefix(quote(name), "**") {
			return
		}
		n, err := compile([]string{quote(name)}, false)
		if err != nil || len(n) != 1 || n[0].glob != "" || n[0].literal != name {
			t.Errorf("quote(%q) = %q compiles to %+v, %v", name, quote(name), n, err)
		}
	})
}
