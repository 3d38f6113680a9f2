package receive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"

	"spor/upload"
)

const (
	uploadsDir = ".uploads"
	logName    = "receive.log.jsonl"
)

// ErrLocked is returned for a store that another server has open.
var ErrLocked = errors.New("another receiver uses this store")

// A record is what is kept of an upload for ever, as .uploads/<id>.json.
type record struct {
	ID      string         `json:"id"`
	Case    string         `json:"case"`
	Name    string         `json:"name"`
	Size    int64          `json:"size"`
	SHA256  string         `json:"sha256"` // as announced
	Token   string         `json:"token"`  // id of the one that created it
	Created time.Time      `json:"created"`
	State   state          `json:"state"`
	Receipt upload.Receipt `json:"receipt,omitzero"` // once received or bad
}

type state string

const (
	coming   state = "coming"
	reading  state = "reading" // whole, and being read again; on disk it is still coming
	received state = "received"
	bad      state = "bad"
)

func (r record) final() string   { return path.Join(r.Case, r.Name) }
func (r record) part() string    { return r.final() + ".part" }
func (r record) bad() string     { return r.final() + ".bad" }
func (r record) receipt() string { return r.final() + ".receipt.json" }
func (r record) file() string    { return path.Join(uploadsDir, r.ID+".json") }

// reserved are the endings the store itself gives to names.
var reserved = []string{".part", ".bad", ".receipt.json"}

// uploadID says which upload something is: the same file for the same case is the same upload.
func uploadID(caseID string, o upload.Object) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{caseID, o.Name, strconv.FormatInt(o.Size, 10), o.SHA256}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// store is the data store below tusd.
type store struct {
	root   *os.Root
	lock   *os.File
	audit  *os.File
	locks  *locks
	name   string // of the receiver
	limits Limits
	log    *slog.Logger
	ctx    context.Context // of the server: reading again ends with it
	hashes chan struct{}   // one for each file being read again
	idle   sync.WaitGroup  // bodies being written, files being read again

	mu     sync.Mutex
	closed bool
	byID   map[string]*entry
}

// An entry is a record in use; the store's mutex guards it.
type entry struct {
	record
	settled chan struct{} // closed when it is no longer reading
}

func openStore(ctx context.Context, opts Options) (s *store, err error) {
	root, err := openRoot(opts.Store)
	if err != nil {
		return nil, err
	}
	s = &store{
		root: root, locks: newLocks(), name: opts.Name, limits: opts.Limits, log: opts.Log, ctx: ctx,
		hashes: make(chan struct{}, 2), byID: map[string]*entry{},
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *store) open() (err error) {
	if s.lock, err = s.root.OpenFile(".lock", os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := lock(s.lock); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if s.audit, err = openLog(s.root); err != nil {
		return err
	}
	if err := makeDir(s.root, uploadsDir); err != nil {
		return err
	}
	return s.recover()
}

func (s *store) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.idle.Wait()
	var errs []error
	for _, f := range []*os.File{s.audit, s.lock} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(append(errs, s.root.Close())...)
}

// busy counts one more user of the store; false means that it is closed.
func (s *store) busy() bool {
	if !s.closed {
		s.idle.Add(1)
	}
	return !s.closed
}

// recover reads the records, and begins to read again what was whole when the last server ended.
func (s *store) recover() error {
	entries, err := fs.ReadDir(s.root.FS(), uploadsDir)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	swept := map[string]bool{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tmpPrefix) {
			_ = s.root.Remove(path.Join(uploadsDir, e.Name())) // if it stays it does no harm
			continue
		}
		rec, err := s.load(e.Name())
		if err != nil {
			s.log.Warn("record ignored", "file", path.Join(uploadsDir, e.Name()), "err", err)
			continue
		}
		if !swept[rec.Case] {
			swept[rec.Case] = true
			s.sweep(rec.Case)
		}
		s.byID[rec.ID] = &entry{record: rec}
		s.resume(s.byID[rec.ID])
	}
	return nil
}

