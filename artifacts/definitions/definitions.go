// Package definitions says what lies where on Linux and Windows, as data in the ForensicArtifacts schema. Labels beside
// the schema's are the names of profiles, and required, secret and bulk of package artifacts.
//
// The places are those that the systems' and programs' own documentation names, checked against the public collections
// of ForensicArtifacts, UAC, KAPE and Velociraptor; the wording is ours.
//
// Load reads those of this build. The Windows program has those of Windows alone: it must stay small, and a disk of Linux
// is examined with the Linux program, which has both.
package definitions
