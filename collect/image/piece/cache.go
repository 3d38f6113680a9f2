package piece

import (
	"slices"
	"sync"
)

// A Cache keeps the last few things that were read of an image, tables and unpacked chunks, by number. It is safe for
// concurrent use.
type Cache[T any] struct {
	Most int // how many are kept

	mu   sync.Mutex
	kept []kept[T]
}

type kept[T any] struct {
	number int64
	value  T
}

// Get gives what is kept under a number, or what read gives, which is then kept. Errors are not.
func (c *Cache[T]) Get(number int64, read func() (T, error)) (T, error) {
	c.mu.Lock()
	if i := slices.IndexFunc(c.kept, func(k kept[T]) bool { return k.number == number }); i >= 0 {
		k := c.kept[i]
		copy(c.kept[1:i+1], c.kept[:i])
		c.kept[0] = k
		c.mu.Unlock()
		return k.value, nil
	}
	c.mu.Unlock()
	value, err := read()
	if err != nil {
		return value, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= c.Most {
		c.kept = c.kept[:c.Most-1]
	}
	c.kept = slices.Insert(c.kept, 0, kept[T]{number, value})
	return value, nil
}
