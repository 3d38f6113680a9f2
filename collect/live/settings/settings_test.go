package settings

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/collect/live/livetest"
)

func TestCollect(t *testing.T) {
	r := livetest.Registry{}
	const hklm, user = `HKEY_LOCAL_MACHINE\`, `HKEY_USERS\S-1-5-21-1-2-3-1001\`
	r.Add(hklm+`SOFTWARE\Policies\Microsoft\Windows\PowerShell\ScriptBlockLogging`, livetest.Number("EnableScriptBlockLogging", 0))
	r.Add(hklm+`SYSTEM\CurrentControlSet\Control`, livetest.String("SystemStartOptions", " TESTSIGNING"), livetest.String("Other", "x"))
	r.Add(hklm+`SYSTEM\CurrentControlSet\Services\PortProxy\v4tov4\tcp`, livetest.String("0.0.0.0/8443", "192.0.2.1/443"))
	r.Add(hklm+`SOFTWARE\Microsoft\Windows NT\CurrentVersion\SystemRestore`, livetest.String("Password", "secret"), livetest.Number("DisableSR", 1))
	r.Add(user+`Software\Microsoft\Windows\CurrentVersion\Internet Settings`, livetest.Number("ProxyEnable", 1), livetest.Multi("ProxyServer", "a:1", "b:2"))
	r.Add(hklm + `SOFTWARE\Microsoft\SystemCertificates\ROOT\Certificates\0123`)
	r.Add(`HKEY_USERS\S-1-5-21-1-2-3-1001_Classes\x`)
	got, notes := livetest.Run[Setting](t, Collector, &artifacts.Host{OS: artifacts.Windows, Registry: r})
	var lines []string
	for _, s := range got {
		lines = append(lines, fmt.Sprint(s.Area, " ", s.User, " ", s.Value, "=", s.Data, " ", s.Policy))
	}
	want := []string{
		"powershell  EnableScriptBlockLogging=0 true", "proxy S-1-5-21-1-2-3-1001 ProxyEnable=1 false", "proxy S-1-5-21-1-2-3-1001 ProxyServer=[a:1 b:2] false",
		"proxy  0.0.0.0/8443=192.0.2.1/443 false", "boot  SystemStartOptions= TESTSIGNING false", "recovery  DisableSR=1 false", "certificates  =<nil> false",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if len(notes) != 1 || notes[0].Status != artifacts.Absent || !strings.Contains(notes[0].Reason, "defender") || strings.Contains(notes[0].Reason, "proxy") {
		t.Errorf("notes %+v", notes)
	}
}

// The table is text: each row is held to its form.
func TestTable(t *testing.T) {
	all := table()
	if n := strings.Count(rows, "\n") + 1; len(all) != n {
		t.Errorf("%d of %d rows were read", len(all), n)
	}
	areas := map[string]bool{}
	last := ""
	for _, r := range all {
		if r.area != last && areas[r.area] {
			t.Errorf("%s stands in two places", r.area)
		}
		areas[r.area], last = true, r.area
		for i := range len(r.roots) {
			if _, _, ok := root(r.roots[i]); !ok {
				t.Errorf("%s: no root %c", r.area, r.roots[i])
			}
		}
		for _, v := range r.values {
			if v != strings.ToLower(v) || v == "" {
				t.Errorf("%s: value %q", r.area, v)
			}
		}
	}
}
