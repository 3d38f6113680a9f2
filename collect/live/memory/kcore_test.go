package memory

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const text = 0xffffffff80000000 // where x86-64 has the kernel's text

// load is a program header of a made-up /proc/kcore.
type load struct {
	kind                  uint32
	vaddr, paddr, content uint64
	length                uint64
}

// madeCore builds a /proc/kcore whose byte at physical address a is byte(a>>12)^byte(a), for each segment.
func madeCore(loads ...load) []byte {
	le := binary.LittleEndian
	head := make([]byte, elfHeader)
	copy(head, "\x7fELF\x02\x01\x01")
	le.PutUint16(head[16:], typeCore)
	le.PutUint64(head[32:], elfHeader)
	le.PutUint16(head[54:], progHeader)
	le.PutUint16(head[56:], uint16(len(loads)))
	var content []byte
	start := uint64(pageSize)
	for _, l := range loads {
		head = le.AppendUint32(head, l.kind)
		head = le.AppendUint32(head, 7)
		for _, n := range [...]uint64{start + uint64(len(content)), l.vaddr, l.paddr, l.length, l.length, pageSize} {
			head = le.AppendUint64(head, n)
		}
		content = append(content, physical(l.content, l.length)...)
	}
	return append(append(head, make([]byte, pageSize-len(head))...), content...)
}

func physical(from, length uint64) []byte {
	b := make([]byte, length)
	for i := range b {
		a := from + uint64(i)
		b[i] = byte(a>>12) ^ byte(a)
	}
	return b
}

// limeOf is the image that we want, written out the other way.
func limeOf(ranges ...Range) []byte {
	var b bytes.Buffer
	for _, r := range ranges {
		binary.Write(&b, binary.LittleEndian, struct {
			Magic, Version       uint32
			First, Last, Padding uint64
		}{0x4C694D45, 1, r.Start, r.End - 1, 0})
		b.Write(physical(r.Start, r.End-r.Start))
	}
	return b.Bytes()
}

const iomem = `00000000-00000fff : Reserved
00001000-00004bff : System RAM
00004c00-000fffff : Reserved
  000f0000-000fffff : System ROM
00100000-0011ffff : System RAM
  00108000-0010bfff : Kernel code
  0010c000-0010cfff : System RAM
00120000-0012ffff : PCI Bus 0000:00
00130000-00137fff : System RAM
`

// direct is the direct map of that memory, with the text, vmalloc and a note besides, in no order.
func direct() []load {
	const base = 0xffff888000000000
	return []load{
		{4, 0, 0, 0, pageSize},
		{typeLoad, text + 0x108000, 0x108000, 0x108000, 0x4000},
		{typeLoad, 0xffffc90000000000, math.MaxUint64, 0, 0x2000},
		{typeLoad, base + 0x130000, 0x130000, 0x130000, 0x8000},
		{typeLoad, base + 0x1000, 0x1000, 0x1000, 0x3000},
		{typeLoad, base + 0x100000, 0x100000, 0x100000, 0x28000}, // into the hole, where a device lies
	}
}

func image(t *testing.T, iomem string, core io.ReaderAt) ([]byte, int64, uint64) {
	t.Helper()
	ram, err := parseIOMem([]byte(iomem))
	if err != nil {
		t.Fatal(err)
	}
	segments, err := parseCore(core, ram)
	if err != nil {
		t.Fatal(err)
	}
	pieces := cut(ram, segments)
	parts := lime(pieces)
	want := size(parts)
	s := &stream{ctx: t.Context(), from: core, parts: parts}
	b, err := io.ReadAll(s)
	if err != nil || int64(len(b)) != want {
		t.Fatalf("image of %d bytes, want %d as was said before; error %v", len(b), want, err)
	}
	return b, s.unreadable.Load(), missing(ram, pieces)
}

// The image has each byte of memory once: no device, no text twice, no vmalloc.
func TestImage(t *testing.T) {
	got, unreadable, lacks := image(t, iomem, bytes.NewReader(madeCore(direct()...)))
	want := limeOf(Range{0x1000, 0x4000}, Range{0x100000, 0x120000}, Range{0x130000, 0x138000})
	if !bytes.Equal(got, want) {
		t.Errorf("image of %d bytes differs from the %d wanted", len(got), len(want))
	}
	if unreadable != 0 || lacks != 0 { // the 0xc00 bytes at 0x4000 are no page
		t.Errorf("%d pages unreadable, %d bytes missing; want none", unreadable, lacks)
	}
}

