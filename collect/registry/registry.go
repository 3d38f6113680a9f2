// Package registry answers for the registry of a Windows that does not run, out of its hives: those of the system, of
// its accounts and of its users, each opened when it is first asked for, with the logs beside it. It also reads what the
// registry says of the machine itself, of a running one as of one on an image.
//
// Where Windows loads its hives is in HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\hivelist ("Registry Hives",
// learn.microsoft.com/windows/win32/sysinfo/registry-hives).
package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"spor/artifacts"
	"spor/artifacts/hive"
	"spor/collect/winapi"
)

// Offline is a registry made of hives. It is safe for concurrent use.
type Offline struct {
	files  artifacts.Files
	system string          // the folder of Windows
	users  map[string]user // by SID, in upper case

	mu     sync.Mutex
	opened map[artifacts.Path]opened
}

var _ artifacts.Registry = (*Offline)(nil)

// A user is whose hives lie in a folder.
type user struct {
	sid  string // as it is spelled
	home artifacts.Path
}

type opened struct {
	hive *hive.Hive
	err  error
}

// NewOffline gives the registry of a Windows whose folder is systemroot (`C:\Windows`), read from its files. Nothing is
// opened yet, and the accounts of services alone have hives until AddUser tells of others.
func NewOffline(files artifacts.Files, systemroot string) *Offline {
	o := &Offline{files: files, system: systemroot, users: map[string]user{}, opened: map[artifacts.Path]opened{}}
	for sid, home := range map[string]string{"S-1-5-19": `\ServiceProfiles\LocalService`, "S-1-5-20": `\ServiceProfiles\NetworkService`} {
		o.AddUser(sid, artifacts.Path(systemroot+home))
	}
	return o
}

// AddUser tells in which folder a user's hives lie.
func (o *Offline) AddUser(sid string, home artifacts.Path) {
	if sid != "" && home != "" {
		o.users[strings.ToUpper(sid)] = user{sid, home}
	}
}

const (
	machine = "HKEY_LOCAL_MACHINE"
	users   = "HKEY_USERS"
)

// ofMachine are the hives below HKEY_LOCAL_MACHINE, below the folder of Windows.
var ofMachine = []struct{ key, file string }{
	{"BCD00000000", `\..\Boot\BCD`},
	{"COMPONENTS", `\System32\config\COMPONENTS`},
	{"DRIVERS", `\System32\config\DRIVERS`},
	{"SAM", `\System32\config\SAM`},
	{"SECURITY", `\System32\config\SECURITY`},
	{"SOFTWARE", `\System32\config\SOFTWARE`},
	{"SYSTEM", `\System32\config\SYSTEM`},
}

// A place is a key of a hive.
type place struct {
	file artifacts.Path
	path string // below the root of the hive
}

// maxLinks bounds the links one key may be reached through.
const maxLinks = 8

// Key implements artifacts.Registry. What of a key can be had comes with the error that tells what could not.
func (o *Offline) Key(p artifacts.Path) (artifacts.RegistryKey, error) {
	key := artifacts.RegistryKey{Path: p}
	fail := func(err error) (artifacts.RegistryKey, error) {
		return key, &fs.PathError{Op: "open key", Path: p.String(), Err: err}
	}
	name := string(p)
	if made, ok := o.made(name); ok {
		key.Subkeys = made
		return key, nil
	}
	for range maxLinks {
		at, err := o.place(name)
		if err != nil {
			return fail(err)
		}
		h, err := o.open(at.file)
		if err != nil {
			return fail(err)
		}
		k, link, err := follow(h, at.path)
		if err != nil {
			return fail(err)
		}
		if link != "" {
			name = link
			continue
		}
		err = read(&k, &key)
		if err != nil {
			err = &fs.PathError{Op: "read key", Path: p.String(), Err: err}
		}
		return key, err
	}
	return fail(fmt.Errorf("more than %d links", maxLinks))
}