// sweep removes what a kill left half written in a case's folder.
func (s *store) sweep(dir string) {
	entries, _ := fs.ReadDir(s.root.FS(), dir) // none where it is gone
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tmpPrefix) {
			_ = s.root.Remove(path.Join(dir, e.Name())) // if it stays it does no harm
		}
	}
}

func (s *store) load(name string) (record, error) {
	var rec record
	b, err := readSmall(s.root, path.Join(uploadsDir, name))
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal(b, &rec); err != nil {
		return rec, err
	}
	o := upload.Object{Name: rec.Name, Size: rec.Size, SHA256: rec.SHA256}
	if err := errors.Join(CheckCase(rec.Case), checkObject(o)); err != nil {
		return rec, err
	}
	if rec.ID != uploadID(rec.Case, o) || name != rec.ID+".json" {
		return rec, errors.New("the record is for another upload")
	}
	return rec, nil
}

func (s *store) save(rec record) error {
	b, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(s.root, rec.file(), b)
}

// resume begins to read an upload again if it is whole. The mutex is held.
func (s *store) resume(e *entry) {
	if e.State != coming {
		return
	}
	size, ok, err := s.stands(e)
	if err != nil {
		s.log.Warn("upload cannot be read", "case", e.Case, "name", e.Name, "err", err)
	}
	if err != nil || !ok || size < e.Size || !s.busy() {
		return
	}
	e.State, e.settled = reading, make(chan struct{})
	go func() {
		defer s.idle.Done()
		s.verify(e)
	}()
}

var errUnknown = errors.New("no such upload")

