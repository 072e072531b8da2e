package terminal_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// patience bounds every wait of these tests. Nothing takes that long; it only
// turns a hang into a failure that says what was waited for.
const patience = 60 * time.Second

var someone = protocol.Identity{MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: "testterminal1"}

// desk is the controller's side of one terminal: it enrols it, has a broker,
// and keeps what it wants of the terminal. It speaks the terminal protocol with
// real keys; what a controller decides is the test's to say.
type desk struct {
	t      *testing.T
	id     protocol.Identity
	root   protocol.SigningKey
	online protocol.SigningKey
	http   *httptest.Server
	broker *mqtt.Server
	addr   string

	syncs       chan protocol.Report // every sync
	facts       chan protocol.Fact   // every new fact
	pulls       chan protocol.Pull   // every pull that is not a repeat
	farewells   chan struct{}        // MQTT DISCONNECT packets
	wills       chan protocol.Presence
	connections chan struct{} // accepted logins
	ends        chan error    // why each connection ended, as the broker sees it

	mu     sync.Mutex
	device ed25519.PublicKey
	enrols int
	token  string
	state  protocol.State // what is wanted
	began  time.Time      // of state.Sale's time left
	ack    uint64
	epoch  string
	pull   string // the last pull's id
}

func newKey(t *testing.T) protocol.SigningKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return protocol.NewSigningKey(private)
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{
		t: t, id: someone, root: newKey(t), online: newKey(t), token: rand.Text(),
		syncs: make(chan protocol.Report, 64), facts: make(chan protocol.Fact, 64), pulls: make(chan protocol.Pull, 64),
		farewells: make(chan struct{}, 64), wills: make(chan protocol.Presence, 64), connections: make(chan struct{}, 64),
		ends: make(chan error, 64),
	}
	d.state = protocol.State{
		Header:  protocol.Header{V: protocol.Version, Type: protocol.TypeState, Identity: d.id},
		Seq:     1,
		Display: protocol.Display{MerchantName: "Sharma Stores", Label: "Counter 1"},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.addr = listener.Addr().String()
	d.broker = mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := d.broker.AddHook(&deskHook{desk: d}, nil); err != nil {
		t.Fatal(err)
	}
	if err := d.broker.AddListener(listeners.NewNet("terminals", listener)); err != nil {
		t.Fatal(err)
	}
	if err := d.broker.Serve(); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+protocol.EnrolPath, d.enrol)
	d.http = httptest.NewServer(mux)
	t.Cleanup(func() {
		d.http.Close()
		_ = d.broker.Close()
	})
	return d
}

// enrol is the sandbox's enrolment.
func (d *desk) enrol(w http.ResponseWriter, r *http.Request) {
	var request protocol.EnrolRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		d.t.Errorf("enrolment: %v", err)
		return
	}
	asked := protocol.Identity{MerchantID: request.MerchantID, StoreID: request.StoreID, TerminalID: request.TerminalID}
	if asked != d.id || len(request.PublicKey) != ed25519.PublicKeySize {
		d.t.Errorf("enrolment of %s with a key of %d bytes", asked, len(request.PublicKey))
		return
	}
	keys, err := protocol.SignKeySet(d.root, 1, d.online.Private.Public().(ed25519.PublicKey))
	if err != nil {
		d.t.Error(err)
		return
	}
	d.mu.Lock()
	d.device, d.enrols = request.PublicKey, d.enrols+1
	d.mu.Unlock()
	_ = json.NewEncoder(w).Encode(protocol.EnrolAnswer{
		Identity: d.id, Token: d.token, Brokers: []string{"mqtt://" + d.addr},
		RootKey: d.root.Private.Public().(ed25519.PublicKey), KeySet: string(keys),
	})
}

func (d *desk) enrolments() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.enrols
}

// want changes what is wanted of the terminal and tells it.
func (d *desk) want(change func(s *protocol.State)) {
	d.mu.Lock()
	d.state.Seq++
	change(&d.state)
	d.began = time.Now()
	message := d.sign(d.current())
	d.mu.Unlock()
	d.publish(message)
}

// current is the wanted state as it is signed now; d.mu is held.
func (d *desk) current() protocol.State {
	s := d.state
	s.AckSeq, s.Epoch = d.ack, d.epoch
	if s.Sale != nil {
		sale := *s.Sale
		sale.LeftMillis -= time.Since(d.began).Milliseconds()
		s.Sale = &sale
	}
	return s
}

func (d *desk) sign(s protocol.State) []byte {
	message, err := d.online.Sign(protocol.PurposeDown, s)
	if err != nil {
		d.t.Error(err)
	}
	return message
}

// publish sends bytes, whatever they are, to the terminal.
func (d *desk) publish(message []byte) {
	if err := d.broker.Publish(protocol.CommandTopic(d.id), message, false, 1); err != nil {
		d.t.Error(err)
	}
}

