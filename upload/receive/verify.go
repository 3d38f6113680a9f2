package receive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"spor/upload"
)

// verify reads a whole upload again from the file system, after syncing it, and settles what it is.
func (s *store) verify(e *entry) {
	rec := e.record // what is read here does not change while it is reading
	receipt, err := s.examine(rec)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(e.settled)
	if err == nil {
		rec.Receipt = receipt
		err = s.settle(&rec)
	}
	if err != nil {
		e.State = coming // asked for the receipt, or started again, it is read again
		if s.ctx.Err() == nil {
			s.log.Error("reading what was received", "case", rec.Case, "name", rec.Name, "err", err)
		}
		return
	}
	e.record = rec
}

// examine hashes the file, which has its final name only if a kill came between the rename and the receipt.
func (s *store) examine(rec record) (upload.Receipt, error) {
	select {
	case s.hashes <- struct{}{}:
		defer func() { <-s.hashes }()
	case <-s.ctx.Done():
		return upload.Receipt{}, s.ctx.Err()
	}
	name := rec.part()
	if _, ok, err := sizeOf(s.root, name); err == nil && !ok {
		name = rec.final()
	}
	f, err := s.root.OpenFile(name, os.O_RDWR, 0) // Windows syncs only what it may write
	if err != nil {
		return upload.Receipt{}, err
	}
	defer f.Close() // nothing is written, and Sync is asked below
	if err := f.Sync(); err != nil {
		return upload.Receipt{}, err
	}
	h := sha256.New()
	n, err := io.CopyBuffer(h, reader{s.ctx, f}, make([]byte, 256<<10))
	if err != nil {
		return upload.Receipt{}, err
	}
	r := upload.Receipt{
		Case: rec.Case, Name: rec.Name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil)),
		Received: time.Now().UTC(), Receiver: s.name,
	}
	if r.SHA256 != rec.SHA256 || r.Size != rec.Size {
		r.Announced = rec.SHA256
	}
	return r, nil
}

type reader struct {
	ctx context.Context // of the one call it lives for
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// settle gives the file its name, and makes log, receipt and record last, in this order: at every moment the next
// server finds what is still to be done. The mutex is held.
func (s *store) settle(rec *record) error {
	name, event := rec.final(), received
	if rec.Receipt.Announced != "" {
		name, event = rec.bad(), bad
		if err := s.forgetBad(*rec); err != nil {
			return err
		}
	}
	if err := s.rename(*rec, name); err != nil {
		return err
	}
	if err := s.record(*rec, event); err != nil {
		return err
	}
	if event == received {
		b, err := json.MarshalIndent(rec.Receipt, "", "  ")
		if err != nil {
			return err
		}
		if err := writeFile(s.root, rec.receipt(), append(b, '\n')); err != nil {
			return err
		}
	}
	rec.State = event
	if err := s.save(*rec); err != nil {
		return err
	}
	attrs := []any{"case", rec.Case, "name", rec.Name, "size", rec.Receipt.Size, "sha256", rec.Receipt.SHA256}
	if event == bad {
		s.log.Error("received other content than announced", append(attrs, "announced", rec.SHA256)...)
	} else {
		s.log.Info("received", attrs...)
	}
	return nil
}

// forgetBad drops the record of the bad upload whose file is about to be replaced, so that there are never more records
// than files were sent.
func (s *store) forgetBad(rec record) error {
	for id, e := range s.byID {
		if e.State == bad && e.ID != rec.ID && e.bad() == rec.bad() {
			if err := s.root.Remove(e.file()); err != nil {
				return err
			}
			delete(s.byID, id)
		}
	}
	return nil
}

// rename overwrites nothing but an older bad file.
func (s *store) rename(rec record, name string) error {
	_, ok, err := sizeOf(s.root, rec.part())
	if err != nil {
		return err
	}
	from := rec.part()
	if !ok {
		from = rec.final() // renamed before a kill
		if name != from {
			return fmt.Errorf("%s: not what was announced, and has that name already", from)
		}
	}
	if from != name {
		if _, err := s.root.Lstat(name); err == nil && name == rec.final() {
			return fmt.Errorf("%s: there is a file already that was not received", name)
		}
		if err := s.root.Rename(from, name); err != nil {
			return err
		}
	}
	return syncDir(s.root, rec.Case)
}

// A logLine is one line of receive.log.jsonl.
type logLine struct {
	Time  time.Time `json:"time"`
	Event state     `json:"event"` // "received", "bad"
	ID    string    `json:"id"`
	Token string    `json:"token"` // the id of the one that created the upload
	upload.Receipt
}

// openLog opens the log for appending, and ends a line that a power cut left open.
func openLog(root *os.Root) (*os.File, error) {
	f, err := root.OpenFile(logName, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	last := make([]byte, 1)
	st, err := f.Stat()
	if err == nil && st.Size() > 0 {
		if _, err = f.ReadAt(last, st.Size()-1); err == nil && last[0] != '\n' {
			_, err = f.WriteString("\n")
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), f.Close())
	}
	return f, nil
}

// record writes a line. After a kill at the wrong moment an event may be there twice, never not at all.
func (s *store) record(rec record, event state) error {
	b, err := json.Marshal(logLine{Time: rec.Receipt.Received, Event: event, ID: rec.ID, Token: rec.Token, Receipt: rec.Receipt})
	if err != nil {
		return err
	}
	if _, err := s.audit.Write(append(b, '\n')); err != nil {
		return err
	}
	return s.audit.Sync()
}
