//go:build !windows

package definitions

import (
	"embed"

	"spor/artifacts/schema"
)

// FS holds the definitions, a folder for each system.
//
//go:embed linux/*.yaml windows/*.yaml
var FS embed.FS

// Load is described at the package.
func Load() (*schema.Set, error) { return schema.Load(FS) }
