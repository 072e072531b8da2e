package broker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/protocol"
)

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	whole := broker.Config{
		Auth:     allowAll,
		OnReport: func(context.Context, protocol.Identity, string, []byte) {},
		Log:      slog.New(slog.DiscardHandler),
	}
	if _, err := broker.New(whole); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*broker.Config){
		"Auth":                 func(c *broker.Config) { c.Auth = nil },
		"OnReport":             func(c *broker.Config) { c.OnReport = nil },
		"Log":                  func(c *broker.Config) { c.Log = nil },
		"ConnectTimeout":       func(c *broker.Config) { c.ConnectTimeout = -1 },
		"WriteTimeout":         func(c *broker.Config) { c.WriteTimeout = -1 },
		"TakeoverTimeout":      func(c *broker.Config) { c.TakeoverTimeout = -1 },
		"MaxTerminals":         func(c *broker.Config) { c.MaxTerminals = -1 },
		"MaxWaiting ":          func(c *broker.Config) { c.MaxWaiting = -1 },
		"MaxWaitingPerAddress": func(c *broker.Config) { c.MaxWaitingPerAddress = -1 },
	} {
		c := whole
		spoil(&c)
		if _, err := broker.New(c); err == nil || !strings.Contains(err.Error(), "Config."+want) {
			t.Errorf("without a good %s: error %v", want, err)
		}
	}
}

func TestReasonsAreListedOnce(t *testing.T) {
	t.Parallel()
	seen := map[broker.Reason]bool{}
	for _, why := range broker.Reasons() {
		if why == "" || seen[why] {
			t.Errorf("reason %q is empty or listed twice", why)
		}
		seen[why] = true
	}
	if len(seen) != 29 {
		t.Errorf("%d reasons listed; a new one belongs into Reasons and here", len(seen))
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	w.login(t, hari, nil) // connected, not subscribed
	listener := w.listen(t, gina, nil)
	biggest := strings.Repeat("x", protocol.MaxMessage)
	for _, row := range []struct {
		topic   string
		payload string
		want    error
	}{
		{"galla/v1/M1.shop.till-1/command", "state", nil},
		{"galla/v1/M1.shop.till-1/command", "", nil},
		{"galla/v1/M1.shop.till-1/command", biggest, nil},
		{"galla/v1/M1.shop.till-1/command", biggest + "x", broker.ErrTooLarge},
		{"galla/v1/M1.shop.till-2/command", "state", broker.ErrNotListening},
		{"galla/v1/M9.shop.till-9/command", "state", broker.ErrNotListening},
		{"galla/v1/M1.shop.till-1/report", "state", broker.ErrTopic},
		{"galla/v1/M1.shop.till-1/presence", "state", broker.ErrTopic},
		{"galla/v1/M1.shop.till-1/command/x", "state", broker.ErrTopic},
		{"galla/v1/+/command", "state", broker.ErrTopic},
		{"galla/v1/inline/command", "state", broker.ErrTopic},
		{"$SYS/x", "state", broker.ErrTopic},
		{"#", "state", broker.ErrTopic},
		{"", "state", broker.ErrTopic},
	} {
		err := w.Publish(row.topic, []byte(row.payload))
		if !errors.Is(err, row.want) {
			t.Errorf("Publish(%q, %d bytes) = %v, want %v", row.topic, len(row.payload), err, row.want)
		}
		if id, leaf, err := protocol.ParseTopic(row.topic); err == nil && leaf == "command" && w.Listening(id) == errors.Is(row.want, broker.ErrNotListening) {
			t.Errorf("Publish(%q) = %v, and listening: %t", row.topic, row.want, w.Listening(id))
		}
		if row.want != nil {
			continue
		}
		if got := listener.command(); got != row.payload {
			t.Errorf("Publish(%q): %d bytes arrived, want %d", row.topic, len(got), len(row.payload))
		}
	}
	closeNow(t, w)
	if err := w.Publish(protocol.CommandTopic(gina), nil); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("Publish after Close = %v, want ErrClosed", err)
	}
	if w.Listening(gina) {
		t.Error("somebody listens after Close")
	}
}