// wait gives the record of an upload of a case, once it is not being read any more, or as it is when ctx ends.
func (s *store) wait(ctx context.Context, id, caseID string) (record, error) {
	s.mu.Lock()
	e := s.byID[id]
	if e == nil || e.Case != caseID {
		s.mu.Unlock()
		return record{}, errUnknown
	}
	s.resume(e) // where an earlier attempt at reading failed
	settled := e.settled
	rec := e.record
	s.mu.Unlock()
	if rec.State != reading {
		return rec, nil
	}
	select {
	case <-ctx.Done():
	case <-s.ctx.Done():
	case <-settled:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.record, nil
}

func refuse(status int, code, format string, args ...any) error {
	return handler.NewError(code, fmt.Sprintf(format, args...), status)
}

func checkObject(o upload.Object) error {
	if err := upload.CheckName(o.Name); err != nil {
		return err
	}
	for _, end := range reserved {
		if strings.HasSuffix(strings.ToLower(o.Name), end) {
			return fmt.Errorf("%w names that end in %s", upload.ErrRefused, end)
		}
	}
	if b, err := hex.DecodeString(o.SHA256); err != nil || len(b) != sha256.Size || strings.ToLower(o.SHA256) != o.SHA256 || o.Size < 0 {
		return fmt.Errorf("%w an upload without its size and SHA-256 (metadata filename, sha256 in lower-case hex)", upload.ErrRefused)
	}
	return nil
}

// announced is the record of what a request wants to create.
func announced(ctx context.Context, info handler.FileInfo) (record, error) {
	token := tokenOf(ctx)
	if c := info.MetaData["case"]; c != "" && c != token.Case || CheckCase(token.Case) != nil {
		return record{}, refuse(http.StatusForbidden, "ERR_CASE", "the token is for another case")
	}
	o := upload.Object{Name: info.MetaData["filename"], Size: info.Size, SHA256: info.MetaData["sha256"]}
	if err := checkObject(o); err != nil {
		return record{}, refuse(http.StatusBadRequest, "ERR_METADATA", "%v", err)
	}
	return record{
		ID: uploadID(token.Case, o), Case: token.Case, Name: o.Name, Size: o.Size, SHA256: o.SHA256,
		Token: token.ID, Created: time.Now().UTC(), State: coming,
	}, nil
}

// NewUpload creates an upload, or gives the one there is.
func (s *store) NewUpload(ctx context.Context, info handler.FileInfo) (handler.Upload, error) {
	rec, err := announced(ctx, info)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byID[rec.ID]; e != nil {
		if at, ok, err := s.stands(e); err != nil || ok {
			if err == nil {
				err = s.diskRoom(rec.Size - at)
			}
			return s.file(e, at), err
		}
	}
	if adopted, err := s.adopt(rec); err != nil || adopted != nil {
		return adopted, err
	}
	if err := s.room(rec); err != nil {
		return nil, err
	}
	if err := s.create(rec); err != nil {
		return nil, err
	}
	e := &entry{record: rec}
	s.byID[rec.ID] = e
	return s.file(e, 0), nil
}

// create makes record and file, in this order: a file without its record would be nobody's.
func (s *store) create(rec record) error {
	if err := makeDir(s.root, rec.Case); err != nil {
		return err
	}
	if _, ok, err := sizeOf(s.root, rec.part()); err != nil {
		return err
	} else if ok { // of an upload whose record is gone
		if err := s.root.Rename(rec.part(), rec.bad()); err != nil {
			return err
		}
	}
	if err := s.save(rec); err != nil {
		return err
	}
	f, err := s.root.OpenFile(rec.part(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), syncDir(s.root, rec.Case))
}

// stands says how much of an upload is there; not ok: its file is gone or bad, and it is to be created anew. The
// mutex is held.
func (s *store) stands(e *entry) (size int64, ok bool, err error) {
	switch e.State {
	case reading:
		return e.Size, true, nil
	case received:
		size, ok, err = sizeOf(s.root, e.final())
		return size, ok && size == e.Size, err
	case coming:
		if size, ok, err = sizeOf(s.root, e.part()); err == nil && !ok {
			size, ok, err = s.unsettled(e.record)
		}
		return min(size, e.Size), ok, err
	default:
		return 0, false, nil
	}
}

// unsettled is the size of a file that has its final name and no receipt yet: what happened between the two was a kill,
// or a full disk.
func (s *store) unsettled(rec record) (size int64, ok bool, err error) {
	if _, ok, err := sizeOf(s.root, rec.receipt()); ok || err != nil {
		return 0, false, err
	}
	size, ok, err = sizeOf(s.root, rec.final())
	return size, ok && size == rec.Size, err
}

// adopt finds a file that was received under a record that is gone. Another file of that name is a conflict.
func (s *store) adopt(rec record) (handler.Upload, error) {
	conflict := refuse(http.StatusConflict, "ERR_NAME_TAKEN", "the case has another file %s", rec.Name)
	for _, e := range s.byID {
		if e.Case != rec.Case || e.ID == rec.ID || !strings.EqualFold(e.Name, rec.Name) {
			continue
		}
		if _, ok, err := s.stands(e); err != nil || ok {
			return nil, errors.Join(conflict, err)
		}
	}
	size, ok, err := sizeOf(s.root, rec.final())
	if err != nil || !ok {
		return nil, err
	}
	b, err := readSmall(s.root, rec.receipt())
	if err != nil || json.Unmarshal(b, &rec.Receipt) != nil || size != rec.Size || rec.Receipt.SHA256 != rec.SHA256 {
		return nil, conflict
	}
	rec.State = received
	if err := s.save(rec); err != nil {
		return nil, err
	}
	s.byID[rec.ID] = &entry{record: rec}
	return s.file(s.byID[rec.ID], size), nil
}

// room tells whether an upload may be created.
func (s *store) room(rec record) error {
	files, total := 1, rec.Size
	for _, e := range s.byID {
		if e.Case != rec.Case || e.ID == rec.ID {
			continue
		}
		if s.takesRoom(e) {
			files++
			total += min(e.Size, 1<<62-total) // stays far from overflow
		}
	}
	if files > s.limits.MaxFiles {
		return refuse(http.StatusRequestEntityTooLarge, "ERR_QUOTA", "the case has %d files, which is all it may have", files-1)
	}
	if s.limits.MaxCase > 0 && (total > s.limits.MaxCase || total < rec.Size) {
		return refuse(http.StatusRequestEntityTooLarge, "ERR_QUOTA", "the case may have %d bytes, and would have %d", s.limits.MaxCase, total)
	}
	need := rec.Size
	for _, e := range s.byID { // what was promised to others
		if at, ok, err := s.stands(e); err == nil && ok && e.State == coming {
			need += min(e.Size-at, 1<<62-need)
		}
	}
	return s.diskRoom(need)
}

// takesRoom tells uploads whose file is there, whole or not, good or bad. What the desk took away counts no more.
func (s *store) takesRoom(e *entry) bool {
	_, ok, err := s.stands(e)
	if e.State == bad {
		_, ok, err = sizeOf(s.root, e.bad())
	}
	return ok && err == nil
}

func (s *store) diskRoom(need int64) error {
	if s.limits.MinFree < 0 {
		return nil
	}
	avail, err := free(s.lock)
	if err != nil {
		return err
	}
	if need > avail || avail-need < s.limits.MinFree {
		return refuse(http.StatusInsufficientStorage, "ERR_DISK", "the receiver's disk has no room for %d bytes", need)
	}
	return nil
}

// GetUpload finds an upload of the token's case.
func (s *store) GetUpload(ctx context.Context, id string) (handler.Upload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[id]
	if e == nil || e.Case != tokenOf(ctx).Case {
		return nil, handler.ErrNotFound
	}
	at, ok, err := s.stands(e)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, handler.ErrNotFound // to be created anew
	}
	return s.file(e, at), nil
}

