package identity

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

const (
	keyVersion  = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	keyControl  = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control`
	keyTCPIP    = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`
	keyPolicy   = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy\History`
	keyHardware = `HKEY_LOCAL_MACHINE\HARDWARE\DESCRIPTION\System`
	maxHosts    = 4 << 20 // bytes of the hosts file
)

// An asker asks a running Windows. What it does not tell is noted.
type asker struct {
	h   *artifacts.Host
	rec artifacts.Recorder
}

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	if h.OS != artifacts.Windows || !h.Live { // the Linux program reads what the files of a Linux say
		return rec.Record(Record{Identity: h.Identity})
	}
	a := asker{h, rec}
	out := Record{Identity: h.Identity}
	version := a.key(keyVersion)
	out.Release = release(version)
	if n, ok := version.Number("installdate"); ok && n != 0 {
		out.Installed = time.Unix(int64(n), 0).UTC()
	}
	out.Hardware = a.hardware()
	out.Surround = a.surround(out.Hardware)
	out.Domain = a.domain()
	out.Interfaces = a.interfaces()
	out.Resolver = a.resolver(out.Interfaces)
	out.Routes = a.routes(out.Interfaces)
	if err := ctx.Err(); err != nil {
		return err
	}
	out.Groups = a.groups()
	out.Users = a.users(out.Groups)
	out.Disks = a.disks()
	out.Mounts = a.mounts()
	return rec.Record(out)
}

func (a asker) fail(what string, err error) {
	a.rec.Note(artifacts.Outcome{Status: winapi.Status(err), Reason: fmt.Sprintf("%s: %v", what, err)})
}

// key reads a registry key; that it is not there is noted.
func (a asker) key(p artifacts.Path) winapi.Key {
	k, err := winapi.ReadKey(a.h.Registry, p)
	if err != nil {
		a.rec.Note(artifacts.Outcome{Path: p, Status: winapi.Status(err), Reason: err.Error()})
	}
	return k
}

// optional reads a registry key that many machines do not have.
func (a asker) optional(p artifacts.Path) winapi.Key {
	k, err := winapi.ReadKey(a.h.Registry, p)
	if err != nil && winapi.Status(err) != artifacts.Absent {
		a.rec.Note(artifacts.Outcome{Path: p, Status: winapi.Status(err), Reason: err.Error()})
	}
	return k
}

func release(version winapi.Key) Release {
	v := windows.RtlGetVersion()
	r := Release{
		ID: version.String("editionid"), Name: winapi.ProductName(version, v.BuildNumber), Version: version.String("displayversion"),
		Build: fmt.Sprint(v.BuildNumber),
	}
	if r.Version == "" {
		r.Version = version.String("releaseid")
	}
	if ubr, ok := version.Number("ubr"); ok {
		r.Build = fmt.Sprintf("%d.%d", v.BuildNumber, ubr)
	}
	return r
}

// surround tells what the firmware's names tell.
func (a asker) surround(h Hardware) Surround {
	var s Surround
	seen := h.Vendor + " " + h.Product
	s.see(&s.Hypervisor, winapi.Hypervisor(h.Vendor, h.Product), "smbios: "+seen)
	if w := winapi.Wine(); w != "" {
		s.Evidence = append(s.Evidence, "ntdll exports wine_get_version: "+w)
	}
	switch {
	case strings.HasPrefix(h.Vendor, "Amazon EC2"), strings.HasPrefix(h.Firmware, "Amazon EC2"):
		s.see(&s.Cloud, "aws", "smbios: "+seen)
	case strings.HasPrefix(h.Product, "Google Compute Engine"):
		s.see(&s.Cloud, "gcp", "smbios: "+seen)
	case h.AssetTag == "7783-7084-3265-9085-8269-3286-77": // "MSFT AZURE VM", as its documentation for guests has it
		s.see(&s.Cloud, "azure", "smbios: chassis asset tag "+h.AssetTag)
	}
	if n, ok := a.optional(keyControl).Number("containertype"); ok {
		s.see(&s.Container, "windows", fmt.Sprintf("ContainerType %d", n))
	}
	return s
}

// domain asks the machine itself; no domain controller.
func (a asker) domain() Domain {
	var d Domain
	var name *uint16
	var status uint32
	if err := windows.NetGetJoinInformation(nil, &name, &status); err != nil {
		a.fail("domain membership", err)
	} else {
		d.Workgroup = windows.UTF16PtrToString(name)
		_ = windows.NetApiBufferFree((*byte)(ptr(name)))
	}
	tcpip := a.key(keyTCPIP)
	d.Sources = append(d.Sources, keyTCPIP)
	switch status {
	case windows.NetSetupWorkgroupName:
		d.Joined = "workgroup"
	case windows.NetSetupDomainName:
		d.Joined, d.Name = "ad", tcpip.String("domain")
		if dc := strings.TrimLeft(a.optional(keyPolicy).String("dcname"), `\`); dc != "" {
			d.Servers, d.Sources = []string{dc}, append(d.Sources, keyPolicy)
		}
	}
	a.entra(&d)
	return d
}

// entra finds the tenant of a machine joined to Entra: what dsregcmd shows.
func (a asker) entra(d *Domain) {
	const key artifacts.Path = keyControl + `\CloudDomainJoin\JoinInfo`
	list, err := a.h.Registry.Key(key)
	if err != nil && winapi.Status(err) != artifacts.Absent {
		a.fail("Entra membership", err)
	}
	for _, sub := range list.Subkeys {
		if d.Tenant = a.optional(artifacts.Windows.Join(key, sub)).String("tenantid"); d.Tenant != "" {
			d.Sources = append(d.Sources, key)
			if d.Joined == "" || d.Joined == "workgroup" {
				d.Joined = "entra"
			}
			return
		}
	}
}

func (a asker) resolver(interfaces []Interface) Resolver {
	tcpip := a.optional(keyTCPIP)
	r := Resolver{Domain: tcpip.String("domain")}
	for _, i := range interfaces {
		r.Servers = appendNew(r.Servers, i.DNS...)
	}
	for s := range strings.FieldsFuncSeq(tcpip.String("searchlist"), func(c rune) bool { return c == ',' || c == ' ' }) {
		r.Search = appendNew(r.Search, s)
	}
	folder := winapi.Expand(tcpip.String("databasepath"), a.h.Environ)
	if folder == "" {
		folder = a.h.Environ["systemroot"] + `\System32\drivers\etc`
	}
	hosts, err := a.read(artifacts.Windows.Join(artifacts.Path(folder), "hosts"))
	if err != nil {
		a.fail("hosts file", err)
	}
	for line := range bytes.Lines(hosts) {
		line, _, _ = bytes.Cut(line, []byte("#"))
		if fields := strings.Fields(strings.ToValidUTF8(string(line), "\uFFFD")); len(fields) > 0 {
			r.Hosts = append(r.Hosts, strings.Join(fields, " "))
		}
	}
	return r
}

// read gives a small file.
func (a asker) read(p artifacts.Path) ([]byte, error) {
	f, err := a.h.Files.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxHosts))
}