// report takes a message of the terminal in.
func (d *desk) report(message []byte) {
	d.mu.Lock()
	device := d.device
	d.mu.Unlock()
	up, err := protocol.OpenUp(message, protocol.PublicKeys{protocol.KeyID(device): device}, d.id)
	if err != nil {
		d.t.Errorf("the terminal sends what cannot be opened: %v", err)
		return
	}
	if up.Pull != nil {
		d.pulled(*up.Pull)
	}
	if up.Report == nil {
		return
	}
	d.mu.Lock()
	if up.Report.Epoch != d.epoch {
		d.epoch, d.ack = up.Report.Epoch, 0
	}
	for _, fact := range up.Report.Facts {
		if fact.N <= d.ack {
			continue
		}
		d.ack = fact.N
		d.facts <- fact
		d.follow(fact)
	}
	answer := d.current()
	d.mu.Unlock()
	if up.Report.Type == protocol.TypeSync {
		answer.Nonce = up.Report.Nonce
		d.syncs <- *up.Report
	}
	d.publish(d.sign(answer))
}

// follow takes over what a fact means for the sale, as a controller does: what
// was accepted is not asked again, what was presented is presented again, and
// once a card was read nothing is. d.mu is held.
func (d *desk) follow(fact protocol.Fact) {
	s := d.state.Sale
	if s == nil || s.PaymentID != fact.PaymentID {
		return
	}
	changed := *s // the test holds the other one
	switch fact.Kind {
	case protocol.FactReceived:
		changed.Phase = protocol.PhaseTaken
	case protocol.FactAccepted:
		changed.Prompt = false
	case protocol.FactPresented:
		changed.Phase, changed.Chosen = protocol.PhasePresented, fact.PayMode
	case protocol.FactCardRead:
		changed.Phase = protocol.PhasePaying
	}
	d.state.Sale = &changed
}

// pulled takes a pull in; the terminal repeats one until it is answered.
func (d *desk) pulled(p protocol.Pull) {
	d.mu.Lock()
	repeated := p.PullID == d.pull
	d.pull = p.PullID
	d.mu.Unlock()
	if !repeated {
		d.pulls <- p
	}
}

// deskHook is the broker's door: one terminal, by its token.
type deskHook struct {
	mqtt.HookBase
	desk *desk
}

func (*deskHook) ID() string { return "desk" }

func (*deskHook) Provides(b byte) bool {
	return bytes.Contains([]byte{
		mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPacketRead, mqtt.OnPublished, mqtt.OnWillSent, mqtt.OnSessionEstablished,
		mqtt.OnDisconnect,
	}, []byte{b})
}

func (h *deskHook) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	id := h.desk.id.String()
	return cl.ID == id && string(pk.Connect.Username) == id && string(pk.Connect.Password) == h.desk.token
}

func (*deskHook) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

func (h *deskHook) OnSessionEstablished(cl *mqtt.Client, _ packets.Packet) {
	if !cl.Net.Inline {
		h.desk.connections <- struct{}{}
	}
}

func (h *deskHook) OnDisconnect(cl *mqtt.Client, err error, _ bool) {
	if !cl.Net.Inline {
		h.desk.ends <- err
	}
}

func (h *deskHook) OnPacketRead(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Type == packets.Disconnect {
		h.desk.farewells <- struct{}{}
	}
	return pk, nil
}

func (h *deskHook) OnPublished(_ *mqtt.Client, pk packets.Packet) {
	if pk.TopicName == protocol.ReportTopic(h.desk.id) {
		h.desk.report(bytes.Clone(pk.Payload))
	}
}

func (h *deskHook) OnWillSent(_ *mqtt.Client, pk packets.Packet) {
	h.desk.mu.Lock()
	device := h.desk.device
	h.desk.mu.Unlock()
	up, err := protocol.OpenUp(pk.Payload, protocol.PublicKeys{protocol.KeyID(device): device}, h.desk.id)
	if err != nil || up.Presence == nil {
		h.desk.t.Errorf("the last will is no presence: %v", err)
		return
	}
	h.desk.wills <- *up.Presence
}

// sale is a payment of amount to be offered, good for a minute.
func sale(payment, transaction string, amount protocol.Paise) *protocol.Sale {
	return &protocol.Sale{
		PaymentID: payment, MerchantTransactionID: transaction, OrderID: "ORDER-1", Phase: protocol.PhaseOffered,
		AmountPaise: amount, LeftMillis: 60_000, TotalMillis: 60_000, PayModes: []protocol.PayMode{protocol.PayDQR},
		QR: "upi://pay?ver=01&mode=16&pa=merchant@upi&pn=Sharma&mc=5411&tr=" + payment + "&am=" + amount.Rupees() + "&cu=INR",
	}
}

// offer replaces what is wanted by a sale.
func (d *desk) offer(s *protocol.Sale) {
	d.want(func(state *protocol.State) { state.Sale, state.Result = s, nil })
}

// end tells how the sale ended.
func (d *desk) end(s *protocol.Sale, outcome protocol.Outcome, reason string) {
	d.want(func(state *protocol.State) {
		state.Sale = nil
		state.Result = &protocol.Result{
			PaymentID: s.PaymentID, MerchantTransactionID: s.MerchantTransactionID, AmountPaise: s.AmountPaise,
			Outcome: outcome, Reason: reason,
		}
	})
}
