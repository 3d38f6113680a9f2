package evtx

import (
	"bytes"
	"math/rand"
	"os"
	"runtime"
	"testing"
	"time"
	"unicode/utf16"

	"spor/timeline"
)

// utf16le is s as a log has it.
func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = le.AppendUint16(b, u)
	}
	return b
}

// a chunk under construction, for the bytes of one record.
type binxml struct{ b []byte }

func (x *binxml) raw(b ...byte) *binxml { x.b = append(x.b, b...); return x }

// name appends a reference to a name that follows.
func (x *binxml) name(s string) *binxml {
	x.b = le.AppendUint32(x.b, uint32(len(x.b)+4))
	x.b = le.AppendUint32(x.b, 0)
	x.b = le.AppendUint16(x.b, nameHash(utf16le(s)))
	x.b = append(le.AppendUint16(x.b, uint16(len(utf16.Encode([]rune(s))))), utf16le(s)...)
	return x.raw(0, 0)
}

func (x *binxml) open(name string, attributes func()) *binxml {
	token := byte(tokenOpen)
	if attributes != nil {
		token |= tokenMore
	}
	x.raw(token, 0xff, 0xff, 0, 0, 0, 0).name(name)
	if attributes != nil {
		x.raw(0, 0, 0, 0)
		attributes()
	}
	return x.raw(tokenClose)
}

func (x *binxml) text(s string) *binxml {
	x.raw(tokenText, typeString)
	x.b = append(le.AppendUint16(x.b, uint16(len(utf16.Encode([]rune(s))))), utf16le(s)...)
	return x
}

func (x *binxml) end() *binxml { return x.raw(tokenEndElement) }

// TestTokens reads an event that has every token, without a template.
func TestTokens(t *testing.T) {
	x := &binxml{b: make([]byte, firstRecord)}
	x.raw(tokenFragment, 1, 1, 0)
	x.raw(tokenPITarget).name("xml").raw(tokenPIData, 1, 0, 'x', 0)
	x.open("Event", nil).open("System", nil)
	x.open("Provider", func() { x.raw(tokenAttribute).name("Name").text("P") }).end()
	x.open("EventID", nil).text("7").end().end()
	x.open("EventData", nil)
	x.open("Data", func() { x.raw(tokenAttribute).name("Name").text("a") }).text("1 ")
	x.raw(tokenEntity).name("lt").raw(tokenChar, 0xfe, 0).raw(tokenCDATA, 2, 0, ']', 0, '&', 0).end()
	x.open("Data", func() { x.raw(tokenAttribute).name("Name").text("a") }).text("again").end()
	x.open("Data", nil).text("unnamed").end()
	x.open("Data", func() { x.raw(tokenAttribute).name("Name").text("channel") }).text("c").end()
	x.end().end().raw(tokenEnd)
	chunk := make([]byte, chunkSize)
	copy(chunk, x.b)
	b := builder{templates: newCache()}
	if err := b.decode(chunk, firstRecord, len(x.b), false); err != nil {
		t.Fatal(err)
	}
	e := b.event(3, 0)
	want := map[string]string{
		"record_number": "3", "source_name": "P", "event_identifier": "7", "a": "1 <þ]&", "a_2": "again", "strings": "unnamed", "channel_": "c",
	}
	for name, w := range want {
		if got := text(&e, name); got != w {
			t.Errorf("%s: got %q, want %q", name, got, w)
		}
	}
	if len(e.Fields) != len(want) || e.Message != "P: event 7; a: 1 <þ]&; a_2: again; channel_: c; unnamed" {
		t.Errorf("got %+v", e)
	}
}

