package eventlog

import (
	"bytes"
	"testing"
)

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		id           uint64
		field, value string
		want         string // empty: nothing
	}{
		{4624, "ElevatedToken", "%%1842", "Yes"},
		{4624, "ImpersonationLevel", "%%1833", "Impersonation"},
		{4625, "FailureReason", "%%2307", "Account locked out"},
		{4719, "AuditPolicyChanges", "%%8448, %%8450", "Success removed, Failure removed"},
		{4663, "AccessList", "%%4416\n\t\t\t\t%%4423\n\t\t\t\t", "ReadData (or ListDirectory), ReadAttributes"},
		{4661, "AccessList", "%%5382", "Undefined access, bit 6"},
		{5156, "Direction", "%%14593", "Outbound"},
		{4738, "UserAccountControl", "\n\t\t%%2080\n\t\t%%2050", "Account Disabled, Password Not Required - disabled"},
		{4663, "AccessList", "%%4416 %%60000", ""}, // half of the truth is none
		{4688, "CommandLine", "cmd /c echo %%1842", ""},
		{4688, "CommandLine", "%%1842 x", ""},
		{4656, "AccessReason", "%%1541:\t%%1801\tD:(A;;FA;;;BA)\n", "SYNCHRONIZE: Granted by D:(A;;FA;;;BA)"},
		{4662, "Properties", "%%7688\n\t\t{1131f6ad-9c07-11d1-f79f-00c04fc2dcd2}", "Control Access {1131f6ad-9c07-11d1-f79f-00c04fc2dcd2}"},
		{4656, "AccessReason", "%%99999: x", ""},
		{4656, "AccessReason", "\x01 %%1541\x00\x01%%1801x", "SYNCHRONIZE Granted byx"},
		{4656, "AccessReason", "\x01", ""},
		{4656, "AccessReason", "100%% %", ""},
		{4624, "LogonType", "10", "remote interactive"},
		{4624, "LogonType", "99", ""},
		{4624, "TargetUserName", "2", ""},
		{4776, "Status", "0xC0000234", "account locked out"},
		{4771, "Status", "0x18", "wrong password"},
		{4625, "Status", "0x18", ""},
		{4625, "SubStatus", "0x0", ""},
		{4768, "TicketOptions", "0x40810010", "forwardable, renewable, canonicalize, renewable-ok"},
		{4768, "TicketOptions", "0x40000004", "forwardable, 0x4"},
		{4769, "TicketEncryptionType", "0x17", "RC4"},
		{4720, "NewUacValue", "0x15", "account disabled, password not required, normal account"},
		{5156, "Protocol", "17", "UDP"},
		{4697, "ServiceType", "0x10", "own process"},
		{4625, "SubStatus", "c000006a", ""},
		{4624, "LogonType", "18446744073709551616", ""},
	} {
		b, ok := Of([]byte(security)).Explain([]byte("x"), tt.id, KindOf(tt.field), []byte(tt.value))
		if got := string(b[1:]); ok != (tt.want != "") || ok && got != tt.want {
			t.Errorf("%d %s %q: got %q, %v, want %q", tt.id, tt.field, tt.value, got, ok, tt.want)
		}
	}
	if Of([]byte(services)).Explained() || Of(nil).Explained() || !Of([]byte(security)).Explained() {
		t.Error("the fields of the auditing are explained, and of nothing else")
	}
}

func TestHresult(t *testing.T) {
	for value, want := range map[string]string{
		"0x80070005": "access denied", "2147942405": "access denied", "5": "access denied", "0x80072ee7": "server name not resolved", "0x8007ffff": "",
	} {
		if b, ok := kinds()["error"].Append(nil, []byte(value)); ok != (want != "") || string(b) != want {
			t.Errorf("%s: got %q, want %q", value, b, want)
		}
	}
}

func TestFlat(t *testing.T) {
	for _, tt := range []struct {
		value string
		most  int
		want  string
	}{{"a\r\n\t b\x00", 99, "a b "}, {"þorn", 1, "..."}, {"þorn", 2, "þ..."}, {"", 3, ""}} {
		if got := string(AppendFlat(nil, Cut([]byte(tt.value), tt.most))); got != tt.want {
			t.Errorf("%q to %d: got %q, want %q", tt.value, tt.most, got, tt.want)
		}
	}
}

// FuzzExplain: words are appended to what was there, and no input is changed.
func FuzzExplain(f *testing.F) {
	f.Add("AccessReason", []byte("%%1541: %%1801 %% %%4"), uint64(4656))
	f.Add("TicketOptions", []byte("0xffffffffffffffff"), uint64(4768))
	f.Fuzz(func(t *testing.T, field string, value []byte, id uint64) {
		kept := bytes.Clone(value)
		b, ok := Of([]byte(security)).Explain([]byte("before"), id, KindOf(field), value)
		if !bytes.HasPrefix(b, []byte("before")) || ok && len(b) == len("before") || !bytes.Equal(value, kept) {
			t.Errorf("%s %q: got %q, %v", field, value, b, ok)
		}
		if len(b) > 100+40*len(value) {
			t.Errorf("%s %q: %d bytes", field, value, len(b))
		}
	})
}
