package tasks

import (
	"encoding/binary"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/live/livetest"
	"spor/collect/winapi"
)

const sample = `<?xml version="1.0" encoding="UTF-16"?>
<!-- > -->
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Date>2026-02-03T04:05:06</Date><Author>HOST\anna</Author><Description>a &lt;b&gt; &amp;amp; c</Description></RegistrationInfo>
  <Triggers><CalendarTrigger><StartBoundary>2026-02-03T05:00:00</StartBoundary><ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay></CalendarTrigger><BootTrigger/></Triggers>
  <Principals><Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>
  <Settings><Hidden>true</Hidden><Enabled>false</Enabled><IdleSettings><StopOnIdleEnd>true</StopOnIdleEnd></IdleSettings></Settings>
  <Actions Context="Author">
    <Exec><Command>C:\Windows\System32\&#99;&#x6D;d.exe</Command><Arguments>/c "C:\Users\Public\x.exe" &gt; nul</Arguments><WorkingDirectory>C:\</WorkingDirectory></Exec>
    <ComHandler><ClassId>{0000-1}</ClassId><Data><![CDATA[<x> & y]]></Data></ComHandler>
  </Actions>
</Task>`

func TestParse(t *testing.T) {
	off := false
	want := definition{
		Author: `HOST\anna`, Date: "2026-02-03T04:05:06", Description: "a <b> &amp; c", User: "S-1-5-18", RunLevel: "HighestAvailable", Hidden: true, Enabled: &off,
		Triggers: []string{"Calendar StartBoundary=2026-02-03T05:00:00 DaysInterval=1", "Boot"},
		Actions: []Action{
			{Kind: "exec", Command: `C:\Windows\System32\cmd.exe`, Arguments: `/c "C:\Users\Public\x.exe" > nul`, Folder: `C:\`},
			{Kind: "com", Command: "{0000-1}", Arguments: "<x> & y"},
		},
	}
	got, err := parse(sample)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	for _, bad := range []string{"", "no", sample[:300], "<a></b>", strings.Repeat("<a>", 100), "<Task", `<Task a="`} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%.40q is no task, and no error", bad)
		}
	}
}

// actions makes the value Actions.
func actions(version uint16, list ...Action) []byte {
	b := binary.LittleEndian.AppendUint16(nil, version)
	text := func(s string) {
		u := winapi.Encode(s)
		b = binary.LittleEndian.AppendUint32(b, uint32(2*len(u)))
		for _, c := range u {
			b = binary.LittleEndian.AppendUint16(b, c)
		}
	}
	if version >= 2 {
		text("Author")
	}
	for _, a := range list {
		if a.Kind == "com" {
			b = binary.LittleEndian.AppendUint16(b, 0x7777)
			text("")
			b = append(b, 0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff)
			text(a.Arguments)
			continue
		}
		b = binary.LittleEndian.AppendUint16(b, 0x6666)
		text("")
		text(a.Command)
		text(a.Arguments)
		text(a.Folder)
		if version >= 3 {
			b = append(b, 0, 0)
		}
	}
	return b
}

