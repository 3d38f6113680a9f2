package winapi

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"spor/artifacts"
)

func TestTime(t *testing.T) {
	for _, c := range []struct {
		filetime int64
		want     time.Time
	}{
		{0, time.Time{}},
		{-1, time.Time{}},
		{1<<63 - 1, time.Time{}},
		{1, time.Date(1601, 1, 1, 0, 0, 0, 100, time.UTC)},
		{116444736000000000, time.Unix(0, 0).UTC()},
		{132514000000000001, time.Date(2020, 12, 2, 16, 26, 40, 100, time.UTC)},
		{2650467743999999999, time.Date(9999, 12, 31, 23, 59, 59, 999999900, time.UTC)},
		{2650467744000000000, time.Time{}},
	} {
		if got := Time(c.filetime); !got.Equal(c.want) {
			t.Errorf("Time(%d) = %v, want %v", c.filetime, got, c.want)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		in   []uint16
		want string
	}{
		{nil, ""},
		{utf16.Encode([]rune("Þórður 日本 \U0001F600")), "Þórður 日本 \U0001F600"},
		{[]uint16{'a', 0xd800, 'b'}, "a\xed\xa0\x80b"},
		{[]uint16{0xdfff, 0xd800}, "\xed\xbf\xbf\xed\xa0\x80"},
		{[]uint16{'a', 0, 'b'}, "a\x00b"},
	} {
		if got := Decode(c.in); got != c.want {
			t.Errorf("Decode(%x) = %q, want %q", c.in, got, c.want)
		}
	}
	if got := Encode("a\xffb"); !slices.Equal(got, []uint16{'a', 0xfffd, 'b'}) {
		t.Errorf("Encode of what is not WTF-8: %x", got)
	}
}

// FuzzDecode: every sequence of 16-bit numbers comes back as it was.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x3d, 0xd8, 0x00, 0xde, 0x00, 0xd8, 'a', 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		u := make([]uint16, len(b)/2)
		for i := range u {
			u[i] = binary.LittleEndian.Uint16(b[2*i:])
		}
		if got := Encode(Decode(u)); !slices.Equal(got, u) {
			t.Errorf("%x came back as %x", u, got)
		}
	})
}

