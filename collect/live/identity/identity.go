// Package identity collects what names a machine and where it stands: names, hardware, system, network, domain,
// accounts, disks. It answers the "which systems" of every incident report.
//
// Linux: files of /etc, /proc (proc(5)) and /sys (sysfs(5)), netlink for addresses, statfs(2). Windows: the registry,
// GetComputerNameEx, GetAdaptersAddresses, GetIpForwardTable2, NetUserEnum, NetGetJoinInformation, the SMBIOS table.
package identity

import (
	"time"

	"spor/artifacts"
)

// Collector takes one Record. It works on an image too, with what files tell.
var Collector = &artifacts.Collector{
	Name:     "identity",
	Doc:      "Names, hardware, system, network, domain, accounts, disks and mounts, cloud and container",
	Order:    artifacts.State,
	Profiles: []string{"volatile"},
	Required: true,
	Collect:  collect,
}

// A Record is the one line of live/identity.jsonl. What is zero or absent is not known. Text that the host does not
// spell in UTF-8 is escaped as artifacts.Path is.
type Record struct {
	artifacts.Identity
	BootID     string      `json:"boot_id,omitempty"`     // Linux: random, new at each boot
	Installed  time.Time   `json:"installed,omitzero"`    // the system, as far as it says
	Release    Release     `json:"release,omitzero"`      //
	Hardware   Hardware    `json:"hardware,omitzero"`     //
	Surround   Surround    `json:"surroundings,omitzero"` // virtual machine, cloud, container
	Domain     Domain      `json:"directory,omitzero"`    // the Domain of Identity is the name alone
	Interfaces []Interface `json:"interfaces,omitempty"`
	Resolver   Resolver    `json:"resolver,omitzero"`
	Routes     []Route     `json:"routes,omitempty"`
	Users      []Account   `json:"users,omitempty"`
	Groups     []Group     `json:"groups,omitempty"`
	Disks      []Disk      `json:"disks,omitempty"`
	Mounts     []Mount     `json:"mounts,omitempty"`
}

// Release says which system it is, as it says itself.
type Release struct {
	ID       string   `json:"id,omitempty"`       // os-release ID: "debian"; Windows: edition id
	Like     []string `json:"like,omitempty"`     // os-release ID_LIKE
	Name     string   `json:"name,omitempty"`     // PRETTY_NAME; product name
	Version  string   `json:"version,omitempty"`  // VERSION_ID; display version, "22H2"
	Build    string   `json:"build,omitempty"`    // kernel's build line; "19045.4291"
	Codename string   `json:"codename,omitempty"` // "bookworm"
}

// Hardware is what the firmware says (DMI, SMBIOS), and the kernel about processors and memory.
type Hardware struct {
	Vendor        string `json:"vendor,omitempty"`
	Product       string `json:"product,omitempty"`
	Version       string `json:"version,omitempty"`
	Serial        string `json:"serial,omitempty"`
	UUID          string `json:"uuid,omitempty"`
	SKU           string `json:"sku,omitempty"`
	BoardVendor   string `json:"board_vendor,omitempty"`
	BoardName     string `json:"board_name,omitempty"`
	BoardSerial   string `json:"board_serial,omitempty"`
	ChassisType   string `json:"chassis_type,omitempty"` // SMBIOS number
	ChassisSerial string `json:"chassis_serial,omitempty"`
	AssetTag      string `json:"asset_tag,omitempty"` // of the chassis
	FirmwareName  string `json:"firmware_vendor,omitempty"`
	Firmware      string `json:"firmware_version,omitempty"`
	FirmwareDate  string `json:"firmware_date,omitempty"` // as spelled there
	EFI           *bool  `json:"efi,omitempty"`
	SecureBoot    *bool  `json:"secure_boot,omitempty"`
	CPU           string `json:"cpu,omitempty"`
	CPUs          int    `json:"cpus,omitempty"`   // logical
	Memory        int64  `json:"memory,omitempty"` // bytes the system has for use
}

// Surround is what the system runs in. Empty: nothing seen, which need not mean that there is nothing.
type Surround struct {
	Hypervisor string   `json:"hypervisor,omitempty"` // "kvm", "vmware", "hyperv", "xen", "virtualbox", "wsl", …
	Container  string   `json:"container,omitempty"`  // we are inside one: "docker", "podman", "lxc", "systemd-nspawn", …
	Cloud      string   `json:"cloud,omitempty"`      // "aws", "azure", "gcp", …
	Instance   string   `json:"instance_id,omitempty"`
	Region     string   `json:"region,omitempty"`
	Zone       string   `json:"zone,omitempty"`
	Evidence   []string `json:"evidence,omitempty"` // what was seen that says so
}

// Domain says which directory the machine belongs to.
type Domain struct {
	Name      string           `json:"name,omitempty"`      // DNS name
	Realm     string           `json:"realm,omitempty"`     // Kerberos
	Workgroup string           `json:"workgroup,omitempty"` // NetBIOS domain or workgroup
	Joined    string           `json:"joined,omitempty"`    // "ad", "ipa", "ldap", "domain", "workgroup", "entra"
	Forest    string           `json:"forest,omitempty"`
	Servers   []string         `json:"servers,omitempty"` // domain controllers, as configured or in use
	Tenant    string           `json:"tenant,omitempty"`  // Entra tenant id
	Sources   []artifacts.Path `json:"sources,omitempty"` // where that was read
}

