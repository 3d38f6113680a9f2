package receive

import (
	"context"
	"sync"

	"github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/memorylocker"
)

// locks let one request at an upload at a time. One that comes ends the older one, which may hang on a dead line; but not
// before that one reads its body: tusd looks at the body of a request that is ended while it is still giving it one.
type locks struct {
	memory *memorylocker.MemoryLocker
	mu     sync.Mutex
	held   map[string]*turn // by the upload's id
}

func newLocks() *locks {
	return &locks{memory: memorylocker.New(), held: map[string]*turn{}}
}

// NewLock implements handler.Locker.
func (l *locks) NewLock(id string) (handler.Lock, error) {
	lock, err := l.memory.NewLock(id)
	return &turn{inner: lock, locks: l, id: id}, err
}

// reading tells that the request whose turn it is reads its body from now on.
func (l *locks) reading(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.held[id]; t != nil {
		t.reads = true
		if t.wanted {
			t.end()
		}
	}
}

// A turn is one request's lock.
type turn struct {
	inner         handler.Lock
	locks         *locks
	id            string
	end           func() // ends the request
	reads, wanted bool   // by this request, by another
}

// Lock implements handler.Lock.
func (t *turn) Lock(ctx context.Context, end func()) error {
	t.end = end
	if err := t.inner.Lock(ctx, t.want); err != nil {
		return err
	}
	t.locks.mu.Lock()
	defer t.locks.mu.Unlock()
	t.locks.held[t.id] = t
	return nil
}

// want is called by another request that waits for its turn.
func (t *turn) want() {
	t.locks.mu.Lock()
	defer t.locks.mu.Unlock()
	t.wanted = true
	if t.reads {
		t.end()
	}
}

// Unlock implements handler.Lock.
func (t *turn) Unlock() error {
	t.locks.mu.Lock()
	delete(t.locks.held, t.id)
	t.locks.mu.Unlock()
	return t.inner.Unlock()
}
