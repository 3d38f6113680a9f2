// Package wmi asks Windows Management Instrumentation for the objects of a class: IWbemLocator, IWbemServices and
// IWbemClassObject of wbemcli.h, called directly. Nothing is changed, and no script or program is run.
package wmi

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// A Row is one object's properties by name, in lower case: string, bool, int64, float64, []string, []int64 or []byte.
// Its class is "__class". What has no value is not there.
type Row map[string]any

// An Asker gives the objects of a class in a namespace: Select, or what a test makes up.
type Asker func(ctx context.Context, namespace, class string) ([]Row, error)

// Text is a property that is a string, or a number in decimal.
func (r Row) Text(name string) string {
	switch v := r[name].(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

// Number is a property that is a number, or a string that spells one: WMI gives numbers of 64 bits so.
func (r Row) Number(name string) (int64, bool) {
	switch v := r[name].(type) {
	case int64:
		return v, true
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n, true
		}
		n, err := strconv.ParseUint(v, 10, 64)
		return int64(n), err == nil
	}
	return 0, false
}

// Int is Number where zero stands for nothing as well.
func (r Row) Int(name string) int64 {
	n, _ := r.Number(name)
	return n
}

// Bool is a property that is true or false; nil where it is neither.
func (r Row) Bool(name string) *bool {
	if b, ok := r[name].(bool); ok {
		return &b
	}
	return nil
}

// Texts are the strings of a list.
func (r Row) Texts(name string) []string {
	list, _ := r[name].([]string)
	return list
}

// Bytes are the bytes of a list.
func (r Row) Bytes(name string) []byte {
	b, _ := r[name].([]byte)
	return b
}

// Time is a property that is a time as CIM writes it: "20261121134500.123456+060", the last number being minutes east of
// UTC. Stars stand for what is not known; such a time is none.
func (r Row) Time(name string) time.Time { return parseTime(r.Text(name)) }

func parseTime(s string) time.Time {
	const layout = "20060102150405.000000"
	if len(s) != len(layout)+4 || strings.Contains(s, "*") {
		return time.Time{}
	}
	t, err := time.Parse(layout, s[:len(layout)])
	minutes, err2 := strconv.Atoi(s[len(layout):])
	if err != nil || err2 != nil || t.Year() <= 1601 {
		return time.Time{}
	}
	return t.Add(-time.Duration(minutes) * time.Minute)
}