func TestCommandsComeInOrder(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	c := w.listen(t, gina, nil)
	for round := range 10 {
		for i := range 50 {
			if err := w.Publish(protocol.CommandTopic(gina), []byte(fmt.Sprint(round, i))); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 50 {
			if got, want := c.command(), fmt.Sprint(round, i); got != want {
				t.Fatalf("command %q, want %q", got, want)
			}
		}
		c.alive() // the PUBACKs have been read
	}
}

func TestTerminalThatNeverAcknowledgesIsCut(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	c := w.listen(t, gina, nil)
	for i := range 64 {
		if err := w.Publish(protocol.CommandTopic(gina), []byte(fmt.Sprint(i))); err != nil {
			t.Fatalf("command %d: %v", i, err)
		}
	}
	if err := w.Publish(protocol.CommandTopic(gina), []byte("64")); !errors.Is(err, broker.ErrStuck) {
		t.Errorf("command 64 unacknowledged ones later: %v, want ErrStuck", err)
	}
	c.ended()
	w.refused(t, broker.ReasonStuck, 1)
	// It starts afresh: level-triggered, nothing is replayed.
	c = w.listen(t, gina, nil)
	if err := w.Publish(protocol.CommandTopic(gina), []byte("now")); err != nil {
		t.Fatal(err)
	}
	if got := c.command(); got != "now" {
		t.Errorf("command %q, want %q", got, "now")
	}
}

func TestTerminalThatDoesNotReadIsCut(t *testing.T) {
	t.Parallel()
	l := newPipes()
	w := startOn(t, l, func(c *broker.Config) { c.WriteTimeout = 100 * time.Millisecond })
	c := adopt(t, l.dial(t))
	c.send(w.connectOf(gina, nil))
	c.connack()
	c.subscribe(1, protocol.CommandTopic(gina))
	// A pipe has no buffer: this command is stuck in Write at once.
	if err := w.Publish(protocol.CommandTopic(gina), []byte("state")); err != nil {
		t.Fatal(err)
	}
	w.refused(t, broker.ReasonStuck, 1)
	until(t, "gina is out", func() bool { return len(w.Connected()) == 0 })
}

func TestSubscribeMayUseThePacketIDOfACommand(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	c := w.listen(t, gina, nil)
	if err := w.Publish(protocol.CommandTopic(gina), []byte("state")); err != nil {
		t.Fatal(err)
	}
	pk := c.want(packets.Publish) // unacknowledged: its id is in use, in the other direction
	if code := c.subscribe(pk.PacketID, protocol.CommandTopic(gina)); code != 1 {
		t.Errorf("SUBSCRIBE with id %d: code %#x, want 1", pk.PacketID, code)
	}
}

// TestCloseDoesNotHang: silent sockets, working terminals and terminals that
// reconnect all the while. mochi as it comes hangs on the first and forgets the last.
func TestCloseDoesNotHang(t *testing.T) {
	t.Parallel()
	for range 20 {
		w := start(t, func(c *broker.Config) { c.ConnectTimeout = time.Hour })
		silent := []*raw{w.dial(t), w.dial(t)}
		working := w.login(t, gina, nil)
		until(t, "two wait", func() bool { return w.Stats().Waiting == 2 })

		stop, started := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				c, err := net.DialTimeout("tcp", w.addr, patience)
				if n == 0 {
					close(started)
				}
				if err != nil {
					continue // closed
				}
				r := &raw{Conn: c, t: t}
				_ = c.SetDeadline(time.Now().Add(patience))
				r.send(w.connectOf(hari, nil))
				if _, err := r.next(); errors.Is(err, context.DeadlineExceeded) {
					t.Error("a terminal that reconnected during Close hangs")
				}
				_ = c.Close()
			}
		})
		<-started
		closeNow(t, w)
		for _, c := range append(silent, working) {
			c.ended()
		}
		close(stop)
		all.Wait()
		closeNow(t, w) // once more does no harm
		if s := w.Stats(); s.Terminals != 0 || s.Waiting != 0 {
			t.Errorf("left after Close: %+v", s)
		}
	}
}

func TestStatsCount(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	g := w.join(t, gina)
	g.works()
	g.works()
	w.dial(t)
	until(t, "one waits", func() bool { return w.Stats().Waiting == 1 })
	got := w.Stats()
	if got.Terminals != 1 || got.Sockets != 2 || got.Logins != 1 || got.Reports != 2 || got.Commands != 2 || len(got.Refused) != 0 {
		t.Errorf("stats %+v", got)
	}
	if ids := w.Connected(); !slices.Equal(ids, []protocol.Identity{gina}) {
		t.Errorf("connected %v", ids)
	}
}

// TestNoSecretIsLogged: mochi's log lines hold whole packets.
func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	w := start(t, func(c *broker.Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug - 8}))
	})
	canary := "canary-0123456789abcdef0123456789abcdef"
	spoil := func(pk *packets.Packet) { pk.Connect.Password = []byte(canary) }
	c := w.dial(t)
	c.send(w.connectOf(gina, spoil))
	c.ended()
	c = w.login(t, gina, nil)
	c.send(w.connectOf(gina, spoil)) // a second CONNECT
	c.ended()
	c = w.login(t, gina, nil)
	c.publish(protocol.CommandTopic(gina), canary, 1, true)
	c.ended()
	c = w.dial(t)
	c.send(w.connectOf(gina, func(pk *packets.Packet) { withWill("x", canary)(pk) }))
	c.ended()
	text := log.String()
	for _, secret := range []string{canary, w.token(gina)} {
		// Also as %v prints bytes.
		numbers := strings.Trim(fmt.Sprint([]byte(secret)), "[]")
		if strings.Contains(text, secret) || strings.Contains(text, numbers) {
			t.Errorf("the log holds a secret:\n%s", text)
		}
	}
	if !strings.Contains(text, "reason=token") || !strings.Contains(text, "reason=packet") {
		t.Errorf("the log holds no refusals:\n%s", text)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
