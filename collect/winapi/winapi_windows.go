package winapi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	ntdll    = windows.NewLazySystemDLL("ntdll.dll")
	advapi32 = windows.NewLazySystemDLL("advapi32.dll")

	procAdjustTokenPrivileges = advapi32.NewProc("AdjustTokenPrivileges")
	procWineGetVersion        = ntdll.NewProc("wine_get_version")
)

// Call calls p, and says so where this system has no such function, where Proc.Call would panic. The error is that
// alone: last is what GetLastError said, which means something only as the function's documentation says. What pointers
// among the arguments point to is kept, and on no stack, which might move meanwhile.
//
//go:uintptrescapes
func Call(p *windows.LazyProc, args ...uintptr) (r uintptr, last windows.Errno, err error) {
	if err := p.Find(); err != nil {
		return 0, 0, fmt.Errorf("%s: %w (%w)", p.Name, errors.ErrUnsupported, err)
	}
	r, _, e := p.Call(args...)
	last, _ = e.(windows.Errno)
	return r, last, nil
}

// Held gives the pointer it is given, to what then is on no stack: stacks move. It is for arguments that are put together
// before they are passed to Call; who does so keeps what they point to alive until then.
//
//go:uintptrescapes
func Held(p uintptr) uintptr { return p }

// UTF16 gives WTF-8 as the NUL-terminated UTF-16 that calls take.
func UTF16(s string) (*uint16, error) {
	u := append(Encode(s), 0)
	if slices.Contains(u[:len(u)-1], 0) {
		return nil, fmt.Errorf("%w: a NUL within", fs.ErrInvalid)
	}
	return &u[0], nil
}

// EnablePrivilege switches on a privilege that the process's token holds. AdjustTokenPrivileges succeeds without doing
// so where it does not: that is windows.ERROR_NOT_ALL_ASSIGNED here.
func EnablePrivilege(name string) error {
	var token windows.Token
	if err := windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_QUERY|windows.TOKEN_ADJUST_PRIVILEGES, &token); err != nil {
		return fmt.Errorf("own token: %w", err)
	}
	defer token.Close()
	text, err := UTF16(name)
	if err != nil {
		return err
	}
	want := windows.Tokenprivileges{PrivilegeCount: 1}
	want.Privileges[0].Attributes = windows.SE_PRIVILEGE_ENABLED
	if err := windows.LookupPrivilegeValue(nil, text, &want.Privileges[0].Luid); err != nil {
		return err
	}
	r, last, err := Call(procAdjustTokenPrivileges, uintptr(token), 0, uintptr(unsafe.Pointer(&want)), 0, 0, 0)
	runtime.KeepAlive(&want)
	switch {
	case err != nil:
		return err
	case r == 0 || last != 0:
		return last
	}
	return nil
}

// Text gives the text of a counted string, or empty where there is none.
func Text(s windows.NTUnicodeString) string {
	if s.Buffer == nil {
		return ""
	}
	return Decode(unsafe.Slice(s.Buffer, s.Length/2))
}

// Wine is the version of wine we run on, or empty on Windows.
func Wine() string {
	r, _, err := Call(procWineGetVersion)
	if err != nil || r == 0 {
		return ""
	}
	return windows.BytePtrToString(*(**byte)(unsafe.Pointer(&r))) // a static string
}

var (
	accountsMu   sync.Mutex
	accounts     = map[string]string{}
	accountsHung int
)

// How long the name of a SID is waited for, and how often in vain.
const (
	accountPatience = 3 * time.Second
	maxAccountsHung = 4
)

// Account is the name of a SID, `DOMAIN\name`, or empty where nobody knows it. The system may ask a domain's controller,
// which may be far away or gone: so the answer is kept, and after some that did not come in time nobody is asked any more.
func Account(sid *windows.SID) string {
	if sid == nil {
		return ""
	}
	text := sid.String()
	accountsMu.Lock()
	defer accountsMu.Unlock()
	if name, ok := accounts[text]; ok {
		return name
	}
	if accountsHung == maxAccountsHung {
		return ""
	}
	var asked string
	err := Within(context.Background(), accountPatience, func() {
		name, domain, _, err := sid.LookupAccount("")
		if err == nil && domain != "" {
			name = domain + `\` + name
		}
		if err == nil {
			asked = name
		}
	})
	name := ""
	if err == nil { // else asked may still be written to
		name = asked
	} else {
		accountsHung++
	}
	accounts[text] = name
	return name
}
