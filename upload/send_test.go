package upload_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"spor/upload"
	"spor/upload/uploadtest"
)

// memory is a destination that fails as it is told to.
type memory struct {
	have    []byte
	fail    func(call int, step string) error // nil: never
	accept  int                               // bytes an Append takes before it breaks; zero: all
	receipt func(*upload.Receipt)
	calls   []string
	offset  func(int64) int64
}

func (m *memory) step(name string) error {
	m.calls = append(m.calls, name)
	if m.fail == nil {
		return nil
	}
	return m.fail(len(m.calls), name)
}

func (m *memory) Offset(context.Context, upload.Object) (int64, error) {
	n := int64(len(m.have))
	if m.offset != nil {
		n = m.offset(n)
	}
	return n, m.step("offset")
}

func (m *memory) Append(_ context.Context, _ upload.Object, _ int64, r io.Reader) error {
	if err := m.step("append"); err != nil {
		return err
	}
	if m.accept > 0 {
		r = io.LimitReader(r, int64(m.accept))
	}
	b, err := io.ReadAll(r)
	m.have = append(m.have, b...)
	if err == nil && m.accept > 0 {
		err = errors.New("cut")
	}
	return err
}

func (m *memory) Commit(_ context.Context, o upload.Object) (upload.Receipt, error) {
	sum := sha256.Sum256(m.have)
	r := upload.Receipt{Name: o.Name, Size: int64(len(m.have)), SHA256: hex.EncodeToString(sum[:])}
	if m.receipt != nil {
		m.receipt(&r)
	}
	return r, m.step("commit")
}

func source(name string, b []byte) upload.Source {
	return upload.Source{Name: name, Open: func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader(b)}, nil }}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("connection refused")
		m := &memory{fail: func(int, string) error { return down }}
		var waits []time.Duration
		began := time.Now()
		_, err := upload.Send(t.Context(), m, []upload.Source{source("a.pgp", []byte("abc")), source("b.pgp", nil)}, upload.Options{
			Progress: func(p upload.Progress) {
				if p.Phase == upload.Waiting {
					waits = append(waits, p.Wait)
				}
			},
		})
		if !errors.Is(err, upload.ErrUnreachable) || !errors.Is(err, down) || strings.Contains(err.Error(), "b.pgp") {
			t.Errorf("err = %v; want ErrUnreachable with its reason, and the second file not tried", err)
		}
		if took := time.Since(began); took < 10*time.Minute || took > 11*time.Minute+time.Second {
			t.Errorf("gave up after %v; want ten minutes, and at most one pause more", took)
		}
		full := time.Second
		for i, w := range waits {
			if w < full/2 || w > full {
				t.Errorf("pause %d was %v; want between %v and %v", i+1, w, full/2, full)
			}
			full = min(2*full, time.Minute)
		}
		if len(waits) != len(m.calls)-1 {
			t.Errorf("%d pauses for %d calls", len(waits), len(m.calls))
		}
	})
}

func TestPatienceIsForNoProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, o := uploadtest.Content("slow.pgp", 1000, 1)
		m := &memory{accept: 10}
		var res []upload.Result
		m.fail = func(_ int, step string) error {
			if len(m.have) == 1000 {
				m.accept = 0
			}
			return nil
		}
		res, err := upload.Send(t.Context(), m, []upload.Source{source(o.Name, b)}, upload.Options{Patience: 3 * time.Second})
		if err != nil || res[0].Receipt.SHA256 != o.SHA256 {
			t.Errorf("100 breaks, each with progress: %+v, %v", res, err)
		}
	})
}

func TestNotTriedAgain(t *testing.T) {
	for _, want := range []error{upload.ErrUnauthorized, upload.ErrCertificate, upload.ErrQuota, upload.ErrConflict, upload.ErrRefused, upload.ErrIntegrity} {
		for _, at := range []string{"offset", "append", "commit"} {
			m := &memory{fail: func(_ int, step string) error {
				if step == at {
					return fmt.Errorf("%w: why", want)
				}
				return nil
			}}
			res, err := upload.Send(t.Context(), m, []upload.Source{source("a.pgp", []byte("abc"))}, upload.Options{})
			if !errors.Is(err, want) || !errors.Is(res[0].Err, want) || slices.Index(m.calls, at) != len(m.calls)-1 {
				t.Errorf("%v at %s: %v after calls %v", want, at, err, m.calls)
			}
		}
	}
}

func TestOthersAreStillSent(t *testing.T) {
	m := &memory{}
	res, err := upload.Send(t.Context(), m, []upload.Source{
		source("../evil", nil),
		upload.File(filepath.Join(t.TempDir(), "missing.pgp")),
		source("good.pgp", []byte("good")),
	}, upload.Options{})
	if len(res) != 3 || res[2].Err != nil || !errors.Is(err, upload.ErrRefused) || !strings.Contains(err.Error(), "missing.pgp") {
		t.Errorf("%+v, %v; want the third sent, and errors for the first two", res, err)
	}
}

