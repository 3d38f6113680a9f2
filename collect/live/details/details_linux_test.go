package details

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/host"
	"spor/collect/live/livetest"
)

const statLine = ` S 1 7 7 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 4711 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1`

// A made-up process shows each field, and a thread of the kernel is passed over.
func TestDetail(t *testing.T) {
	tree := livetest.Tree{
		"/proc/sys/kernel/cap_last_cap": livetest.Text("40\n"),
		"/proc/self/ns/net":             livetest.Link("net:[1]"),
		"/proc/7/stat":                  livetest.Text("7 (worm)" + statLine),
		"/proc/7/exe":                   {Link: "/tmp/worm (deleted)", Data: "worm!"},
		"/proc/7/status":                livetest.Text("Name:\tworm\nGroups:\t4 27 \nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\nCapEff:\t0000000000200001\nCapPrm:\t000001ffffffffff\nCapInh:\t0000000000000000\nCapBnd:\t0000020000000000\n"),
		"/proc/7/ns/net":                livetest.Link("net:[2]"),
		"/proc/7/environ":               livetest.Text("HOME=/root\x00LD_PRELOAD=/tmp/x.so\x00AWS_SECRET_ACCESS_KEY=canary1\x00FOO=canary2\x00SSH_ORIGINAL_COMMAND=mysql --password=canary3\x00"),
		"/proc/7/maps": livetest.Text("00400000-00401000 r-xp 00000000 fe:00 5          /tmp/worm (deleted)\n" +
			"00401000-00402000 rw-p 00000000 fe:00 5          /tmp/worm (deleted)\n" +
			"7f00-7f01 r-xp 00000000 00:01 9          /memfd:lib (deleted)\n" +
			"7f10-7f20 rwxp 00000000 00:00 0 \nnot a line\n7f30-7f40 r-xp 00000000 00:00 0 [vdso]\n"),
		"/proc/7/map_files/7f00-7f01": {Link: "/memfd:lib (deleted)", Data: "lib!"},
		"/proc/7/fd/0":                livetest.Link("/dev/null"),
		"/proc/7/fd/3":                livetest.Link("socket:[77]"),
		"/proc/7/fd/4":                livetest.Link("anon_inode:[io_uring]"),
		"/proc/7/fd/5":                livetest.Link("/var/log/gone (deleted)"),
		"/proc/9/stat":                livetest.Text("9 (kworker) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0 0\n"),
	}
	h := &artifacts.Host{OS: artifacts.Linux, Files: tree.Files(), Live: true}
	rec := &livetest.Recorder{}
	if err := Collector.Collect(t.Context(), h, rec); err != nil || len(rec.Records) != 1 {
		t.Fatalf("%v, records %+v", err, rec.Records)
	}
	d := rec.Records[0].(Detail)
	if got, want := d.Capabilities.Effective, []string{"CHOWN", "SYS_ADMIN"}; !slices.Equal(got, want) {
		t.Errorf("effective %q, want %q", got, want)
	}
	if got := d.Capabilities; !slices.Equal(got.Permitted, []string{"all"}) || got.Inheritable != nil || !slices.Equal(got.Bounding, []string{"41"}) {
		t.Errorf("capabilities %+v", got)
	}
	if !d.NoNewPrivs || d.Seccomp != "filter" || d.SeccompFilters != 3 || !slices.Equal(d.Groups, []string{"4", "27"}) || !slices.Equal(d.Apart, []string{"net"}) {
		t.Errorf("%+v", d)
	}
	want := []Mapped{
		{Path: "/tmp/worm", Inode: 5, Device: "fe:00", Executable: true, Deleted: true},
		{Path: "/memfd:lib", Inode: 9, Device: "00:01", Executable: true, Deleted: true, Memory: true},
	}
	if !slices.Equal(d.Mapped, want) || d.WriteExec != 1 || len(d.Anonymous) != 1 || d.Anonymous[0] != (Region{Start: "7f10", Size: 16, Perms: "rwxp"}) {
		t.Errorf("mapped %+v, anonymous %+v, write_exec %d", d.Mapped, d.Anonymous, d.WriteExec)
	}
	if len(d.Open) != 1 || d.Open[0] != (Open{FD: 5, Path: "/var/log/gone", Deleted: true}) || d.Descriptors["io_uring"] != 1 || d.Descriptors["socket"] != 1 {
		t.Errorf("open %+v, descriptors %v", d.Open, d.Descriptors)
	}
	taken := []artifacts.Path{"/proc/7/exe", "/proc/7/map_files/7f00-7f01"}
	if !slices.Equal(d.Taken, taken) || len(rec.Items) != 2 {
		t.Errorf("taken %q, items %+v", d.Taken, rec.Items)
	}
	if !slices.Equal(d.Loader, []string{"LD_PRELOAD"}) || d.Values["LD_PRELOAD"] != "/tmp/x.so" || d.Values["SSH_ORIGINAL_COMMAND"] != redacted || len(d.Variables) != 5 {
		t.Errorf("variables %q, values %q, loader %q", d.Variables, d.Values, d.Loader)
	}
}

