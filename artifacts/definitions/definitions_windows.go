package definitions

import (
	"archive/zip"
	_ "embed"
	"io/fs"
	"strings"
)

// packed is the folder windows, compressed: a seventh of its size. A test holds it to the folder and writes it anew
// (go test ./artifacts/definitions -run Packed -update).
//
//go:embed windows.zip
var packed string

// FS is described at the package.
var FS = unpack()

func unpack() fs.FS {
	z, err := zip.NewReader(strings.NewReader(packed), int64(len(packed)))
	if err != nil {
		panic(err) // the program was built from a broken archive
	}
	return z
}
