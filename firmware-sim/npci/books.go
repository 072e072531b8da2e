package npci

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Books are the customers' accounts, as their banks keep them: one for both
// directions, when a Client and a Network are given the same. What may be in
// them, and what moves it, is said at Ledger. The zero value is empty books in
// memory; OpenBooks keeps them in a file.
type Books struct {
	mu             sync.Mutex
	entries        map[string]*Entry
	order          []string
	contradictions []string
	quotes         map[string]RespValQr // of other currencies, by token
	banked         bool                 // a Network takes reversals
	file           *journal             // nil: in memory
	loaded         loaded               // what a Network takes over
}

// Ledger returns a copy of the books.
func (b *Books) Ledger() Ledger {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := Ledger{Contradictions: slices.Clone(b.contradictions)}
	for _, id := range b.order {
		l.Entries = append(l.Entries, *b.entries[id])
	}
	return l
}

// bank makes a Network the one that takes reversals for these books, and hands it
// what was read of its own side.
func (b *Books) bank() loaded {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.banked = true
	l := b.loaded
	b.loaded = loaded{}
	return l
}

// entry returns a copy of one entry.
func (b *Books) entry(txnID string) (Entry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[txnID]; e != nil {
		return *e, true
	}
	return Entry{}, false
}

// quoted remembers what a payment in another currency will cost.
func (b *Books) quoted(resp RespValQr) {
	if resp.BaseCurr == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.quotes == nil {
		b.quotes = map[string]RespValQr{}
	}
	b.quotes[resp.VerToken] = resp
}

// debit takes the money and reports whether the TxnID is new. Nothing is debited
// when the books cannot be written.
func (b *Books) debit(req ReqPay) (e Entry, first bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[req.TxnID]; e != nil {
		e.Sent++
		return *e, false, b.save(e)
	}
	entry := &Entry{
		TxnID: req.TxnID, Kind: KindPay, PayerAddr: req.PayerAddr, PayeeAddr: req.PayeeAddr, At: time.Now().UTC(),
		Debited: req.Amount, State: InFlight, Sent: 1,
	}
	if req.Curr != "INR" {
		entry.Curr, entry.Base = req.Curr, req.Amount
		entry.Debited = b.quotes[req.VerToken].InrAmount
	}
	if err := b.enter(entry, record{}); err != nil {
		return Entry{}, false, err
	}
	return *entry, true, nil
}

// collected takes the money of a collect request that its payer pays.
func (b *Books) collected(c collect) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.enter(&Entry{
		TxnID: c.BankTxnID, Kind: KindCollect, OrgTxnID: c.TxnID, PayerAddr: c.Payer, PayeeAddr: c.Payee, At: time.Now().UTC(),
		Debited: c.Amount, State: InFlight, Rrn: c.Rrn,
	}, record{Collect: &c})
}

// enter adds an entry, with what changed together with it. The caller holds the
// lock.
func (b *Books) enter(e *Entry, with record) error {
	with.Entry = e
	if err := b.file.append(with); err != nil {
		return err
	}
	if b.entries == nil {
		b.entries = map[string]*Entry{}
	}
	b.entries[e.TxnID] = e
	b.order = append(b.order, e.TxnID)
	return nil
}

// answered enters what a ReqPay was answered, or that it was not.
func (b *Books) answered(txnID string, first bool, resp RespPay, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[txnID]
	defer b.keep(e)
	if err == nil {
		e.Code, e.Result = resp.Status, resp.Result
		if resp.Paid() {
			e.Accepted++
		}
	}
	if !first {
		if err == nil && resp.Paid() {
			b.contradict(txnID, "paid again by a repeated ReqPay")
		}
		return
	}
	if e.State != InFlight { // a ReqChkTxn or a reversal was quicker
		if err == nil && resp.Paid() && e.State == Returned {
			b.contradict(txnID, "answered as paid, but the customer has the money back")
		}
		return
	}
	switch {
	case err != nil, resp.Status == "96", resp.Result == "TIMEOUT":
		e.State = Unknown
	case resp.Paid():
		if e.Debited == 0 {
			b.contradict(txnID, "paid in "+e.Curr+", but nobody was quoted what it costs")
		}
		e.State, e.Settled, e.PaidAt = Paid, resp.SettlementAmount, resp.Timestamp
	case resp.Result == "REVERSED":
		b.reversed(e)
	case resp.Result == "FAILED":
		b.back(e, BackFailed)
	default:
		b.back(e, BackRefused)
	}
}

// told enters what the result of a collect request was answered: code "" says
// that no answer came.
func (b *Books) told(txnID, code, result string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[txnID]
	if e == nil {
		return // a request that nobody paid
	}
	defer b.keep(e)
	e.Sent++
	if code != "" {
		e.Code, e.Result = code, result
	}
	if e.State != InFlight && e.State != Unknown {
		return
	}
	switch {
	case code == "00" && result == "", code == "ZD": // ZD: it has heard of it, and the answer was lost; or it asked
		e.State = Paid
		e.Accepted++
	case code == "00":
		b.reversed(e)
	case code == "", code == "96":
		e.State = Unknown
	default:
		b.back(e, BackRefused)
	}
}

