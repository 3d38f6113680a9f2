package main

import "golang.org/x/sys/windows"

// lowImpact gives all other processes the right of way, on the processor, the disk and in memory.
func lowImpact() error {
	const backgroundBegin = 0x00100000 // PROCESS_MODE_BACKGROUND_BEGIN
	if windows.SetPriorityClass(windows.CurrentProcess(), backgroundBegin) == nil {
		return nil
	}
	return windows.SetPriorityClass(windows.CurrentProcess(), windows.IDLE_PRIORITY_CLASS)
}
