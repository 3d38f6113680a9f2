package processes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"spor/artifacts"
)

// maxImage is the largest executable that is hashed, in bytes.
const maxImage = 1 << 30

// deletedMark is what the kernel puts after the path of a name that is gone (d_path in fs/d_path.c). A file may also be
// called so.
const deletedMark = " (deleted)"

var (
	errRemote  = errors.New("lies on a network or FUSE file system: not read")
	errTooLong = fmt.Errorf("longer than %d bytes: not hashed", maxImage)
)

// images hashes each executable once, however many processes run it, and however they reach it.
type images struct {
	files artifacts.Files
	known map[fileID]image
	buf   []byte
}

type fileID struct{ device, inode uint64 }

// An image is the file a process was started from.
type image struct {
	path              artifacts.Path
	deleted, replaced bool
	sha256            string
	size              int64
	modified          time.Time
	err               error
}

// read describes the executable behind the magic link at open, which reads as link.
func (x *images) read(ctx context.Context, link, open artifacts.Path) image {
	out := image{path: link}
	name, marked := strings.CutSuffix(string(link), deletedMark)
	if x.remote(artifacts.Path(name)) {
		if marked {
			out.path, out.deleted = artifacts.Path(name), true
		}
		out.err = errRemote
		return out
	}
	f, err := x.files.Open(open)
	var st artifacts.Stat
	if err == nil {
		defer f.Close()
		st, err = f.Stat()
	}
	if marked && !x.is(link, st) {
		out.path, out.deleted = artifacts.Path(name), true
		_, err := x.files.Lstat(out.path)
		out.replaced = err == nil
	}
	if err != nil {
		out.err = err
		return out
	}
	sum := x.sum(ctx, f, st)
	out.sha256, out.err, out.size, out.modified = sum.sha256, sum.err, st.Size, st.Times.Modified
	return out
}

// is tells whether a name stands for the file that st describes.
func (x *images) is(p artifacts.Path, st artifacts.Stat) bool {
	at, err := x.files.Lstat(p)
	return err == nil && at.Inode == st.Inode && at.Device == st.Device
}

// remote tells whether a path lies on a file system whose answer may never come.
func (x *images) remote(p artifacts.Path) bool {
	for dir := path.Clean(string(p)); ; dir = path.Dir(dir) {
		if m, ok := x.files.Mount(artifacts.Path(dir)); ok {
			return m.Class == artifacts.Remote
		}
		if dir == "/" || dir == "." {
			return false
		}
	}
}

// sum hashes an open file, or remembers what it was when it was hashed before. A sum that failed is tried again for the
// next process.
func (x *images) sum(ctx context.Context, f io.Reader, st artifacts.Stat) image {
	id := fileID{st.Device, st.Inode}
	if done, ok := x.known[id]; ok && done.size == st.Size && done.modified.Equal(st.Times.Modified) {
		return done
	}
	out := image{size: st.Size, modified: st.Times.Modified}
	if st.Size > maxImage {
		out.err = errTooLong
		return out
	}
	if x.buf == nil {
		x.buf = make([]byte, 256<<10)
	}
	h := sha256.New()
	n, err := io.CopyBuffer(h, &stoppable{ctx, io.LimitReader(f, maxImage+1)}, x.buf)
	switch {
	case err != nil:
		out.err = err
	case n > maxImage:
		out.err = errTooLong
	default:
		out.sha256 = hex.EncodeToString(h.Sum(nil))
		x.known[id] = out
	}
	return out
}

// stoppable ends with its context.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.r.Read(p)
}
