package npci

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The routes of a Network, as a controller knows them.
const (
	PathCollect = "/api/v1/collect"
	PathRefund  = "/api/v1/refund"
	PathChkTxn  = "/api/v1/check"
)

// What a payer does with a collect request.
const (
	DoAccept  = "accept"  // pays
	DoDecline = "decline" // says no
	DoIgnore  = "ignore"  // never answers, and his bank says nothing either
	DoLate    = "late"    // pays when the request is over
	DoWait    = "wait"    // is driven by hand; his bank says when the request ran out
	DoUnknown = "unknown" // there is no such address: U17
)

// What becomes of a refund.
const (
	RefundMoved   = "moved"   // moved and answered at once
	RefundSilent  = "silent"  // moved, but the first answer is lost
	RefundPending = "pending" // not known yet; moved by the time somebody asks
	RefundFails   = "fail"    // refused: U30
)

// Behaviour is what a payer and his bank do.
type Behaviour struct {
	Do string `json:"do"`
	// AfterMillis is how long after the request, or with DoLate after its end; 0
	// means at once, or with DoLate 15 s.
	AfterMillis int64 `json:"afterMillis"`
	// Refund is what becomes of his refunds; empty means RefundMoved.
	Refund string `json:"refund,omitempty"`
}

func (b Behaviour) check() error {
	switch b.Do {
	case DoAccept, DoDecline, DoIgnore, DoLate, DoWait, DoUnknown:
	default:
		return fmt.Errorf("do is %q: known are accept, decline, ignore, late, wait and unknown", b.Do)
	}
	switch b.Refund {
	case "", RefundMoved, RefundSilent, RefundPending, RefundFails:
	default:
		return fmt.Errorf("refund is %q: known are moved, silent, pending and fail", b.Refund)
	}
	if b.AfterMillis < 0 || b.AfterMillis > time.Hour.Milliseconds() {
		return errors.New("afterMillis must be 0 to 3600000")
	}
	return nil
}

// Anybody is the payer whose behaviour is that of everyone without one of his own.
const Anybody = "*"

// lateAfter is past the controller's own grace at the end of a collect request.
const lateAfter = 15 * time.Second

// Behaviours are those of the payers that everyone knows, by address.
func Behaviours() map[string]Behaviour {
	return map[string]Behaviour{
		"accept@upi":         {Do: DoAccept},
		"decline@upi":        {Do: DoDecline},
		"ignore@upi":         {Do: DoIgnore},
		"late@upi":           {Do: DoLate},
		"unknown@upi":        {Do: DoUnknown},
		"silent-refund@upi":  {Do: DoAccept, Refund: RefundSilent},
		"pending-refund@upi": {Do: DoAccept, Refund: RefundPending},
		"fail-refund@upi":    {Do: DoAccept, Refund: RefundFails},
		Anybody:              {Do: DoWait},
	}
}

// NetworkConfig is what a Network needs; Controller and Log must be given.
type NetworkConfig struct {
	Controller string // base URL, like http://127.0.0.1:8080
	OrgID      string // "" means DefaultOrgID
	HTTP       *http.Client
	// Key and Cert sign what the network sends when both are there.
	Key  crypto.Signer
	Cert *x509.Certificate
	// Behaviours are added to those that everyone knows.
	Behaviours map[string]Behaviour
	// Books are the customers' accounts; nil means new ones. With those of a
	// Client, what it debited comes back there by the controller's refunds and
	// reversals. What OpenBooks read of collect requests and refunds goes on.
	Books *Books
	// Patience and Dialect are Client's; Verify is its FetchTrust.
	Patience Patience
	Dialect  Dialect
	Verify   bool
	Log      *slog.Logger
}

// Network is the UPI network towards one controller, with all the banks behind
// it. Make one with NewNetwork, serve Handler, and Close it.
type Network struct {
	cfg  NetworkConfig
	work context.Context
	stop context.CancelFunc
	jobs sync.WaitGroup

	certificate certificate
	client      *Client
	accounts    *Books

	mu         sync.Mutex
	closed     bool
	behaviours map[string]Behaviour
	collects   map[string]*collect
	refunds    map[string]*refund
	messages   map[string]bool
	books      NetworkLedger // but for Collects and Refunds, which order holds
	order      struct{ collects, refunds []string }
}

// NewNetwork checks cfg and makes a Network, which knows nobody's money yet.
func NewNetwork(cfg NetworkConfig) (*Network, error) {
	if cfg.Controller == "" || cfg.Log == nil {
		return nil, errors.New("npci: Controller and Log must be given")
	}
	cfg.OrgID = cmp.Or(cfg.OrgID, DefaultOrgID)
	n := &Network{
		cfg: cfg, behaviours: Behaviours(), collects: map[string]*collect{}, refunds: map[string]*refund{}, messages: map[string]bool{},
	}
	for payer, b := range cfg.Behaviours {
		if err := b.check(); err != nil {
			return nil, fmt.Errorf("npci: behaviour of %s: %w", payer, err)
		}
		n.behaviours[strings.ToLower(payer)] = b
	}
	n.accounts = cmp.Or(cfg.Books, &Books{})
	n.client = &Client{
		BaseURL: cfg.Controller, OrgID: cfg.OrgID, HTTP: cfg.HTTP, Key: cfg.Key, Cert: cfg.Cert, Books: n.accounts, Patience: cfg.Patience,
		FetchTrust: cfg.Verify, Dialect: cfg.Dialect,
	}
	n.work, n.stop = context.WithCancel(context.Background())
	n.takeOver(n.accounts.bank())
	return n, nil
}

// Client is the network's way to the controller, on the same books. It is used
// as it is.
func (n *Network) Client() *Client { return n.client }

// takeOver goes on with what the books were read with: requests that wait, and
// ends that the controller may not have been told.
func (n *Network) takeOver(l loaded) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range l.messages {
		n.messages[id] = true
	}
	for _, r := range l.refunds {
		n.refunds[r.TxnID] = &refund{*r}
		n.order.refunds = append(n.order.refunds, r.TxnID)
	}
	for _, c := range l.collects {
		n.addCollect(c)
		b := n.behaviour(c.Payer)
		switch {
		case c.Hidden || c.Told != "" || c.State == CollectCancelled:
		case c.State == CollectWaiting && b.Do != DoLate && !time.Now().Before(c.ExpiresAt):
			n.await(c, Behaviour{Do: cmp.Or(map[string]string{DoIgnore: DoIgnore}[b.Do], DoWait)}) // it ran out meanwhile
		case c.State == CollectWaiting:
			n.await(c, b)
		case c.State != CollectExpired || b.Do != DoIgnore:
			n.later(0, func(ctx context.Context) { n.tell(ctx, c) })
		}
	}
}

// Close ends what is under way: nobody is told anything any more.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.stop()
	n.jobs.Wait()
}

// later does something after a while, unless the network is closed before. The
// caller holds the lock.
func (n *Network) later(after time.Duration, do func(context.Context)) {
	if n.closed {
		return
	}
	n.jobs.Go(func() {
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-timer.C:
			do(n.work)
		case <-n.work.Done():
		}
	})
}

// behaviour is how a payer behaves. The caller holds the lock.
func (n *Network) behaviour(payer string) Behaviour {
	if b, has := n.behaviours[strings.ToLower(payer)]; has {
		return b
	}
	return n.behaviours[Anybody]
}

// newRrn draws a reference of twelve digits.
func newRrn() string {
	most := big.NewInt(1_000_000_000_000)
	r, err := rand.Int(rand.Reader, most)
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return fmt.Sprintf("%012d", r)
}
