// Package bpf collects the programs, maps and links of eBPF that the kernel holds, with the processes that hold them and
// the names they are pinned under.
//
// The kernel is asked by bpf(2): BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD and their like for
// maps and links (Linux 4.13; links 5.8). Nothing is loaded and no map is read; what the descriptors refer to lives no
// longer for them than the moment they are open. Layouts are those of include/uapi/linux/bpf.h.
package bpf

import (
	"time"

	"spor/artifacts"
)

// Collector takes one Object for each program, map, link and pinned name.
var Collector = &artifacts.Collector{
	Name:     "bpf",
	Doc:      "eBPF programs, maps, links and pinned names, with the processes that hold them",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"volatile"},
	Needs:    artifacts.NeedsLive,
	Collect:  collect,
}

// An Object is one line of live/bpf.jsonl. What is zero or absent is not known, or the kind has it not.
type Object struct {
	Kind   string    `json:"kind"` // "program", "map", "link", "pin"
	ID     uint32    `json:"id,omitempty"`
	Type   string    `json:"type,omitempty"` // "kprobe", "xdp", "hash"; its number where it has no name here
	Name   string    `json:"name,omitempty"` // at most 15 bytes, chosen by who loaded it
	Tag    string    `json:"tag,omitempty"`  // program: the kernel's hash of its instructions, hexadecimal
	UID    *uint32   `json:"uid,omitempty"`  // program: who loaded it
	Loaded time.Time `json:"loaded,omitzero"`
	Size   uint32    `json:"size,omitempty"` // program: bytes of instructions as the verifier left them
	Maps   uint32    `json:"maps,omitempty"` // program: how many it uses

	KeySize    uint32 `json:"key_size,omitempty"` // map: bytes
	ValueSize  uint32 `json:"value_size,omitempty"`
	MaxEntries uint32 `json:"max_entries,omitempty"`

	Program   uint32 `json:"program,omitempty"`   // link: the id of the program
	Attach    string `json:"attach,omitempty"`    // link: where it is attached
	Interface uint32 `json:"interface,omitempty"` // number of the network interface it is bound to
	NetNS     uint64 `json:"net_ns,omitempty"`    // inode of the network namespace it is bound to

	Path  artifacts.Path `json:"path,omitempty"`  // pin: its name
	PIDs  []int          `json:"pids,omitempty"`  // processes that hold a descriptor of it
	Error string         `json:"error,omitempty"` // why no more is known
}

// Types by number, of enum bpf_prog_type, bpf_map_type and bpf_link_type.
var (
	programTypes = []string{
		"unspec", "socket_filter", "kprobe", "sched_cls", "sched_act", "tracepoint", "xdp", "perf_event", "cgroup_skb", "cgroup_sock", "lwt_in", "lwt_out",
		"lwt_xmit", "sock_ops", "sk_skb", "cgroup_device", "sk_msg", "raw_tracepoint", "cgroup_sock_addr", "lwt_seg6local", "lirc_mode2", "sk_reuseport",
		"flow_dissector", "cgroup_sysctl", "raw_tracepoint_writable", "cgroup_sockopt", "tracing", "struct_ops", "ext", "lsm", "sk_lookup", "syscall", "netfilter",
	}
	mapTypes = []string{
		"unspec", "hash", "array", "prog_array", "perf_event_array", "percpu_hash", "percpu_array", "stack_trace", "cgroup_array", "lru_hash",
		"lru_percpu_hash", "lpm_trie", "array_of_maps", "hash_of_maps", "devmap", "sockmap", "cpumap", "xskmap", "sockhash", "cgroup_storage",
		"reuseport_sockarray", "percpu_cgroup_storage", "queue", "stack", "sk_storage", "devmap_hash", "struct_ops", "ringbuf", "inode_storage",
		"task_storage", "bloom_filter", "user_ringbuf", "cgrp_storage", "arena",
	}
	linkTypes = []string{
		"unspec", "raw_tracepoint", "tracing", "cgroup", "iter", "netns", "xdp", "perf_event", "kprobe_multi", "struct_ops", "netfilter", "tcx",
		"uprobe_multi", "netkit", "sockmap",
	}
)
