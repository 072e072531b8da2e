package crowd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// What a real terminal does, and how often (agent/internal/session).
const (
	keepAlive     = 20 * time.Second
	beatEvery     = 15 * time.Second
	connectLimit  = 5 * time.Second
	steadyAfter   = 10 * time.Second
	writeLimit    = 5 * time.Second
	firstTryIn    = time.Second     // the first try to connect, at the latest
	laterTryAfter = time.Second     // the next one, at the earliest
	laterTryIn    = 5 * time.Second // and at the latest
)

// perShop is how many terminals share an address. To a broker that counts what comes
// from one address, a crowd on one machine is then what it is in the country.
const perShop = 16

// terminal is one light terminal.
type terminal struct {
	id     protocol.Identity
	token  string
	broker string // host:port
	key    signer
	trust  *trust // nil: it believes everything
	from   net.Addr
	epoch  string
	boot   string
	count  *counts

	mu      sync.Mutex
	conn    net.Conn // nil: not connected
	session string
	said    uint16 // the packet id that was used last
	nonce   string // of the sync that is not answered; "": none
	asked   time.Time
	asks    int    // how often
	seq     uint64 // of the newest state
	told    uint64 // the newest seq that was reported
	payment string // on glass
	result  string // the last one that was shown
	fact    uint64
	facts   []protocol.Fact // not acknowledged
	report  time.Time       // when they were told last
	again   int             // how often they were told again
	beat    time.Time       // when the next heartbeat is due
	sales   map[string]*sale
	since   times
}

// times are moments of the present connection.
type times struct{ subscribed, synced time.Time }

// newTerminal is terminal n of a crowd. Only Linux lets a socket have any address of
// 127.0.0.0/8.
func newTerminal(n int, id protocol.Identity, token, broker string, key signer, c *counts) *terminal {
	t := &terminal{
		id: id, token: token, broker: broker, key: key, count: c, sales: map[string]*sale{},
		epoch: fmt.Sprintf("E%08X", rand.Uint32()), boot: fmt.Sprintf("BOOT%08X", rand.Uint32()),
	}
	if shop := n / perShop; runtime.GOOS == "linux" {
		t.from = &net.TCPAddr{IP: net.IPv4(127, byte(1+shop>>16), byte(shop>>8), byte(shop))}
	}
	return t
}

// live keeps it connected until ctx ends. The first try is within a second, as of
// terminals that got power, or lost their broker, together.
func (t *terminal) live(ctx context.Context) {
	low, high := time.Duration(0), firstTryIn
	for {
		select {
		case <-time.After(low + rand.N(high-low)):
		case <-ctx.Done():
			return
		}
		err := t.connected(ctx)
		if ctx.Err() != nil {
			return
		}
		t.count.ended(err)
		t.mu.Lock()
		steady := !t.since.subscribed.IsZero() && time.Since(t.since.subscribed) >= steadyAfter
		t.mu.Unlock()
		low, high = laterTryAfter, laterTryIn
		if steady {
			low, high = 0, firstTryIn
		}
	}
}

// connected is one connection, from dialling to its end.
func (t *terminal) connected(ctx context.Context) error {
	dialer := net.Dialer{LocalAddr: t.from, Timeout: connectLimit}
	conn, err := dialer.DialContext(ctx, "tcp", t.broker)
	if err != nil {
		t.mu.Lock()
		t.since = times{}
		t.mu.Unlock()
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(connectLimit)); err != nil {
		return err
	}
	session := fmt.Sprintf("S%016X", rand.Uint64())
	t.mu.Lock()
	t.since = times{}
	t.mu.Unlock()
	will, err := t.key.sign(protocol.Presence{Header: t.header(protocol.TypePresence), Session: session})
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(conn, 2048)
	hello := connect(t.id.String(), t.token, uint16(keepAlive/time.Second), protocol.PresenceTopic(t.id), will)
	if err := answered(conn, r, hello, packetConnack, 1); err != nil {
		return err
	}
	if err := answered(conn, r, subscribe(1, protocol.CommandTopic(t.id)), packetSuback, 2); err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	t.mu.Lock()
	t.conn, t.session, t.said = conn, session, 1
	t.nonce, t.asks, t.again = fmt.Sprintf("N%016X", rand.Uint64()), 0, 0
	t.since.subscribed = time.Now()
	t.beat = t.since.subscribed.Add(rand.N(beatEvery))
	t.count.subscribed.Add(1)
	err = t.sync()
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.conn = nil
		t.count.subscribed.Add(-1)
		if !t.since.synced.IsZero() {
			t.count.synced.Add(-1)
		}
		t.mu.Unlock()
	}()
	for err == nil {
		var p packet
		if p, err = readPacket(r); err == nil && p.first&kindMask == packetPublish1&kindMask {
			err = t.hear(p)
		}
	}
	return err
}

// answered sends a packet and reads its answer, whose byte at refusal is 0 to 2
// where it is a good one.
func answered(conn net.Conn, r *bufio.Reader, say []byte, want byte, refusal int) error {
	if _, err := conn.Write(say); err != nil {
		return err
	}
	p, err := readPacket(r)
	switch {
	case err != nil:
		return err
	case p.first != want || len(p.body) <= refusal:
		return fmt.Errorf("the broker answered with packet %#x", p.first)
	case want == packetConnack && p.body[refusal] != 0:
		return fmt.Errorf("the broker refused the login with %d", p.body[refusal])
	case p.body[refusal] > 2:
		return errors.New("the broker refused the subscription")
	}
	return nil
}

func (t *terminal) header(kind protocol.Type) protocol.Header {
	return protocol.Header{V: protocol.Version, Type: kind, Identity: t.id}
}

