package autoruns

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"strings"

	"spor/artifacts"
	"spor/collect/live/target"
	"spor/collect/winapi"
)

const (
	maxShortcut = 64 << 10 // bytes
	maxNames    = 1000     // of one startup folder
)

// startup lists a startup folder: that of a user, or of everybody. A setting can move it.
func (c *collector) startup(u user) {
	const setting = `\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`
	root, name, usual := artifacts.Path(`HKEY_LOCAL_MACHINE\SOFTWARE`), "common startup", u.vars["programdata"]
	if u.sid != "" {
		root, name, usual = artifacts.Path(hives+`\`+u.sid+`\Software`), "startup", u.vars["appdata"]
	}
	var dirs []string
	if usual != "" {
		dirs = append(dirs, usual+`\Microsoft\Windows\Start Menu\Programs\Startup`)
	}
	k, _ := winapi.ReadKey(c.host.Registry, root+setting)
	if moved := winapi.Expand(k.String(name), u.vars); winapi.HasDrive(moved) && (len(dirs) == 0 || !strings.EqualFold(moved, dirs[0])) {
		dirs = append(dirs, moved)
	}
	for _, dir := range dirs {
		c.folder(artifacts.Path(dir), root, u)
	}
}

func (c *collector) folder(dir, root artifacts.Path, u user) {
	if c.host.Files == nil {
		return
	}
	list, err := c.host.Files.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		winapi.Note(c.rec, dir, err)
	}
	for i, f := range list {
		if f.Kind == artifacts.Directory || strings.EqualFold(f.Name, "desktop.ini") {
			continue
		}
		if i == maxNames || c.over() {
			c.cut = true
			return
		}
		p := artifacts.Windows.Join(dir, f.Name)
		e := Entry{Kind: "startup-folder", Path: p, Name: f.Name, User: u.name, Enabled: c.approvedIn(root, "StartupFolder", f.Name)}
		file := c.files.Describe(string(p))
		e.Modified = file.Modified
		e.Targets = []target.File{file}
		if strings.HasSuffix(strings.ToLower(f.Name), ".lnk") {
			c.follow(&e, p, u)
		}
		c.emit(e)
	}
}

// follow reads what a shortcut starts.
func (c *collector) follow(e *Entry, p artifacts.Path, u user) {
	f, err := c.host.Files.Open(p)
	if err != nil {
		e.Errors = append(e.Errors, err.Error())
		return
	}
	b, err := io.ReadAll(io.LimitReader(f, maxShortcut))
	err = errors.Join(err, f.Close())
	if err != nil {
		e.Errors = append(e.Errors, err.Error())
		return
	}
	to, arguments, err := shortcut(b)
	if err != nil {
		e.Errors = append(e.Errors, "shortcut: "+err.Error())
		return
	}
	e.Command = `"` + to + `"`
	if arguments != "" {
		e.Command += " " + arguments
	}
	e.Targets = append(e.Targets, c.files.Command(e.Command, u.vars)...)
}

var errShortcut = errors.New("is none, or is cut short")

// shortcut gives the local path and the arguments of a shell link ([MS-SHLLINK] 2).
func shortcut(b []byte) (to, arguments string, err error) {
	const header, hasIDs, hasInfo, hasName, hasRelative, hasFolder, hasArguments, wide = 0x4c, 1, 2, 4, 8, 16, 32, 128
	if len(b) < header || binary.LittleEndian.Uint32(b) != header {
		return "", "", errShortcut
	}
	flags := binary.LittleEndian.Uint32(b[20:])
	b = b[header:]
	if flags&hasIDs != 0 {
		if len(b) < 2 || len(b) < 2+int(binary.LittleEndian.Uint16(b)) {
			return "", "", errShortcut
		}
		b = b[2+int(binary.LittleEndian.Uint16(b)):]
	}
	if flags&hasInfo != 0 {
		if len(b) < 28 {
			return "", "", errShortcut
		}
		size := int(binary.LittleEndian.Uint32(b))
		if size < 28 || size > len(b) {
			return "", "", errShortcut
		}
		to = localPath(b[:size])
		b = b[size:]
	}
	var relative string
	for _, s := range []struct {
		bit  uint32
		into *string
	}{{hasName, nil}, {hasRelative, &relative}, {hasFolder, nil}, {hasArguments, &arguments}} {
		if flags&s.bit == 0 {
			continue
		}
		var text string
		var ok bool
		if text, b, ok = counted(b, flags&wide != 0); !ok {
			return to, "", errShortcut
		}
		if s.into != nil {
			*s.into = text
		}
	}
	if to == "" {
		to = relative
	}
	if to == "" {
		return "", arguments, errors.New("names no file, only an item of the shell")
	}
	return to, arguments, nil
}

// counted reads a string that begins with its number of characters.
func counted(b []byte, wide bool) (string, []byte, bool) {
	if len(b) < 2 {
		return "", b, false
	}
	n := int(binary.LittleEndian.Uint16(b))
	b = b[2:]
	if wide {
		n *= 2
	}
	if len(b) < n {
		return "", b, false
	}
	if wide {
		return winapi.DecodeBytes(b[:n]), b[n:], true
	}
	return string(b[:n]), b[n:], true
}

// localPath reads LinkInfo ([MS-SHLLINK] 2.3): the path in Unicode where there is one, else in ANSI, with its suffix.
func localPath(info []byte) string {
	at := func(field int) []byte {
		if field+4 > len(info) {
			return nil
		}
		if o := int(binary.LittleEndian.Uint32(info[field:])); o > 0 && o < len(info) {
			return info[o:]
		}
		return nil
	}
	const headerSize, base, suffix, wideBase, wideSuffix = 4, 16, 24, 28, 32
	if binary.LittleEndian.Uint32(info[headerSize:]) >= 0x24 {
		if s := winapi.DecodeBytes(at(wideBase)); s != "" {
			return s + winapi.DecodeBytes(at(wideSuffix))
		}
	}
	return catalogPath(at(base)) + catalogPath(at(suffix))
}
