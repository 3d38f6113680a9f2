package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"spor/cmd/internal/cli"
	"spor/package/bundle"
	"spor/upload"
)

// fake is a destination in memory.
type fake struct {
	mu    sync.Mutex
	got   []string
	fails func(name string) error // nil: never
}

func (f *fake) Offset(_ context.Context, o upload.Object) (int64, error) {
	if f.fails != nil {
		return 0, f.fails(o.Name)
	}
	return 0, nil
}

func (f *fake) Append(_ context.Context, o upload.Object, _ int64, r io.Reader) error {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != o.SHA256 {
		return fmt.Errorf("%w: %s", upload.ErrIntegrity, got)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got = append(f.got, o.Name)
	return nil
}

func (f *fake) Commit(_ context.Context, o upload.Object) (upload.Receipt, error) {
	return upload.Receipt{Name: o.Name, Size: o.Size, SHA256: o.SHA256}, nil
}

func testOutbox(patience time.Duration, to ...*fake) *outbox {
	var targets []target
	for i, f := range to {
		targets = append(targets, target{fmt.Sprintf("fake://%d", i), f})
	}
	v := newView(cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, &collectOptions{})
	return newOutbox(v, targets, patience)
}

func volumeParcel(name string) *parcel {
	return &parcel{Source: upload.Source{Name: name, Open: func() (io.ReadSeekCloser, error) {
		return struct {
			io.ReadSeeker
			io.Closer
		}{strings.NewReader(name), io.NopCloser(nil)}, nil
	}}}
}

func TestOutboxSendsWhileVolumesCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		o := testOutbox(time.Minute, f)
		go o.run(t.Context())
		for i := range 5 {
			name := fmt.Sprintf("v.%03d", i)
			o.add(volumeParcel(name))
			synctest.Wait() // until the outbox has nothing to do
			if len(f.got) != i+1 || f.got[i] != name {
				t.Fatalf("after %d volumes the receiver has %v", i+1, f.got)
			}
		}
		o.close()
		if !o.wait() {
			t.Error("not sent")
		}
	})
}

func TestOutboxGivesTheNextTargetTheWholeBundle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &fake{fails: func(name string) error {
			if name == "c" {
				return upload.ErrQuota
			}
			return nil
		}}
		second := &fake{}
		o := testOutbox(time.Minute, first, second)
		go o.run(t.Context())
		for _, name := range []string{"a", "b", "c", "d"} {
			o.add(volumeParcel(name))
		}
		o.close()
		if !o.wait() || !slices.Equal(first.got, []string{"a", "b"}) || !slices.Equal(second.got, []string{"a", "b", "c", "d"}) {
			t.Errorf("sent %v; the first has %v, the second %v", o.wait(), first.got, second.got)
		}
	})
}

// A receiver that was away longer than the patience is tried again when the collection has ended; one that refuses is not.
func TestOutboxTriesAgainAtTheEnd(t *testing.T) {
	for _, c := range []struct {
		err  error
		sent bool
	}{{upload.ErrUnreachable, true}, {upload.ErrUnauthorized, false}} {
		synctest.Test(t, func(t *testing.T) {
			var away atomic.Bool
			away.Store(true)
			f := &fake{fails: func(string) error {
				if away.Load() {
					return c.err
				}
				return nil
			}}
			o := testOutbox(time.Minute, f)
			go o.run(t.Context())
			o.add(volumeParcel("a"))
			time.Sleep(time.Hour)
			away.Store(false)
			o.add(volumeParcel("b"))
			o.close()
			if got := o.wait(); got != c.sent {
				t.Errorf("%v: sent %v, want %v", c.err, got, c.sent)
			}
		})
	}
}

func TestOutboxEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOutbox(time.Minute, &fake{})
		ctx, cancel := context.WithCancel(t.Context())
		go o.run(ctx)
		synctest.Wait()
		cancel()
		if o.wait() {
			t.Error("claims to have sent what was not closed")
		}
	})
}

func write(t *testing.T, s bundle.Store, name string, size int) error {
	t.Helper()
	v, err := s.Create(name)
	if err != nil {
		return err
	}
	if _, err := v.Write(bytes.Repeat([]byte("x"), size)); err != nil {
		return err
	}
	return v.Commit()
}

// While the receiver is away the writer waits, with two volumes in memory; when it does not come back, the writer is told.
func TestMemoryWaitsForTheReceiver(t *testing.T) {
	for _, back := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var away atomic.Bool
			away.Store(true)
			f := &fake{fails: func(string) error {
				if away.Load() {
					return errors.New("no route to host")
				}
				return nil
			}}
			o := testOutbox(time.Hour, f)
			go o.run(t.Context())
			m := newMemory(o, 1<<20)
			written := 0
			ended := make(chan error, 1)
			go func() {
				for i := range 6 {
					if err := write(t, m, fmt.Sprintf("v%d", i), 1000); err != nil {
						ended <- err
						return
					}
					written++
				}
				o.close()
				ended <- nil
			}()
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if written != 2 {
				t.Errorf("%d volumes were written while the receiver was away, want 2", written)
			}
			away.Store(!back)
			err := <-ended
			if back && (err != nil || !o.wait() || len(f.got) != 6) {
				t.Errorf("the receiver came back: %v, it has %v", err, f.got)
			}
			if !back && !errors.Is(err, errStream) {
				t.Errorf("the receiver did not come back: %v, want %v", err, errStream)
			}
		})
	}
}

// In memory a volume goes on to the next target where the first gives up; what the first has stays there.
func TestMemoryGoesOnToTheNextTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &fake{fails: func(name string) error {
			if name >= "v2" {
				return upload.ErrQuota
			}
			return nil
		}}
		second := &fake{}
		o := testOutbox(time.Minute, first, second)
		go o.run(t.Context())
		m := newMemory(o, 1<<20)
		for i := range 4 {
			if err := write(t, m, fmt.Sprintf("v%d", i), 10); err != nil {
				t.Fatal(err)
			}
		}
		o.close()
		if !o.wait() || !slices.Equal(first.got, []string{"v0", "v1"}) || !slices.Equal(second.got, []string{"v2", "v3"}) {
			t.Errorf("the first has %v, the second %v", first.got, second.got)
		}
		if got := o.arrived()["v2"]; !slices.Equal(got, []string{"fake://1"}) {
			t.Errorf("v2 is said to be at %v", got)
		}
	})
}