// hear takes a message, does what it says, and acknowledges it.
func (t *terminal) hear(p packet) error {
	id, message, err := p.published()
	if err != nil {
		return err
	}
	var state protocol.State
	var isState bool
	if t.trust == nil {
		state, isState, err = peek(message)
	} else {
		state, isState, err = t.trust.open(message, t.id)
	}
	if err != nil {
		return err
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if id != 0 {
		if err := t.write(puback(id)); err != nil {
			return err
		}
	}
	if !isState {
		return nil
	}
	t.count.states.Add(1)
	return t.obey(state, now)
}

// obey makes what is so of what is wanted. t.mu is held.
func (t *terminal) obey(s protocol.State, now time.Time) error {
	answer := s.Nonce != "" && s.Nonce == t.nonce
	switch {
	case answer:
		t.nonce = ""
		if t.since.synced.IsZero() {
			t.since.synced = now
			t.count.synced.Add(1)
		}
	case s.Seq < t.seq:
		return nil
	}
	t.seq = s.Seq
	if s.Epoch == t.epoch {
		t.acknowledged(s.AckSeq, now)
	}
	tell := answer || t.seq != t.told
	if s.Result != nil && s.Result.PaymentID != t.result {
		t.result = s.Result.PaymentID
		t.note(protocol.Fact{Kind: protocol.FactShown, PaymentID: t.result})
		tell = true
	}
	switch {
	case s.Sale == nil:
		t.payment = ""
	case s.Sale.PaymentID != t.payment:
		t.payment = s.Sale.PaymentID
		mine := t.sales[s.Sale.MerchantTransactionID]
		if mine == nil {
			t.count.strange.Add(1)
		} else {
			mine.toldAt(now)
		}
		t.note(protocol.Fact{Kind: protocol.FactReceived, PaymentID: t.payment})
		if err := t.tell(protocol.TypeReport, now); err != nil {
			return err
		}
		// Some milliseconds of drawing later on a real one.
		t.note(protocol.Fact{Kind: protocol.FactPresented, PaymentID: t.payment, PayMode: protocol.PayDQR})
		if mine != nil {
			mine.presented, mine.fact = mine.presented+1, t.fact
		}
		tell = true
	}
	if !tell {
		return nil
	}
	return t.tell(protocol.TypeReport, now)
}

// note adds a fact to those that are owed.
func (t *terminal) note(f protocol.Fact) {
	t.fact++
	f.N = t.fact
	t.facts = append(t.facts, f)
}

// acknowledged forgets the facts up to n.
func (t *terminal) acknowledged(n uint64, now time.Time) {
	t.facts = slices.DeleteFunc(t.facts, func(f protocol.Fact) bool { return f.N <= n })
	t.again = 0
	for id, s := range t.sales {
		if s.fact != 0 && s.fact <= n {
			s.arrivedAt(now)
			delete(t.sales, id) // it is the book's alone now
		}
	}
}

// sync asks for the whole state, and asks again with the same nonce until it is
// answered: after 2 s, 3 s, then every 5 s.
func (t *terminal) sync() error {
	t.asked = time.Now()
	t.asks++
	return t.tell(protocol.TypeSync, t.asked)
}

func (t *terminal) syncGap() time.Duration {
	return []time.Duration{2 * time.Second, 3 * time.Second, 5 * time.Second}[min(t.asks-1, 2)]
}

// reportGap is how long a report waits for its acknowledgement: 2 s, then twice as
// long each time, up to 30 s.
func (t *terminal) reportGap() time.Duration {
	return min(2*time.Second<<min(t.again, 4), 30*time.Second)
}

// tell sends a report, or a sync. t.mu is held.
func (t *terminal) tell(kind protocol.Type, now time.Time) error {
	r := protocol.Report{
		Header: t.header(kind), Session: t.session, Epoch: t.epoch, AckSeq: t.seq, Mode: t.mode(), PaymentID: t.payment, Facts: t.facts,
	}
	if kind == protocol.TypeSync {
		r.Nonce, r.Holds, r.Software, r.Panel, r.Boot = t.nonce, t.payment, "crowd", "none", t.boot
	}
	t.told, t.report = t.seq, now
	return t.send(r)
}

func (t *terminal) mode() protocol.Mode {
	if t.payment != "" {
		return protocol.ModePresenting
	}
	return protocol.ModeIdle
}

func (t *terminal) send(message any) error {
	signed, err := t.key.sign(message)
	if err != nil {
		return err
	}
	if t.said++; t.said == 0 {
		t.said = 1
	}
	t.count.reports.Add(1)
	return t.write(publish(t.said, protocol.ReportTopic(t.id), signed))
}

func (t *terminal) write(b []byte) error {
	if t.conn == nil {
		return net.ErrClosed
	}
	if err := t.conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return err
	}
	_, err := t.conn.Write(b)
	return err
}

// due does what its time has come for: what was not answered is said again, and a
// heartbeat. A write that fails shows in the reading as well.
func (t *terminal) due(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.conn == nil:
	case t.nonce != "" && now.Sub(t.asked) >= t.syncGap():
		t.count.repeats.Add(1)
		_ = t.sync()
	case t.nonce == "" && len(t.facts) > 0 && now.Sub(t.report) >= t.reportGap():
		t.count.repeats.Add(1)
		t.again++
		_ = t.tell(protocol.TypeReport, now)
	case !now.Before(t.beat):
		t.beat = now.Add(beatEvery)
		_ = t.send(protocol.Heartbeat{Header: t.header(protocol.TypeHeartbeat), Session: t.session, AckSeq: t.seq, Mode: t.mode()})
	}
}

// moments are when it subscribed and was in sync on the present connection.
func (t *terminal) moments() times {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == nil {
		return times{}
	}
	return t.since
}