// made gives the subkeys of the keys that no hive holds.
func (o *Offline) made(name string) (subkeys []string, ok bool) {
	switch strings.ToUpper(strings.TrimRight(name, `\`)) {
	case machine, "HKLM":
		for _, h := range ofMachine {
			if _, err := o.files.Lstat(o.ofSystem(h.file)); err == nil {
				subkeys = append(subkeys, h.key)
			}
		}
		return subkeys, true
	case users, "HKU":
		subkeys = append(subkeys, ".DEFAULT", "S-1-5-18")
		for _, u := range o.users {
			subkeys = append(subkeys, u.sid)
		}
		return sorted(subkeys), true
	}
	return nil, false
}

func (o *Offline) ofSystem(file string) artifacts.Path {
	if rest, up := strings.CutPrefix(file, `\..`); up {
		return artifacts.Path(o.system[:min(2, len(o.system))] + rest)
	}
	return artifacts.Path(o.system + file)
}

// place tells which hive holds a key, and where in it.
func (o *Offline) place(name string) (place, error) {
	root, rest, _ := strings.Cut(name, `\`)
	below, path, _ := strings.Cut(rest, `\`)
	switch strings.ToUpper(root) {
	case machine, "HKLM":
		for _, h := range ofMachine {
			if strings.EqualFold(h.key, below) {
				return o.current(place{o.ofSystem(h.file), path})
			}
		}
		return place{}, fmt.Errorf("%w: no hive holds it", fs.ErrNotExist)
	case users, "HKU":
		return o.ofUser(below, path)
	case "HKEY_CLASSES_ROOT", "HKCR":
		return o.place(join(machine+`\SOFTWARE\Classes`, rest))
	case "HKEY_CURRENT_CONFIG", "HKCC":
		return o.place(join(machine+`\SYSTEM\CurrentControlSet\Hardware Profiles\0001`, rest))
	case "HKEY_CURRENT_USER", "HKCU":
		return place{}, fmt.Errorf("%w: nobody is logged on to a system that does not run", fs.ErrNotExist)
	}
	return place{}, fmt.Errorf("%w: %q is no root of the registry", fs.ErrNotExist, root)
}

// current puts in what CurrentControlSet stands for, which a hive tells as a number in its key Select.
func (o *Offline) current(at place) (place, error) {
	const set = "CurrentControlSet"
	first, rest, _ := strings.Cut(at.path, `\`)
	if !strings.EqualFold(first, set) {
		return at, nil
	}
	h, err := o.open(at.file)
	if err != nil {
		return at, err
	}
	sel, err := h.Find("Select")
	if err != nil {
		return at, fmt.Errorf("which control set is the current one: %w", err)
	}
	for v, err := range sel.Values() {
		if err == nil && strings.EqualFold(v.Name, "Current") && v.Type == winapi.RegNumber && len(v.Data) >= 2 {
			at.path = join(fmt.Sprintf("ControlSet%03d", int(v.Data[0])|int(v.Data[1])<<8), rest)
			return at, nil
		}
	}
	return at, fmt.Errorf("%w: no control set is the current one", fs.ErrNotExist)
}

// classes is where a user's hive of classes lies below the profile, now and before Windows Vista.
var classes = []string{`\AppData\Local\Microsoft\Windows\UsrClass.dat`, `\Local Settings\Application Data\Microsoft\Windows\UsrClass.dat`}

func (o *Offline) ofUser(sid, path string) (place, error) {
	if sid == "" {
		return place{}, fs.ErrNotExist
	}
	if strings.EqualFold(sid, ".DEFAULT") || strings.EqualFold(sid, "S-1-5-18") {
		return place{o.ofSystem(`\System32\config\DEFAULT`), path}, nil
	}
	upper := strings.ToUpper(sid)
	base, ofClasses := strings.CutSuffix(upper, "_CLASSES")
	u, known := o.users[base]
	if !known {
		return place{}, fmt.Errorf("%w: no user is called so", fs.ErrNotExist)
	}
	if rest, ok := cutFold(path, `Software\Classes`); ok && !ofClasses {
		ofClasses, path = true, rest
	}
	if !ofClasses {
		return place{u.home + `\NTUSER.DAT`, path}, nil
	}
	for _, file := range classes {
		at := u.home + artifacts.Path(file)
		if _, err := o.files.Lstat(at); err == nil {
			return place{at, path}, nil
		}
	}
	return place{}, fmt.Errorf("%w: the user has no UsrClass.dat", fs.ErrNotExist)
}

// cutFold takes names off the front of a path, in whatever case.
func cutFold(path, front string) (rest string, ok bool) {
	if len(path) < len(front) || !strings.EqualFold(path[:len(front)], front) {
		return "", false
	}
	rest = path[len(front):]
	return strings.TrimPrefix(rest, `\`), rest == "" || rest[0] == '\\'
}

// open opens a hive, or gives it as it was opened before.
func (o *Offline) open(file artifacts.Path) (*hive.Hive, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if was, ok := o.opened[file]; ok {
		return was.hive, was.err
	}
	h, err := o.load(file)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: there is no hive %s", fs.ErrNotExist, file)
	}
	o.opened[file] = opened{h, err}
	return h, err
}

// logNames are what a hive's logs end in: two since Windows Vista, one before.
var logNames = []artifacts.Path{".LOG1", ".LOG2", ".LOG"}

func (o *Offline) load(file artifacts.Path) (*hive.Hive, error) {
	r, size, err := o.reader(file)
	if err != nil {
		return nil, err
	}
	h, err := hive.Open(r, size)
	if err == nil && !h.Dirty {
		return h, nil
	}
	open := []source{r}
	var logs []io.ReaderAt
	for _, name := range logNames {
		if log, _, err := o.reader(file + name); err == nil {
			open, logs = append(open, log), append(logs, log)
		}
	}
	if h, err = hive.Open(r, size, logs...); err != nil {
		for _, f := range open {
			f.Close()
		}
	}
	return h, err
}

// A source is an open file that can be read from any place on.
type source interface {
	io.ReaderAt
	io.Closer
}

var errNoReaderAt = errors.New("cannot be read from any place on")

// reader opens a file for as long as the registry is in use.
func (o *Offline) reader(file artifacts.Path) (source, int64, error) {
	f, err := o.files.Open(file)
	if err != nil {
		return nil, 0, err
	}
	at, ok := f.(source)
	st, err := f.Stat()
	if err == nil && !ok {
		err = errNoReaderAt
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return at, st.Size, nil
}

// follow finds a key of a hive. Where a link stands on the way, it gives the name of what is meant instead.
func follow(h *hive.Hive, path string) (k hive.Key, link string, err error) {
	if k, err = h.Root(); err != nil {
		return k, "", err
	}
	for path != "" {
		var step string
		step, path, _ = strings.Cut(path, `\`)
		if k, err = k.Subkey(step); err != nil {
			return k, "", err
		}
		if k.Link && path != "" {
			target, err := linkTarget(&k)
			return k, join(target, path), err
		}
	}
	return k, "", nil
}

var errLink = errors.New("a link that leads nowhere")

// linkTarget is what a link stands for: its value SymbolicLinkValue is the kernel's name of a key.
func linkTarget(k *hive.Key) (string, error) {
	for v, err := range k.Values() {
		if err != nil || !strings.EqualFold(v.Name, "SymbolicLinkValue") {
			continue
		}
		return kernelName(winapi.DecodeBytes(v.Data))
	}
	return "", errLink
}

// kernelName gives the usual name of a key by that which the kernel has for it. No link leads to where passwords are
// kept: those keys are asked for by their own names, or not at all.
func kernelName(name string) (string, error) {
	if rest, ok := cutFold(name, `\REGISTRY\MACHINE`); ok {
		hive, _, _ := strings.Cut(rest, `\`)
		if strings.EqualFold(hive, "SAM") || strings.EqualFold(hive, "SECURITY") {
			return "", errLink
		}
		return join(machine, rest), nil
	}
	if rest, ok := cutFold(name, `\REGISTRY\USER`); ok {
		return join(users, rest), nil
	}
	return "", errLink
}

// Bounds of what one key gives, as of a running system.
const maxSubkeys = 65536

// read gives what lies directly in a key.
func read(k *hive.Key, into *artifacts.RegistryKey) error {
	var errs []error
	fail := func(err error) {
		if len(errs) < 10 {
			errs = append(errs, err)
		}
	}
	into.LastWrite = k.LastWrite
	for sub, err := range k.Subkeys() {
		if len(into.Subkeys) == maxSubkeys {
			fail(fmt.Errorf("more than %d subkeys: the rest was not read", maxSubkeys))
			break
		}
		if err != nil {
			fail(err)
			continue
		}
		into.Subkeys = append(into.Subkeys, sub.Name)
	}
	for v, err := range k.Values() {
		if err != nil {
			fail(err)
		}
		if v.Offset != 0 {
			into.Values = append(into.Values, artifacts.RegistryValue{Name: v.Name, Type: v.Type, Data: v.Data})
		}
	}
	return errors.Join(errs...)
}

func join(dir, name string) string {
	if dir == "" || name == "" {
		return dir + name
	}
	return dir + `\` + name
}
