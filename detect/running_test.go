package detect

import "testing"

func TestWindowsRunning(t *testing.T) {
	for _, tt := range []struct{ collector, line, want string }{
		{"processes", `{"pid":7,"name":"a.exe","exe":"C:\\A\\a.exe","exe_signature":{"status":"bad_digest","signer":"Microsoft"}}`, "high process-signature-broken"},
		{"processes", `{"pid":7,"name":"a.exe","exe":"C:\\A\\a.exe","exe_signature":{"status":"revoked"}}`, "high process-signature-broken"},
		{"processes", `{"pid":7,"name":"a.exe","exe":"C:\\A\\a.exe","exe_signature":{"status":"unsigned"}}`, ""},
		{"processes", `{"pid":7,"name":"a.exe","exe":"C:\\A\\a.exe"}`, ""},
		{"processes", `{"pid":7,"name":"svchost.exe","exe":"C:\\Windows\\System32\\svchost.exe"}`, ""},
		{"processes", `{"pid":7,"name":"svchost.exe","exe":"C:\\Windows\\SysWOW64\\svchost.exe"}`, ""},
		{"processes", `{"pid":7,"name":"svchost.exe","exe":"C:\\Windows\\svchost.exe"}`, "high process-system-name"},
		{"processes", `{"pid":7,"name":"svchost.exe","exe":"/usr/bin/svchost.exe"}`, ""},
		{"modules", `{"path":"C:\\A\\a.dll","signature":{"status":"distrusted"},"pids":[7]}`, "high library-signature-broken"},
		{"modules", `{"path":"C:\\A\\a.dll","signature":{"status":"valid"},"pids":[7]}`, ""},
		{"drivers", `{"name":"a.sys","path":"C:\\A\\a.sys","gone":true}`, "medium driver-untrusted"},
		{"drivers", `{"name":"a.sys","path":"C:\\A\\a.sys","signature":{"status":"unsigned"}}`, "high driver-untrusted"},
		{"drivers", `{"name":"a.sys","path":"C:\\A\\a.sys","signature":{"status":"revoked"}}`, "high driver-untrusted"},
		{"drivers", `{"name":"a.sys","path":"C:\\A\\a.sys","signature":{"status":"unknown","error":"x"}}`, ""},
		{"drivers", `{"name":"dump_storport.sys","path":"C:\\A\\a.sys","gone":true}`, ""},
		{"drivers", `{"name":"a.sys","path":"C:\\A\\a.sys","signature":{"status":"valid"}}`, ""},
		{"screens", `{"session":2,"image":"screens/session-2.png","windows":[{"title":"HOW_TO_DECRYPT.txt - Notepad","pid":7}]}`, "high ransom-note-window"},
		{"screens", `{"session":2,"windows":[{"title":"report.txt - Notepad","pid":7}]}`, ""},
		{"screens", `{"session":2,"windows":[{"title":"Chrome","pid":7,"desktop":"hVNC"}]}`, "medium hidden-desktop"},
		{"screens", `{"session":2,"windows":[{"title":"Lock","pid":7,"desktop":"Winlogon"},{"title":"","desktop":"x"}]}`, ""},
	} {
		var d Detector
		d.Live("live/"+tt.collector+".jsonl", []byte(tt.line+"\n"))
		if got := rules(&d); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.line, got, tt.want)
		}
		for _, f := range d.Findings() {
			if f.Reason == "" {
				t.Errorf("%s: no reason", tt.line)
			}
		}
	}
}
