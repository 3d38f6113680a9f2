package wmi

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/collect/winapi/com"
)

// Bounds of one question.
const (
	maxRows       = 50_000
	maxProperties = 1000
	limit         = 20 * time.Second
)

var (
	classLocator = windows.GUID{Data1: 0x4590f811, Data2: 0x1d3a, Data3: 0x11d0, Data4: [8]byte{0x89, 0x1f, 0, 0xaa, 0, 0x4b, 0x2e, 0x24}}
	idLocator    = windows.GUID{Data1: 0xdc12a687, Data2: 0x737f, Data3: 0x11cf, Data4: [8]byte{0x88, 0x4d, 0, 0xaa, 0, 0x4b, 0x2e, 0x24}}
)

// Methods by their numbers (wbemcli.h).
const (
	connectServer = 3  // IWbemLocator
	getObject     = 6  // IWbemServices
	execQuery     = 20 //
	next          = 4  // IEnumWbemClassObject
	begin, nextOf = 8, 9
)

// Select gives all objects of a class, and of those derived from it, in a namespace such as `root\cimv2`. A namespace or
// class that is not there is fs.ErrNotExist. Rows that were read before an error are given with it, but for
// com.ErrTime, which leaves nothing.
func Select(ctx context.Context, namespace, class string) ([]Row, error) {
	var rows []Row
	err := com.Do(ctx, limit, func(ctx context.Context) (err error) {
		rows, err = ask(ctx, namespace, class)
		return err
	})
	if err == nil {
		return rows, nil
	}
	err = fmt.Errorf(`WMI %s:%s: %w`, namespace, class, err)
	if errors.Is(err, com.ErrTime) || ctx.Err() != nil {
		return nil, err // the thread that was left behind may still write to rows
	}
	return rows, err
}

func ask(ctx context.Context, namespace, class string) ([]Row, error) {
	locator, err := com.Create(&classLocator, &idLocator)
	if err != nil {
		return nil, err
	}
	defer locator.Release()
	where, name := com.NewString(namespace), com.NewString(class)
	defer where.Free()
	defer name.Free()
	const maxWait = 0x80 // WBEM_FLAG_CONNECT_USE_MAX_WAIT: two minutes at most, of which we wait for less
	services, err := locator.Object(connectServer, where.Arg(), 0, 0, 0, maxWait, 0, 0)
	if err != nil {
		return nil, err
	}
	defer services.Release()
	services.Encrypted()
	// A query about a class that is not there may be answered with nothing.
	var definition *com.Object
	if err := services.Call(getObject, name.Arg(), 0, 0, uintptr(unsafe.Pointer(&definition)), 0); err != nil {
		return nil, err
	}
	definition.Release()
	language, query := com.NewString("WQL"), com.NewString("SELECT * FROM "+class)
	defer language.Free()
	defer query.Free()
	const atOnceForward = 0x10 | 0x20 // WBEM_FLAG_RETURN_IMMEDIATELY, WBEM_FLAG_FORWARD_ONLY
	list, err := services.Object(execQuery, language.Arg(), query.Arg(), atOnceForward, 0)
	if err != nil {
		return nil, err
	}
	defer list.Release()
	list.Encrypted()
	return fetch(ctx, list)
}

// Next waits so long for one object. That there is none yet is no error; nor is it that there are no more.
const (
	notYet = 0x40004 // WBEM_S_TIMEDOUT
	second = 1000    // ms
	one    = 1
)

func fetch(ctx context.Context, list *com.Object) ([]Row, error) {
	var rows []Row
	for {
		if ctx.Err() != nil {
			return rows, context.Cause(ctx)
		}
		var object *com.Object
		var got uint32
		switch r := list.Status(next, second, one, uintptr(unsafe.Pointer(&object)), uintptr(unsafe.Pointer(&got))); {
		case int32(r) < 0:
			return rows, com.Error(r)
		case r == notYet && object == nil:
			continue
		case object == nil:
			return rows, nil
		}
		row, err := read(object)
		object.Release()
		if err != nil {
			return rows, err
		}
		if rows = append(rows, row); len(rows) == maxRows {
			return rows, fmt.Errorf("more than %d objects", maxRows)
		}
	}
}

func read(object *com.Object) (Row, error) {
	if err := object.Call(begin, 0); err != nil {
		return nil, err
	}
	row := Row{}
	for range maxProperties {
		var name *uint16
		var value com.Variant
		if object.Status(nextOf, 0, uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&value)), 0, 0) != 0 {
			break
		}
		s := com.OwnedString(name)
		if v := value.Value(); v != nil {
			row[strings.ToLower(s)] = v
		}
		value.Clear()
		runtime.KeepAlive(&value)
	}
	return row, nil
}