// Linux before 4.11 gives no physical addresses; where the direct map lies is found out, at random or not.
func TestOldKernel(t *testing.T) {
	for _, base := range []uint64{0xffff880000000000, 0xffff9ac540000000} {
		loads := direct()
		for i := range loads {
			if loads[i].paddr = 0; loads[i].vaddr>>40 == 0xffff88 {
				loads[i].vaddr += base - 0xffff888000000000
			}
		}
		got, unreadable, lacks := image(t, iomem, bytes.NewReader(madeCore(loads...)))
		if want := limeOf(Range{0x1000, 0x4000}, Range{0x100000, 0x120000}, Range{0x130000, 0x138000}); !bytes.Equal(got, want) || unreadable+int64(lacks) != 0 {
			t.Errorf("base %#x: image of %d bytes differs from the %d wanted", base, len(got), len(want))
		}
	}
}

// What no segment leads to is counted.
func TestMissing(t *testing.T) {
	loads := direct()
	loads[3].length = 0x6000
	got, _, lacks := image(t, iomem, bytes.NewReader(madeCore(loads...)))
	if want := limeOf(Range{0x1000, 0x4000}, Range{0x100000, 0x120000}, Range{0x130000, 0x136000}); !bytes.Equal(got, want) || lacks != 0x2000 {
		t.Errorf("%d bytes, %#x missing; want %d bytes, 0x2000 missing", len(got), lacks, len(want))
	}
}

// torn fails, as the kernel does, every read that touches a bad run, and gives nothing of it.
type torn struct {
	io.ReaderAt
	from, to int64
	err      error
}

func (f torn) ReadAt(b []byte, offset int64) (int, error) {
	if offset < f.to && offset+int64(len(b)) > f.from {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(b, offset)
}

// Pages that cannot be read are zeros, and no more than those.
func TestUnreadable(t *testing.T) {
	core := madeCore(direct()...)
	segments, err := parseCore(bytes.NewReader(core), nil)
	if err != nil {
		t.Fatal(err)
	}
	bad := segments[1].offset + 0x3000 // physical 0x103000
	got, unreadable, _ := image(t, iomem, torn{bytes.NewReader(core), bad + 10, bad + 2*pageSize, syscall.EFAULT})
	want := limeOf(Range{0x1000, 0x4000}, Range{0x100000, 0x120000}, Range{0x130000, 0x138000})
	clear(want[32+0x3000+32+0x3000:][:2*pageSize])
	if !bytes.Equal(got, want) || unreadable != 2 {
		t.Errorf("%d pages unreadable, want 2; bytes equal: %v", unreadable, bytes.Equal(got, want))
	}
}

// A source that is closed or at its end is not read page by page for hours.
func TestEnded(t *testing.T) {
	for _, c := range []struct{ gives, want error }{{syscall.EPERM, syscall.EPERM}, {io.EOF, errEnded}} {
		s := &stream{ctx: t.Context(), from: torn{nil, 0, 1 << 40, c.gives}, parts: []part{{offset: 0, length: 1 << 40}}}
		if n, err := s.Read(make([]byte, 100)); n != 0 || !errors.Is(err, c.want) {
			t.Errorf("source says %v: read %d, %v; want %v", c.gives, n, err, c.want)
		}
	}
}

func TestParseIOMem(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Range
		err  string
	}{
		{iomem, []Range{{0x1000, 0x4c00}, {0x100000, 0x120000}, {0x130000, 0x138000}}, ""},
		{"2000-2fff : System RAM\n1000-1fff : System RAM (kmem)\n", []Range{{0x1000, 0x3000}}, ""},
		{"00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n", nil, "CAP_SYS_ADMIN"},
		{"00000000-00000fff : Reserved\n", nil, "names no System RAM"},
		{"", nil, "names no System RAM"},
		{"1000 : System RAM\n", nil, "invalid syntax"},
		{"2000-1000 : System RAM\n", nil, "out of bounds"},
		{"1000-ffffffffffffffff : System RAM\n", nil, "out of bounds"},
	} {
		got, err := parseIOMem([]byte(c.text))
		if !slices.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %v, %v; want %v, %q", c.text, got, err, c.want, c.err)
		}
	}
}

