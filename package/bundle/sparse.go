package bundle

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"spor/artifacts"
)

// Bounds of what is believed of a sparse file.
const (
	maxRuns   = 1 << 20
	maxSparse = math.MaxInt64 / 2
)

// sparseMap gives the map that GNU's sparse format 1.0 stores before the runs: their number, then offset and length of
// each, as decimal numbers on lines of their own, filled up with zero bytes to a whole block. As GNU tar does, a file that
// ends in a hole gets an empty run at its end.
func sparseMap(runs []artifacts.Extent, size int64) []byte {
	if n := len(runs); n == 0 || runs[n-1].Offset+runs[n-1].Length < size {
		runs = append(runs[:n:n], artifacts.Extent{Offset: size})
	}
	b := append(strconv.AppendInt(nil, int64(len(runs)), 10), '\n')
	for _, r := range runs {
		b = append(strconv.AppendInt(b, r.Offset, 10), '\n')
		b = append(strconv.AppendInt(b, r.Length, 10), '\n')
	}
	return append(b, noBytes[:(block-len(b)%block)%block]...)
}

// readSparseMap reads such a map, and what fills its last block.
func readSparseMap(r *bufio.Reader, size int64) ([]artifacts.Extent, error) {
	read := 0
	next := func() (int64, error) {
		line, err := r.ReadSlice('\n')
		if read += len(line); err != nil {
			return 0, fmt.Errorf("map of a sparse file: %w", err)
		}
		n, err := strconv.ParseInt(string(line[:len(line)-1]), 10, 64)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("map of a sparse file: %q", line)
		}
		return n, nil
	}
	count, err := next()
	if err == nil && count > maxRuns {
		err = fmt.Errorf("sparse file with %d runs", count)
	}
	var runs []artifacts.Extent
	for end := int64(0); err == nil && int64(len(runs)) < count; {
		var run artifacts.Extent
		if run.Offset, err = next(); err != nil {
			break
		}
		if run.Length, err = next(); err != nil {
			break
		}
		if run.Offset < end || run.Length > size-run.Offset {
			return nil, fmt.Errorf("sparse file of %d bytes: a run of %d at %d", size, run.Length, run.Offset)
		}
		runs, end = append(runs, run), run.Offset+run.Length
	}
	if err == nil {
		_, err = r.Discard((block - read%block) % block)
	}
	return runs, err
}

// A holed file can be written at any place, and be cut or made longer.
type holed interface {
	io.WriterAt
	Truncate(size int64) error
}

// restore makes a sparse file out of what an archive stores of it, of which less may be there than the map says.
func restore(to holed, stored io.Reader, size int64) error {
	if size > maxSparse {
		return fmt.Errorf("sparse file of %d bytes", size)
	}
	r := bufio.NewReaderSize(stored, 64<<10)
	runs, err := readSparseMap(r, size)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if _, err := io.CopyN(io.NewOffsetWriter(to, run.Offset), r, run.Length); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	return to.Truncate(size)
}
