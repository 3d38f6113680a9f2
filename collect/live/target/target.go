// Package target finds the files that a command line or setting of Windows names, and describes each: whether it is
// there, its hash, times, owner and signature. How a name is searched for follows CreateProcess and LoadLibrary in
// Microsoft's documentation, with the system's variables and folders, not ours.
package target

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"spor/artifacts"
	"spor/collect/live/program"
	"spor/collect/winapi"
)

// A File is what something names: one that is Gone may be made by whoever can, and decides then what runs.
type File struct {
	program.File
	Temporary bool `json:"temporary,omitempty"` // in a folder any user may write to
}

// Bounds against a host that means to choke us.
const (
	maxTargets = 8
	maxTries   = 24       // words that the name of a program may have
	maxCommand = 32 << 10 // bytes
	maxHashAll = 8 << 30  // bytes, of all files
	maxKnown   = 50_000
)

// An Examiner describes files, each once.
type Examiner struct {
	ctx   context.Context
	host  *artifacts.Host
	known map[string]File
	left  int64 // bytes that may still be hashed
}

// New gives an examiner of a host's files.
func New(ctx context.Context, h *artifacts.Host) *Examiner {
	return &Examiner{ctx: ctx, host: h, known: map[string]File{}, left: maxHashAll}
}

// Variables are those of the system, with those that a user's own folder gives.
func (x *Examiner) Variables(home artifacts.Path) map[string]string {
	if home == "" {
		return x.host.Environ
	}
	h := string(home)
	vars := map[string]string{
		"userprofile": h, "appdata": h + `\AppData\Roaming`, "localappdata": h + `\AppData\Local`,
		"temp": h + `\AppData\Local\Temp`, "tmp": h + `\AppData\Local\Temp`, "homepath": strings.TrimPrefix(h, x.host.Environ["systemdrive"]), "homedrive": x.host.Environ["systemdrive"],
	}
	for name, value := range x.host.Environ {
		if _, own := vars[name]; !own {
			vars[name] = value
		}
	}
	return vars
}

// Command describes the program of a command line, and the files that it is given.
func (x *Examiner) Command(command string, vars map[string]string) []File {
	if len(command) > maxCommand {
		command = command[:maxCommand]
	}
	command = strings.TrimSpace(winapi.Expand(command, vars))
	if command == "" {
		return nil
	}
	program, arguments := x.program(command)
	all := []File{program}
	loader := strings.HasSuffix(strings.ToLower(string(program.Path)), `\rundll32.exe`) || strings.HasSuffix(strings.ToLower(string(program.Path)), `\regsvr32.exe`)
	for _, w := range Words(arguments) {
		if len(all) == maxTargets {
			break
		}
		name, _, _ := strings.Cut(w, ",") // rundll32 FILE,ENTRY
		if i := strings.IndexByte(name, '='); i > 0 && len(name) > i+2 && winapi.HasDrive(name[i+1:]) {
			name = name[i+1:]
		}
		switch {
		case named(name):
			all = append(all, x.Describe(x.absolute(name)))
		case loader && !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "-"):
			all = append(all, x.Library(name, nil))
			loader = false
		}
	}
	return all
}

// named tells whether a word is a whole path.
func named(w string) bool {
	return len(w) > 3 && winapi.HasDrive(w) && (w[2] == '\\' || w[2] == '/') || strings.HasPrefix(w, `\\`) && len(w) > 4
}

// Words cuts a command line at spaces that are not in quotes, and takes the quotes off.
func Words(s string) []string {
	var all []string
	var b strings.Builder
	quoted, begun := false, false
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || !quoted && (s[i] == ' ' || s[i] == '\t'):
			if begun {
				all = append(all, b.String())
			}
			b.Reset()
			begun = false
		case s[i] == '"':
			quoted, begun = !quoted, true
		default:
			b.WriteByte(s[i])
			begun = true
		}
	}
	return all
}

// program finds what CreateProcess would start: the quoted name, or the shortest run of words that names a file.
func (x *Examiner) program(command string) (program File, arguments string) {
	if rest, quoted := strings.CutPrefix(command, `"`); quoted {
		name, arguments, _ := strings.Cut(rest, `"`)
		return x.search(name, ".exe"), arguments
	}
	tries := 0
	for i := 0; i <= len(command) && tries < maxTries; i++ {
		if i < len(command) && command[i] != ' ' && command[i] != '\t' && command[i] != ',' {
			continue
		}
		tries++
		if f := x.search(command[:i], ".exe"); !f.Gone && f.Error != "is a directory" {
			return f, command[i:]
		}
	}
	// Nothing is there: the name ends with its extension, or with the first space.
	end := strings.IndexAny(command+" ", " \t")
	for i := range command {
		if rest := command[i:]; command[i] == '.' && len(rest) >= 4 && strings.Contains(endings, strings.ToLower(rest[:4])) && (len(rest) == 4 || rest[4] == ' ') {
			end = max(end, i+4)
			break
		}
	}
	return x.search(command[:end], ".exe"), command[end:]
}

