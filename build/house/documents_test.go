package house

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a document claims, it may claim by naming the test that shows it, with its folder where several have one of that
// name: collect/host.TestOpen. The test must be there; so must every file a document links to.
func TestDocumentsNameWhatExists(t *testing.T) {
	tests := map[string]int{}
	for _, file := range tracked(t) {
		switch {
		case strings.HasSuffix(file, "_test.go"):
			for _, m := range testFunc.FindAllStringSubmatch(string(read(t, file)), -1) {
				tests[m[1]]++
				tests[path.Dir(file)+"."+m[1]]++
			}
		case strings.HasSuffix(file, ".txtar"):
			tests[path.Base(file)]++
		}
	}
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(root(t), name))
		return err == nil
	}
	for _, file := range tracked(t) {
		if strings.HasSuffix(file, ".md") && file != "THIRD_PARTY.md" {
			for _, complaint := range checkDocument(file, string(read(t, file)), tests, exists) {
				t.Error(complaint)
			}
		}
	}
}

var (
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(`)
	testName = regexp.MustCompile(`(?:[\w/]+\.)?\b(?:Test|Fuzz|Benchmark)[A-Z]\w*\b|\b[\w-]+\.txtar\b`)
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)|\bsrc="([^"]+)"`)
)

func checkDocument(name, text string, tests map[string]int, exists func(string) bool) (complaints []string) {
	for _, test := range testName.FindAllString(text, -1) {
		switch n := tests[test]; {
		case n == 0:
			complaints = append(complaints, fmt.Sprintf("%s names the test %s, which is not there", name, test))
		case n > 1 && !strings.Contains(test, "/"):
			complaints = append(complaints, fmt.Sprintf("%s names the test %s, of which there are %d: name its folder", name, test, n))
		}
	}
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		target, _, _ := strings.Cut(m[1]+m[2], "#")
		if target == "" || strings.Contains(target, "://") {
			continue
		}
		if file := path.Join(path.Dir(name), target); !exists(file) {
			complaints = append(complaints, fmt.Sprintf("%s links to %s, which is not there", name, file))
		}
	}
	return complaints
}

func TestDocumentRuleBites(t *testing.T) {
	tests := map[string]int{"TestHere": 1, "torn.txtar": 1, "TestTwice": 2, "a/b.TestTwice": 1}
	exists := func(name string) bool { return name == "docs/a.md" || name == "README.md" }
	for text, want := range map[string]int{
		"shown by TestHere and torn.txtar":                     0,
		"shown by TestGone and whole.txtar":                    2,
		"shown by a/b.TestTwice":                               0,
		"shown by TestTwice, a/c.TestTwice":                    2,
		"[a](a.md#part), [up](../README.md), [web](https://x)": 0,
		"[a](b.md) <img src=\"c.svg\">":                        2,
	} {
		if got := checkDocument("docs/x.md", text, tests, exists); len(got) != want {
			t.Errorf("%q: got %q, want %d complaints", text, got, want)
		}
	}
}
