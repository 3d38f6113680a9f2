package target

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/collect/live/livetest"
)

func made() *artifacts.Host {
	return &artifacts.Host{
		OS:      artifacts.Windows,
		Environ: map[string]string{"systemroot": `C:\Windows`, "windir": `C:\Windows`, "systemdrive": "C:", "programfiles": `C:\Program Files`},
		Files: livetest.Drives{
			`C:\Windows\System32\cmd.exe`: "cmd", `C:\Windows\System32\rundll32.exe`: "rundll32", `C:\Windows\System32\evil.dll`: "evil",
			`C:\Windows\explorer.exe`: "explorer", `C:\Program Files\A B\c.exe`: "c", `C:\Users\Public\x.exe`: "x",
			`C:\Users\Jón\AppData\Roaming\y.exe`: "y", `C:\Windows\System32\drivers\z.sys`: "z",
		},
	}
}

func TestCommand(t *testing.T) {
	tests := []struct{ command, want string }{
		{`C:\Users\Public\x.exe -a`, `C:\Users\Public\x.exe temporary`},
		{`"C:\Program Files\A B\c.exe" /s`, `C:\Program Files\A B\c.exe`},
		{`C:\Program Files\A B\c.exe /s`, `C:\Program Files\A B\c.exe`},
		{`C:\Program Files\A B\c`, `C:\Program Files\A B\c.exe`},
		{`%ProgramFiles%\A B\c.exe`, `C:\Program Files\A B\c.exe`},
		{`%appdata%\y.exe`, `C:\Users\Jón\AppData\Roaming\y.exe`},
		{`explorer.exe`, `C:\Windows\explorer.exe`},
		{`explorer.exe, C:\Users\Public\x.exe`, `C:\Windows\explorer.exe; C:\Users\Public\x.exe temporary`},
		{`cmd /c start "" "C:\Users\Public\x.exe"`, `C:\Windows\System32\cmd.exe; C:\Users\Public\x.exe temporary`},
		{`rundll32 evil,Run`, `C:\Windows\System32\rundll32.exe; C:\Windows\System32\evil.dll`},
		{`rundll32.exe C:/Users/Public/gone.dll,#1`, `C:\Windows\System32\rundll32.exe; C:\Users\Public\gone.dll missing temporary`},
		{`C:\Program Files\gone away\d.exe -x`, `C:\Program Files\gone away\d.exe missing`},
		{`\SystemRoot\System32\drivers\z.sys`, `C:\Windows\System32\drivers\z.sys`},
		{`\??\C:\Windows\System32\drivers\z.sys`, `C:\Windows\System32\drivers\z.sys`},
		{`System32\drivers\z.sys`, `C:\Windows\System32\drivers\z.sys`},
		{`nothing.exe /x`, `nothing.exe missing`},
		{`\\192.0.2.1\c\x.exe`, `\\192.0.2.1\c\x.exe error`},
		{`"unclosed`, `unclosed missing`},
		{` `, ``},
	}
	for _, tt := range tests {
		x := New(t.Context(), made())
		var got []string
		for _, f := range x.Command(tt.command, x.Variables(`C:\Users\Jón`)) {
			var s strings.Builder
			s.WriteString(string(f.Path))
			for _, flag := range []struct {
				set  bool
				name string
			}{{f.Gone, " missing"}, {f.Temporary, " temporary"}, {f.Error != "", " error"}} {
				if flag.set {
					s.WriteString(flag.name)
				}
			}
			if !f.Gone && f.Error == "" && f.SHA256 == "" {
				s.WriteString(" without hash")
			}
			got = append(got, s.String())
		}
		if g := strings.Join(got, "; "); g != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.command, g, tt.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	x := New(t.Context(), made())
	sum := sha256.Sum256([]byte("evil"))
	if f := x.Library("evil", nil); f.Path != `C:\Windows\System32\evil.dll` || f.SHA256 != hex.EncodeToString(sum[:]) || f.Size != 4 || f.Modified.IsZero() {
		t.Errorf("got %+v", f)
	}
	if f := x.Path(`%windir%\System32`, x.Variables("")); f.Error != "is a directory" || f.Gone {
		t.Errorf("a folder: %+v", f)
	}
}

func FuzzCommand(f *testing.F) {
	f.Add(`rundll32 "a b",c %windir%\x.exe =C:\`)
	f.Add(`"`)
	f.Fuzz(func(t *testing.T, command string) {
		x := New(t.Context(), made())
		if n := len(x.Command(command, x.Variables(`C:\Users\a`))); n > maxTargets {
			t.Errorf("%d targets", n)
		}
	})
}
