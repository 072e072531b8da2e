package decide

import (
	"time"

	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// Snapshot is the locked rows of a batch, as a storage loaded them.
type Snapshot struct {
	// Now is the database's time, taken after the locks (microseconds).
	Now       time.Time
	Terminals map[protocol.Identity]fleet.Terminal
	Payments  map[string]payment.Payment
	Quotes    map[string]quote.Quote
	// Keys says which payment has a merchant's key; a key that was asked for
	// and is not here is free.
	Keys map[payment.Key]string
	// Messages holds those that were asked for and are used.
	Messages map[MessageKey]bool
	// Txns, Short and Credits hold those that were asked for and exist. A short
	// order's payment is among Payments.
	Txns    map[TxnKey]ReqPay
	Short   map[ShortKey]ShortOrder
	Credits map[TxnKey]Credit
}

// NewSnapshot makes an empty one.
func NewSnapshot(now time.Time) Snapshot {
	return Snapshot{
		Now: now, Terminals: map[protocol.Identity]fleet.Terminal{}, Payments: map[string]payment.Payment{},
		Quotes: map[string]quote.Quote{}, Keys: map[payment.Key]string{}, Messages: map[MessageKey]bool{},
		Txns: map[TxnKey]ReqPay{}, Short: map[ShortKey]ShortOrder{}, Credits: map[TxnKey]Credit{},
	}
}

// ShortOrder says which OPEN order a store's short order id stands for: the
// latest one, which may have ended; table short_orders.
type ShortOrder struct {
	ShortKey
	PaymentID string
}

// NetworkKind is what the UPI network is asked to do.
type NetworkKind string

// The kinds. Values are in the database: never change one.
const (
	NetworkCollect       NetworkKind = "COLLECT"
	NetworkCollectRemind NetworkKind = "COLLECT_REMIND"
	NetworkCollectCancel NetworkKind = "COLLECT_CANCEL"
	NetworkRefund        NetworkKind = "REFUND"
	NetworkReversal      NetworkKind = "REVERSAL"
	NetworkAsk           NetworkKind = "ASK" // how did this attempt end?
)

// NetworkRequest is an outbox row: the UPI network is to be told or asked
// something about a payment. TxnKey is the credit that a reversal gives back;
// Amount is what moves, 0 where nothing does.
type NetworkRequest struct {
	ID        string // unique for ever; the message's id is made of it
	Kind      NetworkKind
	PaymentID string
	TxnKey
	Amount protocol.Paise
	At     time.Time
}

// Message is a UPI message that was answered; table upi_messages.
type Message struct {
	MessageKey
	Kind string // ReqValQr, ReqPay, ReqChkTxn ...
	Code string // what it was answered
	At   time.Time
}

// ReqPay is one payment message of the network; table req_pays (PRD 4.3).
type ReqPay struct {
	TxnKey
	MsgID        string
	Token        string
	PaymentID    string
	Amount       protocol.Paise
	Base         int64  // what the message asked for, in hundredths of Currency
	Currency     string // "" where we asked
	Payer, Payee protocol.VPA
	Status       string // SUCCESS, FAILED, PENDING or REVERSED
	Code         string
	Result       string // of an answer 00 that is no success: TIMEOUT
	Reference    string // the UTR of a success
	Settlement   protocol.Paise
	RiskScore    int64
	RiskReasons  string
	At           time.Time
	// DueAt is when a held message is to be answered; zero where none is held.
	DueAt       time.Time
	RequestHash [32]byte
	// ResponseHash is that of the answer before it was signed; zero until there is
	// one.
	ResponseHash [32]byte
}

// The statuses of a ReqPay (PRD 4.3). Values are in the database and on the wire.
const (
	StatusSuccess  = "SUCCESS"
	StatusFailed   = "FAILED"
	StatusPending  = "PENDING"
	StatusReversed = "REVERSED"
)

// ResultTimeout is RespPay's Result where the merchant did not answer in time.
const ResultTimeout = "TIMEOUT"

// Credit is money that the network says arrived; table credits, unique by
// organisation and TxnID (DESIGN section 3.2).
type Credit struct {
	TxnKey
	PaymentID string
	Amount    protocol.Paise
	State     CreditState
	At        time.Time
}

// CreditState is where a credit is. Values are in the database.
type CreditState string

// The credit states.
const (
	CreditReceived  CreditState = "received"
	CreditApplied   CreditState = "applied"
	CreditReversing CreditState = "reversing"
	CreditReversed  CreditState = "reversed"
	CreditSuspense  CreditState = "suspense"
)

// Callback is an outbox row: the merchant is to be told of a payment's end.
// Its id is the payment's, since a payment ends once: X-Galla-Event-Id is
// stable over retries.
type Callback struct {
	EventID    string
	PaymentID  string
	MerchantID string
	URL        string
	Method     string
	At         time.Time
}

// QuoteEvent is one event of a quote's life; table qr_validation_events.
type QuoteEvent struct {
	Token    string
	Seq      int64
	Event    string
	Code     string
	At       time.Time
	PrevHash payment.Hash
	Hash     payment.Hash
}

// Changes is all that a batch of decisions changed. New rows and changed rows
// are apart; each row stands once, as it is at the end.
type Changes struct {
	Terminals   []fleet.Terminal
	NewPayments []payment.Payment
	Payments    []payment.Payment
	Events      []payment.Record
	NewQuotes   []quote.Quote
	Quotes      []quote.Quote
	QuoteEvents []QuoteEvent
	Messages    []Message
	NewReqPays  []ReqPay
	ReqPays     []ReqPay
	NewCredits  []Credit
	Credits     []Credit
	NewShort    []ShortOrder
	Short       []ShortOrder
	Callbacks   []Callback
	Network     []NetworkRequest
}

// Empty reports whether there is nothing to save.
func (c Changes) Empty() bool {
	return len(c.Terminals)+len(c.NewPayments)+len(c.Payments)+len(c.Events)+len(c.NewQuotes)+len(c.Quotes)+
		len(c.QuoteEvents)+len(c.Messages)+len(c.NewReqPays)+len(c.ReqPays)+len(c.Credits)+len(c.Callbacks)+
		len(c.NewCredits)+len(c.NewShort)+len(c.Short)+len(c.Network) == 0
}

// Batch runs decisions one after another over one snapshot. A later decision
// sees what an earlier one changed.
type Batch struct {
	snap Snapshot
	done *layer
	own  *layer // of the decision that runs; its room serves one after another
}

// NewBatch starts a batch.
func NewBatch(snap Snapshot) *Batch {
	return &Batch{snap: snap, done: newLayer(), own: newLayer()}
}

// Run runs one decision. Where it refuses, nothing of it is kept.
func Run[A any](b *Batch, d Decision[A]) (A, error) {
	b.own.empty() // of one that refused, or panicked
	tx := &Tx{batch: b, own: b.own}
	answer, err := d.Decide(tx)
	if err != nil {
		var none A
		return none, err
	}
	b.done.add(tx.own)
	return answer, nil
}

// Changes returns what the batch changed so far, in the order of first change.
func (b *Batch) Changes() Changes { return b.done.changes(b.snap) }

// Tx is one decision's view: the snapshot, what earlier decisions of the batch
// changed, and its own changes on top.
type Tx struct {
	batch *Batch
	own   *layer
}

// Now is the batch's time.
func (tx *Tx) Now() time.Time { return tx.batch.snap.Now }

// Terminal reads a terminal that the decision named, or that follows from it.
func (tx *Tx) Terminal(id protocol.Identity) (fleet.Terminal, bool) {
	return lookup(id, &tx.own.terminals, &tx.batch.done.terminals, tx.batch.snap.Terminals)
}

// Payment reads a payment by our id.
func (tx *Tx) Payment(id string) (payment.Payment, bool) {
	return lookup(id, &tx.own.payments, &tx.batch.done.payments, tx.batch.snap.Payments)
}

// Taken reports whether a payment with the merchant's key exists, and its id.
func (tx *Tx) Taken(key payment.Key) (string, bool) {
	return lookup(key, &tx.own.keys, &tx.batch.done.keys, tx.batch.snap.Keys)
}

// Quote reads a quote by its token.
func (tx *Tx) Quote(token string) (quote.Quote, bool) {
	return lookup(token, &tx.own.quotes, &tx.batch.done.quotes, tx.batch.snap.Quotes)
}

// MessageUsed reports whether a message id was used before.
func (tx *Tx) MessageUsed(k MessageKey) bool {
	used, _ := lookup(k, &tx.own.messages, &tx.batch.done.messages, tx.batch.snap.Messages)
	return used
}

// TxnUsed reports whether a transaction id was used before.
func (tx *Tx) TxnUsed(k TxnKey) bool {
	_, used := tx.ReqPay(k)
	return used
}

// ReqPay reads a transaction that the decision named.
func (tx *Tx) ReqPay(k TxnKey) (ReqPay, bool) {
	return lookup(k, &tx.own.txns, &tx.batch.done.txns, tx.batch.snap.Txns)
}

// lookup finds what the decision changed, else what earlier ones did, else what was
// loaded.
func lookup[K comparable, V any](k K, own, done *ordered[K, V], loaded map[K]V) (V, bool) {
	if v, ok := own.get(k); ok {
		return v, true
	}
	if v, ok := done.get(k); ok {
		return v, true
	}
	v, ok := loaded[k]
	return v, ok
}

// PutTerminal changes a terminal.
func (tx *Tx) PutTerminal(t fleet.Terminal) { tx.own.terminals.put(t.Identity, t) }

// PutPayment adds or changes a payment and adds its events.
func (tx *Tx) PutPayment(p payment.Payment, events ...payment.Record) {
	tx.own.putPayment(p)
	tx.own.rows.Events = append(tx.own.rows.Events, events...)
}

// PutQuote adds or changes a quote.
func (tx *Tx) PutQuote(q quote.Quote) { tx.own.quotes.put(q.Token, q) }

// AddQuoteEvent adds an event of a quote.
func (tx *Tx) AddQuoteEvent(e QuoteEvent) {
	tx.own.rows.QuoteEvents = append(tx.own.rows.QuoteEvents, e)
}

// AddMessage uses a message id up.
func (tx *Tx) AddMessage(m Message) {
	tx.own.messages.put(m.MessageKey, true)
	tx.own.rows.Messages = append(tx.own.rows.Messages, m)
}

// PutReqPay adds a transaction, which uses its id up, or changes it.
func (tx *Tx) PutReqPay(r ReqPay) { tx.own.txns.put(r.TxnKey, r) }

// Credit reads a credit that the decision named.
func (tx *Tx) Credit(k TxnKey) (Credit, bool) {
	return lookup(k, &tx.own.credits, &tx.batch.done.credits, tx.batch.snap.Credits)
}

// PutCredit adds or changes a credit.
func (tx *Tx) PutCredit(c Credit) { tx.own.credits.put(c.TxnKey, c) }

// Short reads a short order that the decision named.
func (tx *Tx) Short(k ShortKey) (ShortOrder, bool) {
	return lookup(k, &tx.own.short, &tx.batch.done.short, tx.batch.snap.Short)
}

// PutShort adds or changes a short order.
func (tx *Tx) PutShort(o ShortOrder) { tx.own.short.put(o.ShortKey, o) }

// AddNetwork adds an outbox row for the UPI network. Its id is the payment's
// with what makes it one of its kind, so that a repeat is seen.
func (tx *Tx) AddNetwork(r NetworkRequest) {
	r.At = tx.Now()
	tx.own.rows.Network = append(tx.own.rows.Network, r)
}

// AddCallback adds an outbox row.
func (tx *Tx) AddCallback(c Callback) { tx.own.rows.Callbacks = append(tx.own.rows.Callbacks, c) }
