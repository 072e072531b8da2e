package boardtest

import (
	"sync"
	"time"
)

// Button is a push button between a pin and ground.
type Button struct {
	*Pin
	mu     sync.Mutex
	bounce []time.Duration
}

// NewButton makes one that is up and does not bounce.
func NewButton(name string) *Button {
	return &Button{Pin: newCircuit(name).pins[0]}
}

// Bounce has the contact open and close again, for these times, before it comes
// to rest at every press and every release; none: it does not.
func (b *Button) Bounce(times ...time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bounce = times
}

// Press pushes the button down. It returns when the contact is at rest.
func (b *Button) Press() { b.move(true) }

// Release lets it go. It returns when the contact is at rest.
func (b *Button) Release() { b.move(false) }

// Tap presses it for a time.
func (b *Button) Tap(d time.Duration) {
	b.Press()
	time.Sleep(d)
	b.Release()
}

// Misuse is what the driver did wrong with its pin.
func (b *Button) Misuse() []string { return b.circuit.Misuse() }

func (b *Button) move(down bool) {
	b.mu.Lock()
	bounce := b.bounce
	b.mu.Unlock()
	for i, d := range bounce {
		b.circuit.connect(ground, 0, down == (i%2 == 0))
		time.Sleep(d)
	}
	b.circuit.connect(ground, 0, down)
}