// An Interface is a network interface.
type Interface struct {
	Name        string   `json:"name"`
	Index       int      `json:"index,omitempty"`
	Description string   `json:"description,omitempty"` // Windows: adapter; Linux: driver
	MAC         string   `json:"mac,omitempty"`         // colons, lower case
	Up          bool     `json:"up"`
	State       string   `json:"state,omitempty"` // Linux: operstate
	Loopback    bool     `json:"loopback,omitempty"`
	Promiscuous bool     `json:"promiscuous,omitempty"` // takes every frame: something listens in
	Virtual     bool     `json:"virtual,omitempty"`     // no device behind it
	MTU         int      `json:"mtu,omitempty"`
	Addresses   []string `json:"addresses,omitempty"` // with prefix length: "192.0.2.7/24"
	DHCP        *bool    `json:"dhcp,omitempty"`
	DNS         []string `json:"dns,omitempty"`
	DNSSuffix   string   `json:"dns_suffix,omitempty"`
}

// Resolver is how names are looked up.
type Resolver struct {
	Servers []string `json:"servers,omitempty"`
	Search  []string `json:"search,omitempty"`
	Domain  string   `json:"domain,omitempty"`
	Options []string `json:"options,omitempty"`
	Hosts   []string `json:"hosts,omitempty"` // lines of the hosts file, comments left out
}

// A Route is a line of the routing table.
type Route struct {
	Destination string `json:"destination"` // with prefix length: "0.0.0.0/0"
	Gateway     string `json:"gateway,omitempty"`
	Source      string `json:"source,omitempty"`
	Interface   string `json:"interface,omitempty"`
	Metric      uint32 `json:"metric"`
	Flags       string `json:"flags,omitempty"` // Linux: as route(8) writes them, "UG"
}

// An Account is a user of the host, without any password or hash.
type Account struct {
	artifacts.User
	FullName  string    `json:"full_name,omitempty"` // GECOS; full name
	Comment   string    `json:"comment,omitempty"`
	Groups    []string  `json:"groups,omitempty"`   // names, the primary one too
	Password  string    `json:"password,omitempty"` // where the password is, never what it is: "shadow", "locked", "empty" (anyone can be it), "in passwd"
	Admin     bool      `json:"admin,omitempty"`    // uid 0; member of Administrators
	Disabled  *bool     `json:"disabled,omitempty"`
	LastLogon time.Time `json:"last_logon,omitzero"`
	PassSet   time.Time `json:"password_set,omitzero"`
	Source    string    `json:"source,omitempty"` // "/etc/passwd", "home" (a folder in /home that has no account), "sam", "profile list"
}

// A Group is a group of the host.
type Group struct {
	Name    string   `json:"name"`
	ID      string   `json:"id"` // gid or SID
	Comment string   `json:"comment,omitempty"`
	Members []string `json:"members,omitempty"` // as listed: not those whose primary group it is
}

// A Disk is a block device.
type Disk struct {
	Name       string      `json:"name"` // "sda", `\\.\PhysicalDrive0`
	Model      string      `json:"model,omitempty"`
	Vendor     string      `json:"vendor,omitempty"`
	Serial     string      `json:"serial,omitempty"`
	WWID       string      `json:"wwid,omitempty"`
	Bus        string      `json:"bus,omitempty"` // Windows
	Size       int64       `json:"size"`          // bytes
	Removable  bool        `json:"removable,omitempty"`
	ReadOnly   bool        `json:"read_only,omitempty"`
	Rotational *bool       `json:"rotational,omitempty"`
	Holders    []string    `json:"holders,omitempty"` // what is built on it: "dm-0", "md0"
	Backing    string      `json:"backing,omitempty"` // the file behind a loop device; the name of a dm device
	Partitions []Partition `json:"partitions,omitempty"`
}

// A Partition is a part of a disk.
type Partition struct {
	Name   string `json:"name"`
	Number int    `json:"number,omitempty"`
	Start  int64  `json:"start"` // bytes from the disk's beginning
	Size   int64  `json:"size"`  // bytes
	Label  string `json:"label,omitempty"`
	UUID   string `json:"uuid,omitempty"`
}

// A Mount is a mounted file system.
type Mount struct {
	artifacts.Mount
	Class   string   `json:"class"`             // "local", "remote", "pseudo"
	Options []string `json:"options,omitempty"` // of the mount and of the file system
	Label   string   `json:"label,omitempty"`
	Serial  string   `json:"serial,omitempty"` // Windows: volume serial number, "1234-ABCD"
	Drive   string   `json:"drive,omitempty"`  // Windows: "fixed", "removable", "network", "cdrom", "ramdisk"
	Size    uint64   `json:"size,omitempty"`   // bytes; asked of local file systems alone
	Free    uint64   `json:"free,omitempty"`   // bytes
	Files   uint64   `json:"files,omitempty"`  // inodes in use
}
