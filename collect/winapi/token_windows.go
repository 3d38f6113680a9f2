package winapi

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A Token is what a process's token says of it.
type Token struct {
	SID       string
	User      string // DOMAIN\name
	Integrity string
	Elevated  bool
}

// ProcessToken reads the token of a process, for a handle with PROCESS_QUERY_LIMITED_INFORMATION.
func ProcessToken(process windows.Handle) (Token, error) {
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err != nil {
		return Token{}, err
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return Token{}, fmt.Errorf("user: %w", err)
	}
	t := Token{SID: user.User.Sid.String(), User: Account(user.User.Sid)}
	var elevated, n uint32
	if err := windows.GetTokenInformation(token, windows.TokenElevation, (*byte)(unsafe.Pointer(&elevated)), 4, &n); err != nil {
		return t, fmt.Errorf("elevation: %w", err)
	}
	t.Elevated = elevated != 0
	var label [32]uint64 // SID_AND_ATTRIBUTES and the SID it points to
	if err := windows.GetTokenInformation(token, windows.TokenIntegrityLevel, (*byte)(unsafe.Pointer(&label)), uint32(unsafe.Sizeof(label)), &n); err != nil {
		return t, fmt.Errorf("integrity: %w", err)
	}
	if sid := (*windows.Tokenmandatorylabel)(unsafe.Pointer(&label)).Label.Sid; sid != nil && sid.SubAuthorityCount() > 0 {
		t.Integrity = IntegrityName(sid.SubAuthority(uint32(sid.SubAuthorityCount()) - 1))
	}
	runtime.KeepAlive(&label)
	return t, nil
}
