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
	hidden bool // known by its cancel alone, so that the request comes too late
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
		case c == nil || c.hidden:
			return "ZQ", "there is no such collect request"
		case c.State != CollectWaiting:
			return "PE", "the collect request is over"
		}
		c.Reminders++
		return "00", ""
	case kindCancel:
		switch {
		case c == nil:
			entry.State = CollectCancelled
			n.addCollect(&collect{CollectEntry: entry, hidden: true})
		case c.State == CollectWaiting:
			c.State = CollectCancelled
		case c.State != CollectCancelled:
			return "PE", "the collect request is over"
		}
		return "00", ""
	}
	return "BR", "Kind is none"
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
			n.contradict("%s: another collect request by the same TxnID", entry.TxnID)
			return "ZD", "the TxnID is another request's"
		case c.hidden:
			return "PE", "the collect request was cancelled"
		}
		c.Sent++
		return "00", ""
	}
	b := n.behaviour(entry.Payer)
	if b.Do == DoUnknown {
		return "U17", "the address is not registered"
	}
	entry.Sent, entry.BankTxnID = 1, NewID("BANK")
	c = &collect{CollectEntry: entry}
	n.addCollect(c)
	after := time.Duration(b.AfterMillis) * time.Millisecond
	if b.Do == DoLate && after == 0 {
		after = lateAfter
	}
	left := time.Until(entry.ExpiresAt)
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
	return "00", ""
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
	if c == nil || c.hidden {
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
	c.State = to
	if to == CollectPaid {
		c.Debited, c.Rrn = c.Amount, newRrn()
	}
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
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		resp, err := n.tellOnce(ctx, req)
		n.mu.Lock()
		c.Tries++
		switch {
		case err != nil:
		case resp.Status == "BR" || resp.Status == "ZF" || resp.Status == "ZQ":
			n.contradict("%s: its result is refused: %s %s", c.TxnID, resp.Status, resp.Message)
			fallthrough
		case resp.Status != "96":
			c.Told, c.Result = resp.Status, resp.Result
			n.mu.Unlock()
			return
		}
		n.mu.Unlock()
		n.cfg.Log.Warn("the controller could not be told how a collect request ended; it is told again", "collect", req.OrgTxnID, "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

func (n *Network) tellOnce(ctx context.Context, req ReqCollectResult) (RespCollectResult, error) {
	trust, err := n.certificate.get(ctx, n.cfg)
	if err != nil {
		return RespCollectResult{}, err
	}
	client := &Client{
		BaseURL: n.cfg.Controller, OrgID: n.cfg.OrgID, HTTP: n.cfg.HTTP, Key: n.cfg.Key, Cert: n.cfg.Cert, Trust: trust,
	}
	return client.CollectResult(ctx, req)
}
