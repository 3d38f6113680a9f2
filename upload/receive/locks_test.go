package receive

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/tus/tusd/v2/pkg/handler"
)

// TestTurns: who comes later ends the request before, not before that one reads its body, and has the turn when it is over.
func TestTurns(t *testing.T) {
	for _, readsFirst := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			l := newLocks()
			var ended atomic.Bool
			first, err := l.NewLock("a")
			if err == nil {
				err = first.Lock(t.Context(), func() { ended.Store(true) })
			}
			if err != nil {
				t.Fatal(err)
			}
			if readsFirst {
				l.reading("a")
			}
			got := make(chan error, 1)
			go func() {
				second, err := l.NewLock("a")
				got <- errors.Join(err, second.Lock(t.Context(), func() {}))
			}()
			synctest.Wait()
			if ended.Load() != readsFirst {
				t.Errorf("reads %v: ended %v", readsFirst, ended.Load())
			}
			l.reading("b") // another's, which nobody holds
			l.reading("a")
			if !ended.Load() || len(got) > 0 {
				t.Errorf("reads %v: ended %v, second has the turn: %v", readsFirst, ended.Load(), len(got) > 0)
			}
			if err := errors.Join(first.Unlock(), <-got); err != nil {
				t.Error(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			third, _ := l.NewLock("a")
			if err := third.Lock(ctx, func() {}); !errors.Is(err, handler.ErrLockTimeout) {
				t.Errorf("third: %v, want %v", err, handler.ErrLockTimeout)
			}
		})
	}
}