// TestExplained holds that words come beside what was written, never in its place.
func TestExplained(t *testing.T) {
	x := &binxml{b: make([]byte, firstRecord)}
	x.raw(tokenFragment, 1, 1, 0)
	x.open("Event", nil).open("System", nil)
	x.open("Provider", func() { x.raw(tokenAttribute).name("Name").text("Microsoft-Windows-Security-Auditing") }).end()
	x.open("EventID", nil).text("4624").end()
	x.open("Keywords", nil).text("0x8010000000000000").end().end()
	x.open("EventData", nil)
	for _, d := range [][2]string{{"TargetUserName", "%%1842 x"}, {"LogonType", "3"}, {"ElevatedToken", "%%1842"}, {"explained", "a lie"}} {
		x.open("Data", func() { x.raw(tokenAttribute).name("Name").text(d[0]) }).text(d[1]).end()
	}
	x.end().end().raw(tokenEnd)
	chunk := make([]byte, chunkSize)
	copy(chunk, x.b)
	b := builder{templates: newCache()}
	if err := b.decode(chunk, firstRecord, len(x.b), false); err != nil {
		t.Fatal(err)
	}
	e := b.event(3, 0)
	for name, want := range map[string]string{
		"TargetUserName": "%%1842 x", "LogonType": "3", "ElevatedToken": "%%1842", "explained": "LogonType: network; ElevatedToken: Yes", "explained_": "a lie",
	} {
		if got := text(&e, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if want := `Logon of %TargetDomainName\%%1842 x, network, audit failure`; e.Message != want {
		t.Errorf("got %q, want %q", e.Message, want)
	}
}

func TestValues(t *testing.T) {
	ft := le.AppendUint64(nil, 133500000000000001)
	for _, tt := range []struct {
		kind byte
		v    []byte
		want string
	}{
		{typeString, utf16le("þorn 😀 and ASCII\x00\x00"), "þorn 😀 and ASCII"},
		{typeString, []byte{0x00, 0xd8, 'x', 0}, "\ufffdx"},
		{typeANSI, []byte("caf\xe9\x00"), "café"},
		{typeInt8, []byte{0xff}, "-1"},
		{typeUint8, []byte{0xff}, "255"},
		{typeInt16, []byte{0xfe, 0xff}, "-2"},
		{typeUint32, []byte{1, 0, 0, 0x80}, "2147483649"},
		{typeUint32, []byte{1, 2}, "0102"}, // not of its size
		{typeInt64, bytes.Repeat([]byte{0xff}, 8), "-1"},
		{typeReal32, []byte{0, 0, 0x80, 0x3f}, "1"},
		{typeReal64, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x3f}, "1.5"},
		{typeBool, []byte{1, 0, 0, 0}, "true"},
		{typeBinary, []byte{0xca, 0xfe}, "CAFE"},
		{typeGUID, []byte{0x25, 0x96, 0x84, 0x54, 0x78, 0x54, 0x94, 0x49, 0xa5, 0xba, 0x3e, 0x3b, 3, 0x28, 0xc3, 0x0d}, "{54849625-5478-4994-a5ba-3e3b0328c30d}"},
		{typeSize, []byte{0x10, 0, 0, 0}, "0x10"},
		{typeFiletime, ft, "2024-01-17T21:20:00.0000001Z"},
		{typeSystemtime, []byte{0xe8, 7, 2, 0, 4, 0, 29, 0, 1, 0, 2, 0, 3, 0, 4, 0}, "2024-02-29T01:02:03.004Z"},
		{typeSID, []byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0}, "S-1-5-32-544"},
		{typeHex32, []byte{0xff, 0, 0, 0}, "0xff"},
		{typeHex64, []byte{0, 0, 0, 0, 0, 0, 0x20, 0x80}, "0x8020000000000000"},
		{typeArray | typeString, utf16le("a\x00bc\x00"), "a, bc"},
		{typeArray | typeUint16, []byte{1, 0, 2, 0}, "1, 2"},
		{typeArray | typeANSI, []byte("a\x00b\x00"), "a, b"},
		{typeArray | typeSID, []byte{1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0}, "S-1-1-0, S-1-5-18"},
		{typeXML, utf16le("<a/>"), "<a/>"},
		{0x7f, []byte{1}, "01"},
	} {
		if got := string(appendValue(nil, tt.kind, tt.v)); got != tt.want {
			t.Errorf("type 0x%02x of %x: got %q, want %q", tt.kind, tt.v, got, tt.want)
		}
	}
}

