package registered

import (
	"slices"
	"strings"
	"testing"
)

func TestFiles(t *testing.T) {
	for command, want := range map[string][]string{
		`"C:\a b\c.exe" -x "D:\data.txt"`:                 {`C:\a b\c.exe`, `D:\data.txt`},
		`C:\Program Files\My App\app.exe /service`:        {`C:\Program Files\My App\app.exe`},
		`\??\C:\drv\x.sys`:                                {`\??\C:\drv\x.sys`},
		`\SystemRoot\System32\drivers\y.sys`:              {`\SystemRoot\System32\drivers\y.sys`},
		`system32\drivers\z.sys`:                          {`system32\drivers\z.sys`},
		`rundll32.exe C:\x\lib.dll,Start 1`:               {`C:\x\lib.dll`},
		`powershell -File C:\x\a.ps1 -Out C:\x\b.exe`:     {`C:\x\a.ps1`, `C:\x\b.exe`},
		`cmd /c start C:/x/y.exe`:                         {`C:/x/y.exe`},
		`C:\explorer.executable\x.exe`:                    {`C:\explorer.executable\x.exe`},
		`explorer.exe, C:\Windows\system32\userinit.exe,`: {`C:\Windows\system32\userinit.exe`},
		`"C:\not closed`:                                  {`C:\not closed`},
		``:                                                nil,
		`svchost`:                                         nil,
	} {
		if got := files(command); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}

func TestAttributes(t *testing.T) {
	const text = `<logFile directory="a" /><logFiles directory="no" /><logFile x="1" directory="b &amp; c"><logFile truncated directory="d`
	if got := attributes(text, "logFile", "directory"); !slices.Equal(got, []string{"a", "b & c", "d"}) {
		t.Errorf("%q", got)
	}
}

// FuzzFiles holds that what is found in a command line stands in it, and is not more than some.
func FuzzFiles(f *testing.F) {
	f.Add(`"C:\a b\c.exe" -x C:\y.dll,Start`)
	f.Add(`\??\C:\x.sys "`)
	f.Fuzz(func(t *testing.T, command string) {
		all := files(command)
		if len(all) > maxFiles {
			t.Errorf("%d files", len(all))
		}
		for _, name := range all {
			if !strings.Contains(command, name) {
				t.Errorf("%q is not in %q", name, command)
			}
		}
		attributes(command, "a", "b")
	})
}
