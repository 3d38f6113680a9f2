package shadows

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/collect/live/livetest"
	"spor/collect/winapi/wmi"
)

func run(t *testing.T, h *artifacts.Host, names []string, err error, rows map[string][]wmi.Row) ([]Record, []artifacts.Outcome) {
	t.Helper()
	rec := &livetest.Recorder{}
	fault := collect(t.Context(), h, rec, names, err, func(_ context.Context, _, class string) ([]wmi.Row, error) {
		if rows == nil {
			return nil, fs.ErrPermission
		}
		return rows[class], nil
	})
	if fault != nil {
		t.Fatal(fault)
	}
	var all []Record
	for _, v := range rec.Records {
		all = append(all, v.(Record))
	}
	return all, rec.Notes
}

func TestCopies(t *testing.T) {
	got, _ := run(t, &artifacts.Host{}, []string{"HarddiskVolumeShadowCopy1", "HarddiskVolumeShadowCopy7"}, nil, map[string][]wmi.Row{
		"Win32_ShadowCopy":    {{"deviceobject": `\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy1`, "id": "{1}", "installdate": "20260301120000.000000+060"}},
		"Win32_ShadowStorage": {{"allocatedspace": "1000", "maxspace": "18446744073709551615"}},
	})
	if len(got) != 4 || got[0].Created.Format("15:04") != "11:00" || got[1].Device != `\Device\HarddiskVolumeShadowCopy7` || got[2].Most != -1 || *got[3].Copies != 2 || got[3].Storage != 1000 {
		t.Errorf("got %+v", got)
	}
}

func TestNone(t *testing.T) {
	r := livetest.Registry{}
	r.Add(diag+`\SwProvider_{1}`, livetest.Binary("PROVIDER_DELETE (Enter)", make([]byte, 80)), livetest.Binary("PROVIDER_CREATE", nil))
	r.Add(diag+`\SPP`, livetest.Binary("SppCreate (Enter)", nil), livetest.Binary("SppCreate (Leave)", nil))
	r.Add(`HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\SystemRestore`, livetest.Number("RPSessionInterval", 1))
	r.Add(`HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\VSS`, livetest.Number("Start", 4))
	got, notes := run(t, &artifacts.Host{Registry: r}, nil, nil, nil)
	if len(got) != 3 || got[0].Kind != "trace" || len(notes) != 3 || notes[0].Status != artifacts.Denied {
		t.Fatalf("got %+v, notes %+v", got, notes)
	}
	if s := got[2]; *s.Copies != 0 || s.Traces != 1 || s.Protection != "on" || s.Service != "disabled" || len(s.Reasons) != 3 || !s.Made.Equal(livetest.Written) {
		t.Errorf("got %+v", s)
	}
	got, notes = run(t, &artifacts.Host{}, nil, errors.New("not Windows"), nil)
	if len(got) != 1 || got[0].Copies != nil || !strings.Contains(notes[len(notes)-1].Reason, "nothing tells") {
		t.Errorf("of nothing: %+v, %+v", got, notes)
	}
}