// No value that may be a secret is told; the collector that tells them all is marked secret.
func TestSecretsStay(t *testing.T) {
	data := []byte("DB_PASSWORD=canary\x00TOKEN=canary\x00X=canary\x00PATH=/bin\x00canary\x00HOME=https://u:canary@x/\x00ca=na ry canary\x00" +
		"JAVA_TOOL_OPTIONS=-Dkey.password=canary\x00NODE_OPTIONS=--token canary\x00GIT_SSH_COMMAND=ssh -o Authorization: canary\x00%$&=canary\x00")
	e := tell(data)
	for name, value := range e.values {
		if strings.Contains(value, "canary") {
			t.Errorf("%s=%s", name, value)
		}
	}
	if e.values["PATH"] != "/bin" || !slices.Contains(e.names, "DB_PASSWORD") || slices.Contains(e.names, "canary") {
		t.Errorf("%+v", e)
	}
	if !Environments.Secret || Collector.Secret {
		t.Errorf("secret: %v, %v", Environments.Secret, Collector.Secret)
	}
	tree := livetest.Tree{"/proc/7/stat": livetest.Text("7 (x)" + statLine), "/proc/7/environ": livetest.Text(string(data))}
	all, _ := livetest.Run[Environment](t, Environments, &artifacts.Host{Files: tree.Files()})
	if len(all) != 1 || len(all[0].Variables) != 11 || all[0].Variables[0] != "DB_PASSWORD=canary" {
		t.Errorf("%+v", all)
	}
}

// On the running system a deleted program is taken whole.
func TestDeletedProgram(t *testing.T) {
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "gone")
	data, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Skipf("NOT tested with a program: %v", err)
	}
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "60")
	cmd.Env = []string{"LD_LIBRARY_PATH=/nowhere"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	var before, after unix.Stat_t
	_ = unix.Stat("/proc/self/exe", &before)
	rec := &livetest.Recorder{}
	if err := Collector.Collect(t.Context(), h, rec); err != nil {
		t.Fatal(err)
	}
	_ = unix.Stat("/proc/self/exe", &after)
	i := slices.IndexFunc(rec.Records, func(v any) bool { return v.(Detail).PID == cmd.Process.Pid })
	if i < 0 {
		t.Fatalf("no record of %d", cmd.Process.Pid)
	}
	d := rec.Records[i].(Detail)
	j := slices.IndexFunc(rec.Items, func(it artifacts.Item) bool { return slices.Contains(d.Taken, it.Origin) })
	if j < 0 || rec.Items[j].Size != int64(len(data)) || !slices.Contains(d.Loader, "LD_LIBRARY_PATH") || before.Atim != after.Atim {
		t.Errorf("taken %q of items %+v, loader %q", d.Taken, rec.Items, d.Loader)
	}
}

func FuzzEnviron(f *testing.F) {
	f.Add([]byte("A=b\x00PATH=/x\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, value := range tell(data).values {
			if !slices.Contains(loaders, name) && !slices.Contains(telling, name) || len(value) > maxValue {
				t.Errorf("%q of %q", name, data)
			}
		}
	})
}