func TestParseCore(t *testing.T) {
	whole := madeCore(direct()...)
	change := func(at int, b ...byte) []byte {
		out := slices.Clone(whole)
		copy(out[at:], b)
		return out
	}
	for _, c := range []struct {
		name string
		core []byte
		err  string
	}{
		{"empty", nil, "EOF"},
		{"torn table", whole[:100], "EOF"},
		{"of 32 bits", change(4, 1), "no ELF core"},
		{"big-endian", change(5, 2), "no ELF core"},
		{"a program", change(16, 2), "no ELF core"},
		{"table far away", change(39, 0xff), "no ELF core"},
		{"offset past the end of numbers", change(elfHeader+progHeader+15, 0xff), "out of bounds"},
		{"length past the end of numbers", change(elfHeader+progHeader+47, 0xff), "out of bounds"},
		{"no physical addresses", madeCore(load{typeLoad, 0xffff880000001000, 0, 0x1000, 0x3000}), "no physical addresses"},
	} {
		if got, err := parseCore(bytes.NewReader(c.core), []Range{{0x1000, 0x5000}}); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, %v; want %q", c.name, got, err, c.err)
		}
	}
}

func FuzzParseIOMem(f *testing.F) {
	f.Add([]byte(iomem))
	f.Add([]byte("00000000-00000000 : System RAM\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseIOMem(text)
		if (err == nil) != (len(list) > 0) {
			t.Fatalf("%v, %v", list, err)
		}
		for i, r := range list {
			if r.Start >= r.End || i > 0 && r.Start <= list[i-1].End {
				t.Fatalf("range %d of %#x", i, list)
			}
		}
	})
}

// Whatever the headers say, pieces are in order, apart, within memory and within a segment.
func FuzzParseCore(f *testing.F) {
	f.Add(madeCore(direct()...)[:elfHeader+6*progHeader])
	f.Add(madeCore(load{typeLoad, text, 0x1000, 0, 100}, load{typeLoad, 0, 0x1010, 0, 10})[:elfHeader+2*progHeader])
	ram, err := parseIOMem([]byte(iomem))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, core []byte) {
		segments, err := parseCore(bytes.NewReader(core), ram)
		if err != nil {
			return
		}
		pieces := cut(slices.Clone(ram), segments)
		for i, p := range pieces {
			inRAM := slices.ContainsFunc(ram, func(r Range) bool { return r.Start <= p.Start && p.End <= r.End })
			inFile := slices.ContainsFunc(segments, func(s segment) bool {
				return s.Start <= p.Start && p.End <= s.End && p.offset-s.offset == int64(p.Start-s.Start)
			})
			if p.Start >= p.End || i > 0 && p.Start < pieces[i-1].End || !inRAM || !inFile {
				t.Fatalf("piece %d of %#x; segments %#x", i, pieces, segments)
			}
		}
		if n := missing(ram, pieces); n > 0x3000+0x20000+0x8000 {
			t.Fatalf("%#x bytes missing, more than there are", n)
		}
	})
}

func TestCutOverlaps(t *testing.T) {
	ram := []Range{{0x1000, 0x3000}, {0x5000, 0x9000}}
	segments := []segment{{Range{0x0, 0x2000}, 100}, {Range{0x1000, 0x6000}, 0x10000}, {Range{0x5000, 0x5800}, 7}, {Range{0x6000, 0xa000}, 0x20000}}
	want := []segment{{Range{0x1000, 0x2000}, 100 + 0x1000}, {Range{0x2000, 0x3000}, 0x11000}, {Range{0x5000, 0x6000}, 0x14000}, {Range{0x6000, 0x9000}, 0x20000}}
	if got := cut(ram, segments); !reflect.DeepEqual(got, want) {
		t.Errorf("got %#x\nwant %#x", got, want)
	}
}
