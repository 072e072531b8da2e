package mqttlink_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test. It is reached only by a failure.
const patience = 60 * time.Second

// world is a link with a real house behind it.
type world struct {
	*doortest.House
	*news
	t        *testing.T
	link     atomic.Pointer[mqttlink.Link] // the running one
	stop     func()                        // ends it
	reader   *reader
	mouth    *mouth // what the link publishes through
	log      *slog.Logger
	tills    int
	root     ed25519.PublicKey // which terminals have pinned
	keys     mqttlink.Keys     // that a link signs with
	messages map[string]int    // Counted; guarded by news.mu
	witness  mqttlink.Witness  // of a link; nil for none

	strangers atomic.Bool // the directory knows nobody: every state is read
}

// newWorld has a house with that many terminals, and no link yet.
func newWorld(t *testing.T, tills int) *world {
	t.Helper()
	w := &world{t: t, news: newNews(), tills: tills, messages: map[string]int{}}
	w.House = doortest.New(t, func(d *merchant.Data) {
		for n := 1; n <= tills; n++ {
			d.Terminals = append(d.Terminals, merchant.Terminal{
				Identity: till(n), Label: fmt.Sprint("Counter ", n), Active: true, Integrated: true,
			})
		}
	})
	w.OnCommit = func(c decide.Changes) {
		if l := w.link.Load(); l != nil {
			l.Committed(c)
		}
		if len(c.Terminals) > 0 {
			w.count("commit")
		}
		for _, row := range c.Terminals {
			w.count("key " + protocol.KeyID(row.PublicKey))
		}
		w.ring()
	}
	w.log = slog.New(&bell{news: w.news})
	w.reader = &reader{Reader: w.DB}
	w.mouth = &mouth{}
	keySet, err := protocol.SignKeySet(protocoltest.Key("root"), 1, protocoltest.Public("online"))
	must(t, err)
	w.root, w.keys = protocoltest.Public("root"), oneKey(keySet)
	return w
}

// oneKey is a key set that never changes.
type oneKey []byte

func (k oneKey) Current() (protocol.SigningKey, []byte, uint64) {
	return protocoltest.Key("online"), k, 1
}
func (k oneKey) Changed() <-chan struct{} { return nil }

// till is the identity of a terminal; 0 is that of the goldens.
func till(n int) protocol.Identity {
	id := protocoltest.Identity
	if n > 0 {
		id.TerminalID = fmt.Sprint("till-", n)
	}
	return id
}

// start runs a new link over the house until stop, or the end of the test.
func (w *world) start() {
	w.t.Helper()
	l := mqttlink.New(mqttlink.Config{Journal: w.Journal, Reader: w.reader, Keys: w.keys, Log: w.log, Counted: w.count, Witness: w.witness,
		Merchant: func(id string) (name string, edc, ok bool) {
			m, ok := w.People.Merchant(id)
			return m.Name, m.EDC, ok && !w.strangers.Load()
		},
	})
	l.Attach(w.mouth)
	w.link.Store(l)
	end := running(w.t, l.Run)
	w.stop = func() {
		end()
		w.link.Store(nil)
	}
}

// running runs something until stop, or the end of the test.
func running(t *testing.T, run func(context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	stop = func() {
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("Run did not return")
		}
	}
	t.Cleanup(stop)
	return stop
}

func (w *world) count(what string) {
	w.mu.Lock()
	w.messages[what]++
	w.mu.Unlock()
	w.ring()
}

// counted is how often the link has counted what.
func (w *world) counted(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.messages[what]
}

// enrol gives a terminal a new key and token.
func (w *world) enrol(t *testing.T, id protocol.Identity) (key protocol.SigningKey, token string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	token = rand.Text()
	hash := sha256.Sum256([]byte(token))
	_, err = journal.Do(t.Context(), w.Journal, decide.Enrol{Identity: id, PublicKey: public, TokenHash: hash[:]})
	must(t, err)
	key = protocol.NewSigningKey(private)
	// The journal answers first, and tells the link a moment later.
	w.await(t, "the link knows of the new key", func() bool { return w.counted("key "+key.ID) > 0 })
	return key, token
}

// sale is an init of 245.00 on the terminal's display.
func (w *world) sale(t *testing.T, id protocol.Identity, name string) payment.Payment {
	t.Helper()
	p, err := journal.Do(t.Context(), w.Journal, decide.Init{ExpiresIn: 3 * time.Minute, Actor: "pos:" + id.MerchantID, Payment: payment.Payment{
		ID: "GP" + name, Key: payment.Key{MerchantID: id.MerchantID, TransactionID: name}, StoreID: id.StoreID, TerminalID: id.TerminalID,
		OrderID: "O-" + name, Amount: 24500, Solution: payment.DQRDevice, Payee: "merchant@upi", QR: "upi://pay?mode=16&tr=GP" + name,
	}})
	must(t, err)
	return p
}

