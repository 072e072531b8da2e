package upi

import (
	"context"
	"os"
	"testing"
	"time"
)

// TestLost: a probe that overslept lost what no program of this machine explains;
// little is a timer's.
func TestLost(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, tt := range []struct{ slept, queue, lost time.Duration }{
		{lookEvery, 0, 0}, {lookEvery + ms, 0, 0}, {lookEvery + 4*ms, 0, 4 * ms}, {lookEvery + 40*ms, 30 * ms, 10 * ms}, {lookEvery + 40*ms, 40 * ms, 0},
		{lookEvery + 40*ms, 39 * ms, 0}, {lookEvery, 9 * ms, 0}, {ms, 0, 0},
	} {
		if got := (look{tt.slept, tt.queue}).lost(); got != tt.lost {
			t.Errorf("slept %v, queued %v: lost %v, want %v", tt.slept, tt.queue, got, tt.lost)
		}
	}
}

// TestTooMuch: stolen time that the kernel was told of and the stalls by which it
// shows are one thing; other programs are another.
func TestTooMuch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		noise
		stolen float64
		much   bool
	}{
		{noise{}, 0, false}, {noise{Others: .03, Steal: .01, Stalled: .02}, .05, false}, {noise{Others: .06}, .06, true},
		{noise{Steal: .06, Stalled: .05}, .06, true}, {noise{Stalled: .5}, .5, true},
	} {
		if got := tt.stolen - tt.noise.stolen(); got > 1e-9 || got < -1e-9 || tt.tooMuch() != tt.much {
			t.Errorf("%+v: %v %v", tt.noise, tt.noise.stolen(), tt.tooMuch())
		}
	}
}

// TestProbe: a probe looks again and again and never sees a sleep of less than
// nothing; its thread's queue only grows.
func TestProbe(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	looks := make(chan look)
	ended := make(chan error, 1)
	go func() { ended <- probe(ctx, 0, func(l look) { looks <- l }) }()
	for range 10 {
		if l := <-looks; l.slept <= 0 || l.queue < 0 {
			t.Errorf("%+v", l)
		}
	}
	stop()
	for {
		select {
		case <-looks:
			continue
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		}
		break
	}
	if err := probe(t.Context(), 900, func(look) {}); err == nil {
		t.Error("on a core that is not there")
	}
}

// TestWatchStalls is a share.
func TestWatchStalls(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	share := watchStalls(ctx, 1)
	for range 3 { // some work meanwhile
		if _, err := os.ReadDir("/proc"); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if s := share(); s < 0 || s > 1 {
		t.Errorf("%v", s)
	}
}
