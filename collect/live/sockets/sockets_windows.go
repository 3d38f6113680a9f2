package sockets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

var (
	iphlpapi                = windows.NewLazySystemDLL("iphlpapi.dll")
	procGetExtendedTCPTable = iphlpapi.NewProc("GetExtendedTcpTable")
	procGetExtendedUDPTable = iphlpapi.NewProc("GetExtendedUdpTable")
	procTCPOwner            = iphlpapi.NewProc("GetOwnerModuleFromTcpEntry")
	procTCP6Owner           = iphlpapi.NewProc("GetOwnerModuleFromTcp6Entry")
	procUDPOwner            = iphlpapi.NewProc("GetOwnerModuleFromUdpEntry")
	procUDP6Owner           = iphlpapi.NewProc("GetOwnerModuleFromUdp6Entry")
)

// maxTable bounds one table, in bytes: some 400,000 connections.
const maxTable = 64 << 20

// A table is one of the four, with two classes to ask for it: with the module and the time, and with the process alone.
type table struct {
	proc          *windows.LazyProc
	family        uint32
	module, owner class
	service       *windows.LazyProc // names the service within a process that has several
}

type class struct {
	number uint32
	layout layout
}

var tables = []table{
	{procGetExtendedTCPTable, windows.AF_INET, class{8, tcp4Module}, class{5, tcp4Owner}, procTCPOwner}, // TCP_TABLE_OWNER_MODULE_ALL, …_PID_ALL
	{procGetExtendedTCPTable, windows.AF_INET6, class{8, tcp6Module}, class{5, tcp6Owner}, procTCP6Owner},
	{procGetExtendedUDPTable, windows.AF_INET, class{2, udp4Module}, class{1, udp4Owner}, procUDPOwner}, // UDP_TABLE_OWNER_MODULE, …_PID
	{procGetExtendedUDPTable, windows.AF_INET6, class{2, udp6Module}, class{1, udp6Owner}, procUDP6Owner},
}

func collect(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
	var sockets []Socket
	failed := 0
	for _, t := range tables {
		rows, err := t.read()
		if err != nil && rows == nil {
			failed++
		}
		if err != nil {
			rec.Note(artifacts.Outcome{Status: winapi.Status(err), Reason: err.Error()})
		}
		sockets = append(sockets, rows...)
	}
	if failed == len(tables) {
		return errors.New("no table of sockets could be read")
	}
	for _, family := range []string{"tcp", "udp"} {
		if failed == 0 && !slices.ContainsFunc(sockets, func(s Socket) bool { return strings.HasPrefix(s.Protocol, family) }) {
			rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: "no " + family + " socket is listed: every running Windows has some"})
		}
	}
	names := map[int]string{}
	processes, err := winapi.Processes() // after the sockets: a process that starts meanwhile only adds a name
	if err != nil {
		rec.Note(artifacts.Outcome{Status: winapi.Status(err), Reason: fmt.Sprintf("names of the owners: %v", err)})
	}
	for _, p := range processes {
		names[p.PID] = p.Name
	}
	orphans := 0
	for _, s := range sockets {
		if len(s.Owners) == 0 && s.State != "TIME_WAIT" { // there it is as it should be
			orphans++
		}
		for i := range s.Owners {
			s.Owners[i].Name = names[s.Owners[i].PID]
		}
		if err := errors.Join(ctx.Err(), rec.Record(s)); err != nil {
			return err
		}
	}
	if orphans > 0 {
		rec.Note(artifacts.Outcome{
			Status: artifacts.Failed, Reason: fmt.Sprintf("no owning process for %d of %d sockets: the system says 0", orphans, len(sockets)),
		})
	}
	return nil
}

// read asks for the times too, and where the system does not give them for the owners alone.
func (t table) read() ([]Socket, error) {
	b, err := t.get(t.module)
	if err == nil {
		rows, err := t.module.layout.rows(b)
		for i := range rows {
			if row, tagged := t.module.layout.tagged(b, i); tagged && len(rows[i].Owners) == 1 {
				rows[i].Owners[0].Unit = t.unit(row)
			}
		}
		return rows, err
	}
	b, errOwner := t.get(t.owner)
	if errOwner != nil {
		return nil, fmt.Errorf("%s sockets: %w", t.owner.layout.protocol, errors.Join(err, errOwner))
	}
	rows, errRows := t.owner.layout.rows(b)
	return rows, errors.Join(fmt.Errorf("%s sockets: when they were made: %w", t.owner.layout.protocol, err), errRows)
}

// unit asks which service a row belongs to. Where the system does not say, services.jsonl tells which run in the process.
func (t table) unit(row []byte) string {
	const basic = 0             // TCPIP_OWNER_MODULE_INFO_BASIC
	buf := make([]uint64, 4096) // TCPIP_OWNER_MODULE_BASIC_INFO: pointers to two strings, which lie behind them
	n := uint32(8 * len(buf))
	r, _, err := winapi.Call(t.service, uintptr(unsafe.Pointer(&row[0])), basic, uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&n)))
	if err != nil || r != 0 {
		return ""
	}
	at := *(*uintptr)(unsafe.Pointer(&buf[0])) - uintptr(unsafe.Pointer(&buf[0]))
	whole := unsafe.Slice((*byte)(unsafe.Pointer(&buf[0])), 8*len(buf))
	if at >= uintptr(len(whole)) {
		return ""
	}
	return winapi.DecodeBytes(whole[at:])
}

func (t table) get(c class) ([]byte, error) {
	size := uint32(64 << 10)
	for range 8 { // it may grow while we ask
		buf := make([]uint64, size/8+1)
		n := uint32(len(buf) * 8)
		r, _, err := winapi.Call(t.proc, uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&n)), 0, uintptr(t.family), uintptr(c.number), 0)
		if err != nil {
			return nil, err
		}
		errno := windows.Errno(r)
		if errno == 0 {
			return unsafe.Slice((*byte)(unsafe.Pointer(&buf[0])), len(buf)*8), nil
		}
		if errno != windows.ERROR_INSUFFICIENT_BUFFER {
			return nil, errno
		}
		if size = max(n, size) * 2; size > maxTable {
			return nil, fmt.Errorf("table of more than %d bytes", maxTable)
		}
	}
	return nil, errors.New("the table grew faster than it could be read")
}
