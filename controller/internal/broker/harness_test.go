package broker_test

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test. It is reached only by a failure.
const patience = 60 * time.Second

// The terminals of these tests. gina and hari sit in one shop; anna has the
// same store and terminal id at another merchant; gin's identity is a prefix of
// gina's.
var (
	gina = protocol.Identity{MerchantID: "M1", StoreID: "shop", TerminalID: "till-1"}
	hari = protocol.Identity{MerchantID: "M1", StoreID: "shop", TerminalID: "till-2"}
	anna = protocol.Identity{MerchantID: "M2", StoreID: "shop", TerminalID: "till-1"}
	gin  = protocol.Identity{MerchantID: "M1", StoreID: "shop", TerminalID: "till-"}
)

// message is what Config.OnReport was given.
type message struct {
	from    string
	kind    string
	payload string
}

// world is a broker on a loopback port, with what it heard.
type world struct {
	*broker.Broker
	addr string

	forgivePanics bool // the test makes them

	mu      sync.Mutex
	tokens  map[protocol.Identity]string
	heard   []message
	changed chan struct{} // closed and renewed with every message
}

// start serves a broker with change applied to its configuration, and closes
// it at the end of the test.
func start(t testing.TB, change func(*broker.Config)) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, l, change)
}

func startOn(t testing.TB, l net.Listener, change func(*broker.Config)) *world {
	t.Helper()
	w := &world{addr: l.Addr().String(), tokens: map[protocol.Identity]string{}, changed: make(chan struct{})}
	for _, id := range []protocol.Identity{gina, hari, anna, gin} {
		w.tokens[id] = "token-of-" + id.String() + "-0123456789abcdef0123456789"
	}
	config := broker.Config{
		Auth:     w.auth,
		OnReport: w.onReport,
		Log:      slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&config)
	}
	b, err := broker.New(config)
	if err != nil {
		t.Fatal(err)
	}
	w.Broker = b
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-served; !errors.Is(err, broker.ErrClosed) {
			t.Errorf("Serve after Close = %v, want ErrClosed", err)
		}
		if sessions, subscriptions := b.Leftovers(); sessions != 0 || subscriptions != 0 {
			t.Errorf("after Close %d sessions and %d subscriptions are left", sessions, subscriptions)
		}
		if n := b.Stats().Refused[broker.ReasonPanic]; n != 0 && !w.forgivePanics {
			t.Errorf("%d panics, want none", n)
		}
	})
	return w
}

func (w *world) auth(_ context.Context, id protocol.Identity, sum [32]byte) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	token, known := w.tokens[id]
	want := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(want[:], sum[:]) == 1 && known, nil
}

func (w *world) token(id protocol.Identity) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tokens[id]
}

func (w *world) revoke(id protocol.Identity) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tokens, id)
}

func (w *world) onReport(_ context.Context, id protocol.Identity, kind string, payload []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, message{id.String(), kind, string(payload)})
	close(w.changed)
	w.changed = make(chan struct{})
}

// all returns what OnReport was given so far.
func (w *world) all() []message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]message(nil), w.heard...)
}

// await waits until OnReport was given m.
func (w *world) await(t testing.TB, m message) {
	t.Helper()
	limit := time.After(patience)
	for {
		w.mu.Lock()
		changed := w.changed
		heard := append([]message(nil), w.heard...)
		w.mu.Unlock()
		for _, have := range heard {
			if have == m {
				return
			}
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("never heard %v, only %v", m, heard)
		}
	}
}

// refused waits until the broker has counted n refusals for why.
func (w *world) refused(t testing.TB, why broker.Reason, n uint64) {
	t.Helper()
	until(t, fmt.Sprintf("%d x %q refused", n, why), func() bool { return w.Stats().Refused[why] >= n })
}

// until polls for what the broker tells only by its counters.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("still waiting for: %s", what)
		}
	}
}

func allowAll(context.Context, protocol.Identity, [32]byte) (bool, error) { return true, nil }
