package terminal

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

// Bounds of flapping, and what it is when nothing is said (failure matrix: a
// network that flaps at 1 Hz).
const (
	flapLeast, flapMost = 0.1, 10 // times a second that the network goes and comes
	flapLongest         = time.Hour
	flapHz              = 1.0
	flapFor             = 10 * time.Second
)

// flapping is a cable that somebody wiggles.
type flapping struct {
	mu   sync.Mutex
	stop context.CancelFunc
	done chan struct{} // nil: nobody wiggles
}

// end lets go of the cable, and returns when nobody touches it any more.
func (f *flapping) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done != nil {
		f.stop()
		<-f.done
		f.done = nil
	}
}

// Flap has the network go and come hz times a second, 0.1 to 10, off first, for
// as long as is said, at most an hour, and leaves it on. It returns at once;
// Network and Close end it. It returns ErrClosed after Close.
func (t *Terminal) Flap(hz float64, long time.Duration) error {
	if !(hz >= flapLeast && hz <= flapMost) {
		return fmt.Errorf("a network flaps %v to %v times a second", flapLeast, flapMost)
	}
	if long <= 0 || long > flapLongest {
		return fmt.Errorf("a network flaps for 1 to %d seconds", int(flapLongest.Seconds()))
	}
	t.switches.Lock()
	defer t.switches.Unlock()
	if t.isClosed() {
		return ErrClosed
	}
	t.flap.end()
	ctx, stop := context.WithTimeout(t.life, long)
	done := make(chan struct{})
	t.flap.mu.Lock()
	t.flap.stop, t.flap.done = stop, done
	t.flap.mu.Unlock()
	t.wiggle(true)
	go func() {
		defer close(done)
		defer stop()
		half := time.NewTicker(time.Duration(float64(time.Second) / hz / 2))
		defer half.Stop()
		for on := true; ; on = !on {
			select {
			case <-ctx.Done():
				t.wiggle(false)
				return
			case <-half.C:
				t.plug(on)
			}
		}
	}()
	return nil
}

// wiggle takes hold of the cable and pulls it, or plugs it in and lets go, and tells.
func (t *Terminal) wiggle(begins bool) {
	t.network.Plug(!begins)
	t.change(func() { t.wiggled = begins })
}

// plug sets the network switch, and tells.
func (t *Terminal) plug(on bool) {
	if t.network.Plug(on) {
		t.change(func() {})
	}
}

// readFlap reads ?hz=1&seconds=10; both may be left out.
func readFlap(query url.Values) (hz float64, long time.Duration, err error) {
	hz, long = flapHz, flapFor
	for name, values := range query {
		bad := len(values) != 1
		switch name {
		case "hz":
			hz, err = strconv.ParseFloat(values[0], 64)
			bad = bad || err != nil || math.IsNaN(hz) || hz < flapLeast || hz > flapMost
		case "seconds":
			var n uint64
			n, err = strconv.ParseUint(values[0], 10, 32)
			long = time.Duration(n) * time.Second
			bad = bad || err != nil || n < 1 || long > flapLongest
		default:
			bad = true
		}
		if bad {
			return 0, 0, fmt.Errorf("flapping takes hz, %v to %v, and seconds, 1 to %d; each once", flapLeast, flapMost, int(flapLongest.Seconds()))
		}
	}
	return hz, long, nil
}

func (t *Terminal) serveFlap(w http.ResponseWriter, r *http.Request) {
	hz, long, err := readFlap(r.URL.Query())
	if err != nil {
		web.Fail(w, http.StatusBadRequest, web.CodeBadValue, err.Error())
		return
	}
	t.answer(w, http.StatusAccepted, t.Flap(hz, long))
}
