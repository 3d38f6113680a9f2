package house

import (
	"debug/elf"
	"debug/pe"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"spor/build/release"
)

// never are the functions that must not be in the agent: those through which sealed evidence is read again, those that
// serve, and those that execute. It shares packages with the desk, and modules bring what they like, so import rules
// cannot keep them out; the linker does, as long as nothing in the agent calls them.
var never = []string{
	"spor/package/seal.Open",
	"spor/package/seal.OpenKey",
	"spor/package/bundle.Check",
	"github.com/ProtonMail/go-crypto/openpgp.ReadMessage",
	"github.com/ProtonMail/gopenpgp/v2/crypto.(*KeyRing).Decrypt",
	"github.com/ProtonMail/gopenpgp/v2/crypto.(*KeyRing).DecryptStream",
	"github.com/ProtonMail/gopenpgp/v2/crypto.(*KeyRing).DecryptSessionKey",
	"net.Listen",
	"net/http.(*Server).Serve",
	"os/exec.(*Cmd).Start",
	"os.StartProcess",
	"syscall.StartProcess",
	"syscall.forkExec",
	"golang.org/x/sys/windows.CreateProcess",
	"golang.org/x/sys/windows.ShellExecute",
}

// starting are the calls of Windows by which a program is started, and startsItself the one file of the agent that has
// one: it starts the agent's own image in another session, to look at the screen there. What it starts is no program of
// the host.
var starting = regexp.MustCompile(`\b(?:CreateProcess\w*|ShellExecute(?:Ex)?[AW]?|WinExec|NtCreateUserProcess|RtlCreateUserProcess\w*|posix_spawn)\b`)

const startsItself = "collect/live/screens/child_windows.go"

func TestAgentStartsItselfAlone(t *testing.T) {
	for _, file := range tracked(t) {
		agent := strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") && !strings.HasPrefix(file, "build/") && !strings.HasPrefix(file, "cmd/spor-desk/")
		if !agent {
			continue
		}
		for _, complaint := range checkStarting(file, string(read(t, file))) {
			t.Error(complaint)
		}
	}
}

// checkStarting looks for such calls in code, not in comments; in the one file it wants exactly one, of our own image.
func checkStarting(file, source string) (complaints []string) {
	calls := 0
	for n, line := range strings.Split(source, "\n") {
		code, _, _ := strings.Cut(line, "//")
		found := starting.FindString(code)
		switch {
		case found == "":
		case file != startsItself:
			complaints = append(complaints, fmt.Sprintf("%s:%d: %s: the agent starts no program but itself, in %s", file, n+1, found, startsItself))
		default:
			calls++
		}
	}
	if file == startsItself && (calls != 1 || !strings.Contains(source, "own, err := os.Executable()") || !strings.Contains(source, "windows.CreateProcessAsUser(token, image,")) {
		complaints = append(complaints, fmt.Sprintf("%s: has %d calls that start a program, want one, with os.Executable as the image", file, calls))
	}
	return complaints
}

func TestStartingRuleBites(t *testing.T) {
	const good = "own, err := os.Executable()\nwindows.CreateProcessAsUser(token, image, line)\n"
	for _, tt := range []struct {
		file, source string
		want         int
	}{
		{"collect/a.go", "x := 1 // not CreateProcess", 0},
		{"collect/a.go", `p := kernel32.NewProc("CreateProcessW")`, 1},
		{"collect/a.go", "windows.ShellExecute(0)\nWinExec(x)", 2},
		{"collect/a.go", good, 1},
		{startsItself, good, 0},
		{startsItself, good + good, 1},
		{startsItself, strings.ReplaceAll(good, "os.Executable()", "other()"), 1},
		{startsItself, "", 1},
	} {
		if got := checkStarting(tt.file, tt.source); len(got) != tt.want {
			t.Errorf("%s %q: got %q, want %d complaints", tt.file, tt.source, got, tt.want)
		}
	}
}

