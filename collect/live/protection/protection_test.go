package protection

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/live/livetest"
	"spor/collect/winapi/wmi"
)

func answers(all map[string][]wmi.Row) wmi.Asker {
	return func(_ context.Context, _, class string) ([]wmi.Row, error) {
		rows, ok := all[class]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return rows, nil
	}
}

func said(notes []artifacts.Outcome, status artifacts.Status, words string) bool {
	return slices.ContainsFunc(notes, func(o artifacts.Outcome) bool {
		return o.Status == status && strings.Contains(string(o.Path)+" "+o.Reason, words)
	})
}

func TestDefender(t *testing.T) {
	r := livetest.Registry{}
	r.Add(`HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows Defender\Exclusions\Paths`, livetest.Number(`C:\`, 0))
	h := &artifacts.Host{OS: artifacts.Windows, Live: true, Registry: r}
	rec := &livetest.Recorder{}
	err := defender(t.Context(), h, rec, answers(map[string][]wmi.Row{
		"MSFT_MpComputerStatus":  {{"realtimeprotectionenabled": false, "istamperprotected": true, "antivirussignaturelastupdated": "20260301120000.000000+000"}},
		"MSFT_MpPreference":      {{"exclusionpath": []string{`C:\`, `D:\x`}, "exclusionprocess": []string{"a.exe"}}},
		"MSFT_MpThreat":          {{"threatid": "7", "threatname": "Trojan:Win32/X", "severityid": int64(5)}},
		"MSFT_MpThreatDetection": {{"threatid": "7", "resources": []string{`file:_C:\a.exe`}, "threatstatusid": int64(0), "initialdetectiontime": "20260301120000.000000+000"}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range rec.Records {
		d := v.(DefenderRecord)
		got = append(got, strings.Join([]string{d.Kind, d.From, d.Type, d.Value, d.Name, strings.Join(d.Resources, ",")}, "|"))
	}
	want := []string{`exclusion|registry|path|C:\||`, "status|wmi||||", `exclusion|wmi|path|D:\x||`, "exclusion|wmi|process|a.exe||", "threat|wmi|||Trojan:Win32/X|", `detection|wmi|||Trojan:Win32/X|file:_C:\a.exe`}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if s := rec.Records[1].(DefenderRecord); s.RealTime == nil || *s.RealTime || s.Updated.Format(time.DateOnly) != "2026-03-01" {
		t.Errorf("status %+v", s)
	}
	if d := rec.Records[5].(DefenderRecord); d.Status == nil || *d.Status != 0 || d.Detected.IsZero() {
		t.Errorf("detection %+v", d)
	}
	if !said(rec.Notes, artifacts.Absent, `Policies\Microsoft\Windows Defender`) {
		t.Errorf("notes %+v", rec.Notes)
	}

	rec = &livetest.Recorder{}
	if err := defender(t.Context(), h, rec, answers(nil)); err != nil || len(rec.Records) != 1 || !said(rec.Notes, artifacts.Absent, "MSFT_MpComputerStatus") {
		t.Errorf("without WMI: %v, %+v, %+v", err, rec.Records, rec.Notes)
	}
}

func TestProducts(t *testing.T) {
	r := livetest.Registry{}
	r.Add(`HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Security Center\Provider\Av\{1}`, livetest.String("DISPLAYNAME", "Other"), livetest.Number("STATE", 0x60110))
	rec := &livetest.Recorder{}
	err := products(t.Context(), &artifacts.Host{Live: true, Registry: r}, rec, answers(map[string][]wmi.Row{
		"AntiVirusProduct": {{"displayname": "Windows Defender", "productstate": int64(397568)}, {"displayname": "Off", "productstate": int64(393472)}},
		"FirewallProduct":  {},
	}))
	var got []string
	for _, v := range rec.Records {
		p := v.(Product)
		got = append(got, fmt.Sprint(p.From, " ", p.Name, " ", p.State, " ", *p.UpToDate))
	}
	want := []string{"wmi Windows Defender on true", "wmi Off off true", "registry Other off false"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, got %q, want %q", err, got, want)
	}
	if !said(rec.Notes, artifacts.Absent, "AntiSpywareProduct") || !said(rec.Notes, artifacts.Absent, "no product of this kind") {
		t.Errorf("notes %+v", rec.Notes)
	}
}

func TestFirewall(t *testing.T) {
	r := livetest.Registry{}
	r.Add(string(ruleKeys[0].path), livetest.String("{1}", `v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=4444|LPort=5555|App=C:\Users\Public\x.exe|Name=Updater|RA4=192.0.2.0/255.255.255.0|Profile=Public|`))
	got, notes := livetest.Run[FirewallRule](t, Firewall, &artifacts.Host{OS: artifacts.Windows, Registry: r})
	want := FirewallRule{
		ID: "{1}", Name: "Updater", Active: true, Action: "allow", Direction: "in", Protocol: "6", LocalPort: "4444,5555", Program: `C:\Users\Public\x.exe`,
		Remote: "192.0.2.0/255.255.255.0", Profile: "Public", Version: "v2.30", Path: ruleKeys[0].path, Modified: livetest.Written,
	}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %+v", got)
	}
	if len(notes) != 2 || notes[0].Reason == "" {
		t.Errorf("notes %+v", notes)
	}
}

func TestVolumes(t *testing.T) {
	rec := &livetest.Recorder{}
	h := &artifacts.Host{Live: true, Environ: map[string]string{"systemdrive": "C:"}}
	row := wmi.Row{"driveletter": "C:", "protectionstatus": int64(1), "conversionstatus": int64(1), "encryptionmethod": int64(6), "volumetype": int64(0)}
	if err := volumes(t.Context(), h, rec, answers(map[string][]wmi.Row{"Win32_EncryptableVolume": {row}})); err != nil {
		t.Fatal(err)
	}
	if v := rec.Records[0].(Volume); v != (Volume{From: "wmi", Drive: "C:", Protection: "on", Conversion: "encrypted", Method: "xts_aes128", Type: "system"}) {
		t.Errorf("got %+v", v)
	}
	r := livetest.Registry{}
	r.Add(`HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\BitLockerStatus`, livetest.Number("BootStatus", 1))
	h.Registry = r
	rec = &livetest.Recorder{}
	if err := volumes(t.Context(), h, rec, answers(nil)); err != nil || len(rec.Records) != 1 || rec.Records[0] != (Volume{From: "registry", Drive: "C:", Protection: "on"}) || len(rec.Notes) != 1 {
		t.Errorf("from the registry: %v, %+v, %+v", err, rec.Records, rec.Notes)
	}
	rec = &livetest.Recorder{}
	if err := volumes(t.Context(), &artifacts.Host{Registry: livetest.Registry{}}, rec, answers(nil)); err != nil || len(rec.Notes) != 2 {
		t.Errorf("from nothing: %v, %+v, %+v", err, rec.Records, rec.Notes)
	}
}

func TestIntegrity(t *testing.T) {
	var r BootRecord
	if r.integrity(0x403); strings.Join(r.Integrity, " ") != "enabled test_sign hypervisor" || !*r.TestSigning {
		t.Errorf("got %+v", r)
	}
	if n := strings.Count(subcategories, ";") + 1; n != 0x4a-0x10+1 {
		t.Errorf("%d subcategories, want those from 0x10 to 0x4a", n)
	}
}

func FuzzRule(f *testing.F) {
	f.Add("v2.30|Action=Allow|Active=TRUE|LPort=1|LPort=2|")
	f.Fuzz(func(t *testing.T, text string) {
		if r := rule(text); len(r.LocalPort) > len(text)+maxRule {
			t.Errorf("%d bytes of ports out of %d", len(r.LocalPort), len(text))
		}
	})
}
