package broker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/protocol"
)

func TestTheNewestLoginOfATerminalWins(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	old := w.listen(t, gina, withWill(protocol.PresenceTopic(gina), "session 1 is gone"))
	fresh := w.listen(t, gina, withWill(protocol.PresenceTopic(gina), "session 2 is gone"))
	old.ended()
	fresh.publish(protocol.ReportTopic(gina), "sync of session 2", 1, false)
	fresh.want(packets.Puback)
	if err := w.Publish(protocol.CommandTopic(gina), []byte("state")); err != nil {
		t.Fatal(err)
	}
	if got := fresh.command(); got != "state" {
		t.Errorf("command %q", got)
	}
	// The will of the old session names that session, and comes before
	// anything of the new one.
	want := []message{
		{gina.String(), broker.KindPresence, "session 1 is gone"},
		{gina.String(), broker.KindReport, "sync of session 2"},
	}
	if got := w.all(); !slices.Equal(got, want) {
		t.Errorf("heard %v, want %v", got, want)
	}
	w.refused(t, broker.ReasonTakenOver, 1)
}

func TestTwoConnectionsOfOneTerminalAtOnceLeaveOneThatWorks(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	for round := range 30 {
		id := protocol.Identity{MerchantID: "M1", StoreID: "race", TerminalID: fmt.Sprint(round)}
		w.mu.Lock()
		w.tokens[id] = "token of " + id.String()
		w.mu.Unlock()
		// Rivals connect at the same moment; each is let in in turn.
		rivals := make([]*raw, 6)
		for i := range rivals {
			rivals[i] = w.dial(t)
		}
		var all sync.WaitGroup
		for _, c := range rivals {
			all.Go(func() { c.send(w.connectOf(id, nil)) })
		}
		all.Wait()
		for _, c := range rivals {
			all.Go(func() {
				// By the next rival, perhaps before the CONNACK, or by the winner.
				for _, pk := range c.ended() {
					if pk.ReasonCode != 0 {
						t.Errorf("round %d: refused with code %d", round, pk.ReasonCode)
					}
				}
			})
		}
		until(t, "all rivals but one are out", func() bool {
			return w.Stats().Refused[broker.ReasonTakenOver] == uint64(6*round+5)
		})
		winner := w.listen(t, id, nil) // takes over from the last rival as well
		all.Wait()
		if err := w.Publish(protocol.CommandTopic(id), []byte("state")); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if got := winner.command(); got != "state" {
			t.Fatalf("round %d: command %q", round, got)
		}
	}
}

func TestLastWillIsHandedOverOnlyWhenTheTerminalVanishes(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		end  func(*testing.T, *world, *raw)
		want bool
	}{
		"the link breaks":     {func(_ *testing.T, _ *world, c *raw) { _ = c.Close() }, true},
		"the terminal cheats": {func(_ *testing.T, _ *world, c *raw) { c.publish("x", "y", 1, false) }, true},
		"the terminal is cut": {func(_ *testing.T, w *world, _ *raw) { w.Kick(gina) }, true},
		"the terminal says bye": {func(_ *testing.T, _ *world, c *raw) {
			c.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Disconnect}})
		}, false},
		"the broker closes": {func(t *testing.T, w *world, _ *raw) { closeNow(t, w) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, nil)
			c := w.login(t, gina, withWill(protocol.PresenceTopic(gina), "gone"))
			row.end(t, w, c)
			until(t, "nobody is connected", func() bool { return len(w.Connected()) == 0 })
			var want []message
			if row.want {
				want = []message{{gina.String(), broker.KindPresence, "gone"}}
			}
			if got := w.all(); !slices.Equal(got, want) {
				t.Errorf("heard %v, want %v", got, want)
			}
		})
	}
}