const endings = ".exe.dll.cmd.bat.com.scr.vbs.ps1"

// Library describes a DLL as LoadLibrary finds it: in System32 where it has no folder, and with .dll where it has no
// extension.
func (x *Examiner) Library(name string, vars map[string]string) File {
	return x.search(strings.Trim(strings.TrimSpace(winapi.Expand(name, vars)), `"`), ".dll")
}

// Path describes a file by its path.
func (x *Examiner) Path(p string, vars map[string]string) File {
	return x.search(strings.Trim(strings.TrimSpace(winapi.Expand(p, vars)), `"`), "")
}

// search finds a name with the extension it may lack, in the system's folders where it has none.
func (x *Examiner) search(name, ext string) File {
	windir := x.host.Environ["systemroot"]
	name = x.absolute(name)
	names := []string{name}
	if ext != "" && !strings.Contains(name[strings.LastIndexByte(name, '\\')+1:], ".") {
		names = []string{name + ext, name}
	}
	if named(name) {
		for _, n := range names {
			if f := x.Describe(n); !f.Gone {
				return f
			}
		}
		return x.Describe(names[0])
	}
	dirs := []string{windir + `\System32\`, windir + `\System32\drivers\`, windir + `\System32\wbem\`, windir + `\`, windir + `\SysWOW64\`, windir + `\System32\WindowsPowerShell\v1.0\`, windir + `\System32\spool\prtprocs\x64\`}
	if strings.Contains(name, `\`) {
		dirs = []string{windir + `\`, windir + `\System32\`}
	}
	if name == "" || windir == "" || strings.ContainsAny(name, `/:*?<>|"`) {
		return File{File: program.File{Path: artifacts.Path(name), Gone: true}}
	}
	for _, n := range names {
		for _, dir := range dirs {
			if f := x.Describe(dir + n); !f.Gone {
				return f
			}
		}
	}
	return File{File: program.File{Path: artifacts.Path(name), Gone: true}}
}

// absolute puts the ways in which drivers and services spell a path into the usual one.
func (x *Examiner) absolute(name string) string {
	windir := x.host.Environ["systemroot"]
	name = strings.ReplaceAll(name, "/", `\`)
	for _, prefix := range []string{`\??\`, `\\?\`} {
		name = strings.TrimPrefix(name, prefix)
	}
	if len(name) > 12 && strings.EqualFold(name[:12], `\SystemRoot\`) && windir != "" {
		name = windir + name[11:]
	}
	return name
}

// temporary are folders any user may write to, from which installed software does not run.
var temporary = []string{`\windows\temp\`, `\appdata\local\temp\`, `\users\public\`, `\$recycle.bin\`, `\perflogs\`}

// Describe says what lies at an absolute path, once for each.
func (x *Examiner) Describe(p string) File {
	key := strings.ToLower(p)
	if f, ok := x.known[key]; ok {
		return f
	}
	f := File{File: program.File{Path: artifacts.Path(p)}}
	x.look(&f.File)
	for _, dir := range temporary {
		f.Temporary = f.Temporary || strings.Contains(key, dir)
	}
	if len(x.known) < maxKnown {
		x.known[key] = f
	}
	return f
}

func (x *Examiner) look(f *program.File) {
	if strings.HasPrefix(string(f.Path), `\\`) {
		f.Error = "lies on another machine: not read"
		return
	}
	if x.ctx.Err() != nil || x.host.Files == nil {
		f.Error = "not looked at"
		return
	}
	st, err := x.host.Files.Lstat(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		f.Gone = true
	case err != nil:
		f.Error = err.Error()
	case st.Kind != artifacts.Regular:
		f.Modified, f.Error = st.Times.Modified, "is a "+st.Kind.String()
	case st.Size > x.left:
		f.Size, f.Modified, f.Error = st.Size, st.Times.Modified, "enough was hashed"
	default:
		x.left -= st.Size
		*f = program.Look(x.ctx, x.host.Files, f.Path)
		if !x.host.Live { // the system that runs knows nothing of a disk's files
			f.Signature, f.Version = nil, nil
		}
	}
}
