package decide

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/risk"
)

// The events of a quote's life. Values are in the database: never change one.
const (
	quoteValidated = "validated"
	quoteProcessed = "processed" // PRD 5.1 step 21
	quoteAttempted = "attempted" // a ReqPay spent the token
	quoteTimedOut  = "timed_out"
)

// chain adds one event to a quote's life, table qr_validation_events: a sequence
// number, the hash before, and the SHA-256 over all of it and over the hashes of
// the XML (PRD 5.1 step 16). The caller puts the quote that it returns.
func chain(tx *Tx, q quote.Quote, event string, code Code) quote.Quote {
	e := QuoteEvent{Token: q.Token, Seq: q.Seq + 1, Event: event, Code: string(code), At: tx.Now(), PrevHash: payment.Hash(q.Hash)}
	h := sha256.New()
	var n [8]byte
	texts := []string{e.Token, e.Event, e.Code, string(e.PrevHash[:]), string(q.RequestHash[:]), string(q.ResponseHash[:])}
	numbers := []int64{e.Seq, e.At.UnixMicro()}
	if event == quoteProcessed {
		texts, numbers = append(texts, q.RiskReasons), append(numbers, q.RiskScore)
	}
	for _, s := range texts {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	for _, v := range numbers {
		binary.BigEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	e.Hash = payment.Hash(h.Sum(nil))
	tx.AddQuoteEvent(e)
	q.Seq, q.Hash = e.Seq, e.Hash
	return q
}

// assessed keeps what the risk rules say of a validation and chains it.
func assessed(tx *Tx, q quote.Quote, v risk.Verdict) quote.Quote {
	q.RiskScore, q.RiskReasons, q.ProcessedAt = int64(v.Score), v.Text(), tx.Now()
	return chain(tx, q, quoteProcessed, CodeOK)
}

// Assess is the additional processing of a validation, done after its answer
// (PRD 5.1 step 21): what the risk rules say of it is kept, once.
type Assess struct {
	Token   string
	Verdict risk.Verdict
}

// Needs names the quote.
func (d Assess) Needs() Needs { return Needs{Tokens: []string{d.Token}} }

// Decide reports whether there was anything to do.
func (d Assess) Decide(tx *Tx) (bool, error) {
	q, ok := tx.Quote(d.Token)
	if !ok || !q.ProcessedAt.IsZero() {
		return false, nil
	}
	tx.PutQuote(assessed(tx, q, d.Verdict))
	return true, nil
}
