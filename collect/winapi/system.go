package winapi

import (
	"strings"
)

// ProductName is what a system calls itself, out of the values of
// HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion. Windows 11 still writes "Windows 10" there; its
// builds begin with 22000. Servers say what they are.
func ProductName(version Key, build uint32) string {
	name := version.String("productname")
	if rest, ok := strings.CutPrefix(name, "Windows 10"); ok && build >= 22000 && !strings.EqualFold(version.String("installationtype"), "server") {
		name = "Windows 11" + rest
	}
	release := version.String("displayversion")
	if release == "" {
		release = version.String("releaseid") // before 20H2
	}
	if release != "" {
		name += " " + release
	}
	return strings.TrimSpace(name)
}

// Machine is Go's word for an IMAGE_FILE_MACHINE_ number, or empty.
func Machine(n uint16) string {
	switch n {
	case 0x14c:
		return "386"
	case 0x8664:
		return "amd64"
	case 0xaa64:
		return "arm64"
	case 0x1c4:
		return "arm"
	default:
		return ""
	}
}

// Hypervisor is what a machine runs in by the names its firmware gives, or empty where they do not tell.
func Hypervisor(manufacturer, product string) string {
	says := strings.ToLower(manufacturer + "\n" + product)
	for _, h := range []struct{ text, name string }{
		{"vmware", "vmware"},
		{"virtualbox", "virtualbox"},
		{"innotek", "virtualbox"},
		{"amazon ec2", "aws"},
		{"google compute engine", "gcp"},
		{"qemu", "kvm"},
		{"kvm", "kvm"},
		{"xen", "xen"},
		{"parallels", "parallels"},
		{"nutanix", "nutanix"},
		{"openstack", "openstack"},
		{"microsoft corporation\nvirtual machine", "hyperv"},
	} {
		if strings.Contains(says, h.text) {
			return h.name
		}
	}
	return ""
}
