package definitions

import "embed"

// FS is described at the package.
//
//go:embed windows/*.yaml
var FS embed.FS
