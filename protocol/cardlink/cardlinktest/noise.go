package cardlinktest

import (
	"io"
	"math/rand/v2"
	"sync"
)

// Noise is how bad a line is, in one direction. Chances are 0 to 1; the zero value
// is a good line.
type Noise struct {
	Lose, Flip, Junk float64 // for each byte: it is lost, another, or has junk before it
	Repeat           float64 // for each write: it comes twice
	Split            bool    // each write comes in pieces
}

// Over is a line with noise in what is written to it, the same for each seed.
func (n Noise) Over(line io.ReadWriteCloser, seed uint64) io.ReadWriteCloser {
	return &noisy{ReadWriteCloser: line, noise: n, dice: rand.New(rand.NewPCG(seed, 1))}
}

type noisy struct {
	io.ReadWriteCloser
	noise Noise

	mu   sync.Mutex
	dice *rand.Rand
}

// Write implements io.Writer: it says that all was written.
func (l *noisy) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	times := 1
	if l.dice.Float64() < l.noise.Repeat {
		times = 2
	}
	for range times {
		if err := l.once(p); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (l *noisy) once(p []byte) error {
	var out []byte
	for _, b := range p {
		if l.dice.Float64() < l.noise.Junk {
			for range 1 + l.dice.IntN(8) {
				out = append(out, byte(l.dice.UintN(256)))
			}
		}
		switch {
		case l.dice.Float64() < l.noise.Lose:
			continue
		case l.dice.Float64() < l.noise.Flip:
			b ^= byte(1 + l.dice.UintN(255))
		}
		out = append(out, b)
	}
	for len(out) > 0 {
		n := len(out)
		if l.noise.Split {
			n = 1 + l.dice.IntN(n)
		}
		if _, err := l.ReadWriteCloser.Write(out[:n]); err != nil {
			return err
		}
		out = out[n:]
	}
	return nil
}
