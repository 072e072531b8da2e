package npci

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// collect is a collect request at the payer's bank.
type collect struct {
	CollectEntry
	Hidden bool `json:"hidden,omitempty"` // known by its cancel alone, so that the request comes too late
}

// What a ReqCollect may be.
const (
	kindNew    = "NEW"
	kindRemind = "REMIND"
	kindCancel = "CANCEL"
)

// takeCollect answers a ReqCollect: the code and, where it is none of success,
// why.
func (n *Network) takeCollect(m *request) (code, why string) {
	txnID, kind := m.need("TxnID"), m.need("Kind")
	amount, payee := m.rupees("Amount"), m.need("PayeeAddr")
	payer, mobile := m.one("PayerAddr"), m.one("PayerMobile")
	if m.need("Curr") != "INR" {
		m.fail("Curr is not INR")
	}
	if (payer == "") == (mobile == "") {
		m.fail("it goes to an address or a mobile number, and to one of them")
	}
	var lives time.Duration
	if kind == kindNew {
		seconds, err := strconv.ParseInt(m.need("ExpireAfter"), 10, 64)
		if err != nil || seconds < 1 || seconds > 45*24*3600 {
			m.fail("ExpireAfter is not a number of seconds")
		}
		lives = time.Duration(seconds) * time.Second
	}
	if m.err != nil {
		return "BR", m.err.Error()
	}
	entry := CollectEntry{
		TxnID: txnID, Payer: payer + mobile, Payee: payee, Amount: amount, Note: m.one("Note"), State: CollectWaiting,
		ExpiresAt: time.Now().Add(lives).UTC(),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.collects[txnID]
	switch kind {
	case kindNew:
		return n.newCollect(c, entry)
	case kindRemind:
		switch {
		case c == nil || c.Hidden:
			return "ZQ", "there is no such collect request"
		case c.State != CollectWaiting:
			return "PE", "the collect request is over"
		}
		c.Reminders++
		return n.saved(c)
	case kindCancel:
		switch {
		case c == nil:
			entry.State = CollectCancelled
			c = &collect{CollectEntry: entry, Hidden: true}
			n.addCollect(c)
		case c.State == CollectWaiting:
			c.State = CollectCancelled
		case c.State != CollectCancelled:
			return "PE", "the collect request is over"
		}
		return n.saved(c)
	}
	return "BR", "Kind is none"
}

// saved is the answer to what was done with a collect request: 00 once it is
// written down.
func (n *Network) saved(c *collect) (code, why string) {
	if err := n.save(c); err != nil {
		return "96", err.Error()
	}
	return "00", ""
}

func (n *Network) addCollect(c *collect) {
	n.collects[c.TxnID] = c
	n.order.collects = append(n.order.collects, c.TxnID)
}

// newCollect takes a new request. One that is sent again is the same.
func (n *Network) newCollect(c *collect, entry CollectEntry) (code, why string) {
	if c != nil {
		same := c.Payer == entry.Payer && c.Payee == entry.Payee && c.Amount == entry.Amount
		switch {
		case !same:
			n.contradict(entry.TxnID, "another collect request by the same TxnID")
			return "ZD", "the TxnID is another request's"
		case c.Hidden:
			return "PE", "the collect request was cancelled"
		}
		c.Sent++
		return n.saved(c)
	}
	b := n.behaviour(entry.Payer)
	if b.Do == DoUnknown {
		return "U17", "the address is not registered"
	}
	entry.Sent, entry.BankTxnID = 1, NewID("BANK")
	c = &collect{CollectEntry: entry}
	if err := n.save(c); err != nil {
		return "96", err.Error()
	}
	n.addCollect(c)
	n.await(c, b)
	return "00", ""
}

// await has the payer of a request do what he does. The caller holds the lock.
func (n *Network) await(c *collect, b Behaviour) {
	after := time.Duration(b.AfterMillis) * time.Millisecond
	if b.Do == DoLate && after == 0 {
		after = lateAfter
	}
	left := time.Until(c.ExpiresAt)
	switch b.Do {
	case DoAccept:
		n.later(after, func(ctx context.Context) { _ = n.decide(ctx, c, CollectPaid, false) })
	case DoDecline:
		n.later(after, func(ctx context.Context) { _ = n.decide(ctx, c, CollectDeclined, false) })
	case DoLate:
		n.later(left+after, func(ctx context.Context) { _ = n.decide(ctx, c, CollectPaid, true) })
	case DoIgnore:
		n.later(left, func(context.Context) { _ = n.end(c, CollectExpired, false) })
	case DoWait:
		n.later(left, func(ctx context.Context) { _ = n.decide(ctx, c, CollectExpired, false) })
	}
}

// Answer is the payer's own answer: DoAccept or DoDecline. The error wraps
// ErrNoCollect or ErrCollectOver.
func (n *Network) Answer(txnID, do string) error {
	to := CollectPaid
	switch do {
	case DoAccept:
	case DoDecline:
		to = CollectDeclined
	default:
		return fmt.Errorf("%q is no answer: accept or decline", do)
	}
	n.mu.Lock()
	c := n.collects[txnID]
	n.mu.Unlock()
	if c == nil || c.Hidden {
		return ErrNoCollect
	}
	if err := n.end(c, to, false); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.later(0, func(ctx context.Context) { n.tell(ctx, c) })
	return nil
}

// What can be wrong with an answer of a payer.
var (
	ErrNoCollect   = errors.New("there is no such collect request")
	ErrCollectOver = errors.New("the collect request is over")
)

// decide ends a request and tells the controller.
func (n *Network) decide(ctx context.Context, c *collect, to CollectState, late bool) error {
	if err := n.end(c, to, late); err != nil {
		return err
	}
	n.tell(ctx, c)
	return nil
}

// end ends a request that waits; a payer who is late pays although it is over,
// if nobody took it back.
func (n *Network) end(c *collect, to CollectState, late bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.State != CollectWaiting || !late && to == CollectPaid && !time.Now().Before(c.ExpiresAt) {
		return ErrCollectOver
	}
	next := *c
	if next.State = to; to != CollectPaid {
		c.State = to
		return n.save(c)
	}
	next.Rrn = newRrn()
	if err := n.accounts.collected(next); err != nil {
		return err
	}
	*c = next
	return nil
}

// tell tells the controller how a request ended, until it says that it knows.
func (n *Network) tell(ctx context.Context, c *collect) {
	n.mu.Lock()
	req := ReqCollectResult{OrgTxnID: c.TxnID, TxnID: c.BankTxnID, PayerAddr: c.Payer, Amount: c.Amount, Rrn: c.Rrn}
	switch c.State {
	case CollectPaid:
		req.Status = ResultSuccess
	case CollectDeclined:
		req.Status = ResultDeclined
	default:
		req.Status = ResultExpired
	}
	if !protocol.VPA(req.PayerAddr).Valid() { // a mobile number: the bank knows the address behind it
		req.PayerAddr += "@mobile"
	}
	n.mu.Unlock()
	for gap := 200 * time.Millisecond; ; gap = min(2*gap, 5*time.Second) {
		resp, err := n.tellOnce(ctx, req)
		if n.wasTold(c, resp, err) {
			return
		}
		n.cfg.Log.Warn("the controller could not be told how a collect request ended; it is told again", "collect", req.OrgTxnID, "error", err)
		if pause(ctx, gap) != nil {
			return
		}
	}
}

// wasTold enters an answer to a result, and says whether there was one.
func (n *Network) wasTold(c *collect, resp RespCollectResult, err error) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	c.Tries++
	n.accounts.told(c.BankTxnID, resp.Status, resp.Result)
	if err != nil || resp.Status == "96" {
		return false
	}
	if resp.Status == "BR" || resp.Status == "ZF" || resp.Status == "ZQ" {
		n.contradict(c.TxnID, "its result is refused: %s %s", resp.Status, resp.Message)
	}
	c.Told, c.Result = resp.Status, resp.Result
	if err := n.save(c); err != nil {
		n.cfg.Log.Error("how a collect request ended is not written down", "collect", c.TxnID, "error", err)
	}
	return true
}

func (n *Network) tellOnce(ctx context.Context, req ReqCollectResult) (RespCollectResult, error) {
	trust, err := n.certificate.get(ctx, n.cfg.HTTP, n.cfg.Controller)
	if err != nil {
		return RespCollectResult{}, err
	}
	client := &Client{
		BaseURL: n.cfg.Controller, OrgID: n.cfg.OrgID, HTTP: n.cfg.HTTP, Key: n.cfg.Key, Cert: n.cfg.Cert, Trust: trust, Patience: n.cfg.Patience,
	}
	return client.CollectResult(ctx, req)
}
