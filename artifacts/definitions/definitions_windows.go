package definitions

import (
	"compress/gzip"
	_ "embed"
	"strings"

	"spor/artifacts/schema"
)

// packed is all of the folder windows as one file, compressed to a seventh. A test holds it to the folder and writes it
// anew: go test ./artifacts/definitions -run Packed -update
//
//go:embed windows.yaml.gz
var packed string

// Load is described at the package.
func Load() (*schema.Set, error) {
	r, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return schema.Of("windows.yaml", r)
}
