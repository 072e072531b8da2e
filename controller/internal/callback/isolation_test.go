package callback_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
)

// crowd puts n merchants on the wire whose servers hang, each with rows due.
func crowd(t *testing.T, b *bench, lan *wire, n, rows int) {
	t.Helper()
	for m := range n {
		host := fmt.Sprintf("dead%d.example.in", m)
		lan.plug(host, hang)
		for r := range rows {
			b.put(t, fmt.Sprint("D", m), fmt.Sprintf("dead-%d-%d", m, r), "http://"+host+"/cb")
		}
	}
}

// Failure matrix T12, T13: a hundred merchants whose servers hang do not delay
// one that works and has never been called before.
func TestHundredDeadMerchantsDelayNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		lan.serve("pos.example.in", pos)
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		crowd(t, b, lan, 100, 20)
		stop := b.start(t)
		for i := range 60 {
			began := time.Now()
			event := fmt.Sprint("good-", i)
			b.sell(t, "GOOD", event, shop)
			b.settled(t, event, callback.StateDelivered)
			if took := time.Since(began); took > 100*time.Millisecond {
				t.Errorf("notice %d took %v", i, took)
			}
			<-time.After(3 * time.Second)
		}
		if _, _, open := b.meter.count(""); open < 50 {
			t.Errorf("%d breakers are open, want most of 100", open)
		}
		stop()
	})
}

// Far more dead merchants than there are places do not delay one
// whose last notice was delivered: a part of the places is kept for it.
func TestMoreDeadMerchantsThanPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		lan.serve("pos.example.in", pos)
		b := newBench(t, func(c *callback.Config) { c.Concurrency = 32 })
		b.DialThrough(lan.dial)
		stop := b.start(t)
		b.sell(t, "GOOD", "good", shop)
		b.settled(t, "good", callback.StateDelivered)
		crowd(t, b, lan, 500, 1)
		b.Wake()
		<-time.After(100 * time.Millisecond)
		for i := range 60 {
			began := time.Now()
			event := fmt.Sprint("good-", i)
			b.sell(t, "GOOD", event, shop)
			b.settled(t, event, callback.StateDelivered)
			if took := time.Since(began); took > 100*time.Millisecond {
				t.Errorf("notice %d took %v", i, took)
			}
			<-time.After(time.Second)
		}
		stop()
	})
}

// One dead destination of a merchant does not hold back its other one.
func TestDeadDestinationOfAMerchantThatWorks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		lan.serve("pos.example.in", pos)
		lan.plug("old.example.in", hang)
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		for i := range 10 {
			b.put(t, "M1", fmt.Sprint("old-", i), "http://old.example.in/cb")
		}
		stop := b.start(t)
		for i := range 20 {
			began := time.Now()
			event := fmt.Sprint("new-", i)
			b.sell(t, "M1", event, shop)
			b.settled(t, event, callback.StateDelivered)
			if took := time.Since(began); took > 100*time.Millisecond {
				t.Errorf("notice %d took %v", i, took)
			}
			<-time.After(2 * time.Second)
		}
		stop()
	})
}

// A merchant that fails on a host it shares does not shut the host for another.
func TestSharedHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		pos.answers(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/bad" {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
		lan.serve("pos.example.in", pos)
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		for i := range 20 {
			b.put(t, "BAD", fmt.Sprint("bad-", i), "http://pos.example.in/bad")
		}
		stop := b.start(t)
		for i := range 20 {
			began := time.Now()
			event := fmt.Sprint("good-", i)
			b.sell(t, "GOOD", event, shop)
			b.settled(t, event, callback.StateDelivered)
			if took := time.Since(began); took > 100*time.Millisecond {
				t.Errorf("notice %d took %v", i, took)
			}
			<-time.After(time.Second)
		}
		stop()
	})
}

// busy is a server that counts how many requests it has at once, by merchant.
type busy struct {
	mu    sync.Mutex
	now   map[string]int
	most  map[string]int
	total int
	peak  int
	hold  time.Duration
}

func (s *busy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who := r.URL.Path
	s.mu.Lock()
	s.now[who]++
	s.total++
	s.most[who] = max(s.most[who], s.now[who])
	s.peak = max(s.peak, s.total)
	s.mu.Unlock()
	<-time.After(s.hold)
	s.mu.Lock()
	s.now[who]--
	s.total--
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// No merchant has more than two in flight, and all together no more than there
// are places; and both are made use of.
func TestConcurrencyIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan := newWire()
		server := &busy{now: map[string]int{}, most: map[string]int{}, hold: time.Second}
		lan.serve("pos.example.in", server)
		b := newBench(t, func(c *callback.Config) { c.Concurrency = 8 })
		b.DialThrough(lan.dial)
		const merchants, each = 10, 12
		for m := range merchants {
			for e := range each {
				b.put(t, fmt.Sprint("M", m), fmt.Sprintf("e-%d-%d", m, e), fmt.Sprintf("http://pos.example.in/M%d", m))
			}
		}
		began := time.Now()
		stop := b.start(t)
		for m := range merchants {
			for e := range each {
				b.settled(t, fmt.Sprintf("e-%d-%d", m, e), callback.StateDelivered)
			}
		}
		// 120 notices of a second, eight at a time; six until some have answered.
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("all took %v", took)
		}
		for m, n := range server.most {
			if n != callback.PerMerchant {
				t.Errorf("%s had %d at once, want %d", m, n, callback.PerMerchant)
			}
		}
		if server.peak != 8 {
			t.Errorf("%d at once in all, want 8", server.peak)
		}
		stop()
	})
}

