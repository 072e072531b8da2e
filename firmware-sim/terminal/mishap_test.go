package terminal_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

// clock is what GET or POST says of the terminal's clock.
func (r *rig) clock(method, path string) terminal.Clock {
	r.t.Helper()
	status, _, body := r.call(method, path)
	var clock terminal.Clock
	if err := json.Unmarshal(body, &clock); status != 200 || err != nil {
		r.t.Fatalf("%s %s = %d %s", method, path, status, body)
	}
	return clock
}

// The wall clock can be set wrong in all units, and right; it is off by what it
// says, and goes on being so without power.
func TestClock(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	for _, tt := range []struct {
		path, offset string
		is           time.Duration
	}{
		{"/clock/+1h", "+1h", time.Hour},
		{"/clock/-1h", "-1h", -time.Hour},
		{"/clock/+10y", "+10y", 87_600 * time.Hour},
		{"/clock/-10y", "-10y", -87_600 * time.Hour},
		{"/clock/+90s", "+90s", 90 * time.Second},
		{"/clock/-120m", "-2h", -2 * time.Hour},
		{"/clock/+36h", "+36h", 36 * time.Hour},
		{"/clock/+48h", "+2d", 48 * time.Hour},
		{"/clock/+30y", "+30y", 262_800 * time.Hour},
		{"/clock/-0s", "0", 0},
		{"/clock/0", "0", 0},
	} {
		before := time.Now()
		got := r.clock("POST", tt.path)
		at, err := time.Parse(time.RFC3339, got.Time)
		if err != nil || got.Offset != tt.offset || got.OffsetMs != tt.is.Milliseconds() {
			t.Errorf("%s = %+v, %v; want %s", tt.path, got, err, tt.offset)
		}
		if off := at.Sub(before.Add(tt.is)); off < -time.Second || off > patience {
			t.Errorf("%s: the clock is wrong by %v more", tt.path, off)
		}
		if state := r.State(); state.Clock != tt.offset {
			t.Errorf("%s: the state says %s", tt.path, state.Clock)
		}
	}
	r.clock("POST", "/clock/+10y")
	r.flip("/power/cycle")
	if got := r.clock("GET", "/clock"); got.Offset != "+10y" {
		t.Errorf("after a power cut it is %+v", got)
	}
	if err := r.SetClock(31 * 365 * 24 * time.Hour); err == nil || r.State().Clock != "+10y" {
		t.Errorf("31 years = %v, the clock is %s", err, r.State().Clock)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if status, _, body := r.call("POST", "/clock/0"); status != 409 {
		t.Errorf("after Close = %d %s", status, body)
	}
}

// Power that comes back at once boots the terminal anew, whether there was any.
func TestPowerCycle(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := newRig(t, d, nil)
	for range 2 {
		if now := r.flip("/power/cycle"); !now.Power || now.Mode != protocol.ModeStarting {
			t.Fatalf("it is %+v", now)
		}
		r.awaitReady()
		within(t, "a sync", d.syncs)
	}
	if got := d.enrolments(); got != 1 {
		t.Fatalf("it enrolled %d times", got)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if status, _, body := r.call("POST", "/power/cycle"); status != 409 {
		t.Fatalf("after Close = %d %s", status, body)
	}
}

// A network that flaps goes and comes for as long as was said, and is on at the
// end; the terminal is ready again by itself.
func TestFlap(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := on(t, d)
	status, _, body := r.call("POST", "/network/flap?hz=5&seconds=1")
	var now terminal.State
	if err := json.Unmarshal(body, &now); err != nil || status != 202 || now.Network || !now.Flapping {
		t.Fatalf("flap = %d %s", status, body)
	}
	r.await("the network on", func(s terminal.State) bool { return s.Network })
	r.await("the network off again", func(s terminal.State) bool { return !s.Network })
	within(t, "the end of the flapping", r.Flapping())
	if now := r.State(); !now.Network || now.Flapping {
		t.Errorf("it ends with %+v", now)
	}
	r.awaitReady()
	cuts := 0
	r.mu.Lock()
	for i := range r.seen {
		if i > 0 && r.seen[i-1].Network && !r.seen[i].Network {
			cuts++
		}
	}
	r.mu.Unlock()
	if cuts < 3 || cuts > 6 {
		t.Errorf("at 5 Hz for a second the network went %d times", cuts)
	}
}

// Whoever takes the cable in his hand ends the flapping.
func TestFlapEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	for _, to := range []struct {
		path string
		on   bool
	}{{"/network/off", false}, {"/network/on", true}} {
		if err := r.Flap(10, time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := r.Flap(10, time.Hour); err != nil { // instead of the first
			t.Fatal(err)
		}
		r.await("the network on", func(s terminal.State) bool { return s.Network })
		if now := r.flip(to.path); now.Network != to.on {
			t.Fatalf("after %s it is %v", to.path, now.Network)
		}
		select {
		case <-r.Flapping():
		default:
			t.Errorf("after %s it still flaps", to.path)
		}
		if r.State().Flapping {
			t.Errorf("after %s it says that it flaps", to.path)
		}
	}
	for _, bad := range []struct {
		hz   float64
		long time.Duration
	}{{0, time.Second}, {11, time.Second}, {1, 0}, {1, 2 * time.Hour}} {
		if err := r.Flap(bad.hz, bad.long); err == nil {
			t.Errorf("%v Hz for %v is taken", bad.hz, bad.long)
		}
	}
	if err := r.Flap(10, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Flap(1, time.Second); !errors.Is(err, terminal.ErrClosed) {
		t.Errorf("after Close = %v", err)
	}
}

// The short form of a tap says all with its path, and the rest of a card may be
// in a body as in the long form.
func TestShortTap(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := on(t, d)
	for _, tt := range []struct {
		path, kind, body string
		status           int
		says             string
	}{
		{"/card/approve", asForm, "holdMillis=0", 409, "asks for no card"},
		{"/card/decline", asJSON, `{"last4":"0007","holdMillis":0}`, 409, "asks for no card"},
		{"/card/approve", asForm, "outcome=approve", 400, "a tap is a form or a JSON object"},
		{"/card/approve", "text/plain", "last4=0007", 400, "a tap is a form or a JSON object"},
		{"/card/approve", asForm, "last4=4111111111111111", 400, "last4 is four digits"},
		{"/card/steal", "", "", 404, "a card has one of the outcomes approve, decline, timeout, late"},
	} {
		if status, body := r.post(tt.path, tt.kind, tt.body); status != tt.status || !strings.Contains(body, tt.says) {
			t.Errorf("%s %s = %d %s", tt.path, tt.body, status, body)
		}
	}
	d.offer(byCard("P1", "TXN-1", 24_500))
	r.awaitCardWanted()
	status, body := r.post("/card/approve", "", "")
	var entry card.Entry
	if err := json.Unmarshal([]byte(body), &entry); status != 200 || err != nil {
		t.Fatalf("a card = %d %s", status, body)
	}
	d.fact(protocol.FactReceived, "P1")
	d.fact(protocol.FactPresented, "P1")
	d.fact(protocol.FactCardRead, "P1")
	if fact := d.fact(protocol.FactCardApproved, "P1"); fact.Card == nil || fact.Card.RRN != entry.RRN {
		t.Fatalf("the terminal tells %+v, the reader has %+v", fact.Card, entry)
	}
	bare := newRig(t, nil, func(cfg *terminal.Config) { cfg.NoCardReader = true })
	if status, body := bare.post("/card/approve", "", ""); status != 404 || !strings.Contains(body, "no card reader") {
		t.Errorf("without a reader = %d %s", status, body)
	}
}
