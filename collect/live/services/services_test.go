package services

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/live/livetest"
	"spor/collect/winapi"
)

// registry is made up, by key in lower case.
type registry map[string]artifacts.RegistryKey

func (r registry) Key(p artifacts.Path) (artifacts.RegistryKey, error) {
	k, ok := r[strings.ToLower(string(p))]
	if !ok {
		return k, &fs.PathError{Op: "open key", Path: string(p), Err: fs.ErrNotExist}
	}
	return k, nil
}

func (r registry) set(p string, k artifacts.RegistryKey) { r[strings.ToLower(p)] = k }

func value(name string, kind uint32, text string) artifacts.RegistryValue {
	v := artifacts.RegistryValue{Name: name, Type: kind}
	for _, c := range winapi.Encode(text) {
		v.Data = binary.LittleEndian.AppendUint16(v.Data, c)
	}
	v.Data = append(v.Data, 0, 0)
	return v
}

func number(name string, n uint32) artifacts.RegistryValue {
	return artifacts.RegistryValue{Name: name, Type: winapi.RegNumber, Data: binary.LittleEndian.AppendUint32(nil, n)}
}

var written = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func made() registry {
	r := registry{}
	r.set(key, artifacts.RegistryKey{Subkeys: []string{"evil", "disk", "settings only", "gone"}})
	r.set(key+`\evil`, artifacts.RegistryKey{
		LastWrite: written, Subkeys: []string{"Parameters", "TriggerInfo"},
		Values: []artifacts.RegistryValue{
			number("Type", 0x120), number("Start", 2), number("DelayedAutostart", 1),
			value("ImagePath", winapi.RegExpand, `%SystemRoot%\system32\svchost.exe -k netsvcs`), value("ObjectName", winapi.RegString, "LocalSystem"),
			value("DisplayName", winapi.RegString, "Þjónusta"), value("FailureCommand", winapi.RegString, `C:\Windows\Temp\x.exe`),
			value("DependOnService", winapi.RegMulti, "RpcSs\x00Tcpip\x00"), value("RequiredPrivileges", winapi.RegMulti, "SeDebugPrivilege\x00"),
		},
	})
	r.set(key+`\evil\Parameters`, artifacts.RegistryKey{Values: []artifacts.RegistryValue{value("ServiceDll", winapi.RegExpand, `C:\Users\Public\x.dll`)}})
	r.set(key+`\disk`, artifacts.RegistryKey{LastWrite: written, Values: []artifacts.RegistryValue{number("Type", 1), number("Start", 0)}})
	r.set(key+`\settings only`, artifacts.RegistryKey{Values: []artifacts.RegistryValue{value("Version", winapi.RegString, "1")}})
	return r
}

// TestCollectImage reads services where there is no service manager: on an image.
func TestCollectImage(t *testing.T) {
	got, notes := livetest.Run[Service](t, Collector, &artifacts.Host{OS: artifacts.Windows, Registry: made()})
	want := []Service{
		{Name: "disk", Type: "kernel_driver", Start: "boot", Key: key + `\disk`, KeyModified: written, InRegistry: true, Config: "registry"},
		{
			Name: "evil", DisplayName: "Þjónusta", Type: "share_process", Interactive: true, Start: "auto", Delayed: true, Triggered: true, Account: "LocalSystem",
			Command: `%SystemRoot%\system32\svchost.exe -k netsvcs`, DLL: `C:\Users\Public\x.dll`, FailureCommand: `C:\Windows\Temp\x.exe`,
			DependsOn: []string{"RpcSs", "Tcpip"}, Privileges: []string{"SeDebugPrivilege"},
			Key: key + `\evil`, KeyModified: written, InRegistry: true, Config: "registry",
		},
	}
	gone := got[slices.IndexFunc(got, func(s Service) bool { return s.Name == "gone" })]
	if len(gone.Errors) != 1 {
		t.Errorf("a listed key that cannot be opened: %+v, want its error", gone)
	}
	got = slices.DeleteFunc(got, func(s Service) bool { return s.Name == "gone" })
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(notes) != 0 {
		t.Errorf("notes: %+v", notes)
	}
}

// TestCollectNothing: a registry without the key must not look like a machine without services.
func TestCollectNothing(t *testing.T) {
	rec := &livetest.Recorder{}
	err := Collector.Collect(t.Context(), &artifacts.Host{OS: artifacts.Windows, Registry: registry{}}, rec)
	if err == nil || len(rec.Records) != 0 {
		t.Errorf("%d records, error %v", len(rec.Records), err)
	}
	if len(rec.Notes) != 1 || rec.Notes[0].Status != artifacts.Absent || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("notes %+v", rec.Notes)
	}
}

func TestSetType(t *testing.T) {
	for n, want := range map[uint32]string{0x1: "kernel_driver", 0x10: "own_process", 0x60: "share_process user_service", 0: "0x0", 0x110: "own_process"} {
		var s Service
		if s.setType(n); s.Type != want || s.Interactive != (n&0x100 != 0) {
			t.Errorf("type %#x: got %q, want %q", n, s.Type, want)
		}
	}
}
