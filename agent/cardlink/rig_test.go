package cardlink_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/cardlink"
	"github.com/galla-pay/galla/protocol"
	wire "github.com/galla-pay/galla/protocol/cardlink"
	"go.uber.org/goleak"
)

// A check of these properties runs a whole terminal; -rapid.checks asks for more.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "40"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// rig is a driver and a reader that says what a test wants it to say.
type rig struct {
	*cardlink.Reader
	t *testing.T

	mu     sync.Mutex
	answer func(wire.Message) []wire.Message
	refuse error // of opening the line
	opens  []time.Time
	link   *wire.Link
	line   net.Conn
	deaf   *atomic.Bool // what the reader writes is lost
	heard  []string
	logged bytes.Buffer
}

// bubble runs test with a driver whose reader is there, in fake time.
func bubble(t *testing.T, test func(*testing.T, *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t}
		r.Reader = cardlink.New(cardlink.Config{Open: r.open, Log: slog.New(slog.NewTextHandler(r, nil))})
		test(t, r)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// Write implements io.Writer: the log.
func (r *rig) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.logged.Write(p)
}

func (r *rig) log() string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.logged.String()
}

// open is the driver's way to the reader.
func (r *rig) open(context.Context) (io.ReadWriteCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opens = append(r.opens, time.Now())
	if r.refuse != nil {
		return nil, r.refuse
	}
	ours, theirs := net.Pipe()
	r.deaf = new(atomic.Bool)
	link := wire.NewLink(muted{ours, r.deaf})
	r.link, r.line = link, ours
	go r.serve(link)
	return theirs, nil
}

func (r *rig) serve(link *wire.Link) {
	defer link.Close()
	for {
		h, err := link.Receive(context.Background())
		if err != nil {
			return
		}
		if h.Restarted {
			continue
		}
		text, err := h.Message.Text()
		if err != nil {
			r.t.Error(err)
		}
		r.mu.Lock()
		r.heard = append(r.heard, text)
		answer := r.answer
		r.mu.Unlock()
		if answer == nil {
			continue
		}
		for _, m := range answer(h.Message) {
			_ = link.Send(context.Background(), m) // a line that was cut meanwhile
		}
	}
}

// does makes the reader answer so from now on: by the kind of what it is told.
func (r *rig) does(answers map[wire.Kind][]wire.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = func(m wire.Message) []wire.Message { return answers[m.Kind] }
}

// say says something that was not asked for.
func (r *rig) say(messages ...wire.Message) {
	r.t.Helper()
	r.mu.Lock()
	link := r.link
	r.mu.Unlock()
	for _, m := range messages {
		if err := link.Send(r.t.Context(), m); err != nil {
			r.t.Fatalf("%+v: %v", m, err)
		}
	}
	synctest.Wait()
}

// cut breaks the line; with a reason it cannot be opened again.
func (r *rig) cut(refuse error) {
	r.mu.Lock()
	r.refuse = refuse
	line := r.line
	r.mu.Unlock()
	_ = line.Close()
	synctest.Wait()
}

func (r *rig) back() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = nil
}

// told is what the reader was told.
func (r *rig) told() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.heard)
}

func (r *rig) wantTold(want ...string) {
	r.t.Helper()
	if got := r.told(); !slices.Equal(got, want) {
		r.t.Fatalf("the reader was told %q, want %q", got, want)
	}
}

// paying is a Pay under way.
type paying struct {
	started chan struct{} // closed when a card was read
	done    chan struct{} // closed when Pay is back
	card    protocol.Card
	err     error
}

// pay asks for a card. Only P1 and its 245 rupees are ever asked for here.
func (r *rig) pay(ctx context.Context) *paying {
	p := &paying{started: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.card, p.err = r.Pay(ctx, "P1", 24_500, func() { close(p.started) })
	}()
	synctest.Wait()
	return p
}

// is reports, in a bubble at rest, whether a channel is closed.
func is(c <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// of is a word about P1.
func of(k wire.Kind) wire.Message { return wire.Message{Kind: k, Tag: wire.TagOf("P1")} }

func with(k wire.Kind, code string) wire.Message {
	return wire.Message{Kind: k, Tag: wire.TagOf("P1"), Code: code}
}

func approves(amount int64) wire.Message {
	return wire.Message{
		Kind: wire.Approved, Tag: wire.TagOf("P1"), AmountPaise: amount,
		RRN: "632512004217", Network: "VISA", Type: "DEBIT", Last4: "4242",
	}
}

var approvedCard = protocol.Card{RRN: "632512004217", AmountPaise: 24_500, Network: "VISA", Type: "DEBIT", Last4: "4242"}

type messages = []wire.Message

// good is a reader with a card on it that is approved.
func good() map[wire.Kind][]wire.Message {
	return map[wire.Kind][]wire.Message{
		wire.Sale:  {of(wire.Waiting), of(wire.Read)},
		wire.Noted: {of(wire.Pending), approves(24_500), of(wire.Remove)},
		wire.Last:  {approves(24_500)},
		wire.Took:  {of(wire.Kept)},
	}
}

var errCable = errors.New("no such device")

func same(got, want error) bool {
	return want == nil && got == nil || want != nil && (errors.Is(got, want) || got != nil && fmt.Sprint(got) == fmt.Sprint(want))
}

// mute makes everything that the reader writes get lost from now on.
func (r *rig) mute() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deaf.Store(true)
}

// muted is a line whose one direction can go dead.
type muted struct {
	net.Conn
	deaf *atomic.Bool
}

func (m muted) Write(p []byte) (int, error) {
	if m.deaf.Load() {
		return len(p), nil
	}
	return m.Conn.Write(p)
}
