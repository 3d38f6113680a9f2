package incident

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// A Problem is one field that makes no sense.
type Problem struct {
	Field string // "systems[0].addresses[1]"; empty: the form as a whole
	Kind  string // what is wrong: a key of the texts
	Value string // what stands there
}

// Error says it in English, with the field as it is spelled in the form.
func (p *Problem) Error() string {
	if p.Field == "" {
		return p.Words("en")
	}
	return p.Field + ": " + p.Words("en")
}

// In says it in a language ("is", "nb", "en"), with the field as that language names it.
func (p *Problem) In(lang string) string {
	if p.Field == "" {
		return p.Words(lang)
	}
	return Label(lang, p.Field) + " (" + p.Field + "): " + p.Words(lang)
}

// Words say in a language what is wrong, without the field: for who has just been asked for it.
func (p *Problem) Words(lang string) string {
	return strings.ReplaceAll(problemTexts(lang).get(p.Kind), "{}", p.Value)
}

// Problems are those that an error of Read or Check holds.
func Problems(err error) (all []*Problem) {
	switch e := err.(type) { //nolint:errorlint // each of the joined is asked in turn
	case nil:
	case *Problem:
		return []*Problem{e}
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			all = append(all, Problems(one)...)
		}
	default:
		return Problems(errors.Unwrap(err))
	}
	return all
}

// Check says which fields make no sense; all of them, joined.
func (in *Incident) Check() error {
	var errs []error
	bad := func(field, kind, value string) { errs = append(errs, &Problem{field, kind, value}) }
	check(reflect.ValueOf(*in), "", bad)
	c := in.Contact
	if c.Email != "" && !isMail(c.Email) {
		bad("contact.email", "mail", c.Email)
	}
	if c.Email == "" && c.Phone == "" && !in.unwritten() {
		bad("contact", "unreachable", "")
	}
	if c.Constituent == Yes || c.Critical == Yes {
		if c.Name == "" {
			bad("contact.name", "needed", "")
		}
		if c.Organisation == "" {
			bad("contact.organisation", "needed", "")
		}
	}
	if in.Extent.Workstations < 0 {
		bad("extent.workstations", "negative", strconv.Itoa(in.Extent.Workstations))
	}
	if in.Extent.Servers < 0 {
		bad("extent.servers", "negative", strconv.Itoa(in.Extent.Servers))
	}
	for i, s := range in.Systems {
		for j, a := range s.Addresses {
			if !isAddress(a) {
				bad(fmt.Sprintf("systems[%d].addresses[%d]", i, j), "address", a)
			}
		}
	}
	for i, m := range in.Measures {
		if strings.TrimSpace(m.Text) == "" {
			bad(fmt.Sprintf("measures[%d].text", i), "empty", "")
		}
	}
	return errors.Join(errs...)
}

// unwritten tells that no person wrote anything: there is only what the machine knows, or nothing.
func (in *Incident) unwritten() bool {
	rest := *in
	rest.Machine, rest.TLP, rest.Zone = Machine{}, "", ""
	return reflect.DeepEqual(rest, Incident{})
}

// valuer is a type of which not every text is a value.
type valuer interface{ problem() string }

// check asks every value of the form whether it is one.
func check(v reflect.Value, path string, bad func(field, kind, value string)) {
	if one, ok := v.Interface().(valuer); ok {
		if kind := one.problem(); kind != "" {
			bad(path, kind, v.String())
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			check(v.Field(i), strings.TrimPrefix(path+"."+fieldName(v.Type().Field(i)), "."), bad)
		}
	case reflect.Slice:
		for i := range v.Len() {
			check(v.Index(i), fmt.Sprintf("%s[%d]", path, i), bad)
		}
	}
}

// fieldName is how a field is spelled in the form.
func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func isMail(s string) bool {
	at := strings.LastIndex(s, "@")
	return at >= 1 && at < len(s)-1 && !strings.ContainsAny(s, " \t\n<>")
}

func isAddress(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	_, err := netip.ParsePrefix(s)
	return err == nil
}

var index = regexp.MustCompile(`\[\d+\]`)

// Label is what a language calls a field of the form: "systems[0].addresses[1]" is "IP addresses". A field without a name of its own
// has its group's.
func Label(lang, field string) string {
	names := labels(lang)
	for field = index.ReplaceAllString(field, ""); field != ""; field, _ = splitLast(field) {
		if name := names.get(field); name != "" {
			return name
		}
	}
	return field
}

func splitLast(field string) (before, last string) {
	i := strings.LastIndexByte(field, '.')
	if i < 0 {
		return "", field
	}
	return field[:i], field[i+1:]
}