func TestActions(t *testing.T) {
	list := []Action{{Kind: "exec", Command: `C:\þ.exe`, Arguments: "-a", Folder: `C:\`}, {Kind: "com", Command: "{00112233-4455-6677-8899-AABBCCDDEEFF}", Arguments: "x"}}
	for _, version := range []uint16{1, 2, 3} {
		whole := actions(version, list...)
		if got, err := parseActions(whole); err != nil || !slices.Equal(got, list) {
			t.Errorf("version %d: got %+v, %v", version, got, err)
		}
		for n := range whole {
			if got, err := parseActions(whole[:n]); len(got) == len(list) || err == nil && len(got) > 1 {
				t.Errorf("version %d, %d of %d bytes: %+v, %v", version, n, len(whole), got, err)
			}
		}
	}
}

// wide is a file in UTF-16 with its mark.
func wide(s string) string {
	b := []byte{0xff, 0xfe}
	for _, c := range winapi.Encode(s) {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return string(b)
}

func made() *artifacts.Host {
	ran := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	dynamicInfo := make([]byte, 36)
	binary.LittleEndian.PutUint64(dynamicInfo[12:], uint64(ran.UnixNano()/100+116444736000000000))
	binary.LittleEndian.PutUint32(dynamicInfo[24:], 0x41301)
	r := livetest.Registry{}
	cached := func(path, id string, values ...artifacts.RegistryValue) {
		r.Add(cacheTree+path, append(values, livetest.String("Id", id))...)
		r.Add(cacheTask+`\`+id, livetest.Binary("DynamicInfo", dynamicInfo), livetest.Binary("Actions", actions(3, Action{Kind: "exec", Command: `C:\Users\Public\x.exe`})))
	}
	cached(`\Good`, "{1}", livetest.Binary("SD", []byte{1}), livetest.Number("Index", 3))
	cached(`\Vendor\Hidden`, "{2}", livetest.Number("Index", 3))
	r.Add(hklmClasses+`\CLSID\{0000-1}\InprocServer32`, livetest.String("", "com.dll"))
	return &artifacts.Host{
		OS: artifacts.Windows, Registry: r, Environ: map[string]string{"systemroot": `C:\Windows`},
		Files: livetest.Drives{
			`C:\Windows\System32\Tasks\Good`:        wide(strings.NewReplacer(`C:\Windows\System32\&#99;&#x6D;d.exe`, `C:\Users\Public\x.exe`, `/c "C:\Users\Public\x.exe" &gt; nul`, "", `<WorkingDirectory>C:\</WorkingDirectory>`, "").Replace(sample)),
			`C:\Windows\System32\Tasks\A\Disk only`: sample,
			`C:\Windows\System32\Tasks\torn`:        sample[:200],
			`C:\Windows\System32\cmd.exe`:           "cmd", `C:\Users\Public\x.exe`: "x", `C:\Windows\System32\com.dll`: "com",
		},
	}
}

const hklmClasses = `HKEY_LOCAL_MACHINE\SOFTWARE\Classes`

func TestCollect(t *testing.T) {
	got, notes := livetest.Run[Task](t, Collector, made())
	find := func(path string) Task {
		i := slices.IndexFunc(got, func(t Task) bool { return t.Path == path })
		if i < 0 {
			t.Fatalf("no %s in %+v", path, got)
		}
		return got[i]
	}
	is := func(b *bool, want bool) bool { return b != nil && *b == want }
	hidden := find(`\Vendor\Hidden`)
	if !hidden.NoSD || !is(hidden.OnDisk, false) || !is(hidden.InRegistry, true) || hidden.InService != nil || hidden.From != "registry" ||
		len(hidden.Targets) != 1 || hidden.Targets[0].SHA256 == "" || hidden.LastRun.Format(time.RFC3339) != "2026-02-03T04:05:06Z" || *hidden.LastResult != 0x41301 {
		t.Errorf("hidden: %+v", hidden)
	}
	disk := find(`\A\Disk only`)
	if !is(disk.OnDisk, true) || !is(disk.InRegistry, false) || disk.NoSD || disk.From != "file" || len(disk.Targets) != 3 || disk.Targets[2].Path != `C:\Windows\System32\com.dll` {
		t.Errorf("on disk: %+v", disk)
	}
	good := find(`\Good`)
	if good.NoSD || good.NoIndex || !is(good.OnDisk, true) || !is(good.InRegistry, true) || good.Differs != "registry" {
		t.Errorf("good, with a second action on disk: %+v", good)
	}
	if torn := find(`\torn`); len(torn.Errors) != 1 {
		t.Errorf("torn: %+v", torn)
	}
	if len(got) != 4 || len(notes) != 0 {
		t.Errorf("%d tasks, notes %+v", len(got), notes)
	}
}

func TestDate(t *testing.T) {
	for days, want := range map[float64]string{0: "0001-01-01T00:00:00Z", 36494: "0001-01-01T00:00:00Z", 46347.5: "2026-11-21T12:00:00Z", 1e300: "0001-01-01T00:00:00Z"} {
		if got := date(days).Format(time.RFC3339); got != want {
			t.Errorf("%v: got %s, want %s", days, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample, actions(3, Action{Kind: "exec", Command: "a"}))
	f.Fuzz(func(t *testing.T, text string, b []byte) {
		if d, _ := parse(text); len(d.Actions) > maxActions || len(d.Triggers) > maxActions {
			t.Errorf("%d actions, %d triggers", len(d.Actions), len(d.Triggers))
		}
		if all, _ := parseActions(b); len(all) > maxActions {
			t.Errorf("%d actions", len(all))
		}
	})
}