// A dead server is left alone but for a probe now and then; when it is back, it
// is found out within 30 s and its backlog flows.
func TestBreakerReopens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		var mu sync.Mutex
		var dials []time.Time
		lan.plug("pos.example.in", func(c net.Conn) {
			mu.Lock()
			dials = append(dials, time.Now())
			mu.Unlock()
			hang(c)
		})
		b := newBench(t, nil)
		b.DialThrough(lan.dial)
		const backlog = 200
		for i := range backlog {
			b.put(t, "M1", fmt.Sprint("e-", i), shop)
		}
		stop := b.start(t)
		<-time.After(10 * time.Minute)
		mu.Lock()
		if len(dials) < 20 || len(dials) > 30 {
			t.Errorf("a dead server was dialled %d times in 10 minutes", len(dials))
		}
		for i := 1; i < len(dials); i++ {
			if gap := dials[i].Sub(dials[i-1]); gap > 30*time.Second+100*time.Millisecond {
				t.Errorf("probe %d came after %v", i, gap)
			}
		}
		mu.Unlock()
		lan.serve("pos.example.in", pos)
		up := time.Now()
		b.until(t, func() bool { return len(pos.received()) > 0 })
		if took := time.Since(up); took > 30*time.Second {
			t.Errorf("found out after %v", took)
		}
		// Every row is due by now but those tried last.
		b.until(t, func() bool { return len(pos.received()) >= backlog-5 })
		if took := time.Since(up); took > 35*time.Second {
			t.Errorf("the backlog took %v", took)
		}
		for i := range backlog {
			b.settled(t, fmt.Sprint("e-", i), callback.StateDelivered)
		}
		if n := len(pos.received()); n != backlog {
			t.Errorf("%d notices for %d payments", n, backlog)
		}
		stop()
	})
}

// Failure matrix I7: a backlog that is more than a day old. If the merchant's
// server is still dead, its probes could never work it off, and the rows that
// had been tried are given up together; what was never tried is not. If it
// is back, every row is delivered, however old.
func TestBacklogOfMoreThanADay(t *testing.T) {
	t.Parallel()
	const backlog = 200
	event := func(i int) string { return fmt.Sprintf("e-%03d", i) }
	for _, dead := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			lan, pos := newWire(), &till{}
			if dead {
				lan.plug("pos.example.in", hang)
			} else {
				lan.serve("pos.example.in", pos)
			}
			b := newBench(t, nil)
			b.DialThrough(lan.dial)
			for i := range backlog {
				b.put(t, "M1", event(i), shop)
				if _, err := b.Lease(t.Context(), callback.Ask{Limit: 1, Lease: time.Second}); err != nil {
					t.Fatal(err)
				}
			}
			<-time.After(25 * time.Hour)
			for i := range backlog {
				b.put(t, "M1", "new-"+event(i), shop)
			}
			stop := b.start(t)
			<-time.After(5 * time.Minute)
			for i := range backlog {
				r, err := b.Row(t.Context(), event(i))
				if err != nil {
					t.Fatal(err)
				}
				if want := map[bool]string{true: callback.StateDead, false: callback.StateDelivered}[dead]; r.State != want {
					t.Errorf("dead %v: %s is %s after %d attempts", dead, r.EventID, r.State, r.Attempts)
				}
				if r, err = b.Row(t.Context(), "new-"+event(i)); err != nil || r.State == callback.StateDead {
					t.Errorf("dead %v: %s is %s: %v", dead, r.EventID, r.State, err)
				}
			}
			if _, n, _ := b.meter.count(""); dead && n != backlog || !dead && n != 0 {
				t.Errorf("dead %v: %d dead letters are counted", dead, n)
			}
			stop()
		})
	}
}

// A failure of our own is repeated like any other, and shuts no lane.
func TestRenderFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lan, pos := newWire(), &till{}
		lan.serve("pos.example.in", pos)
		failing := true
		b := newBench(t, func(c *callback.Config) {
			render := c.Render
			c.Render = func(ctx context.Context, paymentID string) (callback.Notice, error) {
				if failing && paymentID != "pay-good" {
					return callback.Notice{}, errDown
				}
				return render(ctx, paymentID)
			}
		})
		b.DialThrough(lan.dial)
		stop := b.start(t)
		for i := range 10 {
			b.sell(t, "M1", fmt.Sprint("e-", i), shop)
		}
		<-time.After(20 * time.Second)
		if n := len(pos.received()); n != 0 {
			t.Fatalf("%d notices were sent", n)
		}
		began := time.Now()
		b.sell(t, "M1", "good", shop)
		b.settled(t, "good", callback.StateDelivered)
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("a good one took %v", took)
		}
		if _, _, open := b.meter.count(""); open != 0 {
			t.Errorf("%d breakers are open", open)
		}
		failing = false
		for i := range 10 {
			b.settled(t, fmt.Sprint("e-", i), callback.StateDelivered)
		}
		if a := b.attempts(t, "e-0"); a[0].Outcome.Result != callback.ResultLocal || a[0].Outcome.Error == "" {
			t.Errorf("attempt %+v", a[0])
		}
		stop()
	})
}
