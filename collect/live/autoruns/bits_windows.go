package autoruns

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
	"spor/collect/winapi/com"
)

// BITS by its interfaces and their methods (bits.h, bits1_5.h).
var (
	classManager = windows.GUID{Data1: 0x4991d34b, Data2: 0x80a1, Data3: 0x4291, Data4: [8]byte{0x83, 0xb6, 0x33, 0x28, 0x36, 0x6b, 0x90, 0x97}}
	idManager    = windows.GUID{Data1: 0x5ce34c0d, Data2: 0x0dc9, Data3: 0x4c1f, Data4: [8]byte{0x89, 0x7c, 0xda, 0xa1, 0xb7, 0x8c, 0xee, 0x7c}}
	idJob2       = windows.GUID{Data1: 0x54b50739, Data2: 0x686f, Data3: 0x45eb, Data4: [8]byte{0x9d, 0xff, 0xd6, 0xa9, 0xa0, 0xfa, 0xa9, 0xaf}}
)

const (
	enumJobs       = 5 // IBackgroundCopyManager
	next           = 3 // of both enumerations
	enumFiles      = 5 // IBackgroundCopyJob
	getID          = 10
	getTimes       = 13
	getState       = 14
	getOwner       = 16
	getDisplayName = 18
	getDescription = 20
	getCommand     = 36 // IBackgroundCopyJob2
	getRemoteName  = 3  // IBackgroundCopyFile
	getLocalName   = 4
)

const (
	maxJobs   = 10_000
	maxFiles  = 100 // of one job
	bitsLimit = 20 * time.Second
)

// bits asks the service for the transfers of all users. One that does not run is left so: to ask would start it, and the
// file of its queue is collected.
func bits(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) []Entry {
	if !h.Live {
		return nil
	}
	if state, err := serviceState("BITS"); err != nil || state != windows.SERVICE_RUNNING {
		o := artifacts.Outcome{Status: artifacts.Skipped, Reason: "BITS: the service does not run, and asking would start it; its queue is collected as a file (qmgr)"}
		if err != nil {
			o.Status, o.Reason = winapi.Status(err), fmt.Sprintf("BITS: state of the service: %v", err)
		}
		rec.Note(o)
		return nil
	}
	var all []Entry
	err := com.Do(ctx, bitsLimit, func(context.Context) (err error) {
		all, err = jobs()
		return err
	})
	if err != nil {
		winapi.Say(rec, "", winapi.Status(err), fmt.Sprintf("BITS: %v; its queue is collected as a file (qmgr)", err))
		return nil
	}
	if len(all) == 0 {
		winapi.Say(rec, "", artifacts.Absent, "BITS: the service runs and has no transfer of any user")
	}
	return all
}

func serviceState(name string) (uint32, error) {
	text, err := winapi.UTF16(name)
	if err != nil {
		return 0, err
	}
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return 0, err
	}
	defer windows.CloseServiceHandle(manager)
	service, err := windows.OpenService(manager, text, windows.SERVICE_QUERY_STATUS)
	if err != nil {
		return 0, err
	}
	defer windows.CloseServiceHandle(service)
	var s windows.SERVICE_STATUS
	err = windows.QueryServiceStatus(service, &s)
	return s.CurrentState, err
}

func jobs() ([]Entry, error) {
	manager, err := com.Create(&classManager, &idManager)
	if err != nil {
		return nil, err
	}
	defer manager.Release()
	const allUsers = 1
	list, err := manager.Object(enumJobs, allUsers)
	if err != nil { // only administrators see those of others
		if list, err = manager.Object(enumJobs, 0); err != nil {
			return nil, err
		}
	}
	defer list.Release()
	var all []Entry
	for range maxJobs {
		job, err := following(list)
		if err != nil || job == nil {
			return all, err
		}
		all = append(all, describe(job))
		job.Release()
	}
	return all, nil
}

// following is the next object of an enumeration; nil at its end.
func following(list *com.Object) (*com.Object, error) {
	var o *com.Object
	var got uint32
	err := list.Call(next, 1, uintptr(unsafe.Pointer(&o)), uintptr(unsafe.Pointer(&got)))
	return o, err
}

var states = []string{"queued", "connecting", "transferring", "suspended", "error", "transient_error", "transferred", "acknowledged", "cancelled"}

func describe(job *com.Object) Entry {
	e := Entry{Kind: "bits-job"}
	fail := func(what string, err error) {
		if err != nil {
			e.Errors = append(e.Errors, what+": "+err.Error())
		}
	}
	var err error
	e.Name, err = job.WideText(getDisplayName)
	fail("name", err)
	e.Details, err = job.WideText(getDescription)
	fail("description", err)
	var id windows.GUID
	if job.Call(getID, uintptr(unsafe.Pointer(&id))) == nil {
		e.Details = strings.TrimSpace(id.String() + " " + e.Details)
	}
	owner, err := job.WideText(getOwner)
	fail("owner", err)
	if err == nil {
		e.User = owner
	}
	if sid, err := windows.StringToSid(owner); err == nil {
		if name := winapi.Account(sid); name != "" {
			e.User = name
		}
	}
	state, err := job.Number(getState)
	fail("state", err)
	if err == nil && state >= 0 && int(state) < len(states) {
		e.State = states[state]
	}
	var times [3]int64 // created, modified, completed
	if err = job.Call(getTimes, uintptr(unsafe.Pointer(&times))); err == nil {
		e.Created, e.Modified, e.Finished = winapi.Time(times[0]), winapi.Time(times[1]), winapi.Time(times[2])
	}
	fail("times", err)
	e.Command, err = command(job)
	fail("command", err)
	fail("files", e.transfers(job))
	return e
}

// command is what runs when the transfer is done or fails: how BITS is made to persist (T1197).
func command(job *com.Object) (string, error) {
	job2, err := job.As(&idJob2)
	if err != nil {
		return "", err
	}
	defer job2.Release()
	var program, parameters *uint16
	if err := job2.Call(getCommand, uintptr(unsafe.Pointer(&program)), uintptr(unsafe.Pointer(&parameters))); err != nil {
		return "", err
	}
	defer windows.CoTaskMemFree(unsafe.Pointer(program))
	defer windows.CoTaskMemFree(unsafe.Pointer(parameters))
	p, a := windows.UTF16PtrToString(program), windows.UTF16PtrToString(parameters)
	if p != "" && !strings.HasPrefix(a, p) && !strings.HasPrefix(a, `"`+p) {
		a = strings.TrimSpace(`"` + p + `" ` + a)
	}
	return a, nil
}

func (e *Entry) transfers(job *com.Object) error {
	list, err := job.Object(enumFiles)
	if err != nil {
		return err
	}
	defer list.Release()
	for range maxFiles {
		file, err := following(list)
		if err != nil || file == nil {
			return err
		}
		remote, err := file.WideText(getRemoteName)
		if err == nil {
			var local string
			local, err = file.WideText(getLocalName)
			e.Remote, e.Local = append(e.Remote, remote), append(e.Local, local)
		}
		file.Release()
		if err != nil {
			return err
		}
	}
	runtime.KeepAlive(job)
	return fmt.Errorf("more than %d", maxFiles)
}
