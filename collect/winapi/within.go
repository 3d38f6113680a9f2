package winapi

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrHangs says that the system did not answer in time.
var ErrHangs = errors.New("the system does not answer")

// Within runs ask and waits for it at most so long. A call into the system cannot be ended: one that does not come back
// is left behind with its thread. So what ask writes may be looked at only where the error is nil. That it panicked is an
// error too, for nobody else stands above its goroutine.
func Within(ctx context.Context, patience time.Duration, ask func()) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				done <- fmt.Errorf("panic: %v", v)
			}
		}()
		ask()
		done <- nil
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("%w within %v", ErrHangs, patience)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
