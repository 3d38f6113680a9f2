package memory

import "encoding/binary"

// Numbers of minidumpapiset.h, and the sizes of its structures in bytes.
const (
	dumpVersion   = 0xa793
	dumpFull      = 2 // MiniDumpWithFullMemory
	dumpHeader    = 32
	dumpDirectory = 12
	dumpSystem    = 56
	dumpInfo      = 48

	streamSystem = 7
	streamMemory = 9  // Memory64List
	streamInfo   = 16 // MemoryInfoList
)

// A system is what a minidump says of the machine.
type system struct {
	architecture        uint16 // PROCESSOR_ARCHITECTURE_
	processors          byte
	major, minor, build uint32
}

// attributes are what Windows says of a region besides: where it was allocated, with which protection then and now, and
// whether it is private, of a file, or of a program.
type attributes struct {
	allocation            uint64
	before, protect, kind uint32
}

// minidump gives a minidump of regions, which stand behind the headers one after the other, with what the system says of
// each: all memory, and neither threads nor modules, for which the process would have to be stopped. Debuggers and the
// readers of forensic tools take it.
func minidump(regions []Region, say []attributes, sys system, seconds uint32) []part {
	const streams = 3
	le := binary.LittleEndian
	version := uint32(dumpHeader + streams*dumpDirectory + dumpSystem) // of an empty string: the name of a service pack
	info := version + 12                                               // the string and what aligns the rest
	infoSize := uint32(16 + dumpInfo*len(regions))
	list := info + infoSize
	listSize := uint32(16 + 16*len(regions))
	head := make([]byte, 0, list+listSize)
	put32 := func(numbers ...uint32) {
		for _, n := range numbers {
			head = le.AppendUint32(head, n)
		}
	}
	put64 := func(numbers ...uint64) {
		for _, n := range numbers {
			head = le.AppendUint64(head, n)
		}
	}
	head = append(head, "MDMP"...)
	put32(dumpVersion, streams, dumpHeader, 0, seconds)
	put64(dumpFull)
	put32(streamSystem, dumpSystem, dumpHeader+streams*dumpDirectory, streamInfo, infoSize, info, streamMemory, listSize, list)
	head = le.AppendUint16(head, sys.architecture)
	head = append(head, 0, 0, 0, 0, sys.processors, 1) // level, revision; a workstation, for all we say
	put32(sys.major, sys.minor, sys.build, 2, version, 0)
	put64(0, 0, 0) // features of the processor
	put32(0, 0, 0) // the empty string
	put32(16, dumpInfo)
	put64(uint64(len(regions)))
	for i, r := range regions {
		const committed = 0x1000
		put64(r.Start, say[i].allocation)
		put32(say[i].before, 0)
		put64(r.End - r.Start)
		put32(committed, say[i].protect, say[i].kind, 0)
	}
	put64(uint64(len(regions)), uint64(list+listSize))
	for _, r := range regions {
		put64(r.Start, r.End-r.Start)
	}
	parts := []part{{head: head}}
	for _, r := range regions {
		parts = append(parts, part{offset: int64(r.Start), length: int64(r.End - r.Start)})
	}
	return parts
}

// Protections of memory (winnt.h), and what they allow.
const (
	pageGuard  = 0x100
	pageNone   = 0x01
	memPrivate = 0x20000
)

// permissions puts a protection into the words of Region.
func permissions(protect uint32) string {
	if protect&pageGuard != 0 {
		return "---"
	}
	switch protect & 0xff {
	case 0x02:
		return "r--"
	case 0x04, 0x08:
		return "rw-"
	case 0x10:
		return "--x"
	case 0x20:
		return "r-x"
	case 0x40, 0x80:
		return "rwx"
	}
	return "---"
}