func TestExtended(t *testing.T) {
	for _, c := range []struct {
		in, want string
		err      error
	}{
		{`C:\`, `\\?\C:\`, nil},
		{`C:\Windows\trailing. `, `\\?\C:\Windows\trailing. `, nil},
		{`c:\a\..\b`, `\\?\c:\a\..\b`, nil}, // taken literally: no such name
		{`\\server\share\f`, `\\?\UNC\server\share\f`, nil},
		{`\\?\Volume{0}\f`, `\\?\Volume{0}\f`, nil},
		{`C:\f:stream`, `\\?\C:\f:stream`, nil},
		{`C:`, "", fs.ErrInvalid},
		{`C:f`, "", fs.ErrInvalid},
		{`f`, "", fs.ErrInvalid},
		{`\f`, "", fs.ErrInvalid},
		{`C:/f`, "", fs.ErrInvalid},
		{"C:\\a\x00b", "", fs.ErrInvalid},
		{`\\.\C:`, "", fs.ErrInvalid},
		{`\\.\pipe\x`, "", fs.ErrInvalid},
		{`\\\x`, "", fs.ErrInvalid},
		{"", "", fs.ErrInvalid},
		{`C:\a?b`, "", fs.ErrNotExist},
		{`C:\*`, "", fs.ErrNotExist},
		{`\\?\C:\*`, "", fs.ErrNotExist},
		{`C:\` + strings.Repeat("x", 4*MaxPath), "", fs.ErrInvalid},
	} {
		got, err := Extended(c.in)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("Extended(%.40q) = %q, %v; want %q, %v", c.in, got, err, c.want, c.err)
		}
	}
}

func TestStream(t *testing.T) {
	for _, c := range [][3]string{
		{`C:\a.txt`, `C:\a.txt`, ""},
		{`C:\a.txt:Zone.Identifier`, `C:\a.txt`, ":Zone.Identifier"},
		{`C:\d\a:b:$DATA`, `C:\d\a`, ":b:$DATA"},
		{`C:\`, `C:\`, ""},
		{`C:`, `C:`, ""},
	} {
		if file, stream := Stream(c[0]); file != c[1] || stream != c[2] {
			t.Errorf("Stream(%q) = %q, %q; want %q, %q", c[0], file, stream, c[1], c[2])
		}
	}
}

func TestIsMetafile(t *testing.T) {
	for p, want := range map[string]bool{
		`C:\$MFT`: true, `d:\$mft\x`: true, `C:\$Extend\$UsnJrnl:$J`: true, `C:\$Secure:$SDS`: true, `C:\$LogFile`: true,
		`C:\$Recycle.Bin`: false, `C:\a\$MFT`: false, `C:\`: false, `C:\$MFTx`: false, `$MFT`: false,
	} {
		if got := IsMetafile(p); got != want {
			t.Errorf("IsMetafile(%q) = %t, want %t", p, got, want)
		}
	}
}

func TestNative(t *testing.T) {
	for in, want := range map[string]string{
		`C:\Windows\System32\config\SAM`: `C:\Windows\Sysnative\config\SAM`,
		`c:\WINDOWS\system32`:            `C:\Windows\Sysnative`,
		`C:\Windows\System32x\f`:         `C:\Windows\System32x\f`,
		`C:\Windows\SysWOW64\f`:          `C:\Windows\SysWOW64\f`,
		`D:\Windows\System32\f`:          `D:\Windows\System32\f`,
	} {
		if got := Native(in, `C:\Windows`); got != want {
			t.Errorf("Native(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestExpand(t *testing.T) {
	vars := map[string]string{"systemroot": `C:\Windows`, "a": "%b%", "b": "never"}
	for in, want := range map[string]string{
		`%SystemRoot%\system32`: `C:\Windows\system32`, "100%": "100%", "%%": "%%", "%none%x": "%none%x",
		"%none%SystemRoot%": `%noneC:\Windows`, "%a%": "%b%", "": "", "x%SYSTEMROOT%%b%": `xC:\Windowsnever`,
	} {
		if got := Expand(in, vars); got != want {
			t.Errorf("Expand(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		attributes, tag uint32
		want            artifacts.Kind
	}{
		{0x20, 0, artifacts.Regular},
		{0x10, 0, artifacts.Directory},
		{0x400020, 0, artifacts.Placeholder}, // a dehydrated OneDrive file, as measured
		{0x40020, 0, artifacts.Placeholder},
		{0x1020, 0, artifacts.Placeholder},
		{0x400010, 0, artifacts.Placeholder},
		{0x400420, 0x9000601A, artifacts.Placeholder},
		{0x420, 0x9000601A, artifacts.Regular}, // a cloud file that is here
		{0x410, 0x9000601A, artifacts.Directory},
		{0x420, TagSymlink, artifacts.Symlink},
		{0x410, TagMountPoint, artifacts.Symlink},
		{0x410, TagSymlink, artifacts.Symlink},
		{0x420, TagAppExecLink, artifacts.Symlink},
		{0x420, tagDedup, artifacts.Regular},
		{0x420, tagAFUnix, artifacts.Socket},
		{0x420, tagHSM, artifacts.Placeholder},
		{0x420, tagProjected, artifacts.Placeholder},
		{0x410, 0x8000000A, artifacts.Unknown}, // DFS: leads to another machine
		{0x420, 0, artifacts.Unknown},
		{0x40, 0, artifacts.Device},
	} {
		if got := KindOf(c.attributes, c.tag); got != c.want {
			t.Errorf("KindOf(%#x, %#x) = %v, want %v", c.attributes, c.tag, got, c.want)
		}
	}
}

// reparse builds a buffer as FSCTL_GET_REPARSE_POINT gives it: the substitute name, and another to print.
func reparse(tag uint32, flags int, substitute, print string) []byte {
	s, p := utf16le(substitute), utf16le(print)
	b := binary.LittleEndian.AppendUint32(nil, tag)
	b = binary.LittleEndian.AppendUint16(b, uint16(8+flags+len(s)+len(p)))
	b = append(b, 0, 0)
	for _, n := range []int{len(p), len(s), 0, len(p)} { // the printed name first: offsets count
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
	}
	return append(append(append(b, make([]byte, flags)...), p...), s...)
}

func utf16le(s string) []byte {
	var b []byte
	for _, c := range Encode(s) {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return b
}

func header(tag uint32, data []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, tag)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(data)))
	return append(append(b, 0, 0), data...)
}

func TestReparseTarget(t *testing.T) {
	appexec := append([]byte{3, 0, 0, 0}, utf16le("Package\x00Package!App\x00C:\\Program Files\\app.exe\x000\x00")...)
	for _, c := range []struct {
		what string
		b    []byte
		want artifacts.Path
		ok   bool
	}{
		{"junction", reparse(TagMountPoint, 0, `\??\C:\ProgramData`, `C:\else`), `C:\ProgramData`, true},
		{"volume on a folder", reparse(TagMountPoint, 0, `\??\Volume{1}\`, ``), `\\?\Volume{1}\`, true},
		{"symlink", reparse(TagSymlink, 4, `..\Þ`, `x`), `..\Þ`, true},
		{"symlink to a share", reparse(TagSymlink, 4, `\??\UNC\srv\share`, ``), `\\srv\share`, true},
		{"WSL link", header(TagLinuxLink, []byte("\x02\x00\x00\x00/etc/passwd")), "/etc/passwd", true},
		{"app link", header(TagAppExecLink, appexec), `C:\Program Files\app.exe`, true},
		{"unknown tag", header(0x80000099, nil), "", false},
		{"cut", reparse(TagSymlink, 4, `target`, `x`)[:24], "", false},
		{"no data", header(TagMountPoint, nil), "", false},
		{"app link cut", header(TagAppExecLink, appexec[:20]), "", false},
		{"empty", nil, "", false},
	} {
		got, err := ReparseTarget(c.b)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%s: %q, %v; want %q", c.what, got, err, c.want)
		}
	}
}

func FuzzReparseTarget(f *testing.F) {
	f.Add(reparse(TagMountPoint, 0, `\??\C:\x`, `C:\x`))
	f.Add(reparse(TagSymlink, 4, `x`, `x`))
	f.Add(header(TagAppExecLink, append(make([]byte, 4), utf16le("a\x00b\x00c\x00")...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, _ := ReparseTarget(b); len(got) > 2*len(b)+4 {
			t.Errorf("%d bytes made a name of %d", len(b), len(got))
		}
	})
}

// entry builds one FILE_FULL_DIR_INFO.
func entry(name string, attributes, tag uint32, last bool) []byte {
	text := utf16le(name)
	b := make([]byte, (68+len(text)+7)&^7)
	if !last {
		binary.LittleEndian.PutUint32(b, uint32(len(b)))
	}
	binary.LittleEndian.PutUint32(b[56:], attributes)
	binary.LittleEndian.PutUint32(b[60:], uint32(len(text)))
	binary.LittleEndian.PutUint32(b[64:], tag)
	copy(b[68:], text)
	return b
}

func TestEntries(t *testing.T) {
	good := slices.Concat(entry(".", 0x10, 0, false), entry("..", 0x10, 0, false), entry("dir", 0x10, 0, false),
		entry("lone \xed\xa0\x80", 0x20, 0, false), entry("link", 0x420, TagSymlink, false), entry("cloud", 0x400020, 0, true))
	want := []artifacts.DirEntry{
		{Name: "dir", Kind: artifacts.Directory},
		{Name: "lone \xed\xa0\x80", Kind: artifacts.Regular},
		{Name: "link", Kind: artifacts.Symlink},
		{Name: "cloud", Kind: artifacts.Placeholder},
	}
	got, err := Entries(append(good, 1, 2, 3)) // what an earlier answer left behind
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	torn := entry("first", 0x20, 0, false)
	if got, err := Entries(torn); err == nil || len(got) != 1 {
		t.Errorf("torn: %+v, %v; want one entry and an error", got, err)
	}
}

func FuzzEntries(f *testing.F) {
	f.Add(append(entry("a", 0x20, 0, false), entry("b", 0x10, 0, true)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, _ := Entries(b); len(got) > len(b)/68 {
			t.Errorf("%d entries in %d bytes", len(got), len(b))
		}
	})
}

func TestParseSMBIOS(t *testing.T) {
	structure := func(kind byte, data []byte, texts string) []byte {
		return slices.Concat([]byte{kind, byte(4 + len(data)), 0, 0}, data, []byte(texts))
	}
	system := slices.Concat([]byte{1, 2, 0, 3}, []byte{0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 8, 9, 10, 11, 12, 13, 14, 15}, []byte{6, 4, 0})
	table := slices.Concat(
		structure(0, []byte{1, 2, 0, 0, 3, 0}, "SeaBIOS\x001.2\x0001/02/2020\x00\x00"),
		structure(1, system, "QEMU\x00Standard PC\x00 SN1 \x00sku\x00\x00"),
		structure(9, nil, "\x00\x00"),
		structure(3, []byte{1, 0x83, 0, 1, 2}, "maker\x00tag\x00\x00"),
		structure(127, nil, "\x00\x00"),
	)
	raw := append([]byte{0, 3, 0, 0}, binary.LittleEndian.AppendUint32(nil, uint32(len(table)))...)
	got, err := ParseSMBIOS(append(raw, table...))
	want := Firmware{
		Vendor: "SeaBIOS", Version: "1.2", Date: "01/02/2020", Maker: "QEMU", Product: "Standard PC", Serial: "SN1", SKU: "sku",
		UUID: "00112233-4455-6677-0809-0a0b0c0d0e0f", Chassis: "3", ChassisSerial: "maker", AssetTag: "tag",
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if got, err := ParseSMBIOS(append(raw, table[:len(table)-10]...)); err == nil || got.Maker != "QEMU" {
		t.Errorf("torn: %+v, %v; want what there is, and an error", got, err)
	}
}

func FuzzParseSMBIOS(f *testing.F) {
	f.Add([]byte("\x00\x03\x00\x00\x10\x00\x00\x00\x00\x05\x00\x00\x01a\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, _ := ParseSMBIOS(b); len(got.Vendor) > 3*len(b) {
			t.Errorf("%d bytes made a name of %d", len(b), len(got.Vendor))
		}
	})
}

func TestParseDevice(t *testing.T) {
	b := make([]byte, 36, 64)
	b[10] = 1
	binary.LittleEndian.PutUint32(b[12:], 36)
	binary.LittleEndian.PutUint32(b[16:], 41)
	binary.LittleEndian.PutUint32(b[24:], 9999) // points outside
	binary.LittleEndian.PutUint32(b[28:], 7)
	got, err := ParseDevice(append(b, "ACME\x00Stick  \x00"...))
	if want := (Device{Vendor: "ACME", Product: "Stick", Bus: "usb", Removable: true}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if _, err := ParseDevice(b[:35]); err == nil {
		t.Error("a torn descriptor was read")
	}
}

func TestParseLayout(t *testing.T) {
	b := make([]byte, 48+2*144)
	binary.LittleEndian.PutUint32(b[4:], 3) // one more than there is
	for i := range 2 {
		p := b[48+i*144:]
		binary.LittleEndian.PutUint32(p, 1)
		binary.LittleEndian.PutUint64(p[8:], uint64(1<<20*(i+1)))
		binary.LittleEndian.PutUint64(p[16:], uint64(1<<20*i)) // the first is empty
		binary.LittleEndian.PutUint32(p[24:], uint32(i+1))
		copy(p[72:], utf16le("Basic data"))
	}
	got, err := ParseLayout(b)
	want := []Partition{{Number: 2, Start: 2 << 20, Size: 1 << 20, Name: "Basic data"}}
	if err == nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v; want %+v and an error", got, err, want)
	}
}

func TestNames(t *testing.T) {
	for level, want := range map[byte]string{0: "", 0x31: "PPL Antimalware", 0x41: "PPL Lsa", 0x62: "PP WinTcb", 0x72: "PP WinSystem", 0xf1: "PPL 15"} {
		if got := ProtectionName(level); got != want {
			t.Errorf("ProtectionName(%#x) = %q, want %q", level, got, want)
		}
	}
	for rid, want := range map[uint32]string{0: "untrusted", 0x1000: "low", 0x2000: "medium", 0x2100: "medium", 0x3000: "high", 0x4000: "system", 0x5000: "protected"} {
		if got := IntegrityName(rid); got != want {
			t.Errorf("IntegrityName(%#x) = %q, want %q", rid, got, want)
		}
	}
	text := func(s string) artifacts.RegistryValue {
		return artifacts.RegistryValue{Type: RegString, Data: append(utf16le(s), 0, 0)}
	}
	for _, c := range []struct {
		name, release, installation string
		build                       uint32
		want                        string
	}{
		{"Windows 10 Pro", "22H2", "Client", 19045, "Windows 10 Pro 22H2"},
		{"Windows 10 Pro", "23H2", "Client", 22631, "Windows 11 Pro 23H2"},
		{"Windows Server 2022 Standard", "21H2", "Server", 20348, "Windows Server 2022 Standard 21H2"},
		{"", "", "", 0, ""},
	} {
		k := Key{"productname": text(c.name), "displayversion": text(c.release), "installationtype": text(c.installation)}
		if got := ProductName(k, c.build); got != c.want {
			t.Errorf("ProductName(%q, %d) = %q, want %q", c.name, c.build, got, c.want)
		}
	}
}
