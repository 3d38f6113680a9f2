// Package modules collects what is loaded beside the programs themselves: the libraries of every process, and on the other
// side of the border the drivers of the kernel. Each file comes once, with its hash, its signature, and who has it.
//
// Sources: CreateToolhelp32Snapshot(TH32CS_SNAPMODULE), VirtualQueryEx with GetMappedFileName for what a process took off
// its own list; NtQuerySystemInformation(SystemModuleInformation), which every Windows since NT 4 knows.
package modules

import (
	"spor/artifacts"
	"spor/collect/live/program"
)

// Libraries takes one Library for each file.
var Libraries = &artifacts.Collector{
	Name:     "modules",
	Doc:      "Libraries loaded in processes, each once, with hash, signature and the processes that have it",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Needs:    artifacts.NeedsLive,
	Collect:  libraries,
}

// Drivers takes one Driver for each module of the kernel.
var Drivers = &artifacts.Collector{
	Name:     "drivers",
	Doc:      "Loaded drivers of the kernel with hash and signature",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.State,
	Profiles: []string{"volatile"},
	Needs:    artifacts.NeedsLive,
	Collect:  drivers,
}

// A Library is one line of live/modules.jsonl.
type Library struct {
	program.File
	PIDs []int `json:"pids"` // that have it mapped as a program
	// Unlisted are those of them whose own list of modules has no such name: somebody took it off, or it was mapped for
	// its texts and pictures alone, as languages (.mui) are.
	Unlisted []int `json:"unlisted,omitempty"`
}

// A Driver is one line of live/drivers.jsonl.
type Driver struct {
	Name   string         `json:"name"`
	Kernel artifacts.Path `json:"kernel_path"` // as the kernel spells it
	Base   uint64         `json:"base,omitempty"`
	Memory uint32         `json:"size_in_memory"` // bytes
	Order  uint16         `json:"load_order"`
	program.File
}
