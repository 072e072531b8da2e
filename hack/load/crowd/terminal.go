package crowd

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/galla-pay/galla/hack/load/mqtt"
	"github.com/galla-pay/galla/protocol"
)

// Waits of a connection, as a real terminal has them (agent/internal/session); others
// are in duties.go.
const (
	keepAlive    = 20 * time.Second
	connectLimit = 5 * time.Second
	writeLimit   = 5 * time.Second
)

// maxFacts bounds the facts of one report, as the agent does.
const maxFacts = 64

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
	linked  bool   // its question was answered on this connection
	duties  duties
	broken  error  // why it ended the connection itself
	seq     uint64 // of the newest state
	payment string // on glass
	result  string // the last one that was shown
	fact    uint64
	facts   []protocol.Fact // not acknowledged
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

// live keeps it connected until ctx ends.
func (t *terminal) live(ctx context.Context) {
	now := time.Now()
	outage := outage{since: now}
	wait := outage.wait(now, time.Time{}, now)
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		begun := time.Now()
		err := t.connected(ctx)
		if ctx.Err() != nil {
			return
		}
		t.count.ended(err)
		t.mu.Lock()
		up := t.since.subscribed
		t.mu.Unlock()
		wait = outage.wait(begun, up, time.Now())
	}
}

// connected is one connection, from dialling to its end.
func (t *terminal) connected(ctx context.Context) error {
	t.mu.Lock()
	t.since = times{}
	t.mu.Unlock()
	limit := time.Now().Add(connectLimit)
	dialer := net.Dialer{LocalAddr: t.from, Deadline: limit}
	conn, err := dialer.DialContext(ctx, "tcp", t.broker)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := conn.SetDeadline(limit); err != nil {
		return err
	}
	session := fmt.Sprintf("S%016X", rand.Uint64())
	will, err := t.key.sign(protocol.Presence{Header: t.header(protocol.TypePresence), Session: session})
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(conn, 2048)
	hello := mqtt.Login{
		Identity: t.id.String(), Token: t.token, KeepAlive: uint16(keepAlive / time.Second), WillTopic: protocol.PresenceTopic(t.id), Will: will,
	}
	if err := answered(conn, r, hello.Packet(), mqtt.Connack); err != nil {
		return err
	}
	if err := answered(conn, r, mqtt.NewSubscribe(1, protocol.CommandTopic(t.id)), mqtt.Suback); err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	now := time.Now()
	t.mu.Lock()
	t.conn, t.session, t.said, t.linked, t.broken = conn, session, 1, false, nil
	t.since.subscribed = now
	t.duties.begin(now)
	t.count.subscribed.Add(1)
	err = t.serve(now)
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
		var p mqtt.Packet
		if p, err = mqtt.Read(r); err != nil {
			break
		}
		switch p.Kind() {
		case mqtt.Publish:
			err = t.hear(p)
		case mqtt.Puback:
			err = t.landed(p)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return cmp.Or(t.broken, err)
}

// answered sends a packet and reads its answer, which is a good one.
func answered(conn net.Conn, r *bufio.Reader, say []byte, want byte) error {
	if _, err := conn.Write(say); err != nil {
		return err
	}
	p, err := mqtt.Read(r)
	if err != nil {
		return err
	}
	return p.Refused(want)
}

func (t *terminal) header(kind protocol.Type) protocol.Header {
	return protocol.Header{V: protocol.Version, Type: kind, Identity: t.id}
}

// hear takes a message, does what it says, and acknowledges it.
func (t *terminal) hear(p mqtt.Packet) error {
	id, message, err := p.Published()
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
		if err := t.write(mqtt.NewPuback(id)); err != nil {
			return err
		}
	}
	if !isState {
		return nil
	}
	t.count.states.Add(1)
	return t.obey(state, now)
}