// pay is the customer's bank: it validates the QR and pays it.
func (w *world) pay(t *testing.T, p payment.Payment) {
	t.Helper()
	m, _ := w.People.Merchant(p.MerchantID)
	payee := decide.PayeeFacts{Found: true, Merchant: m, Payee: merchant.Payee{VPA: p.Payee, MerchantID: p.MerchantID, Active: true}}
	v, err := journal.Do(t.Context(), w.Journal, decide.Validate{
		OrgID: "MER101", MsgID: "V" + p.ID, Token: "token-" + p.ID, QR: decide.QR{Tr: p.ID, Amount: p.Amount}, Payee: payee,
		Amount: p.Amount, Base: int64(p.Amount), Currency: "INR", Settings: quote.Default(),
		Render: func(a decide.ValidateAnswer) []byte { return []byte(a.Code) },
	})
	must(t, err)
	a, err := journal.Do(t.Context(), w.Journal, decide.Pay{
		OrgID: "MER101", MsgID: "P" + p.ID, TxnID: "X" + p.ID, Token: v.Token, Base: int64(p.Amount), Currency: "INR", Settings: quote.Default(),
		Payer: "customer@upi", Payee: p.Payee, PayeeFacts: payee, Reference: "632600000042",
		Render: func(a decide.PayAnswer) []byte { return []byte(a.Code) },
	})
	must(t, err)
	if v.Code != decide.CodeOK || a.Code != decide.CodeOK {
		t.Fatalf("ReqValQr answered %s, ReqPay %s", v.Code, a.Code)
	}
}

func (w *world) terminal(t *testing.T, id protocol.Identity) fleet.Terminal {
	t.Helper()
	row, err := w.DB.Terminal(t.Context(), id)
	must(t, err)
	return row
}

func (w *world) payment(t *testing.T, id string) payment.Payment {
	t.Helper()
	p, err := w.DB.PaymentByID(t.Context(), id)
	must(t, err)
	return p
}

// story is a payment's events, as one line.
func (w *world) story(t *testing.T, id string) string {
	t.Helper()
	records, err := w.DB.Events(t.Context(), id)
	must(t, err)
	if _, err := payment.VerifyChain(records); err != nil {
		t.Fatalf("the events of %s: %v", id, err)
	}
	var names []string
	for _, r := range records {
		names = append(names, string(r.Event))
	}
	return strings.Join(names, " ")
}

// awaitState waits until a payment is in state.
func (w *world) awaitState(t *testing.T, id string, state payment.State) {
	t.Helper()
	w.await(t, id+" is "+string(state), func() bool { return w.payment(t, id).State == state })
}

// news wakes those who wait for something to happen.
type news struct {
	mu sync.Mutex
	c  chan struct{}
}

func newNews() *news { return &news{c: make(chan struct{})} }

func (n *news) ring() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.c)
	n.c = make(chan struct{})
}

// await waits until ok, looking again whenever something was committed,
// counted or logged.
func (n *news) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.After(patience)
	for {
		n.mu.Lock()
		next := n.c
		n.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-next:
		case <-limit:
			t.Fatalf("still waiting: %s", what)
		}
	}
}

// bell is a log that rings.
type bell struct {
	*news
	slog.Handler
	lines []string
}

func (b *bell) Enabled(context.Context, slog.Level) bool { return true }

func (b *bell) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	b.mu.Lock()
	b.lines = append(b.lines, line)
	b.mu.Unlock()
	b.ring()
	return nil
}

// said reports whether a line holds text.
func (b *bell) said(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.lines {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// reader is the database with faults to turn on.
type reader struct {
	mqttlink.Reader
	noSweep  atomic.Bool            // nothing is found to be unacknowledged
	noWanted atomic.Int32           // so many reads fail
	gate     atomic.Pointer[func()] // keys are read behind it
}

func (r *reader) Unacked(ctx context.Context, limit int) ([]protocol.Identity, error) {
	if r.noSweep.Load() {
		return nil, nil
	}
	return r.Reader.Unacked(ctx, limit)
}

func (r *reader) Wanted(ctx context.Context, ids []protocol.Identity) ([]decide.Wanted, error) {
	if r.noWanted.Add(-1) >= 0 {
		return nil, fmt.Errorf("the database is away")
	}
	return r.Reader.Wanted(ctx, ids)
}

func (r *reader) Terminal(ctx context.Context, id protocol.Identity) (fleet.Terminal, error) {
	if gate := r.gate.Load(); gate != nil {
		(*gate)()
	}
	return r.Reader.Terminal(ctx, id)
}

// mouth is a publisher that fails when it is told to.
type mouth struct {
	to   atomic.Pointer[mqttlink.Publisher]
	fail atomic.Int32           // so many messages are lost
	lose atomic.Pointer[string] // the topic whose next message is lost
}

func (m *mouth) Publish(topic string, payload []byte) error {
	lose := m.lose.Load()
	if m.fail.Add(-1) >= 0 || lose != nil && *lose == topic && m.lose.CompareAndSwap(lose, nil) {
		return fmt.Errorf("the broker is away")
	}
	return (*m.to.Load()).Publish(topic, payload)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bell) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = nil
}
