package identity

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

var (
	netapi32                    = windows.NewLazySystemDLL("netapi32.dll")
	procNetLocalGroupEnum       = netapi32.NewProc("NetLocalGroupEnum")
	procNetLocalGroupGetMembers = netapi32.NewProc("NetLocalGroupGetMembers")
)

const (
	maxListed = 100_000 // a domain controller has all of its domain
	listSize  = 1 << 20 // bytes asked for at once
	rounds    = 10_000
)

// userInfo is USER_INFO_3 (lmaccess.h). The password is never given.
type userInfo struct {
	Name, Password                                 *uint16
	PasswordAge, Privilege                         uint32 // seconds; 2 is an administrator
	Home, Comment                                  *uint16
	Flags                                          uint32
	Script                                         *uint16
	AuthFlags                                      uint32
	FullName, UserComment, Parms, Workstations     *uint16
	LastLogon, LastLogoff, Expires, Storage, Units uint32 // seconds since 1970 UTC
	LogonHours                                     *byte
	BadPasswords, Logons                           uint32
	LogonServer                                    *uint16
	Country, CodePage, ID, PrimaryGroup            uint32
	Profile, HomeDrive                             *uint16
	PasswordExpired                                uint32
}

// users gives the accounts of the machine's own directory, and those that have a profile here and come from another.
func (a asker) users(groups []Group) []Account {
	known := map[string]*Account{}
	var all []*Account
	err := enumerate(func(buf **byte, read, total *uint32, resume *uintptr) (uintptr, error) {
		err := windows.NetUserEnum(nil, 3, 0, buf, listSize, read, total, (*uint32)(unsafe.Pointer(resume)))
		return errno(err)
	}, func(u *userInfo) {
		account := localAccount(u, a.h.Clock.Now)
		all, known[account.ID] = append(all, &account), &account
	})
	if err == nil && len(all) == 0 {
		err = errNone
	}
	if err != nil {
		a.fail("accounts", err)
	}
	for _, u := range a.h.Users {
		if k := known[u.ID]; k != nil {
			k.Home = u.Home
			continue
		}
		account := Account{User: u, Source: "profile list"}
		all, known[u.ID] = append(all, &account), &account
	}
	for _, g := range groups {
		for _, member := range g.Members {
			if k := known[memberSID(member)]; k != nil {
				k.Groups = append(k.Groups, g.Name)
				k.Admin = k.Admin || g.ID == administrators
			}
		}
	}
	list := make([]Account, len(all))
	for i, account := range all {
		list[i] = *account
	}
	return list
}

const administrators = "S-1-5-32-544"

func localAccount(u *userInfo, now time.Time) Account {
	const disabled = 0x2 // UF_ACCOUNTDISABLE
	off := u.Flags&disabled != 0
	account := Account{
		User:     artifacts.User{Name: windows.UTF16PtrToString(u.Name)},
		FullName: windows.UTF16PtrToString(u.FullName), Comment: windows.UTF16PtrToString(u.Comment),
		Admin: u.Privilege == 2, Disabled: &off, Source: "sam",
		PassSet: now.Add(-time.Duration(u.PasswordAge) * time.Second).UTC().Truncate(time.Second),
	}
	if u.LastLogon != 0 {
		account.LastLogon = time.Unix(int64(u.LastLogon), 0).UTC()
	}
	if sid, _, _, err := windows.LookupSID("", account.Name); err == nil {
		account.ID = sid.String()
	}
	return account
}

// groups gives the local groups with their members, each as "SID name", the name where somebody knows it.
func (a asker) groups() []Group {
	var all []Group
	err := enumerate(func(buf **byte, read, total *uint32, resume *uintptr) (uintptr, error) {
		r, _, err := winapi.Call(procNetLocalGroupEnum, 0, 1, uintptr(unsafe.Pointer(buf)), listSize,
			uintptr(unsafe.Pointer(read)), uintptr(unsafe.Pointer(total)), uintptr(unsafe.Pointer(resume)))
		return r, err
	}, func(g *struct{ Name, Comment *uint16 }) { // LOCALGROUP_INFO_1
		group := Group{Name: windows.UTF16PtrToString(g.Name), Comment: windows.UTF16PtrToString(g.Comment)}
		if sid, _, _, err := windows.LookupSID("", group.Name); err == nil {
			group.ID = sid.String()
		}
		var err error
		if group.Members, err = members(g.Name); err != nil {
			a.fail("members of "+group.Name, err)
		}
		all = append(all, group)
	})
	if err == nil && len(all) == 0 {
		err = errNone
	}
	if err != nil {
		a.fail("groups", err)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Name < all[j].Name }) // less code than a generic one
	return all
}

func members(group *uint16) ([]string, error) {
	var all []string
	err := enumerate(func(buf **byte, read, total *uint32, resume *uintptr) (uintptr, error) {
		r, _, err := winapi.Call(procNetLocalGroupGetMembers, 0, uintptr(unsafe.Pointer(group)), 0, uintptr(unsafe.Pointer(buf)), listSize,
			uintptr(unsafe.Pointer(read)), uintptr(unsafe.Pointer(total)), uintptr(unsafe.Pointer(resume)))
		return r, err
	}, func(m *struct{ SID *windows.SID }) { // LOCALGROUP_MEMBERS_INFO_0
		if m.SID != nil {
			all = append(all, strings.TrimSpace(m.SID.String()+" "+winapi.Account(m.SID)))
		}
	})
	return all, err
}

// memberSID is the first half of what members gives.
func memberSID(member string) string {
	sid, _, _ := strings.Cut(member, " ")
	return sid
}

// enumerate calls one of the NetXxxEnum functions until it has given all, and add for every record. The resume handle is
// a DWORD_PTR for groups and their members, and a DWORD for users.
func enumerate[T any](call func(buf **byte, read, total *uint32, resume *uintptr) (uintptr, error), add func(*T)) error {
	var resume uintptr
	count := 0
	for range rounds {
		var buf *byte
		var read, total uint32
		r, err := call(&buf, &read, &total, &resume)
		if err != nil {
			return err
		}
		more := windows.Errno(r) == windows.ERROR_MORE_DATA
		if r != 0 && !more {
			return windows.Errno(r)
		}
		if buf == nil {
			break
		}
		records := unsafe.Slice((*T)(unsafe.Pointer(buf)), read)
		for i := range records {
			add(&records[i])
		}
		_ = windows.NetApiBufferFree(buf)
		if count += int(read); count > maxListed {
			return fmt.Errorf("more than %d: the rest was not read", maxListed)
		}
		if !more || read == 0 {
			break
		}
	}
	return nil
}

var errNone = errors.New("none is listed, which cannot be")

// errno takes apart what package windows has put together.
func errno(err error) (uintptr, error) {
	if n, ok := errors.AsType[windows.Errno](err); ok {
		return uintptr(n), nil
	}
	return 0, err
}
