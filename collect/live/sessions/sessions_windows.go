package sessions

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

var (
	secur32                           = windows.NewLazySystemDLL("secur32.dll")
	procLsaEnumerate                  = secur32.NewProc("LsaEnumerateLogonSessions")
	procLsaGetLogonSessionData        = secur32.NewProc("LsaGetLogonSessionData")
	procLsaFreeReturnBuffer           = secur32.NewProc("LsaFreeReturnBuffer")
	errNoSession                      = errors.New("none is listed, but we run in one")
	maxSessions                uint32 = 65536
)

// collect asks the terminal services who sits where, and the LSA who has logged on in any way.
func collect(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
	failures := 0
	for _, source := range []struct {
		name string
		take func(context.Context, artifacts.Recorder) error
	}{{"terminal sessions", terminals}, {"logon sessions", logons}} {
		err := source.take(ctx, rec)
		if over, ok := errors.AsType[runOver](err); ok {
			return over.error
		}
		if err != nil {
			failures++
			rec.Note(artifacts.Outcome{Status: winapi.Status(err), Reason: fmt.Sprintf("%s: %v", source.name, err)})
		}
	}
	if failures == 2 {
		return errors.New("nothing tells who is logged on")
	}
	return nil
}

// runOver is an error that is not about the evidence.
type runOver struct{ error }

func record(ctx context.Context, rec artifacts.Recorder, s Session) error {
	if err := errors.Join(ctx.Err(), rec.Record(s)); err != nil {
		return runOver{err}
	}
	return nil
}

// terminals records the sessions of the terminal services, those without a user too.
func terminals(ctx context.Context, rec artifacts.Recorder) error {
	var list *windows.WTS_SESSION_INFO
	var count uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &list, &count); err != nil {
		return err
	}
	if count == 0 || list == nil {
		return errNoSession
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(list)))
	for _, info := range unsafe.Slice(list, min(count, maxSessions)) {
		s := Session{
			Source: "wts", ID: strconv.FormatUint(uint64(info.SessionID), 10), State: wtsState(info.State),
			Terminal: windows.UTF16PtrToString(info.WindowStationName),
		}
		describe(info.SessionID, &s, rec)
		if err := record(ctx, rec, s); err != nil {
			return err
		}
	}
	return nil
}

// Classes of WTSQuerySessionInformation (wtsapi32.h, WTS_INFO_CLASS).
const (
	classClientName    = 10
	classClientAddress = 14
	classProtocol      = 16
	classInfo          = 24
)

// describe fills in what a session tells, and notes what it does not.
func describe(id uint32, s *Session, rec artifacts.Recorder) {
	for _, q := range []struct {
		what  string
		class uint32
		read  func([]byte) error
	}{
		{"information", classInfo, func(b []byte) error { return parseInfo(b, s) }},
		{"protocol", classProtocol, func(b []byte) error {
			if len(b) < 2 {
				return fmt.Errorf("%d bytes", len(b))
			}
			remote := b[0] != 0 || b[1] != 0 // 0 is the console, 2 RDP
			s.Remote = &remote
			return nil
		}},
		{"client name", classClientName, func(b []byte) error {
			s.Host = winapi.DecodeBytes(b)
			return nil
		}},
		{"client address", classClientAddress, func(b []byte) (err error) {
			s.Address, err = parseAddress(b)
			return err
		}},
	} {
		b, err := winapi.SessionInformation(id, q.class)
		if err == nil {
			err = q.read(b)
		}
		if err != nil {
			rec.Note(artifacts.Outcome{Status: winapi.Status(err), Reason: fmt.Sprintf("session %d: %s: %v", id, q.what, err)})
		}
	}
}

// logonData is SECURITY_LOGON_SESSION_DATA (ntsecapi.h), as far as it is read.
type logonData struct {
	Size                   uint32
	ID                     windows.LUID
	User, Domain, Package  windows.NTUnicodeString
	Type, Session          uint32
	SID                    *windows.SID
	Time                   int64
	Server, DNSDomain, UPN windows.NTUnicodeString
}

// logons records the logon sessions of the LSA: over the network and of services too.
func logons(ctx context.Context, rec artifacts.Recorder) error {
	var count uint32
	var list *windows.LUID
	r, _, err := winapi.Call(procLsaEnumerate, uintptr(unsafe.Pointer(&count)), uintptr(unsafe.Pointer(&list)))
	if err != nil {
		return err
	}
	if status := windows.NTStatus(r); status != 0 {
		return status
	}
	if count == 0 || list == nil {
		return errNoSession
	}
	defer free(unsafe.Pointer(list))
	for _, id := range unsafe.Slice(list, min(count, maxSessions)) {
		s, err := logon(id)
		if err != nil {
			rec.Note(artifacts.Outcome{Status: winapi.Status(err), Reason: fmt.Sprintf("logon session %s: %v", logonID(id), err)})
			continue
		}
		if err := record(ctx, rec, s); err != nil {
			return err
		}
	}
	return nil
}

func logon(id windows.LUID) (Session, error) {
	var d *logonData
	r, _, err := winapi.Call(procLsaGetLogonSessionData, uintptr(unsafe.Pointer(&id)), uintptr(unsafe.Pointer(&d)))
	if err != nil {
		return Session{}, err
	}
	if status := windows.NTStatus(r); status != 0 {
		return Session{}, status
	}
	if d == nil {
		return Session{}, errors.New("empty answer")
	}
	defer free(unsafe.Pointer(d))
	remote := d.Type == 3 || d.Type == 8 || d.Type == 10 || d.Type == 12
	s := Session{
		Source: "lsa", ID: logonID(id), Type: logonType(d.Type), User: winapi.Text(d.User), Domain: winapi.Text(d.Domain),
		Service: winapi.Text(d.Package), Remote: &remote, Login: winapi.Time(d.Time),
		Terminal: "session " + strconv.FormatUint(uint64(d.Session), 10),
	}
	if d.SID != nil {
		s.UserID = d.SID.String()
	}
	return s, nil
}

func free(p unsafe.Pointer) { _, _, _ = winapi.Call(procLsaFreeReturnBuffer, uintptr(p)) }

// logonID spells a logon id as the Security event log does.
func logonID(id windows.LUID) string {
	return fmt.Sprintf("0x%x", uint64(uint32(id.HighPart))<<32|uint64(id.LowPart))
}