func TestAgentCannotOpenServeOrExecute(t *testing.T) {
	for _, target := range []release.Target{{OS: "linux", Arch: "amd64"}, {OS: "windows", Arch: "amd64"}} {
		for _, complaint := range checkFunctions(functions(t, build(t, "spor", target)), never) {
			t.Errorf("spor for %s: %s", target, complaint)
		}
	}
	desk := functions(t, build(t, "spor-desk", release.Target{OS: "linux", Arch: "amd64"}))
	for _, name := range never {
		if strings.HasPrefix(name, "spor/") && !desk[name] {
			t.Errorf("%s is not in spor-desk either: it has another name now, and this test looks for nothing", name)
		}
	}
}

func checkFunctions(have map[string]bool, banned []string) (complaints []string) {
	for _, name := range banned {
		if have[name] {
			complaints = append(complaints, fmt.Sprintf("%s is linked", name))
		}
	}
	return complaints
}

func TestFunctionRuleBites(t *testing.T) {
	have := map[string]bool{"main.main": true, "net.Listen": true}
	if got := checkFunctions(have, never); len(got) != 1 || got[0] != "net.Listen is linked" {
		t.Errorf("got %q", got)
	}
}

// What docs/exit-codes.md says, both programs say, with the same words up to the first semicolon or full stop.
func TestExitCodesAreDocumented(t *testing.T) {
	documented := codes(string(read(t, "docs/exit-codes.md")), regexp.MustCompile(`(?m)^\| (\d+) \| (.+?) \|`))
	for _, program := range []string{"spor", "spor-desk"} {
		out, err := exec.CommandContext(t.Context(), build(t, program, release.Target{OS: runtime.GOOS, Arch: runtime.GOARCH}), "help", "exit-codes").Output()
		if err != nil {
			t.Fatalf("%s help exit-codes: %v", program, err)
		}
		said := codes(string(out), regexp.MustCompile(`(?m)^ +(\d+)  (.+)$`))
		for _, complaint := range checkCodes(said, documented) {
			t.Errorf("%s: %s", program, complaint)
		}
	}
}

func codes(text string, line *regexp.Regexp) map[string]string {
	all := map[string]string{}
	for _, m := range line.FindAllStringSubmatch(text, -1) {
		all[m[1]] = m[2]
	}
	return all
}

func checkCodes(said, documented map[string]string) (complaints []string) {
	if len(said) == 0 {
		return []string{"says no exit codes"}
	}
	both := maps.Clone(said)
	maps.Copy(both, documented)
	for _, code := range slices.Sorted(maps.Keys(both)) {
		if said[code] != documented[code] {
			complaints = append(complaints, fmt.Sprintf("exit code %s is %q, documented as %q", code, said[code], documented[code]))
		}
	}
	return complaints
}

func TestExitCodeRuleBites(t *testing.T) {
	for _, tt := range []struct {
		said, documented map[string]string
		want             int
	}{
		{map[string]string{"0": "done"}, map[string]string{"0": "done"}, 0},
		{map[string]string{"0": "done"}, map[string]string{"0": "well done"}, 1},
		{map[string]string{"0": "done", "9": "new"}, map[string]string{"0": "done"}, 1},
		{map[string]string{"0": "done"}, map[string]string{"0": "done", "9": "old"}, 1},
		{nil, nil, 1},
	} {
		if got := checkCodes(tt.said, tt.documented); len(got) != tt.want {
			t.Errorf("%v, documented %v: got %q, want %d complaints", tt.said, tt.documented, got, tt.want)
		}
	}
}

// build makes a program with its table of functions.
func build(t *testing.T, program string, target release.Target) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: builds both programs; not with -short")
	}
	file := filepath.Join(t.TempDir(), program)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", file, "./cmd/"+program)
	cmd.Dir, cmd.Env = root(t), append(os.Environ(), "CGO_ENABLED=0", "GOOS="+target.OS, "GOARCH="+target.Arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// functions reads the names in the symbol table of an ELF or PE file.
func functions(t *testing.T, file string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	if f, err := elf.Open(file); err == nil {
		defer f.Close() // read only
		symbols, err := f.Symbols()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range symbols {
			all[s.Name] = true
		}
	} else {
		f, err := pe.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close() // read only
		for _, s := range f.Symbols {
			all[s.Name] = true
		}
	}
	if !all["main.main"] {
		t.Fatalf("%s: no main.main among %d symbols", file, len(all))
	}
	return all
}
