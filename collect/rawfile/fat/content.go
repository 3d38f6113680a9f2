package fat

import (
	"io"
	"slices"

	"spor/artifacts"
)

// content is the bytes of a file.
type content struct {
	v     *Volume
	size  int64
	valid int64 // what was written; zeros follow (exFAT)
	runs  []run
	cut   error // why the runs do not cover it all
}

// Size implements tree.Content.
func (c *content) Size() int64 { return c.size }

// covered is how many bytes the runs have.
func (c *content) covered() int64 {
	if k := len(c.runs) - 1; k >= 0 {
		return c.runs[k].from + c.runs[k].length
	}
	return 0
}

// ReadAt implements io.ReaderAt.
func (c *content) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 || at >= c.size {
		return 0, io.EOF
	}
	end := error(nil)
	if int64(len(p)) > c.size-at {
		p, end = p[:c.size-at], io.EOF
	}
	for n < len(p) {
		m, err := c.piece(p[n:], at+int64(n))
		if n += m; err != nil {
			return n, err
		}
	}
	return n, end
}

// piece reads up to the end of the run that a place lies in.
func (c *content) piece(p []byte, at int64) (int, error) {
	if at >= c.valid {
		clear(p)
		return len(p), nil
	}
	i, _ := slices.BinarySearchFunc(c.runs, at, func(r run, at int64) int {
		if r.from+r.length <= at {
			return -1
		}
		return 1
	})
	if i == len(c.runs) {
		if c.cut != nil {
			return 0, c.cut
		}
		return 0, damaged("%d bytes, of which the chain has %d", c.size, c.covered())
	}
	r := c.runs[i]
	n := min(int64(len(p)), r.from+r.length-at, c.valid-at)
	return int(n), c.v.readAt(p[:n], r.at+at-r.from)
}

// Extents implements tree.Content: files here have no holes, but for what of exFAT was not written.
func (c *content) Extents(int) ([]artifacts.Extent, bool, error) {
	if c.valid == 0 {
		return nil, true, nil
	}
	return []artifacts.Extent{{Length: min(c.valid, c.size)}}, true, nil
}
