package network

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

const (
	keyTCPIP = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`
	keyRules = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig`
	keyGroup = `HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows NT\DNSClient\DnsPolicyConfig`
	maxHosts = 4 << 20 // bytes of the hosts file
)

var procDefaultProxy = windows.NewLazySystemDLL("winhttp.dll").NewProc("WinHttpGetDefaultProxyConfiguration")

// dns reads where names are asked for: by interface, by policy, and in the hosts file, whose folder is a setting too.
func dns(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	k, err := winapi.ReadKey(h.Registry, keyTCPIP)
	if err != nil {
		return err
	}
	fields := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == ';' })
	}
	r := Resolver{Servers: fields(k.String("nameserver")), Search: fields(k.String("searchlist")), Links: map[string][]string{}}
	const interfaces = keyTCPIP + `\Interfaces`
	if root, err := h.Registry.Key(interfaces); err == nil {
		for _, guid := range root.Subkeys {
			i, _ := winapi.ReadKey(h.Registry, artifacts.Windows.Join(interfaces, guid))
			servers := append(fields(i.String("nameserver")), fields(i.String("dhcpnameserver"))...)
			if len(servers) > 0 {
				r.Links[guid] = servers
			}
		}
	}
	for _, key := range []artifacts.Path{keyRules, keyGroup} {
		root, err := h.Registry.Key(key)
		if err != nil {
			continue // there are none
		}
		for _, name := range root.Subkeys {
			rule, _ := winapi.ReadKey(h.Registry, artifacts.Windows.Join(key, name))
			r.Policies = append(r.Policies, strings.Join(rule.Strings("name"), " ")+": "+rule.String("genericdnsservers"))
		}
	}
	folder := k.String("databasepath")
	if folder == "" {
		folder = `%SystemRoot%\System32\drivers\etc`
	}
	path := artifacts.Windows.Join(artifacts.Path(winapi.Expand(folder, h.Environ)), "hosts")
	f, err := h.Files.Open(path)
	if err != nil {
		rec.Note(artifacts.Outcome{Path: path, Status: winapi.Status(err), Reason: "hosts: " + err.Error()})
		return rec.Record(r)
	}
	defer f.Close() // opened for reading: there is nothing to lose
	text, err := io.ReadAll(io.LimitReader(f, maxHosts))
	if err != nil {
		rec.Note(artifacts.Outcome{Path: path, Status: artifacts.Truncated, Reason: "hosts: " + err.Error()})
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			r.Hosts = append(r.Hosts, artifacts.Path(line).String())
		}
	}
	return errors.Join(ctx.Err(), rec.Record(r))
}

// proxies reads the system's own, and those of users whose hives are loaded.
func proxies(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	const users = `HKEY_USERS`
	const settings = `\Software\Microsoft\Windows\CurrentVersion\Internet Settings`
	var p Proxy
	var refused error
	err := winapi.Within(ctx, patience, func() { p, refused = winHTTP() })
	if err == nil { // else they may still be written to
		err = refused
	}
	if err != nil {
		rec.Note(artifacts.Outcome{Status: winapi.Status(err), Reason: "winhttp: " + err.Error()})
	} else if err := rec.Record(p); err != nil {
		return err
	}
	keys := []string{`HKEY_LOCAL_MACHINE` + settings, `HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\CurrentVersion\Internet Settings`}
	root, err := h.Registry.Key(users)
	if err != nil {
		rec.Note(artifacts.Outcome{Path: users, Status: winapi.Status(err), Reason: err.Error()})
	}
	for _, sid := range root.Subkeys {
		keys = append(keys, users+`\`+sid+settings)
	}
	for _, key := range keys {
		k, err := winapi.ReadKey(h.Registry, artifacts.Path(key))
		if err != nil {
			continue // nothing is set there
		}
		enabled, _ := k.Number("proxyenable")
		p := Proxy{Source: key, Enabled: enabled != 0, Server: k.String("proxyserver"), Bypass: k.String("proxyoverride"), AutoConfig: k.String("autoconfigurl")}
		if rest, ok := strings.CutPrefix(key, users+`\`); ok {
			p.UserID, _, _ = strings.Cut(rest, `\`)
		}
		if p.Server == "" && p.AutoConfig == "" && !p.Enabled {
			continue
		}
		if err := rec.Record(p); err != nil {
			return err
		}
	}
	return ctx.Err()
}

const patience = 15 * time.Second

func winHTTP() (Proxy, error) {
	var info struct { // WINHTTP_PROXY_INFO
		access         uint32
		server, bypass *uint16
	}
	r, last, err := winapi.Call(procDefaultProxy, uintptr(unsafe.Pointer(&info)))
	if err != nil {
		return Proxy{}, err
	}
	if r == 0 {
		return Proxy{}, last
	}
	const named = 3 // WINHTTP_ACCESS_TYPE_NAMED_PROXY
	p := Proxy{Source: "winhttp", Enabled: info.access == named, Server: windows.UTF16PtrToString(info.server), Bypass: windows.UTF16PtrToString(info.bypass)}
	for _, s := range []*uint16{info.server, info.bypass} {
		if s != nil {
			windows.LocalFree(windows.Handle(unsafe.Pointer(s)))
		}
	}
	return p, nil
}