func TestSince(t *testing.T) {
	data := load(t, corpusDir()+"/evtx/omerbenamram-evtx/security.evtx.gz")
	since := time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)
	want, got := 0, 0
	read(data, func(e *timeline.Event) {
		if !e.Recovered && !e.Time.Before(since) {
			want++
		}
	})
	for e, err := range Format.Parse(timeline.Input{R: bytes.NewReader(data), Since: since}) {
		if err == nil && !e.Recovered {
			got++
		}
	}
	if got != want || want == 0 || want > 2000 {
		t.Errorf("%d events since %v, want %d", got, since, want)
	}
}

// mutate spoils a log: cuts it, turns bits, doubles a stretch, or overwrites one.
func mutate(rnd *rand.Rand, data []byte) []byte {
	b := bytes.Clone(data)
	switch rnd.Intn(4) {
	case 0:
		return b[:rnd.Intn(len(b))]
	case 1:
		for range 1 + rnd.Intn(50) {
			b[rnd.Intn(len(b))] ^= 1 << rnd.Intn(8)
		}
	case 2:
		at := rnd.Intn(len(b))
		return append(b[:at:at], b[rnd.Intn(at+1):]...)
	default:
		at := rnd.Intn(len(b))
		rnd.Read(b[at:min(len(b), at+rnd.Intn(300))])
	}
	return b
}

// TestMutants reads spoilt logs of the corpus: no panic, no hang, no memory without bound, and no more records than there
// can be. SPOR_LONG=1 reads 10,000 of them.
func TestMutants(t *testing.T) {
	n := 150
	if os.Getenv("SPOR_LONG") != "" {
		n = 10_000
	}
	samples := corpus(t)
	rnd := rand.New(rand.NewSource(1))
	var before, after runtime.MemStats
	slowest := time.Duration(0)
	for range n {
		s := samples[rnd.Intn(len(samples))]
		b := mutate(rnd, s.data)
		runtime.ReadMemStats(&before)
		start := time.Now()
		live, carved, _ := read(b, nil)
		slowest = max(slowest, time.Since(start))
		runtime.ReadMemStats(&after)
		if live+carved > len(b)/recordLeast {
			t.Errorf("%s: %d records of %d bytes", s.path, live+carved, len(b))
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20+100*uint64(len(b)) {
			t.Errorf("%s: %d bytes allocated for %d", s.path, grown, len(b))
		}
	}
	if slowest > time.Minute {
		t.Errorf("one took %v", slowest)
	}
	t.Logf("%d mutants, the slowest took %v", n, slowest)
}

func FuzzParse(f *testing.F) {
	x := &binxml{b: make([]byte, headerSize+firstRecord+recordHead)}
	copy(x.b, fileMagic)
	copy(x.b[headerSize:], chunkMagic)
	copy(x.b[headerSize+firstRecord:], recordMagic)
	f.Add(x.b)
	if b, err := os.ReadFile(corpusDir() + "/evtx/Velocidex-velociraptor/RDPAuth_RemoteConnectionManager.evtx"); err == nil {
		f.Add(b[:headerSize+16<<10])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		last := int64(-1)
		for e, err := range Format.Parse(timeline.Input{R: bytes.NewReader(b)}) {
			if err != nil {
				continue
			}
			if e.Message == "" || e.Offset < last || e.Offset+recordLeast > int64(len(b)) {
				t.Fatalf("event at %d after %d of %d bytes: %+v", e.Offset, last, len(b), e)
			}
			last = e.Offset
		}
	})
}

// FuzzBinXML gives a record's bytes as they are.
func FuzzBinXML(f *testing.F) {
	x := &binxml{b: make([]byte, firstRecord)}
	x.raw(tokenFragment, 1, 1, 0).open("Event", nil).text("x").end()
	f.Add(x.b[firstRecord:])
	f.Fuzz(func(t *testing.T, b []byte) {
		chunk := make([]byte, chunkSize)
		n := copy(chunk[firstRecord:], b)
		d := builder{templates: newCache()}
		if err := d.decode(chunk, firstRecord, firstRecord+n, false); err == nil {
			if e := d.event(1, 0); e.Message == "" || len(d.text) > 4*maxText {
				t.Errorf("%x: %+v", b, e)
			}
		}
	})
}
