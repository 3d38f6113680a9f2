// Package definitions says what lies where on Linux and Windows, as data in the ForensicArtifacts schema. Labels beside
// the schema's are the names of profiles, and required, secret and bulk of package artifacts.
//
// The places are those that the systems' and programs' own documentation names, checked against the public collections
// of ForensicArtifacts, UAC, KAPE and Velociraptor; the wording is ours.
package definitions

import "embed"

// FS holds the definitions of this build, one folder for each system. schema.Load reads it.
//
//go:embed linux/*.yaml windows/*.yaml
var FS embed.FS
