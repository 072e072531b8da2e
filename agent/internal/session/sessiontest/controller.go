package sessiontest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/protocol"
)

// ID is the terminal that the controller knows.
var ID = protocol.Identity{MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: "testterminal1"}

// Key is a signing key that is the same in every run.
func Key(name string) protocol.SigningKey {
	seed := sha256.Sum256([]byte(name))
	return protocol.NewSigningKey(ed25519.NewKeyFromSeed(seed[:]))
}

func public(k protocol.SigningKey) ed25519.PublicKey { return k.Private.Public().(ed25519.PublicKey) }

// Controller is the controller of one terminal, behind a Broker of its own. It
// answers syncs, commits facts and publishes every change of what is wanted. Make one with NewController.
type Controller struct {
	Broker *Broker
	// Root and Online sign key sets and states.
	Root, Online protocol.SigningKey

	mu     sync.Mutex
	device protocol.PublicKeys
	state  protocol.State
	silent bool
	facts  []protocol.Fact
	ups    []protocol.Up
	wills  []protocol.Presence
	wrong  []error
	heard  chan struct{} // closed at the next message
	since  time.Time     // when a test changed the state
}

// NewController returns a controller that wants nothing of its terminal, in
// state 1.
func NewController() *Controller {
	c := &Controller{
		Broker: &Broker{},
		Root:   Key("root"),
		Online: Key("online"),
		state:  protocol.State{Seq: 1, Display: protocol.Display{MerchantName: "Chai Point", Label: "Counter 1"}},
		heard:  make(chan struct{}),
	}
	c.Broker.OnMessage = c.message
	return c
}

// Answer is what a terminal with that public key gets when it enrols.
func (c *Controller) Answer(device ed25519.PublicKey) (protocol.EnrolAnswer, error) {
	c.mu.Lock()
	c.device = protocol.PublicKeys{protocol.KeyID(device): device}
	c.mu.Unlock()
	set, err := protocol.SignKeySet(c.Root, 1, public(c.Online))
	return protocol.EnrolAnswer{
		Identity: ID,
		Token:    "token-256-bits",
		Brokers:  []string{"mqtt://broker.example:1883"},
		RootKey:  public(c.Root),
		KeySet:   string(set),
	}, err
}

