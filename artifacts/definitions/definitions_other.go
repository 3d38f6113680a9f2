//go:build !windows

package definitions

import "embed"

// FS is described at the package.
//
//go:embed linux/*.yaml windows/*.yaml
var FS embed.FS
