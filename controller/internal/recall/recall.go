// Package recall remembers the latest of what never changes, so that nobody has to
// ask a database for what this very program has just written. It may forget
// anything at any time: who finds nothing asks.
//
// The UPI door keeps what it promised in it, the journal where tokens lead.
package recall

import "sync"

// Memory holds the latest values by key, as many as it was made for at least and
// twice as many at most. Make one with New; it may be used by several goroutines.
type Memory[K comparable, V any] struct {
	most int

	mu            sync.RWMutex
	young, former map[K]V
}

// New makes a Memory for that many values, above 0.
func New[K comparable, V any](most int) *Memory[K, V] {
	return &Memory[K, V]{most: most, young: map[K]V{}}
}

// Put remembers a value in place of what was known by its key.
func (m *Memory[K, V]) Put(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young) >= m.most {
		m.former, m.young = m.young, make(map[K]V, m.most)
	}
	m.young[key] = value
}

// Get returns what is known by a key.
func (m *Memory[K, V]) Get(key K) (value V, known bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if value, known = m.young[key]; !known {
		value, known = m.former[key]
	}
	return value, known
}

// Forget forgets a key.
func (m *Memory[K, V]) Forget(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.young, key)
	delete(m.former, key)
}
