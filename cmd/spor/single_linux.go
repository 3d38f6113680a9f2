package main

import (
	"errors"
	"net"
	"syscall"
)

// onlyOne makes sure that no other run is active on this host, by a name in the abstract socket namespace: it leaves no
// file behind and is gone with the process. It is false where another run has it.
func onlyOne() (release func(), alone bool, err error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "@spor-collect", Net: "unix"})
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return func() { l.Close() }, true, nil
}
