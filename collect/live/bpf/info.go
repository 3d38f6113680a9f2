package bpf

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"spor/artifacts"
)

// An info is what BPF_OBJ_GET_INFO_BY_FD wrote: a kernel that knows less writes less. Offsets beyond it read as zero.
type info []byte

func (b info) u32(at int) uint32 {
	if at+4 > len(b) {
		return 0
	}
	return binary.NativeEndian.Uint32(b[at:])
}

func (b info) u64(at int) uint64 {
	if at+8 > len(b) {
		return 0
	}
	return binary.NativeEndian.Uint64(b[at:])
}

func (b info) name(at int) string {
	const length = 16 // BPF_OBJ_NAME_LEN
	if at+length > len(b) {
		return ""
	}
	name, _, _ := bytes.Cut(b[at:at+length], []byte{0})
	return artifacts.Path(name).String()
}

func named(names []string, n uint32) string {
	if int64(n) < int64(len(names)) {
		return names[n]
	}
	return strconv.FormatUint(uint64(n), 10)
}

// program reads struct bpf_prog_info. Its load time is in nanoseconds since boot, time asleep included.
func (b info) program(boot time.Time) Object {
	o := Object{
		Kind: "program", Type: named(programTypes, b.u32(0)), ID: b.u32(4), Size: b.u32(20), Maps: b.u32(52), Name: b.name(64), Interface: b.u32(80), NetNS: b.u64(96),
	}
	if len(b) >= 16 {
		o.Tag = hex.EncodeToString(b[8:16])
	}
	if since := b.u64(40); since > 0 && since < 1<<62 && !boot.IsZero() {
		o.Loaded = boot.Add(time.Duration(since))
	}
	if len(b) >= 52 {
		uid := b.u32(48)
		o.UID = &uid
	}
	return o
}

// table reads struct bpf_map_info.
func (b info) table() Object {
	return Object{
		Kind: "map", Type: named(mapTypes, b.u32(0)), ID: b.u32(4), KeySize: b.u32(8), ValueSize: b.u32(12), MaxEntries: b.u32(16), Name: b.name(24),
		Interface: b.u32(40), NetNS: b.u64(56),
	}
}

// link reads struct bpf_link_info: type, id, program, and from 16 what the type has.
func (b info) link() Object {
	o := Object{Kind: "link", Type: named(linkTypes, b.u32(0)), ID: b.u32(4), Program: b.u32(8)}
	switch o.Type {
	case "tracing":
		o.Attach = fmt.Sprintf("attach type %d, to object %d, BTF id %d", b.u32(16), b.u32(20), b.u32(24))
	case "cgroup":
		o.Attach = fmt.Sprintf("control group %d, attach type %d", b.u64(16), b.u32(24))
	case "netns":
		o.NetNS = uint64(b.u32(16))
		o.Attach = fmt.Sprintf("attach type %d", b.u32(20))
	case "xdp":
		o.Interface = b.u32(16)
	case "tcx", "netkit":
		o.Interface = b.u32(16)
		o.Attach = fmt.Sprintf("attach type %d", b.u32(20))
	case "netfilter":
		o.Attach = fmt.Sprintf("family %d, hook %d, priority %d", b.u32(16), b.u32(20), int32(b.u32(24)))
	}
	return o
}
