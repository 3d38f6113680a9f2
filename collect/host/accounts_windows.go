package host

import (
	"strings"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/registry"
	"spor/collect/winapi"
)

// users gives the accounts that have a profile on this host, by the names the system has for them.
func users(h *artifacts.Host, note func(artifacts.Outcome)) []artifacts.User {
	return registry.Users(h, func(id string) string {
		sid, err := windows.StringToSid(id)
		if err != nil {
			return ""
		}
		account := winapi.Account(sid)
		return account[strings.LastIndexByte(account, '\\')+1:]
	}, note)
}
