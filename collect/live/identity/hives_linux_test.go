package identity

import (
	"context"
	"encoding/binary"
	"io"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf16"

	"spor/artifacts"
)

// keys is a registry by names in lower case.
type keys map[string]artifacts.RegistryKey

func (k keys) Key(p artifacts.Path) (artifacts.RegistryKey, error) {
	if got, ok := k[strings.ToLower(string(p))]; ok {
		return got, nil
	}
	return artifacts.RegistryKey{}, fs.ErrNotExist
}

func (k keys) set(p string, values map[string]string) {
	key := artifacts.RegistryKey{Path: artifacts.Path(p)}
	for name, text := range values {
		v := artifacts.RegistryValue{Name: name, Type: 1}
		for _, u := range utf16.Encode([]rune(text + "\x00")) {
			v.Data = binary.LittleEndian.AppendUint16(v.Data, u)
		}
		if n, ok := strings.CutPrefix(text, "#"); ok {
			v.Type, v.Data = 4, []byte{n[0] - '0', 0, 0, 0}
		}
		key.Values = append(key.Values, v)
	}
	k[strings.ToLower(p)] = key
}

// recorded keeps the record.
type recorded struct {
	got   Record
	notes []artifacts.Outcome
}

func (r *recorded) Record(v any) error                                   { r.got = v.(Record); return nil }
func (r *recorded) Take(context.Context, artifacts.Path) error           { return nil }
func (r *recorded) Put(context.Context, artifacts.Item, io.Reader) error { return nil }
func (r *recorded) Note(o artifacts.Outcome)                             { r.notes = append(r.notes, o) }

// TestOfWindows describes a Windows by its hives, and by its folders where it has none.
func TestOfWindows(t *testing.T) {
	reg := keys{}
	reg.set(keyRelease, map[string]string{"EditionID": "Professional", "DisplayVersion": "22H2", "InstallDate": "#1"})
	reg[strings.ToLower(keyTCP)] = artifacts.RegistryKey{Subkeys: []string{"{A}", "{B}"}}
	reg.set(keyTCP+`\{A}`, map[string]string{"EnableDHCP": "#0", "IPAddress": "192.0.2.7", "SubnetMask": "255.255.240.0", "NameServer": "192.0.2.1,192.0.2.2", "Domain": "corp.example"})
	reg.set(keyTCP+`\{B}`, map[string]string{"IPAddress": "0.0.0.0"})
	reg.set(keyNames+`\{A}\Connection`, map[string]string{"Name": "Ethernet"})
	h := &artifacts.Host{
		OS: artifacts.Windows, Registry: reg, Users: []artifacts.User{{Name: "anna", ID: "S-1-5-21-1-2-3-1001"}, {Name: "gone"}},
		Identity: artifacts.Identity{Hostname: "pc", Domain: "corp.example", OSName: "Windows 10 Pro 22H2", OSVersion: "10.0.19045", Kernel: "10.0.19045.4291"},
	}
	var r recorded
	if err := collect(t.Context(), h, &r); err != nil || len(r.notes) > 0 {
		t.Fatal(err, r.notes)
	}
	got := r.got
	if got.Release.ID != "Professional" || got.Release.Version != "22H2" || got.Release.Build != "19045.4291" || got.Domain.Name != "corp.example" || got.Installed.IsZero() {
		t.Errorf("release %+v, domain %+v, installed %s", got.Release, got.Domain, got.Installed)
	}
	if len(got.Interfaces) != 1 || got.Interfaces[0].Name != "Ethernet" || got.Interfaces[0].Addresses[0] != "192.0.2.7/20" || len(got.Interfaces[0].DNS) != 2 || *got.Interfaces[0].DHCP {
		t.Errorf("interfaces %+v", got.Interfaces)
	}
	if len(got.Users) != 2 || got.Users[0].Source != "profile list" || got.Users[1].Source != "home" {
		t.Errorf("users %+v", got.Users)
	}
	h.Registry = nil
	r = recorded{}
	if err := collect(t.Context(), h, &r); err != nil || len(r.notes) != 1 || r.got.Hostname != "pc" {
		t.Errorf("without hives: %v, %v, %+v", err, r.notes, r.got.Identity)
	}
}
