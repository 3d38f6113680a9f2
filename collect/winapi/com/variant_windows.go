package com

import (
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/collect/winapi"
)

// A Variant is a VARIANT (oaidl.h): 24 bytes on 64-bit systems, 16 on others.
type Variant struct {
	kind  uint16
	_     [3]uint16
	value [2]uintptr
}

// Types of a Variant (wtypes.h).
const (
	kindInt16   = 2
	kindInt32   = 3
	kindFloat   = 5
	kindDate    = 7
	kindText    = 8
	kindObject  = 9
	kindBool    = 11
	kindUnknown = 13
	kindInt8    = 16
	kindUint8   = 17
	kindUint16  = 18
	kindUint32  = 19
	kindInt64   = 20
	kindUint64  = 21
	kindInt     = 22
	kindUint    = 23
	kindArray   = 0x2000
)

var empty Variant

// Empty are the words of n empty variants that a method takes by value: 64-bit systems pass the address of each, which
// is that of a variable no stack holds, others the words themselves.
func Empty(n int) []uintptr {
	if unsafe.Sizeof(uintptr(0)) == 4 {
		return make([]uintptr, 4*n)
	}
	words := make([]uintptr, n)
	for i := range words {
		words[i] = uintptr(unsafe.Pointer(&empty))
	}
	return words
}

// Clear frees what the variant holds.
func (v *Variant) Clear() {
	_, _, _ = winapi.Call(procVariantClear, uintptr(unsafe.Pointer(v)))
}

// object is what a variant that holds an object points to; nil for others.
func (v *Variant) object() *Object {
	if v.kind != kindObject && v.kind != kindUnknown {
		return nil
	}
	return *(**Object)(unsafe.Pointer(&v.value))
}

// Value is what the variant holds: string, bool, int64, float64, []string, []int64, []byte. Nil stands for nothing, and
// for what is none of these.
func (v *Variant) Value() any {
	if v.kind&kindArray != 0 {
		return array(*(**safeArray)(unsafe.Pointer(&v.value)), v.kind&^kindArray)
	}
	return scalar(v.kind, unsafe.Pointer(&v.value))
}

func scalar(kind uint16, p unsafe.Pointer) any {
	switch kind {
	case kindText:
		return text(*(**uint16)(p))
	case kindBool:
		return *(*int16)(p) != 0
	case kindInt8:
		return int64(*(*int8)(p))
	case kindUint8:
		return int64(*(*uint8)(p))
	case kindInt16:
		return int64(*(*int16)(p))
	case kindUint16:
		return int64(*(*uint16)(p))
	case kindInt32, kindInt:
		return int64(*(*int32)(p))
	case kindUint32, kindUint:
		return int64(*(*uint32)(p))
	case kindInt64, kindUint64:
		return *(*int64)(p)
	case kindFloat, kindDate:
		return *(*float64)(p)
	}
	return nil
}

// safeArray is SAFEARRAY (oaidl.h) with one dimension.
type safeArray struct {
	Dimensions, Features uint16
	Size, Locks          uint32 // of an element, bytes
	Data                 unsafe.Pointer
	Count                uint32
	Low                  int32
}

// maxElements bounds what is read of an array.
const maxElements = 100_000

func array(a *safeArray, kind uint16) any {
	if a == nil || a.Dimensions != 1 || a.Data == nil {
		return nil
	}
	n := int(min(a.Count, maxElements))
	var texts []string
	var numbers []int64
	for i := range n {
		p := unsafe.Add(a.Data, uintptr(i)*uintptr(a.Size))
		switch v := scalar(kind, p).(type) {
		case string:
			texts = append(texts, v)
		case int64:
			numbers = append(numbers, v)
		}
	}
	switch {
	case texts != nil:
		return texts
	case kind == kindUint8:
		b := make([]byte, len(numbers))
		for i, v := range numbers {
			b[i] = byte(v)
		}
		return b
	case numbers != nil:
		return numbers
	}
	return nil
}

var idEnumVariant = windows.GUID{Data1: 0x00020404, Data4: [8]byte{0xc0, 0, 0, 0, 0, 0, 0, 0x46}}

// Each calls f with every object of a collection, whose method newEnum is its _NewEnum, until f returns an error, at most
// most of them. The object is given back after f.
func (o *Object) Each(newEnum, most int, f func(*Object) error) error {
	unknown, err := o.Object(newEnum)
	if err != nil {
		return err
	}
	defer unknown.Release()
	list, err := unknown.As(&idEnumVariant)
	if err != nil {
		return err
	}
	defer list.Release()
	const next = 3
	for range most {
		var v Variant
		var got uint32
		if err := list.Call(next, 1, uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&got))); err != nil {
			return err
		}
		if got == 0 {
			return nil
		}
		var err error
		if item := v.object(); item != nil {
			err = f(item)
		}
		v.Clear()
		if err != nil {
			return err
		}
	}
	return nil
}
