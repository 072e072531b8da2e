package network

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// The results of an attempt, for the metrics.
const (
	ResultDone       = "done"       // the network has it, or it is settled
	ResultUnneeded   = "unneeded"   // its payment has gone on without it
	ResultPending    = "pending"    // the network does not know yet
	ResultRefused    = "refused"    // the network will not have it
	ResultUnsettled  = "unsettled"  // the network's answer settles nothing
	ResultNoAnswer   = "no_answer"  // whether it has the message is not known
	ResultBadAnswer  = "bad_answer" // what came is not to be believed
	ResultUndecided  = "undecided"  // the answer could not be taken to the books yet
	ResultImpossible = "impossible" // the answer contradicts the books, or the row cannot be sent
	ResultLocal      = "local"      // it failed here, before it was sent
	ResultStopped    = "stopped"    // the controller stops
)

// Results are all of them.
func Results() []string {
	return []string{
		ResultDone, ResultUnneeded, ResultPending, ResultRefused, ResultUnsettled, ResultNoAnswer, ResultBadAnswer,
		ResultUndecided, ResultImpossible, ResultLocal, ResultStopped,
	}
}

// end is how an attempt ended: its result and its row's next state.
type end struct {
	result string
	state  string
	err    error
}

func done(result string) end             { return end{result, journal.NetworkDone, nil} }
func again(result string, err error) end { return end{result, journal.NetworkPending, err} }
func dead(result string, err error) end  { return end{result, journal.NetworkDead, err} }

// attempt does all of one leased row: read, send, decide, record.
func (w *Worker) attempt(ctx context.Context, row journal.NetworkDelivery) {
	began := time.Now()
	e := w.handle(ctx, row)
	if ctx.Err() != nil && e.state == journal.NetworkPending {
		e = again(ResultStopped, errors.New("the controller stopped"))
	}
	took := time.Since(began)
	o := e.outcome(row, took, rand.Float64())
	w.report(row, e, o, took)
	w.record(ctx, o)
}

// handle sends the row's message and takes the answer to the books.
func (w *Worker) handle(ctx context.Context, row journal.NetworkDelivery) end {
	p, err := w.payment(ctx, row.PaymentID)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return dead(ResultImpossible, errors.New("there is no such payment"))
	case err != nil:
		return again(ResultLocal, err)
	}
	switch row.Kind {
	case decide.NetworkCollect, decide.NetworkCollectRemind, decide.NetworkCollectCancel:
		return w.collect(ctx, row, p)
	case decide.NetworkRefund:
		return w.refund(ctx, row, p)
	case decide.NetworkReversal:
		return w.reversal(ctx, row, p)
	case decide.NetworkAsk:
		return w.ask(ctx, row, p)
	}
	return dead(ResultImpossible, fmt.Errorf("kind %q is not known here", row.Kind))
}

func (w *Worker) payment(ctx context.Context, id string) (payment.Payment, error) {
	ctx, cancel := context.WithTimeout(ctx, dbTimeout)
	defer cancel()
	return w.cfg.Reader.PaymentByID(ctx, id)
}

// failedExchange is how an attempt ends whose message had no answer.
func failedExchange(err error) end {
	switch {
	case errors.Is(err, errNoAnswer):
		return again(ResultNoAnswer, err)
	case errors.Is(err, errBadAnswer):
		return again(ResultBadAnswer, err)
	}
	return again(ResultLocal, err)
}

// belongs checks that an answer is that of the message.
func belongs(err error, gotMsgID, msgID, gotTxnID, txnID, status string) error {
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errBadAnswer, err)
	case gotMsgID != msgID && (gotMsgID != "" || status != "BR"):
		return fmt.Errorf("%w: it answers another message", errBadAnswer)
	case gotTxnID != "" && gotTxnID != txnID:
		return fmt.Errorf("%w: it answers another transaction", errBadAnswer)
	}
	return nil
}

// submit takes an answer to the books, which may be done any number of times.
func submit[A any](ctx context.Context, w *Worker, d decide.Decision[A], good end) end {
	ctx, cancel := context.WithTimeout(ctx, decideTimeout)
	defer cancel()
	_, err := journal.Do(ctx, w.cfg.Journal, d)
	var refused *payment.RefusedError
	switch {
	case err == nil:
		return good
	case errors.Is(err, decide.ErrContradiction), errors.Is(err, decide.ErrNoPayment), errors.As(err, &refused):
		return dead(ResultImpossible, err)
	}
	return again(ResultUndecided, err)
}

func (w *Worker) report(row journal.NetworkDelivery, e end, o journal.NetworkOutcome, took time.Duration) {
	w.cfg.Meter.NetworkAttempt(string(row.Kind), e.result, took)
	level := slog.LevelInfo
	if e.err != nil {
		level = slog.LevelWarn
	}
	if o.State == journal.NetworkDead {
		level = slog.LevelError
		w.cfg.Meter.NetworkDead(string(row.Kind))
	}
	w.cfg.Log.Log(context.Background(), level, "message to the UPI network",
		"kind", row.Kind, "payment", row.PaymentID, "request", row.ID, "attempt", row.Attempt,
		"result", e.result, "next", o.State, "error", o.Error, "took", took)
}

// record writes the outcome down, and tries again as long as the lease lasts. If
// it cannot, the row is sent again when its lease is over.
func (w *Worker) record(ctx context.Context, o journal.NetworkOutcome) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordFor)
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := w.cfg.Rows.RecordNetwork(ctx, o)
		if err == nil {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			w.cfg.Log.Error("what came of a message to the UPI network is lost; it will be sent again",
				"request", o.ID, "attempt", o.Attempt, "next", o.State, "error", err)
			return
		}
	}
}
