package detect

import "testing"

func TestLinuxState(t *testing.T) {
	tests := []struct{ collector, line, want string }{
		{"hidden-processes", `{"pid":9,"how":["covered","decoy"],"reasons":["tmpfs is mounted over /proc/9"],"true":{"pid":9,"name":"x","exe":"/tmp/x"}}`, "critical hidden-process"},
		{"hidden-processes", `{"pid":9,"how":["kernel"],"reasons":["a changed kernel"]}`, "critical hidden-process"},
		{"hidden-processes", `{"pid":1,"how":["covered","decoy"],"reasons":["r"],"shown":{"pid":1,"name":"init"}}`, "critical process-decoy"},
		{"hidden-processes", `{"pid":77,"how":["phantom"],"reasons":["r"]}`, "critical process-decoy"},
		{"hidden-files", `{"path":"/etc/x","kind":"file","device":"/dev/sda1","answers":true}`, "critical hidden-file"},
		{"kernel-modules", `{"name":"ext4"}`, ""},
		{"kernel-modules", `{"name":"evil","hidden":"/proc/modules","unindexed":true}`, "critical hidden-module"},
		{"kernel-modules", `{"name":"evil","unindexed":true,"taint":"OE"}`, "medium module-unknown-file"},
		{"kernel", `{"tainted":0,"settings":{"kernel.core_pattern":"|/usr/lib/systemd/systemd-coredump %P","kernel.modprobe":"/sbin/modprobe"}}`, ""},
		{"kernel", `{"tainted":4096,"taint_orphans":"O"}`, "low kernel-taint-unexplained"},
		{"kernel", `{"settings":{"kernel.core_pattern":"|/tmp/x %p"}}`, "high kernel-helper"},
		{"kernel", `{"settings":{"kernel.core_pattern":"/tmp/core.%p"}}`, ""},
		{"kernel", `{"settings":{"kernel.modprobe":"/dev/shm/m"}}`, "high kernel-helper"},
		{"kernel-hooks", `{"kind":"traced_function","text":"__x64_sys_kill (1) R I \ttramp: 0xffff (fh_ftrace_thunk+0x0/0x60 [evil])"}`, "high kernel-hook"},
		{"kernel-hooks", `{"kind":"traced_function","text":"schedule (1) \ttramp: 0xffff (function_trace_call+0x0/0x1)"}`, ""},
		{"kernel-hooks", `{"kind":"kprobe","text":"__x64_sys_kill [evil]"}`, ""},
		{"process-details", `{"pid":9,"values":{"LD_PRELOAD":"/usr/lib/libjemalloc.so"}}`, "low process-preload"},
		{"process-details", `{"pid":9,"values":{"LD_PRELOAD":"/usr/lib/a.so /tmp/.x.so"}}`, "high process-preload"},
		{"process-details", `{"pid":9,"values":{"PATH":"/bin"}}`, ""},
		{"process-details", `{"pid":9,"mapped":[{"path":"/memfd:x","memfd":true,"executable":true}]}`, "medium process-memory-library"},
		{"process-details", `{"pid":9,"mapped":[{"path":"/memfd:doublemapper","memfd":true,"executable":true},{"path":"/memfd:y","memfd":true}]}`, ""},
		{"interfaces", `{"name":"eth0","promiscuous":1}`, "low interface-promiscuous"},
		{"interfaces", `{"name":"veth1","promiscuous":1,"master":4}`, ""},
		{"interfaces", `{"name":"eth0"}`, ""},
	}
	for _, tt := range tests {
		var d Detector
		d.Live("live/"+tt.collector+".jsonl", []byte(tt.line+"\n"))
		if got := rules(&d); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.line, got, tt.want)
		}
		for _, f := range d.Findings() {
			if f.Reason == "" || f.Title == "" {
				t.Errorf("%s: %+v", tt.line, f)
			}
		}
	}
}
