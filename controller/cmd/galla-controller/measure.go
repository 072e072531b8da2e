package main

import (
	"context"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/ops"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// count keeps the numbers of what was committed, and raises the alarms: a
// payment whose end nobody knows, money that fits no open payment.
func (c *controller) count(changes decide.Changes) {
	for _, event := range changes.Events {
		c.metrics.PaymentEntered(string(event.To))
		if event.To == payment.Parked && event.From != payment.Parked {
			c.log.Error("payment parked: nobody knows its end; settle it with: galla-controller payment resolve "+event.PaymentID,
				"payment", event.PaymentID)
		}
	}
	timedOut := map[decide.TxnKey]bool{}
	for _, r := range changes.ReqPays {
		timedOut[r.TxnKey] = r.Result == decide.ResultTimeout
	}
	for _, credit := range append(changes.NewCredits, changes.Credits...) {
		if timedOut[credit.TxnKey] && credit.State == decide.CreditReversing {
			c.metrics.CreditEntered("timed_out") // the automatic reversal of a timeout alarms nobody
			continue
		}
		c.metrics.CreditEntered(string(credit.State))
		if credit.State == decide.CreditReversing || credit.State == decide.CreditSuspense {
			c.log.Error("credit fits no open payment", "payment", credit.PaymentID, "organisation", credit.OrgID,
				"transaction", credit.TxnID, "amount", credit.Amount, "state", credit.State)
		}
	}
}

// measureEvery is how often the numbers that nobody counts are looked at.
const measureEvery = 5 * time.Second

// measure keeps the gauges of /metrics.
func (c *controller) measure(ctx context.Context) {
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	for {
		c.metrics.JournalQueue(c.journal.Pending())
		c.metrics.TerminalsConnected(c.broker.Terminals())
		if q, err := c.db.CallbackQueue(ctx); err == nil {
			c.metrics.Outbox("callbacks", q.Pending, q.Oldest)
		}
		if q, err := c.db.NetworkQueue(ctx); err == nil {
			c.metrics.Outbox("network", q.Pending, q.Oldest)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// journalMeter gives the journal's numbers to the metrics, in their words.
type journalMeter struct{ *ops.Metrics }

func (m journalMeter) BatchDone(decisions int, took time.Duration) { m.JournalBatch(decisions, took) }
func (m journalMeter) DecisionDone(time.Duration)                  {}
func (m journalMeter) BatchRetried(why string)                     { m.JournalRetry(why) }
func (m journalMeter) QueueFull()                                  { m.JournalRetry("queue_full") }
