package bpf

import (
	"encoding/binary"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/host"
	"spor/collect/live/livetest"
)

// load makes a map and a program of two instructions, "r0 = 0; exit", of our own.
func load(t *testing.T) (program, table int) {
	t.Helper()
	attr := make([]byte, 128)
	binary.NativeEndian.PutUint32(attr, 2) // array
	binary.NativeEndian.PutUint32(attr[4:], 4)
	binary.NativeEndian.PutUint32(attr[8:], 8)
	binary.NativeEndian.PutUint32(attr[12:], 3)
	copy(attr[28:], "spor_map")
	table, err := call(unix.BPF_MAP_CREATE, attr)
	if err != nil {
		t.Skipf("no map of eBPF can be made: NOT tested on this kernel: %v", err)
	}
	code := []byte{0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0}
	licence := []byte("GPL\x00")
	var pin runtime.Pinner
	pin.Pin(&code[0])
	pin.Pin(&licence[0])
	defer pin.Unpin()
	attr = make([]byte, 128)
	binary.NativeEndian.PutUint32(attr, 1) // socket filter
	binary.NativeEndian.PutUint32(attr[4:], 2)
	binary.NativeEndian.PutUint64(attr[8:], uint64(uintptr(unsafe.Pointer(&code[0]))))
	binary.NativeEndian.PutUint64(attr[16:], uint64(uintptr(unsafe.Pointer(&licence[0]))))
	copy(attr[48:], "spor_test")
	program, err = call(unix.BPF_PROG_LOAD, attr)
	if err != nil {
		t.Skipf("no program of eBPF can be loaded: NOT tested on this kernel: %v", err)
	}
	return program, table
}

func TestObjects(t *testing.T) {
	program, table := load(t)
	defer unix.Close(program)
	defer unix.Close(table)
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, notes := livetest.Run[Object](t, Collector, h)
	find := func(name string) Object {
		i := slices.IndexFunc(all, func(o Object) bool { return o.Name == name && slices.Contains(o.PIDs, os.Getpid()) })
		if i < 0 {
			t.Fatalf("%s is not among %+v; notes %v", name, all, notes)
		}
		return all[i]
	}
	p := find("spor_test")
	if p.Kind != "program" || p.Type != "socket_filter" || p.UID == nil || int(*p.UID) != os.Getuid() || len(p.Tag) != 16 || p.Size != 16 {
		t.Errorf("%+v", p)
	}
	if ago := time.Since(p.Loaded); ago < -2*time.Second || ago > time.Minute {
		t.Errorf("loaded at %v", p.Loaded)
	}
	if m := find("spor_map"); m.Kind != "map" || m.Type != "array" || m.KeySize != 4 || m.ValueSize != 8 || m.MaxEntries != 3 {
		t.Errorf("%+v", m)
	}
}

func TestRefused(t *testing.T) {
	for err, want := range map[error]artifacts.Status{unix.EPERM: artifacts.Denied, unix.ENOSYS: artifacts.Skipped, unix.EINVAL: artifacts.Skipped, unix.EIO: artifacts.Failed} {
		if got := kinds[0].refused(err); got.Status != want || got.Reason == "" {
			t.Errorf("%v: %+v, want %v", err, got, want)
		}
	}
}

func TestLink(t *testing.T) {
	b := make(info, 32)
	for i, n := range []uint32{6, 17, 4, 0, 2} {
		binary.NativeEndian.PutUint32(b[4*i:], n)
	}
	if got := b.link(); got.Type != "xdp" || got.ID != 17 || got.Program != 4 || got.Interface != 2 {
		t.Errorf("%+v", got)
	}
}

// However little a kernel writes, it is read without going beyond.
func FuzzInfo(f *testing.F) {
	f.Add([]byte{6, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		b := info(data)
		for _, o := range []Object{b.program(time.Unix(1e9, 0)), b.table(), b.link()} {
			if o.Kind == "" || o.Type == "" {
				t.Errorf("%x: %+v", data, o)
			}
		}
	})
}
