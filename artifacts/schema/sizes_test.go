package schema

import (
	"maps"
	"testing"

	"spor/artifacts"
)

// sized is a tree whose files have the size of their names.
type sized struct{ *fake }

func (s sized) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	st, err := s.fake.Lstat(p)
	st.Size = int64(len(p))
	return st, err
}

// TestSizing: what the walk has found has a size by collector, also after it was taken; what is only listed, and links, have none.
func TestSizing(t *testing.T) {
	h := linuxHost(newFake(artifacts.Linux, "/log/a", "/log/bcd", "/log/link -> a", "/etc/x"))
	h.Files = sized{newFake(artifacts.Linux, "/log/a", "/log/bcd", "/log/link -> a", "/etc/x")}
	p := NewPlan(definitions(t, `
name: Logs
doc: Logs.
sources:
- type: FILE
  attributes: {paths: ['/log/*']}
---
name: Other
doc: Other.
sources:
- type: FILE
  attributes: {paths: ['/etc/*', '/none']}
- type: PATH
  attributes: {paths: ['/log/*']}
`), h, Options{})
	var sizes func() map[string]int64
	rec := &recorder{}
	for _, c := range p.Collectors(p.All()) {
		if c.Name != "walk" && sizes == nil {
			sizes = p.Sizing()
		}
		rec.source = c.Name
		if err := c.Collect(t.Context(), h, rec); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]int64{"Logs": int64(len("/log/a") + len("/log/bcd")), "Other": int64(len("/etc/x"))}
	got := sizes()
	maps.DeleteFunc(got, func(_ string, size int64) bool { return size == 0 })
	if !maps.Equal(got, want) {
		t.Errorf("sizes %v, want %v", got, want)
	}
}