// A file is one upload during one request.
type file struct {
	s      *store
	e      *entry
	rec    record // as the request found it
	offset int64
}

func (s *store) file(e *entry, offset int64) *file {
	return &file{s: s, e: e, rec: e.record, offset: offset}
}

// GetInfo says how far it is.
func (u *file) GetInfo(context.Context) (handler.FileInfo, error) {
	return handler.FileInfo{ID: u.rec.ID, Size: u.rec.Size, Offset: u.offset}, nil
}

// GetReader gives nothing: tokens only write.
func (u *file) GetReader(context.Context) (io.ReadCloser, error) {
	return nil, handler.ErrNotImplemented
}

// FinishUpload begins to read again what is whole; the receipt tells what came of it.
func (u *file) FinishUpload(context.Context) error {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	u.s.resume(u.e)
	return nil
}

// WriteChunk appends what comes, for as long as it comes fast enough, and syncs it. src ends without an error where
// the connection broke.
func (u *file) WriteChunk(_ context.Context, offset int64, src io.Reader) (int64, error) {
	u.s.mu.Lock()
	ok := u.e.State == coming && u.s.busy()
	u.s.mu.Unlock()
	if !ok {
		return 0, handler.ErrServerShutdown
	}
	defer u.s.idle.Done()
	u.s.locks.reading(u.rec.ID)
	f, err := u.s.root.OpenFile(u.rec.part(), os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	n, err := u.write(f, offset, src)
	err = errors.Join(err, f.Sync(), f.Close())
	if full(err) {
		err = refuse(http.StatusInsufficientStorage, "ERR_DISK", "the receiver's disk is full")
	}
	return n, err
}

func (u *file) write(f *os.File, offset int64, src io.Reader) (total int64, err error) {
	if end, err := f.Seek(0, io.SeekEnd); err != nil || end != offset {
		return 0, errors.Join(handler.ErrMismatchOffset, err)
	}
	buf := make([]byte, 256<<10)
	began, sinceBegan, checked := time.Now(), int64(0), int64(0)
	for {
		n, err := src.Read(buf)
		if _, werr := f.Write(buf[:n]); werr != nil {
			return total, werr
		}
		total += int64(n)
		sinceBegan += int64(n)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		if took := time.Since(began); took >= time.Minute {
			if float64(sinceBegan) < took.Seconds()*float64(u.s.limits.MinRate) {
				return total, refuse(http.StatusRequestTimeout, "ERR_TOO_SLOW", "less than %d bytes per second", u.s.limits.MinRate)
			}
			began, sinceBegan = time.Now(), 0
		}
		if total-checked >= 64<<20 {
			checked = total
			if err := u.s.diskRoom(0); err != nil {
				return total, err
			}
		}
	}
}
