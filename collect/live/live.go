// Package live lists the collectors of live state: what the running machine knows and no path names.
package live

import (
	"spor/artifacts"
	"spor/collect/live/bpf"
	"spor/collect/live/clock"
	"spor/collect/live/deleted"
	"spor/collect/live/details"
	"spor/collect/live/hidden"
	"spor/collect/live/identity"
	"spor/collect/live/kernel"
	"spor/collect/live/memory"
	"spor/collect/live/modules"
	"spor/collect/live/network"
	"spor/collect/live/objects"
	"spor/collect/live/processes"
	"spor/collect/live/screens"
	"spor/collect/live/sectors"
	"spor/collect/live/services"
	"spor/collect/live/sessions"
	"spor/collect/live/shares"
	"spor/collect/live/sockets"
	"spor/collect/live/storage"
)

// All gives every collector of live state. Those of one rank stand in the order in which they are to be taken: what
// vanishes first comes first, and sockets come before processes because the executables are hashed on the way.
func All() []*artifacts.Collector {
	return append([]*artifacts.Collector{
		clock.Collector,
		network.Cache,
		sockets.Collector,
		processes.Collector,
		hidden.Collector,
		details.Collector,
		details.Environments,
		sessions.Collector,
		shares.Collector,
		objects.Pipes,
		screens.Collector,
		screens.Clipboard,
		objects.Handles,
		memory.Processes,
		memory.Physical,
		services.Collector,
		identity.Collector,
		deleted.Collector,
		sectors.Collector,
		kernel.Collector,
		kernel.Modules,
		kernel.Hooks,
		bpf.Collector,
		network.Neighbours,
		network.Interfaces,
		network.Routes,
		network.Firewall,
		network.DNS,
		network.Proxies,
		storage.Mounts,
		storage.Devices,
		modules.Drivers,
		modules.Libraries,
		memory.Symbols,
	}, append(lasting(), linux()...)...)
}