func TestT2KickCutsALiveTerminal(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	victim := w.listen(t, gina, nil)
	other := w.join(t, hari)
	w.revoke(gina)
	if !w.Kick(gina) {
		t.Error("Kick found nobody")
	}
	victim.ended()
	until(t, "gina is gone", func() bool { return !slices.Contains(w.Connected(), gina) })
	if err := w.Publish(protocol.CommandTopic(gina), []byte("late")); !errors.Is(err, broker.ErrNotListening) {
		t.Errorf("Publish = %v, want ErrNotListening", err)
	}
	again := w.dial(t)
	again.send(w.connectOf(gina, func(pk *packets.Packet) { pk.Connect.Password = []byte("the old token, 0123456789abcdef") }))
	if code := again.connack(); code != 5 {
		t.Errorf("revoked terminal: code %d, want 5", code)
	}
	if w.Kick(gina) {
		t.Error("Kick cut a terminal that is not there")
	}
	other.works()
}

func TestT2KickDuringALoginIsNotMissed(t *testing.T) {
	t.Parallel()
	var w *world
	asked, answer := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	w = start(t, func(c *broker.Config) {
		c.Auth = func(ctx context.Context, id protocol.Identity, sum [32]byte) (bool, error) {
			ok, err := w.auth(ctx, id, sum)
			if calls.Add(1) == 1 {
				close(asked)
				<-answer // the look-up is done; its answer is on its way
			}
			return ok, err
		}
	})
	c := w.dial(t)
	c.send(w.connectOf(gina, nil))
	<-asked
	w.revoke(gina)
	w.Kick(gina) // too early to find a session
	close(answer)
	if code := c.connack(); code != 5 {
		t.Errorf("code %d, want 5", code)
	}
	c.ended()
	if n := calls.Load(); n != 2 {
		t.Errorf("the token was looked up %d times, want 2", n)
	}
}

func TestUnknownIsNotWrong(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *broker.Config) {
		c.ConnectTimeout = 200 * time.Millisecond
		c.Auth = func(ctx context.Context, id protocol.Identity, _ [32]byte) (bool, error) {
			if id == gina {
				<-ctx.Done() // bounded by the broker
				return false, ctx.Err()
			}
			return true, errors.New("database is away")
		}
	})
	for _, id := range []protocol.Identity{gina, hari} {
		c := w.dial(t)
		c.send(w.connectOf(id, nil))
		if code := c.connack(); code != 3 {
			t.Errorf("%s: code %d, want 3: come back", id, code)
		}
		c.ended()
	}
	w.refused(t, broker.ReasonUnknown, 2)
}

func TestT5FlappingIsStopped(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	last := w.login(t, gina, nil)
	for n := 1; ; n++ {
		c := w.dial(t)
		c.send(w.connectOf(gina, nil))
		if code := c.connack(); code != 0 {
			if code != 3 || n < 20 || n > 40 {
				t.Errorf("takeover %d: code %d, want 3 after 20 or a few more", n, code)
			}
			break
		}
		last.ended()
		last = c
		if n > 40 {
			t.Fatal("two holders of one token throw each other out for ever")
		}
	}
	last.alive() // the one that is in stays in
	w.refused(t, broker.ReasonFlapping, 1)
}

func TestMaxTerminals(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *broker.Config) { c.MaxTerminals = 2 })
	w.login(t, gina, nil)
	in := w.login(t, hari, nil)
	c := w.dial(t)
	c.send(w.connectOf(anna, nil))
	if code := c.connack(); code != 3 {
		t.Errorf("third of two: code %d, want 3", code)
	}
	w.refused(t, broker.ReasonFull, 1)
	w.login(t, hari, nil).alive() // no room is needed for a takeover
	in.ended()
}

func TestReportsComeInOrderAndPressIsBounded(t *testing.T) {
	t.Parallel()
	release, held := make(chan struct{}), make(chan struct{})
	var w *world
	var once sync.Once
	w = start(t, func(c *broker.Config) {
		c.OnReport = func(ctx context.Context, id protocol.Identity, kind string, payload []byte) {
			if id == gina {
				once.Do(func() { close(held); <-release })
			}
			w.onReport(ctx, id, kind, payload)
		}
	})
	slow := w.login(t, gina, nil)
	const n = 200
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range n {
			slow.publish(protocol.ReportTopic(gina), fmt.Sprintf("%03d", i), 0, false)
		}
	}()
	<-held
	w.join(t, hari).works() // nobody else is held up
	if got := w.Stats().Reports; got != 2 {
		t.Errorf("%d reports handed over while the first of gina's is held, want 2", got)
	}
	close(release)
	<-sent
	w.await(t, message{gina.String(), broker.KindReport, fmt.Sprintf("%03d", n-1)})
	var got []string
	for _, m := range w.all() {
		if m.from == gina.String() {
			got = append(got, m.payload)
		}
	}
	if len(got) != n || !slices.IsSorted(got) {
		t.Errorf("reports out of order or lost: %v", got)
	}
}

