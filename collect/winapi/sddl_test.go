package winapi

import (
	"encoding/hex"
	"testing"
)

func TestSDDL(t *testing.T) {
	for _, c := range []struct{ sd, want string }{
		{ // owner and group Administrators, full access for SYSTEM and Administrators, reading for Users
			"0100049414000000240000000000000034000000" + "01020000000000052000000020020000" + "01020000000000052000000020020000" +
				"02004c0003000000" + "00031400ff011f00010100000000000512000000" + "00031800ff011f0001020000000000052000000020020000" + "00101800a9001200" + "01020000000000052000000021020000",
			"O:BAG:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;ID;0x1200a9;;;BU)",
		},
		{"0100048014000000000000000000000000000000" + "0105000000000005150000000100000002000000030000e8e9030000", "O:S-1-5-21-1-2-3892314115-1001D:NO_ACCESS_CONTROL"},
		{"0100008000000000000000000000000000000000", ""},
		{"01000480000000000000000000000000" + "14000000" + "0200240001000000" + "010b1400" + "000000e0" + "010100000000000100000000", "D:(D;OICIIO;GXGWGR;;;WD)"},
	} {
		b, err := hex.DecodeString(c.sd)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := SDDL(b); got != c.want || err != nil {
			t.Errorf("%s:\n%s, %v, want\n%s", c.sd, got, err, c.want)
		}
		for n := range b { // a cut descriptor
			_, _ = SDDL(b[:n])
		}
	}
}

func FuzzSDDL(f *testing.F) {
	b, err := hex.DecodeString("01000480000000000000000000000000" + "14000000" + "0200240001000000" + "010b1400" + "000000e0" + "010100000000000100000000")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, err := SDDL(b); len(text) > 100*len(b)+100 {
			t.Errorf("%d bytes of text for %d, %v", len(text), len(b), err)
		}
	})
}
