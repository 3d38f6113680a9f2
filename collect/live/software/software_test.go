package software

import (
	"context"
	"errors"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/collect/live/livetest"
	"spor/collect/winapi/wmi"
)

func made() *artifacts.Host {
	r := livetest.Registry{}
	const hklm, anna = `HKEY_LOCAL_MACHINE\SOFTWARE`, `HKEY_USERS\S-1-5-21-1-2-3-1001`
	r.Add(hklm+uninstall+`\{1}`, livetest.String("DisplayName", "Good"), livetest.String("DisplayVersion", "1.2"), livetest.Number("SystemComponent", 1))
	r.Add(hklm+uninstall+`\leftover`, livetest.Number("NoModify", 1))
	r.Add(hklm+`\Wow6432Node`+uninstall+`\AnyDesk`, livetest.String("UninstallString", `C:\a.exe --remove`))
	r.Add(anna+`\Software`+uninstall+`\x`, livetest.String("DisplayName", "Þór"))
	r.Add(anna+apps+`\Vendor.App_1.2.3.4_x64__8wekyb3d8bbwe`, livetest.String("PackageRootFolder", `C:\Program Files\WindowsApps\x`))
	const packages = hklm + `\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\`
	r.Add(packages+`Package_for_KB5031455~31bf3856ad364e35~amd64~~19041.1.2`, livetest.Number("CurrentState", 0x70), livetest.Number("InstallTimeHigh", 31082000), livetest.Number("InstallTimeLow", 7))
	r.Add(packages+`Microsoft-Windows-Foundation-Package~31bf3856ad364e35~amd64~~10.0.1.1`, livetest.Number("CurrentState", 0x70))
	return &artifacts.Host{OS: artifacts.Windows, Live: true, Registry: r}
}

func TestInstalled(t *testing.T) {
	got, notes := livetest.Run[Program](t, Installed, made())
	var lines []string
	for _, p := range got {
		lines = append(lines, p.Kind+" "+p.Name+" "+p.Version+" "+p.User+p.View)
	}
	want := "program Good 1.2 |program AnyDesk  32|program Þór  S-1-5-21-1-2-3-1001|app Vendor.App 1.2.3.4 S-1-5-21-1-2-3-1001"
	if s := strings.Join(lines, "|"); s != want || len(notes) != 0 || !got[0].Hidden || got[3].Publisher != "8wekyb3d8bbwe" {
		t.Errorf("got %s, notes %+v", s, notes)
	}
	if got, notes := livetest.Run[Program](t, Installed, &artifacts.Host{Registry: livetest.Registry{}}); len(got) != 0 || len(notes) != 1 {
		t.Errorf("of nothing: %+v, %+v", got, notes)
	}
}

func TestUpdates(t *testing.T) {
	rec := &livetest.Recorder{}
	err := updates(t.Context(), made(), rec, func(context.Context, string, string) ([]wmi.Row, error) {
		return []wmi.Row{{"hotfixid": "KB5031455", "installedon": "10/31/2023", "description": "Security Update"}}, nil
	})
	if err != nil || len(rec.Records) != 2 || len(rec.Notes) != 0 {
		t.Fatalf("%v, %+v, %+v", err, rec.Records, rec.Notes)
	}
	if u := rec.Records[1].(Update); u.ID != "KB5031455" || u.State != "installed" || u.Installed.Year() != 2024 {
		t.Errorf("got %+v", u)
	}
	rec = &livetest.Recorder{}
	err = updates(t.Context(), &artifacts.Host{Live: true, Registry: livetest.Registry{}}, rec, func(context.Context, string, string) ([]wmi.Row, error) {
		return nil, errors.New("hangs")
	})
	if err != nil || len(rec.Notes) != 2 {
		t.Errorf("of nothing: %v, %+v", err, rec.Notes)
	}
}
