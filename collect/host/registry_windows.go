package host

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

// Bounds on what one key may make us read. The registry's own: names of keys have 255 characters, of values 16,383.
const (
	maxSubkeys   = 65536
	maxValues    = 65536
	maxValue     = 16 << 20 // bytes
	maxKeyValues = 64 << 20 // bytes, of all values of a key
	maxValueName = 16383
	maxKeyName   = 255
)

// openBackup is REG_OPTION_BACKUP_RESTORE: with SeBackup the key's access list does not bind us.
const openBackup = 4

var procRegEnumValue = windows.NewLazySystemDLL("advapi32.dll").NewProc("RegEnumValueW")

// The roots, with their abbreviations in lower case.
var registryRoots = map[string]windows.Handle{
	"hkey_local_machine": windows.HKEY_LOCAL_MACHINE, "hklm": windows.HKEY_LOCAL_MACHINE,
	"hkey_users": windows.HKEY_USERS, "hku": windows.HKEY_USERS,
	"hkey_current_user": windows.HKEY_CURRENT_USER, "hkcu": windows.HKEY_CURRENT_USER, // of whoever runs us
	"hkey_classes_root": windows.HKEY_CLASSES_ROOT, "hkcr": windows.HKEY_CLASSES_ROOT,
	"hkey_current_config": windows.HKEY_CURRENT_CONFIG, "hkcc": windows.HKEY_CURRENT_CONFIG,
}

// liveRegistry is the running system's, in the 64-bit view whatever we are built for.
type liveRegistry struct {
	backup bool // SeBackup is on
}

var _ artifacts.Registry = liveRegistry{}

// Key gives a key. What of it can be had comes with the error that tells what could not.
func (r liveRegistry) Key(p artifacts.Path) (artifacts.RegistryKey, error) {
	k := artifacts.RegistryKey{Path: p}
	h, err := r.open(string(p))
	if err != nil {
		return k, pathError("open key", p, err)
	}
	defer windows.RegCloseKey(h)
	var last windows.Filetime
	if err := windows.RegQueryInfoKey(h, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, &last); err != nil {
		return k, pathError("query key", p, err)
	}
	k.LastWrite = filetime(last)
	var errKeys, errValues error
	k.Subkeys, errKeys = subkeys(h)
	k.Values, errValues = values(h)
	return k, pathError("read key", p, errors.Join(errKeys, errValues))
}

func (r liveRegistry) open(p string) (windows.Handle, error) {
	rootName, rest, _ := strings.Cut(p, `\`)
	root, ok := registryRoots[strings.ToLower(rootName)]
	if !ok {
		return 0, fmt.Errorf("%w: %q is no root of the registry", fs.ErrNotExist, rootName)
	}
	text, err := winapi.UTF16(rest)
	if err != nil {
		return 0, fmt.Errorf("%w: only a native call opens a key called so", err)
	}
	const access = windows.KEY_READ | windows.KEY_WOW64_64KEY
	var h windows.Handle
	err = windows.RegOpenKeyEx(root, text, 0, access, &h)
	if r.backup && errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		if windows.RegOpenKeyEx(root, text, openBackup, access, &h) == nil {
			return h, nil
		}
	}
	return h, err
}

func subkeys(h windows.Handle) ([]string, error) {
	var names []string
	var buf [maxKeyName + 1]uint16
	for i := uint32(0); ; i++ {
		n := uint32(len(buf))
		err := windows.RegEnumKeyEx(h, i, &buf[0], &n, nil, nil, nil, nil)
		if errors.Is(err, windows.ERROR_NO_MORE_ITEMS) {
			return names, nil
		}
		if err != nil {
			return names, fmt.Errorf("subkey %d: %w", i, err)
		}
		if i == maxSubkeys {
			return names, fmt.Errorf("more than %d subkeys: the rest was not read", maxSubkeys)
		}
		names = append(names, winapi.Decode(buf[:n]))
	}
}

func values(h windows.Handle) ([]artifacts.RegistryValue, error) {
	var all []artifacts.RegistryValue
	var errs []error
	total := 0
	e := valueReader{key: h, name: make([]uint16, maxValueName+1), data: make([]byte, 4<<10)}
	for i := uint32(0); ; i++ {
		v, err := e.read(i)
		if errors.Is(err, windows.ERROR_NO_MORE_ITEMS) {
			return all, errors.Join(errs...)
		}
		if i == maxValues || total+len(v.Data) > maxKeyValues {
			errs = append(errs, fmt.Errorf("more than %d values or %d bytes: the rest was not read", maxValues, maxKeyValues))
			return all, errors.Join(errs...)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("value %d %q: %w", i, v.Name, err))
			if !errors.Is(err, errTooLong) {
				return all, errors.Join(errs...) // the next may fail for ever
			}
		}
		total += len(v.Data)
		all = append(all, v)
	}
}

var errTooLong = fmt.Errorf("longer than %d bytes: not read", maxValue)

// A valueReader reads a key's values by number, into buffers that are used again.
type valueReader struct {
	key  windows.Handle
	name []uint16
	data []byte
}

func (e *valueReader) read(i uint32) (artifacts.RegistryValue, error) {
	for {
		nameLen, dataLen, kind := uint32(len(e.name)), uint32(len(e.data)), uint32(0)
		r, _, err := winapi.Call(procRegEnumValue, uintptr(e.key), uintptr(i),
			uintptr(unsafe.Pointer(&e.name[0])), uintptr(unsafe.Pointer(&nameLen)), 0,
			uintptr(unsafe.Pointer(&kind)), uintptr(unsafe.Pointer(&e.data[0])), uintptr(unsafe.Pointer(&dataLen)))
		runtime.KeepAlive(e)
		if err != nil {
			return artifacts.RegistryValue{}, err
		}
		switch errno := windows.Errno(r); {
		case errno == 0:
			v := artifacts.RegistryValue{Name: winapi.Decode(e.name[:nameLen]), Type: kind}
			v.Data = append(v.Data, e.data[:dataLen]...)
			return v, nil
		case errno != windows.ERROR_MORE_DATA:
			return artifacts.RegistryValue{}, errno
		case dataLen > maxValue || len(e.data) > maxValue:
			return artifacts.RegistryValue{Type: kind}, fmt.Errorf("%w: %d", errTooLong, dataLen)
		default:
			e.data = make([]byte, max(int(dataLen), 2*len(e.data)))
		}
	}
}
