package identity

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

const dmi = "/sys/class/dmi/id/"

// hardware reads the kernel's view of DMI (Documentation/ABI/testing/sysfs-firmware-dmi-tables); serials are for root
// alone. Where the firmware is a device tree, that names the machine.
func (r *reader) hardware() Hardware {
	h := Hardware{
		Vendor: r.line(dmi + "sys_vendor"), Product: r.line(dmi + "product_name"), Version: r.line(dmi + "product_version"),
		Serial: r.line(dmi + "product_serial"), UUID: r.line(dmi + "product_uuid"), SKU: r.line(dmi + "product_sku"),
		BoardVendor: r.line(dmi + "board_vendor"), BoardName: r.line(dmi + "board_name"), BoardSerial: r.line(dmi + "board_serial"),
		ChassisType: r.line(dmi + "chassis_type"), ChassisSerial: r.line(dmi + "chassis_serial"), AssetTag: r.line(dmi + "chassis_asset_tag"),
		FirmwareName: r.line(dmi + "bios_vendor"), Firmware: r.line(dmi + "bios_version"), FirmwareDate: r.line(dmi + "bios_date"),
	}
	h.Product = cmp.Or(h.Product, r.line("/proc/device-tree/model"))
	h.Serial = cmp.Or(h.Serial, r.line("/proc/device-tree/serial-number"))
	if r.exists("/sys/firmware") {
		efi := r.exists("/sys/firmware/efi")
		h.EFI = &efi
	}
	// efivarfs: four bytes of attributes, then the value.
	if v := r.read("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", 16); len(v) == 5 {
		on := v[4] == 1
		h.SecureBoot = &on
	}
	for key, value := range procfs.Pairs(r.read("/proc/cpuinfo", 16<<20), ":") {
		switch key {
		case "processor":
			h.CPUs++
		case "model name":
			h.CPU = cmp.Or(h.CPU, value)
		}
	}
	total, _, _ := strings.Cut(procfs.Map(r.read("/proc/meminfo", procfs.Small), ":")["MemTotal"], " ")
	kib, _ := strconv.ParseInt(total, 10, 64)
	h.Memory = kib << 10
	return h
}

// surround looks for a hypervisor, a cloud and a container around us.
func (r *reader) surround() Surround {
	var s Surround
	r.hypervisor(&s)
	r.container(&s)
	r.cloud(&s)
	return s
}

// see sets a field that is still empty, and keeps what was seen.
func (s *Surround) see(field *string, value, evidence string) {
	if *field == "" && value != "" {
		*field = value
		s.Evidence = append(s.Evidence, evidence)
	}
}

// vendors are DMI strings by which hypervisors name themselves, as systemd-detect-virt knows them
// (src/basic/virt.c).
var vendors = []struct{ text, name string }{
	{"KVM", "kvm"},
	{"OpenStack", "kvm"},
	{"KubeVirt", "kvm"},
	{"Amazon EC2", "kvm"},
	{"QEMU", "qemu"},
	{"VMware", "vmware"},
	{"VMW", "vmware"},
	{"innotek GmbH", "virtualbox"},
	{"VirtualBox", "virtualbox"},
	{"Oracle Corporation", "virtualbox"},
	{"Xen", "xen"},
	{"Bochs", "bochs"},
	{"Parallels", "parallels"},
	{"BHYVE", "bhyve"},
	{"Hyper-V", "hyperv"},
	{"Apple Virtualization", "apple"},
	{"Google Compute Engine", "kvm"},
	{"Nutanix", "nutanix"},
}

func (r *reader) hypervisor(s *Surround) {
	if v := r.line("/proc/sys/kernel/osrelease"); strings.Contains(strings.ToLower(v), "microsoft") {
		s.see(&s.Hypervisor, "wsl", "kernel "+v)
	}
	if v := r.line("/sys/hypervisor/type"); v != "" {
		s.see(&s.Hypervisor, v, "/sys/hypervisor/type")
	}
	vendor, product := r.line(dmi+"sys_vendor"), r.line(dmi+"product_name")
	if vendor == "Microsoft Corporation" && product == "Virtual Machine" {
		s.see(&s.Hypervisor, "hyperv", "dmi: "+vendor+" "+product)
	}
	for _, file := range []artifacts.Path{dmi + "product_name", dmi + "sys_vendor", dmi + "board_vendor", dmi + "bios_vendor"} {
		text := r.line(file)
		for _, v := range vendors {
			if strings.HasPrefix(text, v.text) {
				s.see(&s.Hypervisor, v.name, "dmi: "+text)
			}
		}
	}
	if v := r.line("/proc/device-tree/hypervisor/compatible"); v != "" {
		s.see(&s.Hypervisor, strings.TrimPrefix(v, "linux,"), "device tree: "+v)
	}
	clocks := r.line("/sys/devices/system/clocksource/clocksource0/available_clocksource")
	for _, c := range []struct{ text, name string }{{"kvm-clock", "kvm"}, {"hyperv_clocksource", "hyperv"}, {"xen", "xen"}} {
		if strings.Contains(clocks, c.text) {
			s.see(&s.Hypervisor, c.name, "clock source "+c.text)
		}
	}
	flags := " " + procfs.Map(r.read("/proc/cpuinfo", 16<<20), ":")["flags"] + " "
	if strings.Contains(flags, " hypervisor ") {
		s.see(&s.Hypervisor, "unknown", "cpu flag hypervisor")
	}
}