func TestReportIsAcknowledgedOnlyAfterItWasHandedOver(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var done atomic.Bool
	w := start(t, func(c *broker.Config) {
		c.OnReport = func(context.Context, protocol.Identity, string, []byte) {
			<-release
			done.Store(true)
		}
	})
	c := w.login(t, gina, nil)
	c.publish(protocol.ReportTopic(gina), "x", 1, false)
	until(t, "the report is held", func() bool { return w.Stats().Reports == 1 })
	close(release)
	c.want(packets.Puback)
	if !done.Load() {
		t.Error("PUBACK came before the handler had returned")
	}
}

func TestHandlerThatHangsDelaysItsOwnTerminalOnly(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var w *world
	w = start(t, func(c *broker.Config) {
		c.TakeoverTimeout = 50 * time.Millisecond
		c.OnReport = func(ctx context.Context, id protocol.Identity, kind string, payload []byte) {
			if string(payload) == "hang" {
				<-release // heeds no ctx
			}
			w.onReport(ctx, id, kind, payload)
		}
	})
	c := w.login(t, gina, nil)
	c.publish(protocol.ReportTopic(gina), "hang", 1, false)
	until(t, "the report is held", func() bool { return w.Stats().Reports == 1 })
	again := w.dial(t)
	again.send(w.connectOf(gina, nil))
	if code := again.connack(); code != 3 {
		t.Errorf("login behind a hanging handler: code %d, want 3", code)
	}
	w.refused(t, broker.ReasonBusy, 1)
	w.join(t, hari).works()

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := w.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close with a hanging handler = %v, want DeadlineExceeded", err)
	}
	close(release)
	closeNow(t, w)
}

func TestHandlersContextEndsWithTheSession(t *testing.T) {
	t.Parallel()
	held := make(chan struct{}, 1)
	w := start(t, func(c *broker.Config) {
		c.OnReport = func(ctx context.Context, _ protocol.Identity, _ string, _ []byte) {
			held <- struct{}{}
			<-ctx.Done()
		}
	})
	for name, end := range map[string]func(){
		"Kick":     func() { w.Kick(gina) },
		"takeover": func() { w.login(t, gina, nil) },
	} {
		c := w.login(t, gina, nil)
		c.publish(protocol.ReportTopic(gina), name, 1, false)
		<-held
		end()
		c.ended()
	}
	c := w.login(t, gina, nil)
	c.publish(protocol.ReportTopic(gina), "Close", 1, false)
	<-held
	closeNow(t, w)
	c.ended()
}

func TestPanicOfAHandlerEndsItsSessionOnly(t *testing.T) {
	t.Parallel()
	var w *world
	w = start(t, func(c *broker.Config) {
		c.OnReport = func(ctx context.Context, id protocol.Identity, kind string, payload []byte) {
			if string(payload) == "bang" {
				panic("bang")
			}
			w.onReport(ctx, id, kind, payload)
		}
	})
	good := w.join(t, hari)
	for _, id := range []protocol.Identity{gina, anna} {
		c := w.listen(t, id, nil)
		c.publish(protocol.ReportTopic(id), "bang", 1, false)
		if before := c.ended(); len(before) != 0 {
			t.Errorf("before the end: %v, want no PUBACK", before)
		}
	}
	w.refused(t, broker.ReasonPanic, 2)
	good.works()
	// Nothing of the broken sessions is left to catch messages.
	fresh := w.listen(t, gina, nil)
	if err := w.Publish(protocol.CommandTopic(gina), []byte("state")); err != nil {
		t.Fatal(err)
	}
	if got := fresh.command(); got != "state" {
		t.Errorf("command %q", got)
	}
	w.forgivePanics = true
}

func closeNow(t *testing.T, w *world) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}
