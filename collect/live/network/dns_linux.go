package network

import (
	"context"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

const maxHosts = 4096 // lines

func dns(_ context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	var r Resolver
	f := h.Files
	r.Target, _ = f.Readlink("/etc/resolv.conf")
	r.Servers, r.Search, r.Options = resolvConf(f, rec, "/etc/resolv.conf")
	r.Upstream, _, _ = resolvConf(f, rec, "/run/systemd/resolve/resolv.conf")
	entries, _ := f.ReadDir("/run/systemd/resolve/netif")
	for _, e := range entries[:min(len(entries), 1024)] {
		data, _ := procfs.Read(f, "/run/systemd/resolve/netif/"+artifacts.Path(e.Name), procfs.Small)
		if servers := strings.Fields(procfs.Map(data, "=")["SERVERS"]); len(servers) > 0 {
			if r.Links == nil {
				r.Links = map[string][]string{}
			}
			r.Links[procfs.Text(e.Name)] = servers
		}
	}
	data, _ := procfs.Read(f, "/etc/nsswitch.conf", procfs.Small)
	r.Order = procfs.Map(data, ":")["hosts"]
	data, _ = procfs.Read(f, "/etc/hosts", 4<<20)
	for line := range procfs.Lines(data) {
		if len(r.Hosts) < maxHosts {
			r.Hosts = append(r.Hosts, procfs.Text(line))
		}
	}
	return rec.Record(r)
}

// resolvConf reads resolv.conf(5).
func resolvConf(f artifacts.Files, rec artifacts.Recorder, p artifacts.Path) (servers, search, options []string) {
	data, err := procfs.Read(f, p, procfs.Small)
	if o, bad := procfs.Outcome(p, err); bad {
		rec.Note(o)
	}
	for line := range procfs.Lines(data) {
		w := strings.Fields(procfs.Text(line))
		if len(w) < 2 {
			continue
		}
		switch w[0] {
		case "nameserver":
			servers = append(servers, w[1])
		case "search", "domain":
			search = w[1:]
		case "options":
			options = append(options, w[1:]...)
		}
	}
	return servers, search, options
}
