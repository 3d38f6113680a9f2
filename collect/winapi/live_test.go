package winapi

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestWithin(t *testing.T) {
	asked := false
	if err := Within(t.Context(), time.Minute, func() { asked = true }); err != nil || !asked {
		t.Errorf("got %v, asked %v", err, asked)
	}
	stuck := make(chan bool)
	defer close(stuck)
	if err := Within(t.Context(), time.Millisecond, func() { <-stuck }); !errors.Is(err, ErrHangs) {
		t.Errorf("a call that hangs: %v", err)
	}
	if err := Within(t.Context(), time.Minute, func() { panic("no such export") }); err == nil || !strings.Contains(err.Error(), "no such export") {
		t.Errorf("a call that panics: %v", err)
	}
	why := errors.New("over")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := Within(ctx, time.Minute, func() { <-stuck }); !errors.Is(err, why) {
		t.Errorf("a run that is over: %v", err)
	}
}

func TestImageFile(t *testing.T) {
	vars := map[string]string{"systemroot": `C:\Windows`, "programfiles": `C:\Program Files`}
	for in, want := range map[string]string{
		`\SystemRoot\system32\drivers\a.sys`: `C:\Windows\system32\drivers\a.sys`,
		`\SYSTEMROOT\a.sys`:                  `C:\Windows\a.sys`,
		`\??\D:\tools\a.sys`:                 `D:\tools\a.sys`,
		`\Windows\system32\ntoskrnl.exe`:     `C:\Windows\system32\ntoskrnl.exe`,
		`system32\drivers\a.sys`:             `C:\Windows\system32\drivers\a.sys`,
		`System32/drivers/a.sys`:             `C:\Windows\System32\drivers\a.sys`,
		`%ProgramFiles%\a\b.exe`:             `C:\Program Files\a\b.exe`,
		`\\server\share\a.sys`:               `\\server\share\a.sys`,
		``:                                   ``,
	} {
		if got := ImageFile(in, vars); got != want {
			t.Errorf("ImageFile(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestPrograms(t *testing.T) {
	vars := map[string]string{"systemroot": `C:\Windows`}
	for in, want := range map[string][]string{
		`"C:\Program Files\a b\c.exe" -k "x y"`: {`C:\Program Files\a b\c.exe`},
		`C:\Windows\a.exe`:                      {`C:\Windows\a.exe`},
		`C:\Program Files\a.exe -k`:             {`C:\Program.exe`, `C:\Program Files\a.exe`, `C:\Program Files\a.exe -k`},
		`%SystemRoot%\system32\svchost -k`:      {`C:\Windows\system32\svchost.exe`, `C:\Windows\system32\svchost -k.exe`},
		`"unclosed`:                             {`C:\Windows\unclosed.exe`},
		``:                                      {``},
	} {
		if got := Programs(in, vars); !reflect.DeepEqual(got, want) {
			t.Errorf("Programs(%q): got %q, want %q", in, got, want)
		}
	}
	if got := Programs(strings.Repeat("a ", 1000), vars); len(got) > 33 {
		t.Errorf("%d programs in a line of spaces", len(got))
	}
}

// driver makes one RTL_PROCESS_MODULE_INFORMATION.
func driver(pointer int, path string, name uint16) []byte {
	b := make([]byte, 3*pointer+16+256)
	binary.LittleEndian.PutUint32(b[2*pointer:], 0x80001000)
	rest := b[3*pointer:]
	binary.LittleEndian.PutUint32(rest, 4096)
	binary.LittleEndian.PutUint16(rest[8:], 7)
	binary.LittleEndian.PutUint16(rest[14:], name)
	copy(rest[16:], path)
	return b
}

func TestParseDrivers(t *testing.T) {
	for _, pointer := range []int{4, 8} {
		head := make([]byte, pointer)
		head[0] = 2
		b := append(append(head, driver(pointer, `\SystemRoot\a.sys`, 12)...), driver(pointer, "\\b\xe9.sys", 9999)...)
		got, err := ParseDrivers(b, pointer)
		want := []Driver{
			{Name: "a.sys", Path: `\SystemRoot\a.sys`, Base: 0x80001000, Size: 4096, Order: 7},
			{Name: "\\b\ufffd.sys", Path: "\\b\ufffd.sys", Base: 0x80001000, Size: 4096, Order: 7},
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("pointers of %d: got %+v, %v\nwant %+v", pointer, got, err, want)
		}
		if got, err := ParseDrivers(b[:len(b)-1], pointer); err == nil || len(got) != 1 {
			t.Errorf("one byte short: %d drivers, %v", len(got), err)
		}
	}
	if _, err := ParseDrivers([]byte{1, 0}, 8); err == nil {
		t.Error("two bytes are a list")
	}
}

func TestParseNeighbours(t *testing.T) {
	row := make([]byte, 88)
	binary.LittleEndian.PutUint16(row, 2)
	copy(row[4:], []byte{192, 0, 2, 7})
	binary.LittleEndian.PutUint32(row[28:], 3)
	copy(row[40:], []byte{0, 0x11, 0x22, 0xaa, 0xbb, 0xcc})
	binary.LittleEndian.PutUint32(row[72:], 6)
	binary.LittleEndian.PutUint32(row[76:], 5)
	six := make([]byte, 88)
	binary.LittleEndian.PutUint16(six, 23)
	six[8], six[23] = 0xfe, 1
	binary.LittleEndian.PutUint32(six[72:], 0xffffffff) // longer than it can be
	want := []Neighbour{
		{netip.MustParseAddr("192.0.2.7"), "00:11:22:aa:bb:cc", 3, "reachable"},
		{netip.MustParseAddr("fe00::1"), strings.Repeat("00:", 31) + "00", 0, "unreachable"},
	}
	if got := ParseNeighbours(append(append(row, six...), make([]byte, 100)...)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	old := make([]byte, 4+24)
	old[0] = 2
	binary.LittleEndian.PutUint32(old[4:], 3)
	binary.LittleEndian.PutUint32(old[8:], 6)
	copy(old[12:], []byte{0, 0x11, 0x22, 0xaa, 0xbb, 0xcc})
	copy(old[20:], []byte{192, 0, 2, 7})
	old[24] = 3
	got, err := ParseOldNeighbours(old)
	if err == nil || !reflect.DeepEqual(got, []Neighbour{{netip.MustParseAddr("192.0.2.7"), "00:11:22:aa:bb:cc", 3, "dynamic"}}) {
		t.Errorf("a table of two rows that has one: %v, %v", got, err)
	}
}

func TestDevicePath(t *testing.T) {
	d := DeviceNames{`\Device\HarddiskVolume1`: "C:", `\Device\HarddiskVolume12`: "D:"}
	for in, want := range map[string]string{
		`\Device\HarddiskVolume1\a.dll`:  `C:\a.dll`,
		`\Device\HarddiskVolume12\a.dll`: `D:\a.dll`,
		`\Device\HarddiskVolume3\a.dll`:  `\Device\HarddiskVolume3\a.dll`,
		`\Device\Mup\server\share\a.dll`: `\\server\share\a.dll`,
		`\??\C:\a.dll`:                   `C:\a.dll`,
	} {
		if got := d.Path(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// What tables say of themselves makes nothing larger than they are.
func FuzzTables(f *testing.F) {
	f.Add(append([]byte{1, 0, 0, 0, 0, 0, 0, 0}, driver(8, `\SystemRoot\a.sys`, 12)...), 8)
	f.Add(append([]byte{9, 0, 0, 0}, driver(4, `\a.sys`, 1)...), 4)
	f.Add(make([]byte, 200), 4)
	f.Fuzz(func(t *testing.T, b []byte, pointer int) {
		if pointer != 4 {
			pointer = 8
		}
		if got, _ := ParseDrivers(b, pointer); len(got) > len(b)/272 {
			t.Errorf("%d drivers in %d bytes", len(got), len(b))
		}
		if got := ParseNeighbours(b); len(got) > len(b)/88 {
			t.Errorf("%d neighbours in %d bytes", len(got), len(b))
		}
		if got, _ := ParseOldNeighbours(b); len(got) > len(b)/24 {
			t.Errorf("%d old neighbours in %d bytes", len(got), len(b))
		}
	})
}

func FuzzPrograms(f *testing.F) {
	f.Add(`"C:\Program Files\a.exe" -k %SystemRoot%\x`)
	f.Add(`\??\C:\a b c d`)
	f.Fuzz(func(t *testing.T, command string) {
		if got := Programs(command, map[string]string{"systemroot": `C:\Windows`}); len(got) == 0 || len(got) > 33 {
			t.Errorf("%q: %d programs", command, len(got))
		}
	})
}