// obey makes what is so of what is wanted. A state counts when it answers the question
// of this connection, or when that was answered and it is newer; an equal one repeats;
// any other is a doubt. t.mu is held.
func (t *terminal) obey(s protocol.State, now time.Time) error {
	answer := t.duties.answered(s.Nonce)
	switch {
	case answer:
		if t.linked = true; t.since.synced.IsZero() {
			t.since.synced = now
			t.count.synced.Add(1)
		}
	case !t.linked || s.Seq < t.seq:
		t.duties.doubt(now)
		return t.serve(now)
	}
	acked := s.Epoch == t.epoch && t.acknowledged(s.AckSeq, now)
	if !answer && s.Seq == t.seq {
		if !acked {
			t.duties.confirm(false, now)
		}
		return t.serve(now)
	}
	t.seq = s.Seq
	t.duties.news(now)
	if s.Result != nil && s.Result.PaymentID != t.result {
		t.result = s.Result.PaymentID
		t.note(protocol.Fact{Kind: protocol.FactShown, PaymentID: t.result})
	}
	switch {
	case s.Sale == nil:
		t.payment = ""
	case s.Sale.PaymentID != t.payment:
		return t.present(*s.Sale, now)
	}
	return t.serve(now)
}

// present puts a sale on glass.
func (t *terminal) present(s protocol.Sale, now time.Time) error {
	t.payment = s.PaymentID
	mine := t.sales[s.MerchantTransactionID]
	if mine == nil {
		t.count.strange.Add(1)
	} else {
		mine.toldAt(now)
	}
	t.note(protocol.Fact{Kind: protocol.FactReceived, PaymentID: t.payment})
	if err := t.serve(now); err != nil {
		return err
	}
	// Some milliseconds of drawing later on a real one.
	t.note(protocol.Fact{Kind: protocol.FactPresented, PaymentID: t.payment, PayMode: protocol.PayDQR})
	if mine != nil {
		mine.presented, mine.fact = mine.presented+1, t.fact
	}
	t.duties.news(now)
	return t.serve(now)
}

// note adds a fact to those that are owed.
func (t *terminal) note(f protocol.Fact) {
	t.fact++
	f.N = t.fact
	t.facts = append(t.facts, f)
}

// acknowledged forgets the facts up to n, and reports whether there were some.
func (t *terminal) acknowledged(n uint64, now time.Time) bool {
	owed := len(t.facts)
	t.facts = slices.DeleteFunc(t.facts, func(f protocol.Fact) bool { return f.N <= n })
	for id, s := range t.sales {
		if s.fact != 0 && s.fact <= n {
			s.arrivedAt(now)
			delete(t.sales, id) // it is the book's alone now
		}
	}
	if len(t.facts) == owed {
		return false
	}
	t.duties.acknowledged(len(t.facts), now)
	return true
}

// landed: the broker has acknowledged a packet.
func (t *terminal) landed(p mqtt.Packet) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(p.Body) < 2 || binary.BigEndian.Uint16(p.Body) != t.duties.flight {
		return nil
	}
	t.duties.flight = 0
	return t.serve(time.Now())
}

// serve sends what is due, as far as nothing is under way. t.mu is held.
func (t *terminal) serve(now time.Time) error {
	kind, ok := t.duties.due(now)
	if !ok {
		return nil
	}
	if t.said++; t.said == 0 {
		t.said = 1
	}
	facts := t.facts[:min(len(t.facts), maxFacts)]
	if t.duties.sent(kind, t.said, len(facts), now) {
		t.count.repeats.Add(1)
	}
	switch kind {
	case protocol.TypeHeartbeat:
		return t.send(protocol.Heartbeat{Header: t.header(kind), Session: t.session, AckSeq: t.seq, Mode: t.mode()})
	default:
		r := protocol.Report{
			Header: t.header(kind), Session: t.session, Epoch: t.epoch, AckSeq: t.seq, Mode: t.mode(), PaymentID: t.payment, Facts: facts,
		}
		if kind == protocol.TypeSync {
			r.Nonce, r.Holds, r.Software, r.Panel, r.Boot = t.duties.nonce, t.payment, "crowd", "none", t.boot
		}
		return t.send(r)
	}
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
	t.count.reports.Add(1)
	return t.write(mqtt.NewPublish(t.said, protocol.ReportTopic(t.id), signed))
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

// due does what its time has come for. A write that fails shows in the reading as
// well.
func (t *terminal) due(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.conn == nil:
	case t.duties.flight != 0 && now.Sub(t.duties.since) >= publishTimeout:
		t.broken = errNoPuback
		_ = t.conn.Close()
	default:
		_ = t.serve(now)
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
