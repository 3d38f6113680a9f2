package schema

import (
	"io/fs"
	"strings"
	"testing"
	"unicode/utf16"

	"spor/artifacts"
)

// fakeRegistry holds keys by upper-case name.
type fakeRegistry map[string]artifacts.RegistryKey

func (r fakeRegistry) Key(p artifacts.Path) (artifacts.RegistryKey, error) {
	if strings.HasSuffix(string(p), "Denied") {
		return artifacts.RegistryKey{}, &fs.PathError{Op: "open key", Path: string(p), Err: fs.ErrPermission}
	}
	key, ok := r[strings.ToUpper(string(p))]
	if !ok {
		return key, &fs.PathError{Op: "open key", Path: string(p), Err: fs.ErrNotExist}
	}
	return key, nil
}

func (r fakeRegistry) add(path string, values ...artifacts.RegistryValue) {
	if _, ok := r[strings.ToUpper(path)]; !ok {
		if i := strings.LastIndexByte(path, '\\'); i > 0 {
			r.add(path[:i])
			up := r[strings.ToUpper(path[:i])]
			up.Subkeys = append(up.Subkeys, path[i+1:])
			r[strings.ToUpper(path[:i])] = up
		}
		r[strings.ToUpper(path)] = artifacts.RegistryKey{Path: artifacts.Path(path)}
	}
	key := r[strings.ToUpper(path)]
	key.Values = append(key.Values, values...)
	r[strings.ToUpper(path)] = key
}

func text(name string, kind uint32, s string) artifacts.RegistryValue {
	v := artifacts.RegistryValue{Name: name, Type: kind}
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		v.Data = append(v.Data, byte(u), byte(u>>8))
	}
	return v
}

const registryYAML = `
name: Reg
doc: Registry.
sources:
- type: REGISTRY_KEY
  attributes:
    keys:
    - 'HKEY_LOCAL_MACHINE\software\Run\*'
    - 'HKEY_LOCAL_MACHINE\Software\Deep\**2'
    - 'HKEY_LOCAL_MACHINE\Software\**\Leaf'
    - 'HKEY_USERS\%%users.sid%%\Software\Run'
    - 'HKLM\System\CurrentControlSet\Services\*'
    - 'HKEY_LOCAL_MACHINE\None'
    - 'HKEY_LOCAL_MACHINE\Denied'
- type: REGISTRY_VALUE
  attributes:
    key_value_pairs:
    - {key: 'HKEY_LOCAL_MACHINE\Software\Run', value: 'B*'}
    - {key: 'HKEY_LOCAL_MACHINE\Software\Run', value: ''}
    - {key: 'HKEY_LOCAL_MACHINE\Software\*', value: Nothing}
supported_os: [Windows]
`

func TestRegistry(t *testing.T) {
	reg := fakeRegistry{}
	reg.add(`HKEY_LOCAL_MACHINE\Software\Run`, text("", 1, "default"), text("Bad", 2, `%TEMP%\ß.exe`), artifacts.RegistryValue{Name: "b2", Type: 4, Data: []byte{1, 2, 0, 0}})
	reg.add(`HKEY_LOCAL_MACHINE\Software\Run\Sub`, text("list", 7, "a\x00b\x00"))
	reg.add(`HKEY_LOCAL_MACHINE\Software\Deep\1\2\3`)
	reg.add(`HKEY_LOCAL_MACHINE\Software\Deep\1\Leaf`, artifacts.RegistryValue{Name: "bin", Type: 3, Data: []byte{0, 255}})
	reg.add(`HKEY_USERS\S-1-5-21-1-2-3-1001\Software\Run`, artifacts.RegistryValue{Name: "q", Type: 11, Data: []byte{0, 0, 0, 0, 1, 0, 0, 0}})
	reg.add(`HKEY_LOCAL_MACHINE\System\CurrentControlSet\Services\evil`, artifacts.RegistryValue{Name: "Odd", Type: 0x20, Data: nil})
	h := windowsHost(newFake(artifacts.Windows))
	h.Registry = reg
	rec := run(t, definitions(t, registryYAML), h, Options{})
	same(t, "lines", rec.lines, []string{
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Run"}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Run","value":"","type":"REG_SZ","data":"default"}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Run","value":"Bad","type":"REG_EXPAND_SZ","data":"%TEMP%\\ß.exe"}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Run","value":"b2","type":"REG_DWORD","data":513}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Run\\Sub"}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Run\\Sub","value":"list","type":"REG_MULTI_SZ","data":["a","b"]}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Deep"}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Deep\\1"}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Deep\\1\\2"}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Deep\\1\\Leaf"}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Deep\\1\\Leaf","value":"bin","type":"REG_BINARY","data":"AP8="}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Deep\\1\\Leaf"}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Deep\\1\\Leaf","value":"bin","type":"REG_BINARY","data":"AP8="}`,
		`Reg {"key":"HKEY_USERS\\S-1-5-21-1-2-3-1001\\Software\\Run"}`,
		`Reg {"key":"HKEY_USERS\\S-1-5-21-1-2-3-1001\\Software\\Run","value":"q","type":"REG_QWORD","data":4294967296}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\System\\CurrentControlSet\\Services"}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\System\\CurrentControlSet\\Services\\evil"}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\System\\CurrentControlSet\\Services\\evil","value":"Odd","type":"0x20","data":null}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Run","value":"Bad","type":"REG_EXPAND_SZ","data":"%TEMP%\\ß.exe"}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Run","value":"b2","type":"REG_DWORD","data":513}`,
		`Reg {"key":"HKEY_LOCAL_MACHINE\\Software\\Run","value":"","type":"REG_SZ","data":"default"}`,
	})
	for _, want := range []string{
		`Reg collected HKEY_LOCAL_MACHINE\software\Run\*: 6 lines recorded`,
		`Reg collected HKEY_LOCAL_MACHINE\System\CurrentControlSet\Services\*: 3 lines recorded`,
		`Reg absent HKEY_LOCAL_MACHINE\None`,
		`Reg denied HKEY_LOCAL_MACHINE\Denied: open key: permission denied`,
		`Reg absent HKEY_LOCAL_MACHINE\Software\*:Nothing`,
	} {
		rec.has(t, want)
	}
}

// TestRegistrySecrets holds that keys a secret definition names are withheld from others.
func TestRegistrySecrets(t *testing.T) {
	reg := fakeRegistry{}
	reg.add(`HKEY_LOCAL_MACHINE\SECURITY\Cache`, text("NL$1", 3, "hash"))
	h := windowsHost(newFake(artifacts.Windows))
	h.Registry = reg
	set := definitions(t, `
name: Secret
doc: Secret.
sources:
- {type: REGISTRY_KEY, attributes: {keys: ['HKEY_LOCAL_MACHINE\SECURITY\**10']}}
labels: [full, secret]
---
name: Other
doc: Other.
sources:
- {type: REGISTRY_VALUE, attributes: {key_value_pairs: [{key: 'HKEY_LOCAL_MACHINE\Security\Cache', value: 'NL$*'}]}}
`)
	rec := run(t, set, h, Options{})
	same(t, "lines", rec.lines, nil)
	same(t, "noted", rec.notes, []string{`Other skipped HKEY_LOCAL_MACHINE\SECURITY\Cache: ` + withheldReason})
	if rec = run(t, set, h, Options{Secrets: true}); len(rec.lines) != 4 {
		t.Errorf("with secrets: %q", rec.lines)
	}
}