// checked enters what a ReqChkTxn was answered.
func (b *Books) checked(resp RespChkTxn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[resp.TxnID]
	if e == nil || e.Kind != KindPay || resp.Status != "00" {
		return
	}
	defer b.keep(e)
	if resp.Rrn != "" {
		e.Rrn = resp.Rrn
	}
	if resp.Amount != e.Debited {
		b.contradict(resp.TxnID, "checked as "+resp.Amount.Rupees()+", debited "+e.Debited.Rupees())
	}
	switch resp.TxnStatus {
	case "SUCCESS":
		switch {
		case e.State == Returned:
			b.contradict(resp.TxnID, "checked as SUCCESS, but the customer has the money back")
		case e.State != Paid:
			e.State, e.Settled = Paid, resp.SettlementAmount
		case e.Settled != resp.SettlementAmount:
			b.contradict(resp.TxnID, "checked as settled "+resp.SettlementAmount.Rupees()+", answered "+e.Settled.Rupees())
		}
	case "FAILED":
		if e.State == Paid {
			b.contradict(resp.TxnID, "checked as FAILED, but it was answered as paid")
			return
		}
		b.back(e, BackFailed)
	case "REVERSED":
		b.reversed(e)
	}
}

// reversed enters that the controller says so. Where a Network takes reversals
// the money is back when one has come. The caller holds the lock.
func (b *Books) reversed(e *Entry) {
	switch {
	case e.State == Returned:
	case !b.banked || e.Reversal != "":
		b.back(e, BackReversed)
	case e.State == InFlight:
		e.State = Unknown
	}
}

// back gives back what the customer does not have yet. The caller holds the lock.
func (b *Books) back(e *Entry, why Back) {
	if e.State == Returned {
		return
	}
	if why != BackReversed && e.Returned > 0 {
		b.contradict(e.TxnID, "refunded, but it was never paid")
	}
	e.State, e.Back, e.Returned, e.Settled = Returned, why, e.Debited, 0
}

// giveUp returns the money of an unknown transaction.
func (b *Books) giveUp(txnID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[txnID]
	if e == nil || e.State != Unknown {
		return false
	}
	b.back(e, BackGivenUp)
	b.keep(e)
	return true
}

// mayReturn says whether a refund or reversal fits its original, of which more
// is promised already: why it does not, or that these books do not know it.
func (b *Books) mayReturn(r RefundEntry, promised protocol.Paise) (known bool, why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[r.OrgTxnID]
	switch {
	case e == nil:
		return false, ""
	case e.confirmedBy(r):
	case r.Amount > e.Debited-e.Returned-promised:
		return true, "more would go back than was paid"
	}
	return true, ""
}

// confirmedBy reports whether a reversal is of money that the customer was given
// back already, because the controller said that it would come.
func (e *Entry) confirmedBy(r RefundEntry) bool {
	return r.Type == typeReversal && r.Amount == e.Debited && e.State == Returned && e.Reversal == "" &&
		(e.Back == BackReversed || e.Back == BackGivenUp)
}

// moved enters a refund or reversal that mayReturn found fitting; nothing is
// moved when the books cannot be written.
func (b *Books) moved(r RefundEntry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[r.OrgTxnID]
	if e == nil {
		return b.file.append(record{Refund: &r})
	}
	next := *e
	confirmed := e.confirmedBy(r)
	if !confirmed {
		next.Returned += r.Amount
	}
	if r.Type == typeReversal {
		next.Reversal = r.TxnID
		if !confirmed && next.Returned >= next.Debited {
			next.State, next.Back, next.Settled = Returned, BackReversed, 0
		}
	}
	// Both or neither are on the disk: one line break ends both.
	if err := b.file.append(record{Refund: &r, Entry: &next}); err != nil {
		return err
	}
	*e = next
	return nil
}

// contradict writes down what cannot be. The caller holds the lock.
func (b *Books) contradict(txnID, what string) {
	b.contradictions = append(b.contradictions, txnID+": "+what)
	_ = b.file.append(record{Contradiction: txnID + ": " + what})
}

// save writes an entry to the file. The caller holds the lock.
func (b *Books) save(e *Entry) error { return b.file.append(record{Entry: e}) }

// keep saves an entry that money has moved on already; a file that cannot be
// written takes no further debit. The caller holds the lock.
func (b *Books) keep(e *Entry) { _ = b.save(e) }

// errBooks is what every failure of the file wraps.
var errBooks = errors.New("the books cannot be written")

func booksError(err error) error { return fmt.Errorf("%w: %w", errBooks, err) }
