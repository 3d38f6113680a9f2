package winapi

import "strings"

// ImageFile gives the file that a name of the kernel or of the service manager means: `\SystemRoot\…`, `\??\C:\…`,
// `\Windows\…`, `system32\drivers\…` and what has variables. The drive of `\Windows\…` is that of the system.
func ImageFile(name string, vars map[string]string) string {
	name = strings.ReplaceAll(Expand(name, vars), "/", `\`)
	windir := strings.TrimSuffix(vars["systemroot"], `\`)
	if rest, ok := strings.CutPrefix(name, `\??\`); ok {
		name = rest
	}
	if strings.HasPrefix(name, `\\`) || HasDrive(name) {
		return name
	}
	const root = `\systemroot\`
	switch {
	case len(name) > len(root) && strings.EqualFold(name[:len(root)], root):
		return windir + `\` + name[len(root):]
	case strings.HasPrefix(name, `\`) && HasDrive(windir):
		return windir[:2] + name
	case name != "":
		return windir + `\` + name // the service manager and the kernel begin there
	}
	return ""
}

// Programs gives the files a command line may mean, the likeliest first: what stands in quotes, or what stands before
// each space in turn, as CreateProcess tries them, with `.exe` where there is no ending. That there are several is how
// unquoted paths are abused.
func Programs(command string, vars map[string]string) []string {
	command = strings.TrimSpace(Expand(command, vars))
	if rest, ok := strings.CutPrefix(command, `"`); ok {
		inside, _, _ := strings.Cut(rest, `"`)
		return []string{withEnding(ImageFile(inside, vars))}
	}
	const most = 32 // spaces within one path
	var all []string
	for i := 0; i < len(command) && len(all) < most; i++ {
		if command[i] == ' ' {
			all = append(all, withEnding(ImageFile(command[:i], vars)))
		}
	}
	return append(all, withEnding(ImageFile(command, vars)))
}

func withEnding(p string) string {
	if base := p[strings.LastIndexByte(p, '\\')+1:]; base != "" && !strings.Contains(base, ".") {
		return p + ".exe"
	}
	return p
}
