// Package packed is the list of the ways of compression, beside gzip, that rotated logs are found in. Each is bounded in
// memory, whatever a file says of itself.
package packed

import (
	"compress/bzip2"
	"io"

	"github.com/klauspost/compress/zstd"

	"spor/timeline"
)

// maxWindow bounds how much of what came out before a file may refer to: what the tools' strongest levels ask for, in bytes.
const maxWindow = 64 << 20

// All gives the packings.
func All() []*timeline.Packing {
	return []*timeline.Packing{
		{Name: "xz", Magic: xzMagic, Suffixes: []string{".xz"}, Open: func(r io.Reader) (io.Reader, error) { return newXZ(r), nil }},
		{Name: "zstd", Magic: "\x28\xb5\x2f\xfd", Suffixes: []string{".zst", ".zstd"}, Open: openZstd},
		{Name: "bzip2", Magic: "BZh", Suffixes: []string{".bz2"}, Open: func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	}
}

// openZstd reads the frames of RFC 8878.
func openZstd(r io.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
}
