package definitions

import (
	"compress/bzip2"
	_ "embed"
	"strings"

	"spor/artifacts/schema"
)

// packed is all of the folder windows as one file, compressed to an eighth. A test holds it to the folder and writes it
// anew: go test ./artifacts/definitions -run Packed -update
//
//go:embed windows.yaml.bz2
var packed string

// Load is described at the package.
func Load() (*schema.Set, error) {
	return schema.Of("windows.yaml", bzip2.NewReader(strings.NewReader(packed)))
}
