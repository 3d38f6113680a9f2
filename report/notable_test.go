package report

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/jpeg"
	"strings"
	"testing"
	"testing/fstest"
)

func TestPicture(t *testing.T) {
	bomb := func(width, height uint32) []byte { // says that it is large; its rows are missing
		head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("IHDR"), width), height)
		head = append(head, 8, 6, 0, 0, 0)
		b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), head...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(head))
	}
	folder := fstest.MapFS{
		"screens/good.png": {Data: screenshot()}, "screens/bomb.png": {Data: bomb(60_000, 60_000)}, "screens/none.png": {Data: bomb(0, 9)},
		"screens/torn.png": {Data: screenshot()[:300]}, "screens/script.png": {Data: []byte("<svg onload=alert(1)>")},
	}
	got, err := picture(folder, "screens/good.png")
	if err != nil {
		t.Fatal(err)
	}
	coded, ok := strings.CutPrefix(string(got), "data:image/jpeg;base64,")
	data, err := base64.StdEncoding.DecodeString(coded)
	if !ok || err != nil {
		t.Fatalf("%.60s: %v", got, err)
	}
	m, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil || m.Bounds() != image.Rect(0, 0, 1280, 720) {
		t.Fatalf("%v: %v", m.Bounds(), err)
	}
	if r, g, b, _ := m.At(500, 400).RGBA(); r>>8 < 250 || g>>8 < 250 || b>>8 < 250 {
		t.Errorf("the window is %d %d %d", r>>8, g>>8, b>>8)
	}
	for _, name := range []string{"bomb", "none", "torn", "script", "absent"} {
		if got, err := picture(folder, "screens/"+name+".png"); err == nil {
			t.Errorf("%s gives %.40s", name, got)
		}
	}
}

func TestPlainText(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "þú": "þú", "\ufeffab": "ab", "\xff\xfeh\x00i\x00": "hi", "\xfe\xff\x00h\x00i": "hi", "\xff\xfeh": "", "caf\xe9 au lait": "café au lait", "caf\xe9s au": "cafés au", "PK\x03\x04\x00": "", "a þ"[:3]: "a ",
	} {
		if got := plainText([]byte(in)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzPlainText(f *testing.F) {
	f.Add([]byte("\xff\xfeh\x00i\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := tidy(plainText(b), noteText, '\n'); strings.ContainsAny(got, "\x00\x1b\u202e") || len([]rune(got)) > noteText*6+1 {
			t.Errorf("%q gives %q", b, got)
		}
	})
}

// FuzzEvent checks that what is read of a line of a timeline does not depend on how it is read.
func FuzzEvent(f *testing.F) {
	for line := range bytes.SplitSeq(events("þ\"")[:4_000], []byte{'\n'}) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var e event
		e.read(line)
		tidyEvent(&e)
		if strings.ContainsAny(e.Message+e.Path, "\x00\n\u202e") {
			t.Errorf("%q gives %+v", line, e)
		}
	})
}

func TestPort(t *testing.T) {
	for _, tt := range []struct {
		list, port string
		want       bool
	}{
		{"", "1", true}, {"80", "80", true}, {"80,443", "443", true}, {"5000-5010", "5005", true}, {"5000-5010", "5011", false}, {"RPC", "135", false}, {"x-9", "5", false}, {"80", "", false},
	} {
		if got := portIn(tt.list, tt.port); got != tt.want {
			t.Errorf("%q has %q: %v", tt.list, tt.port, got)
		}
	}
}

// TestWindowsFirewall shows which service a rule lets others reach.
func TestWindowsFirewall(t *testing.T) {
	folder := made(t, "")
	folder["live/sockets.jsonl"].Data = []byte(`{"protocol":"tcp","local_address":"0.0.0.0","local_port":4444,"state":"LISTEN","owners":[{"pid":7,"name":"x.exe","exe":"C:\\Users\\Public\\x.exe"}]}
{"protocol":"tcp","local_address":"0.0.0.0","local_port":445,"state":"LISTEN"}
`)
	delete(folder, "live/firewall.jsonl")
	folder["live/firewall-rules.jsonl"] = &fstest.MapFile{Data: []byte(`{"id":"1","name":"Updater","active":true,"action":"allow","direction":"in","protocol":"6","program":"C:\\Users\\Public\\x.exe","path":"HKLM"}
{"id":"2","name":"off","active":false,"action":"allow","direction":"in","protocol":"6","local_port":"445","path":"HKLM"}
`)}
	folder["live/settings.jsonl"] = &fstest.MapFile{Data: []byte(`{"area":"firewall","path":"HKLM\\PublicProfile","value":"EnableFirewall","data":0}` + "\n")}
	got := render(t, folder, "en")
	for _, want := range []string{"Firewall: Updater", "Firewall: no rule lets others in", `<dt>PublicProfile</dt><dd class="warn"><span>EnableFirewall = 0</span>`, "1 active rules let others in"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q", want)
		}
	}
}

// TestNotable shows what is worth a look and leaves out what is not.
func TestNotable(t *testing.T) {
	got := bare(render(t, made(t, ""), "en"))
	for _, want := range []string{
		"all your files are ours.", `<img src="PICTURE"`, "/etc/cron.d/updater", "folder for temporary files, changed lately", "<code>203.0.113.9 443</code>", "otherwise: accept · 0 rules",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if strings.Contains(got, "ssh.service") {
		t.Error("what a package installed a year ago is said to be worth a look")
	}
	if n := fmt.Sprint(strings.Count(got, "<img ")); n != "1" {
		t.Errorf("%s pictures", n)
	}
}