// Enrol makes credentials in the folder dir, or in memory when dir is "".
func (c *Controller) Enrol(dir string) (*identity.Credentials, error) {
	store, err := identity.OpenStore(dir)
	if err != nil {
		return nil, err
	}
	key, err := store.Key()
	if err != nil {
		return nil, err
	}
	answer, err := c.Answer(key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return store.Keep(ID, answer)
}

// EnrolBy makes credentials as an enrolment by a code does: with the servers that
// transport believes, in a store of those options.
func (c *Controller) EnrolBy(o identity.Options, transport identity.Transport) (*identity.Credentials, error) {
	store, err := identity.Open(o)
	if err != nil {
		return nil, err
	}
	key, err := store.PendingKey()
	if err != nil {
		return nil, err
	}
	answer, err := c.Answer(key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return store.Replace(key, answer, transport)
}

// Want changes what is wanted and publishes it, if the terminal is there.
func (c *Controller) Want(change func(*protocol.State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.state)
	c.since = time.Now()
	c.state.Seq++
	c.publish("")
}

// Repeat publishes what is wanted once more.
func (c *Controller) Repeat() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.publish("")
}

// Restore is a database that was restored from yesterday: the numbers begin at
// seq again.
func (c *Controller) Restore(seq uint64, change func(*protocol.State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.state)
	c.since = time.Now()
	c.state.Seq, c.state.Epoch, c.state.AckSeq = seq, "", 0
}

// Silence makes the controller hear and say nothing, as one that is down behind
// a broker that is up.
func (c *Controller) Silence(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent = on
}

// Sign signs any state with the online key, as the controller would.
func (c *Controller) Sign(st protocol.State) ([]byte, error) {
	st.Header = protocol.Header{V: protocol.Version, Type: protocol.TypeState, Identity: ID}
	return c.Online.Sign(protocol.PurposeDown, st)
}

// State is what is wanted now.
func (c *Controller) State() protocol.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// publish sends the state; c.mu is held.
func (c *Controller) publish(nonce string) {
	if c.silent {
		return
	}
	st := c.state
	st.Nonce = nonce
	if st.Sale != nil { // what is left was right when the test said it
		sale := *st.Sale
		sale.LeftMillis = max(0, sale.LeftMillis-time.Since(c.since).Milliseconds())
		st.Sale = &sale
	}
	text, err := c.Sign(st)
	if err != nil {
		c.wrong = append(c.wrong, err)
		return
	}
	c.Broker.Publish(protocol.CommandTopic(ID), text)
}

// message takes what the broker delivers.
func (c *Controller) message(topic string, payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent {
		return
	}
	defer func() {
		close(c.heard)
		c.heard = make(chan struct{})
	}()
	up, err := protocol.OpenUp(payload, c.device, ID)
	if err != nil {
		c.wrong = append(c.wrong, err)
		return
	}
	if up.Presence != nil {
		if topic != protocol.PresenceTopic(ID) {
			c.wrong = append(c.wrong, fmt.Errorf("presence on %s", topic))
		}
		c.wills = append(c.wills, *up.Presence)
		return
	}
	if topic != protocol.ReportTopic(ID) {
		c.wrong = append(c.wrong, fmt.Errorf("message on %s", topic))
	}
	c.ups = append(c.ups, up)
	r := up.Report
	if r == nil {
		return
	}
	if r.Epoch != c.state.Epoch {
		c.state.Epoch, c.state.AckSeq = r.Epoch, 0
	}
	fresh := false
	for _, f := range r.Facts {
		if f.N > c.state.AckSeq {
			c.facts, c.state.AckSeq, fresh = append(c.facts, f), f.N, true
			c.advance(f)
		}
	}
	switch {
	case r.Type == protocol.TypeSync:
		c.publish(r.Nonce)
	case fresh || len(r.Facts) > 0:
		c.publish("")
	}
}

// advance brings the sale as far as a fact of it says; c.mu is held. That the
// terminal is told so needs no new number.
func (c *Controller) advance(f protocol.Fact) {
	if c.state.Sale == nil || c.state.Sale.PaymentID != f.PaymentID {
		return
	}
	sale := *c.state.Sale
	switch f.Kind {
	case protocol.FactReceived:
		if sale.Phase == protocol.PhaseOffered {
			sale.Phase = protocol.PhaseTaken
		}
	case protocol.FactAccepted:
		sale.Prompt = false
	case protocol.FactPresented:
		if sale.Phase != protocol.PhasePaying {
			sale.Phase, sale.Chosen = protocol.PhasePresented, f.PayMode
		}
	case protocol.FactCardRead:
		sale.Phase = protocol.PhasePaying
	}
	c.state.Sale = &sale
}

// Heard returns a channel that is closed at the next message. Take the channel
// first, then look.
func (c *Controller) Heard() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard
}

// Facts are the facts that were committed, in order: "received A", "presented A
// DQR", "refused A NO_KEYS", "card_approved A 632512004217".
func (c *Controller) Facts() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, f := range c.facts {
		text := string(f.Kind) + " " + f.PaymentID
		if f.Reason != "" {
			text += " " + f.Reason
		}
		if f.PayMode != "" {
			text += " " + string(f.PayMode)
		}
		if f.Card != nil {
			text += " " + f.Card.RRN
		}
		all = append(all, text)
	}
	return all
}

// Forget drops what was recorded so far: facts, messages and last wills. A test of
// many sales calls it, so that what grows is not the test.
func (c *Controller) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.facts, c.ups, c.wills = nil, nil, nil
}

// Pulls are the pulls that came, repeats and all.
func (c *Controller) Pulls() []protocol.Pull {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []protocol.Pull
	for _, up := range c.ups {
		if up.Pull != nil {
			all = append(all, *up.Pull)
		}
	}
	return all
}

// Ups are the messages that came, but for last wills.
func (c *Controller) Ups() []protocol.Up {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.ups)
}

// Wills are the last wills that the broker published.
func (c *Controller) Wills() []protocol.Presence {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.wills)
}

// Wrong are the messages that no terminal should have sent.
func (c *Controller) Wrong() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.wrong)
}
