package wine

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"testing"
)

func TestForwarder(t *testing.T) {
	const dll, export, target = "bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"
	f, err := pe.NewFile(bytes.NewReader(Forwarder(dll, export, target)))
	if err != nil {
		t.Fatal(err)
	}
	opt := f.OptionalHeader.(*pe.OptionalHeader64)
	if opt.AddressOfEntryPoint != 0 || f.Characteristics&pe.IMAGE_FILE_DLL == 0 {
		t.Errorf("entry point %#x, characteristics %#x: want a DLL without code", opt.AddressOfEntryPoint, f.Characteristics)
	}
	dir := opt.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT]
	s := f.Sections[0]
	data, err := s.Data()
	if err != nil {
		t.Fatal(err)
	}
	text := func(rva uint32) string {
		b := data[rva-s.VirtualAddress:]
		return string(b[:bytes.IndexByte(b, 0)])
	}
	word := func(rva uint32) uint32 { return binary.LittleEndian.Uint32(data[rva-s.VirtualAddress:]) }
	if got := text(word(dir.VirtualAddress + 12)); got != dll {
		t.Errorf("name of the DLL: got %q, want %q", got, dll)
	}
	if got := text(word(word(dir.VirtualAddress + 32))); got != export {
		t.Errorf("export: got %q, want %q", got, export)
	}
	forward := word(word(dir.VirtualAddress + 28))
	if got := text(forward); got != target {
		t.Errorf("forwards to: got %q, want %q", got, target)
	}
	if forward < dir.VirtualAddress || forward >= dir.VirtualAddress+dir.Size {
		t.Errorf("%#x lies outside the export table %#x+%#x: the loader would take it for code", forward, dir.VirtualAddress, dir.Size)
	}
}
