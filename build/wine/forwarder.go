package wine

import (
	"bytes"
	"encoding/binary"
)

// Layout of the DLL that Forwarder writes: headers in the first page and in the first fileAlign bytes of the file, one
// read-only section behind them.
const (
	fileAlign    = 0x200
	sectionAlign = 0x1000
	machineAMD64 = 0x8664
	magicPE64    = 0x20b
	peOffset     = 0x40 // right behind the DOS header
)

// Forwarder gives a PE32+ DLL for amd64 without code: its only export hands over to another DLL's, named as the
// loader wants it, `advapi32.SystemFunction036`. Go programs since 1.22 need ProcessPrng of bcryptprimitives.dll,
// which wine 8.0 lacks; RtlGenRandom (exported as SystemFunction036) has the same signature and promise.
// The layout is Microsoft's PE format specification, sections 2, 3 and 6.3.
func Forwarder(dll, export, target string) []byte {
	section := exportSection(dll, export, target)
	var b bytes.Buffer
	put := func(v any) { binary.Write(&b, binary.LittleEndian, v) }

	dos := make([]byte, peOffset)
	copy(dos, "MZ")
	binary.LittleEndian.PutUint32(dos[0x3c:], peOffset)
	b.Write(dos)
	b.WriteString("PE\x00\x00")
	put(coffHeader{
		Machine: machineAMD64, Sections: 1, OptionalSize: uint16(binary.Size(optionalHeader{})),
		Characteristics: 0x2022, // executable image, large addresses, DLL
	})
	opt := optionalHeader{
		Magic: magicPE64, InitializedData: fileAlign, ImageBase: 0x180000000,
		SectionAlign: sectionAlign, FileAlign: fileAlign, OSMajor: 6, SubsystemMajor: 6,
		ImageSize: 2 * sectionAlign, HeadersSize: fileAlign,
		Subsystem: 2, DLLCharacteristics: 0x160, // high entropy, dynamic base, no execute
		StackReserve: 1 << 20, StackCommit: 1 << 12, HeapReserve: 1 << 20, HeapCommit: 1 << 12, Directories: 16,
	}
	opt.Directory[0] = [2]uint32{sectionAlign, uint32(len(section))} // the export table
	put(opt)
	put(sectionHeader{
		Name: [8]byte{'.', 'r', 'd', 'a', 't', 'a'}, VirtualSize: uint32(len(section)), VirtualAddress: sectionAlign,
		RawSize: uint32(roundUp(len(section), fileAlign)), RawOffset: fileAlign,
		Characteristics: 0x40000040, // initialised data, readable
	})
	pad(&b, fileAlign)
	b.Write(section)
	pad(&b, fileAlign)
	return b.Bytes()
}

type coffHeader struct {
	Machine, Sections             uint16
	Time, Symbols, SymbolCount    uint32
	OptionalSize, Characteristics uint16
}

type optionalHeader struct {
	Magic                                                     uint16
	Linker                                                    [2]uint8
	Code, InitializedData, UninitializedData, Entry, CodeBase uint32
	ImageBase                                                 uint64
	SectionAlign, FileAlign                                   uint32
	OSMajor, OSMinor, ImageMajor, ImageMinor                  uint16
	SubsystemMajor, SubsystemMinor                            uint16
	Win32Version, ImageSize, HeadersSize, Checksum            uint32
	Subsystem, DLLCharacteristics                             uint16
	StackReserve, StackCommit, HeapReserve, HeapCommit        uint64
	LoaderFlags, Directories                                  uint32
	Directory                                                 [16][2]uint32 // address, size
}

type sectionHeader struct {
	Name                                            [8]byte
	VirtualSize, VirtualAddress, RawSize, RawOffset uint32
	Relocations, Lines                              uint32
	RelocationCount, LineCount                      uint16
	Characteristics                                 uint32
}

type exportDirectory struct {
	Flags, Time                            uint32
	Major, Minor                           uint16
	Name, OrdinalBase, Functions, Names    uint32
	FunctionTable, NameTable, OrdinalTable uint32
}

// exportSection lays out the export directory with its three one-row tables and its strings. An address that points
// into the export table itself is what makes an export a forwarder.
func exportSection(dll, export, target string) []byte {
	var dir exportDirectory
	tables := uint32(sectionAlign + binary.Size(dir))
	nameAt := tables + 4 + 4 + 2 // function, name, ordinal
	exportAt := nameAt + uint32(len(dll)) + 1
	targetAt := exportAt + uint32(len(export)) + 1
	dir = exportDirectory{
		Name: nameAt, OrdinalBase: 1, Functions: 1, Names: 1,
		FunctionTable: tables, NameTable: tables + 4, OrdinalTable: tables + 8,
	}
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, dir)
	binary.Write(&b, binary.LittleEndian, []uint32{targetAt, exportAt})
	binary.Write(&b, binary.LittleEndian, uint16(0))
	for _, s := range []string{dll, export, target} {
		b.WriteString(s)
		b.WriteByte(0)
	}
	return b.Bytes()
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

func pad(b *bytes.Buffer, to int) { b.Write(make([]byte, roundUp(b.Len(), to)-b.Len())) }
