// Package winapi reads what Win32 and NT calls return, and makes the few calls that more than one of the Windows
// sources needs. What is only bytes and numbers builds and is tested on every system.
package winapi

import "time"

// epoch is 1970-01-01 in FILETIME, which counts 100 ns since 1601-01-01 UTC.
const epoch = 116444736000000000

// Time turns a FILETIME into a time in UTC. Zero and what is beyond the year 9999 mean no time, and give the zero Time.
func Time(filetime int64) time.Time {
	const year10000 = 2650467744000000000
	if filetime <= 0 || filetime >= year10000 {
		return time.Time{}
	}
	t := filetime - epoch
	return time.Unix(t/1e7, t%1e7*100).UTC()
}
