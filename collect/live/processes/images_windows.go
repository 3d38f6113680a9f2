package processes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/winapi"
)

// maxImage bounds how much of one executable is read, in bytes.
const maxImage = 1 << 30

// images are the executables that were read, by path in lower case: each is read once.
type images map[string]image

type image struct {
	sha256   string
	size     int64
	modified time.Time
	gone     bool
	err      error
}

// describe fills in what the file says that a process was started from.
func (m images) describe(ctx context.Context, files artifacts.Files, p *Process) {
	path := string(p.Exe)
	if path == "" {
		return
	}
	if !winapi.HasDrive(path) && !strings.HasPrefix(path, `\\`) {
		p.ExeError = "has no file: a process of the kernel"
		return
	}
	key := strings.ToLower(path)
	i, known := m[key]
	if !known {
		i = read(ctx, files, p.Exe)
		m[key] = i
	}
	p.ExeSHA256, p.ExeSize, p.ExeModified, p.ExeDeleted = i.sha256, i.size, i.modified, i.gone
	if i.err != nil {
		p.ExeError = i.err.Error()
	}
}

// read hashes the file that now has the name: Windows lets a running executable be renamed, and another take its place.
func read(ctx context.Context, files artifacts.Files, p artifacts.Path) image {
	f, err := files.Open(p)
	if err != nil {
		return image{err: err, gone: errors.Is(err, fs.ErrNotExist)}
	}
	defer f.Close()
	s, err := f.Stat()
	if err != nil {
		return image{err: err}
	}
	i := image{size: s.Size, modified: s.Times.Modified}
	if s.Size > maxImage {
		i.err = fmt.Errorf("%d bytes: not hashed", s.Size)
		return i
	}
	sum, buf := sha256.New(), make([]byte, 256<<10)
	if _, err := io.CopyBuffer(sum, reader{ctx, io.LimitReader(f, maxImage)}, buf); err != nil {
		i.err = err
		return i
	}
	i.sha256 = hex.EncodeToString(sum.Sum(nil))
	return i
}

// A reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// gaps gathers what processes did not tell, so that one outcome says it of all of them.
type gaps map[gap][]int

type gap struct {
	what   string
	status artifacts.Status
	reason string
}

func (g gaps) add(what string, err error, pid int) {
	k := gap{what, winapi.Status(err), err.Error()}
	g[k] = append(g[k], pid)
}

func (g gaps) note(rec artifacts.Recorder, total int) {
	for _, k := range g.ranked() {
		pids := g[k]
		shown := pids[:min(len(pids), 20)]
		list := strings.Trim(strings.ReplaceAll(fmt.Sprint(shown), " ", ", "), "[]")
		if len(shown) < len(pids) {
			list += ", …"
		}
		rec.Note(artifacts.Outcome{
			Status: k.status,
			Reason: fmt.Sprintf("%s of %d of %d processes: %s (%s)", k.what, len(pids), total, k.reason, list),
		})
	}
}

// ranked gives the gaps in an order that does not change from run to run.
func (g gaps) ranked() []gap {
	keys := make([]gap, 0, len(g))
	for k := range g {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b gap) int {
		return strings.Compare(a.what+a.reason, b.what+b.reason)
	})
	return keys
}