func TestReceiptMustMatch(t *testing.T) {
	for name, lie := range map[string]func(*upload.Receipt){
		"hash": func(r *upload.Receipt) { r.SHA256 = strings.Repeat("0", 64) },
		"size": func(r *upload.Receipt) { r.Size++ },
		"name": func(r *upload.Receipt) { r.Name = "other.pgp" },
		"none": func(r *upload.Receipt) { *r = upload.Receipt{} },
	} {
		_, err := upload.Send(t.Context(), &memory{receipt: lie}, []upload.Source{source("a.pgp", []byte("abc"))}, upload.Options{})
		if !errors.Is(err, upload.ErrIntegrity) {
			t.Errorf("receipt with another %s: %v; want ErrIntegrity", name, err)
		}
	}
}

func TestImpossibleOffset(t *testing.T) {
	for _, lie := range []int64{-1, 4, 1 << 62} {
		m := &memory{offset: func(int64) int64 { return lie }}
		_, err := upload.Send(t.Context(), m, []upload.Source{source("a.pgp", []byte("abc"))}, upload.Options{})
		if !errors.Is(err, upload.ErrRefused) {
			t.Errorf("offset %d of 3: %v; want ErrRefused", lie, err)
		}
	}
}

// changing gives one content when hashed and another when sent.
type changing struct {
	*bytes.Reader
	second []byte
}

func (c *changing) Seek(offset int64, whence int) (int64, error) {
	c.Reader.Reset(c.second)
	return c.Reader.Seek(offset, whence)
}

func (c *changing) Close() error { return nil }

func TestSourceChanges(t *testing.T) {
	for name, second := range map[string]string{"shrinks": "ab", "changes": "abX", "grows and changes": "abXdef"} {
		src := upload.Source{Name: "a.pgp", Open: func() (io.ReadSeekCloser, error) {
			return &changing{bytes.NewReader([]byte("abc")), []byte(second)}, nil
		}}
		_, err := upload.Send(t.Context(), &memory{}, []upload.Source{src}, upload.Options{Patience: -1})
		if !errors.Is(err, upload.ErrIntegrity) {
			t.Errorf("source %s: %v; want ErrIntegrity", name, err)
		}
	}
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, o := uploadtest.Content("paced.pgp", 10_000, 1)
		began := time.Now()
		var largest int64
		last := int64(0)
		_, err := upload.Send(t.Context(), &memory{}, []upload.Source{source(o.Name, b)}, upload.Options{Rate: 1000, Progress: func(p upload.Progress) {
			if p.Phase == upload.Sending {
				largest = max(largest, p.Done-last)
				last = p.Done
			}
		}})
		if took := time.Since(began); err != nil || took < 9900*time.Millisecond || took > 10*time.Second+time.Millisecond {
			t.Errorf("10000 bytes at 1000 a second took %v, %v", took, err)
		}
		if largest > 100 {
			t.Errorf("%d bytes at once; want a tenth of a second's at most", largest)
		}
	})
}

func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("operator pressed Ctrl-C")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(30*time.Second, func() { cancel(why) })
		m := &memory{fail: func(int, string) error { return errors.New("down") }}
		began := time.Now()
		_, err := upload.Send(ctx, m, []upload.Source{source("a.pgp", nil), source("b.pgp", nil)}, upload.Options{})
		if !errors.Is(err, why) || strings.Contains(err.Error(), "b.pgp") || time.Since(began) != 30*time.Second {
			t.Errorf("after %v: %v; want the cause after 30s", time.Since(began), err)
		}
	})
}

func TestPhases(t *testing.T) {
	var got []upload.Phase
	b, o := uploadtest.Content("a.pgp", 700_000, 1)
	m := &memory{have: b[:1000:1000]}
	res, err := upload.Send(t.Context(), m, []upload.Source{source(o.Name, b)}, upload.Options{Progress: func(p upload.Progress) {
		if len(got) == 0 || got[len(got)-1] != p.Phase {
			got = append(got, p.Phase)
		}
	}})
	if want := []upload.Phase{upload.Hashing, upload.Sending, upload.Verifying}; err != nil || !slices.Equal(got, want) || res[0].Resumed != 1000 {
		t.Errorf("phases %v, %+v, %v; want %v, resumed at 1000", got, res, err, want)
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "2026-001-host-20261121T190000Z.001.tar.zst.pgp", "A_b-C.d", "console.log", "com.pgp", "a..b", strings.Repeat("a", 200)} {
		if err := upload.CheckName(name); err != nil {
			t.Errorf("CheckName(%q) = %v; want none", name, err)
		}
	}
	for _, name := range uploadtest.BadNames {
		if err := upload.CheckName(name); !errors.Is(err, upload.ErrRefused) {
			t.Errorf("CheckName(%q) = %v; want ErrRefused", name, err)
		}
	}
}

func FuzzCheckName(f *testing.F) {
	for _, name := range uploadtest.BadNames {
		f.Add(name)
	}
	f.Add("good.pgp")
	f.Fuzz(func(t *testing.T, name string) {
		if upload.CheckName(name) == nil && (!filepath.IsLocal(name) || filepath.Base(name) != name || len(name) > 200 || strings.ContainsAny(name, "/\\:\x00 \n%")) {
			t.Errorf("CheckName(%q) lets it pass", name)
		}
	})
}