func (r *reader) container(s *Surround) {
	if v := r.line("/run/systemd/container"); v != "" {
		s.see(&s.Container, v, "/run/systemd/container")
	}
	for _, mark := range []struct {
		file artifacts.Path
		name string
	}{{"/.dockerenv", "docker"}, {"/run/.containerenv", "podman"}, {"/dev/lxd/sock", "lxd"}} {
		if r.exists(mark.file) {
			s.see(&s.Container, mark.name, string(mark.file))
		}
	}
	if r.exists("/proc/vz") && !r.exists("/proc/bc") {
		s.see(&s.Container, "openvz", "/proc/vz")
	}
	for _, mark := range []struct{ text, name string }{
		{"/docker/", "docker"}, {"/docker-", "docker"}, {"/kubepods", "kubernetes"}, {"/libpod", "podman"}, {"/lxc", "lxc"}, {"/machine.slice/", "systemd-nspawn"},
	} {
		if cgroup := r.read("/proc/1/cgroup", procfs.Small); bytes.Contains(cgroup, []byte(mark.text)) {
			s.see(&s.Container, mark.name, "/proc/1/cgroup")
		}
	}
	if r.exists("/run/secrets/kubernetes.io/serviceaccount") {
		s.see(&s.Container, "kubernetes", "/run/secrets/kubernetes.io/serviceaccount")
	}
}

// clouds are DMI strings by which clouds name themselves, as cloud-init's ds-identify knows them.
var clouds = []struct {
	file artifacts.Path
	text string
	name string
}{
	{dmi + "sys_vendor", "Amazon EC2", "aws"},
	{dmi + "bios_version", "amazon", "aws"},
	{dmi + "bios_vendor", "Amazon EC2", "aws"},
	{dmi + "product_name", "Google Compute Engine", "gcp"},
	{dmi + "sys_vendor", "Google", "gcp"},
	{dmi + "chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "azure"},
	{dmi + "chassis_asset_tag", "OracleCloud.com", "oracle"},
	{dmi + "sys_vendor", "Alibaba Cloud", "alibaba"},
	{dmi + "product_name", "Alibaba Cloud", "alibaba"},
	{dmi + "sys_vendor", "DigitalOcean", "digitalocean"},
	{dmi + "sys_vendor", "Hetzner", "hetzner"},
	{dmi + "sys_vendor", "Vultr", "vultr"},
	{dmi + "sys_vendor", "Akamai", "akamai"},
	{dmi + "sys_vendor", "Linode", "akamai"},
	{dmi + "sys_vendor", "UpCloud", "upcloud"},
	{dmi + "sys_vendor", "Scaleway", "scaleway"},
	{dmi + "sys_vendor", "Exoscale", "exoscale"},
	{dmi + "sys_vendor", "OpenStack", "openstack"},
	{dmi + "product_name", "OpenStack", "openstack"},
	{dmi + "sys_vendor", "Tencent Cloud", "tencent"},
	{dmi + "product_name", "Huawei Cloud", "huawei"},
}

func (r *reader) cloud(s *Surround) {
	for _, c := range clouds {
		if text := r.line(c.file); strings.HasPrefix(text, c.text) {
			s.see(&s.Cloud, c.name, "dmi: "+text)
		}
	}
	// cloud-init's own account of the instance; the file readable by all has the secrets taken out.
	const instance = "/run/cloud-init/instance-data.json"
	var data struct {
		V1 struct {
			Cloud    string `json:"cloud_name"`
			Instance string `json:"instance_id"`
			Region   string `json:"region"`
			Zone     string `json:"availability_zone"`
		} `json:"v1"`
	}
	if json.Unmarshal(r.read(instance, 16<<20), &data) == nil {
		s.see(&s.Cloud, data.V1.Cloud, instance)
		s.see(&s.Instance, data.V1.Instance, instance)
		s.Region, s.Zone = data.V1.Region, data.V1.Zone
	}
	if v := r.line("/var/lib/cloud/data/instance-id"); v != "" {
		s.see(&s.Instance, v, "/var/lib/cloud/data/instance-id")
	}
}
