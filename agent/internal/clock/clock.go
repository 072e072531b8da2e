package clock

import (
	"crypto/x509"
	"encoding/json"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

const (
	// absurd is how far ahead of all that is known the wall clock may be and still
	// be believed when it says that a certificate has expired.
	absurd = 30 * 24 * time.Hour
	// keepEvery is how far floor or seen move before they are written: SD cards
	// wear out.
	keepEvery = 24 * time.Hour
	// maxChain bounds the certificates of a server that are looked at.
	maxChain = 10
)

// Config says what a Clock begins with.
type Config struct {
	// Wall is the device's wall clock; nil: time.Now.
	Wall func() time.Time
	// Built is when the program was built; zero: not known. See Built.
	Built time.Time
	// Kept is what Keep was given last; nil: nothing. What makes no sense is nothing.
	Kept []byte
	// Keep stores a few bytes; nil: nowhere. That it fails is no fault: less is
	// known after the next start.
	Keep func([]byte) error
}

// Clock is what the package comment says. Make one with New. Its methods may be
// called from any goroutine.
type Clock struct {
	wall func() time.Time
	keep func([]byte) error

	mu   sync.Mutex
	is   times     // as it was at
	at   time.Time // with a monotonic reading
	kept times     // as it was written last
}

// times are what is known, in UTC and without monotonic readings; zero: nothing.
type times struct {
	Floor time.Time `json:"floor"`
	Seen  time.Time `json:"seen,omitzero"`
}

// plus is what is known after the device has run on for d.
func (k times) plus(d time.Duration) times {
	k.Floor = k.Floor.Add(d)
	if !k.Seen.IsZero() {
		k.Seen = k.Seen.Add(d)
	}
	return k
}

// estimate is the time that it most likely is, of what is known.
func (k times) estimate() time.Time { return later(k.Floor, k.Seen) }

// New makes a Clock.
func New(cfg Config) *Clock {
	if cfg.Wall == nil {
		cfg.Wall = time.Now
	}
	c := &Clock{wall: cfg.Wall, keep: cfg.Keep, at: time.Now()}
	if json.Unmarshal(cfg.Kept, &c.kept) != nil {
		c.kept = times{}
	}
	c.is = times{Floor: later(c.kept.Floor, cfg.Built).UTC().Round(0), Seen: c.kept.Seen.UTC().Round(0)}
	return c
}

// Built is the commit that this program was built from, by the time that it says
// of itself; zero where the build does not know.
func Built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

// Wall is what the device's wall clock says, right or wrong, without a monotonic
// reading.
func (c *Clock) Wall() time.Time { return c.wall().Round(0) }

// Now is the time of rule 1 of the package comment.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return first(c.Wall(), c.now())
}

// first is the time that a certificate is looked at first.
func first(wall time.Time, k times) time.Time {
	if wall.Before(k.Floor) {
		return k.estimate()
	}
	return wall
}

// now is what is known now; c.mu is held.
func (c *Clock) now() times { return c.is.plus(time.Since(c.at)) }

// Verify is x509.Certificate.Verify of a server's certificates, its own first, at
// the times of the package comment; opts.CurrentTime does not matter. authorities
// are those of opts.Roots, if they are known one by one. The error is that of the
// first time.
func (c *Clock) Verify(certificates, authorities []*x509.Certificate, opts x509.VerifyOptions) ([][]*x509.Certificate, error) {
	certificates = certificates[:min(len(certificates), maxChain)]
	var begins []time.Time
	for _, cert := range slices.Concat(certificates, authorities) {
		begins = append(begins, cert.NotBefore)
	}
	slices.SortFunc(begins, time.Time.Compare)
	opts.Intermediates = x509.NewCertPool()
	for _, cert := range certificates[1:] {
		opts.Intermediates.AddCert(cert)
	}
	// from looks at the chain at one time, and where it only begins later, then; at
	// is when it was good.
	from := func(begin time.Time) (chains [][]*x509.Certificate, at time.Time, err error) {
		opts.CurrentTime = begin
		if chains, err = certificates[0].Verify(opts); err == nil {
			return chains, begin, nil
		}
		for _, at := range begins {
			if opts.CurrentTime = at; !at.After(begin) {
				continue
			}
			if chains, err := certificates[0].Verify(opts); err == nil {
				return chains, at, nil
			}
		}
		return nil, time.Time{}, err
	}

	c.mu.Lock()
	wall, known := c.Wall(), c.now()
	c.mu.Unlock()
	chains, at, err := from(first(wall, known))
	if estimate := known.estimate(); err != nil && wall.Sub(estimate) > absurd {
		if again, then, secondErr := from(estimate); secondErr == nil {
			chains, at, err = again, then, nil
		}
	}
	if err != nil {
		c.Tick()
		return nil, err
	}
	c.learn(chains[0], wall, at.Equal(wall))
	return chains, nil
}

// learn takes what a chain that is believed says of the time. byWall: it was good
// at the time of the wall clock.
func (c *Clock) learn(chain []*x509.Certificate, wall time.Time, byWall bool) {
	c.mu.Lock()
	is := c.now()
	for _, cert := range chain {
		is.Floor = later(is.Floor, cert.NotBefore.UTC())
	}
	if byWall {
		is.Seen = wall.UTC()
	}
	c.is, c.at = is, time.Now()
	c.mu.Unlock()
	c.Tick()
}

// Tick writes what is known if it has moved by a day. Whoever connects calls it
// for every try, so that the time that a terminal runs counts also while no
// server is believed.
func (c *Clock) Tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	is := c.now()
	if c.keep == nil || is.Floor.Sub(c.kept.Floor) < keepEvery && is.Seen.Sub(c.kept.Seen).Abs() < keepEvery {
		return
	}
	text, err := json.Marshal(is)
	if err != nil {
		return // a year beyond 9999 has no text
	}
	c.kept = is // not again before tomorrow, whatever comes of it
	_ = c.keep(append(text, '\n'))
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
