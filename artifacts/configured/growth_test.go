package configured_test

import (
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/artifacts/configured"
)

// TestGrowth holds that a file of configuration whose variables are made to grow names no place longer than a path, and
// costs no memory.
func TestGrowth(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for _, c := range []struct{ product, file, text string }{
		{"apache", "/etc/apache2/apache2.conf", "Define a " + long + "\nCustomLog /" + strings.Repeat("$a", 300_000) + "\n"},
		{"tomcat", "/opt/" + long + "/conf/server.xml", `<Host appBase="` + strings.Repeat("${catalina.base}", 50_000) + `">`},
	} {
		p := configured.Products[slices.IndexFunc(configured.Products, func(p configured.Product) bool { return p.Name == c.product })]
		s := &configured.Scope{File: artifacts.Path(c.file), Vars: map[string]string{}}
		for place := range p.Parse(s, c.text) {
			if len(place.Pattern) > 5<<20 {
				t.Errorf("%s: a %s of %d bytes", c.product, place.Kind, len(place.Pattern))
			}
		}
	}
}
