package postgres_test

import (
	"context"
	"fmt"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/retention"
	"github.com/galla-pay/galla/protocol"
)

// known is a payment of the database.
type known struct {
	n                        int // one more for each
	id, merchant, key, token string
	terminal                 string
	made                     time.Time
	previous                 payment.Payment
}

func (k known) identity() protocol.Identity {
	return protocol.Identity{MerchantID: k.merchant, StoreID: "s", TerminalID: k.terminal}
}

// piece is something that is done to payments, as often as costs says. most is the
// most blocks that one may touch.
type piece struct {
	name string
	most int64
	do   func(ctx context.Context, db *postgres.DB, k known) error
}

// work is what doors, sweeps and outboxes do all the time.
var work = []piece{
	{"init", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		id := idOf(retention.Month(time.Now()))
		needs := decide.Needs{Terminals: []protocol.Identity{k.identity()}, Keys: []payment.Key{{MerchantID: k.merchant, TransactionID: "new-" + id}}}
		return db.Apply(ctx, journal.NewBatchID(), needs, func(s decide.Snapshot) (decide.Changes, error) {
			terminal := s.Terminals[k.identity()]
			p := k.previous
			p.ID, p.Key, p.State, p.CreatedAt, p.ExpiresAt = id, payment.Key{MerchantID: k.merchant, TransactionID: "new-" + id}, payment.Created, s.Now, s.Now.Add(time.Hour)
			return decide.Changes{Terminals: []fleet.Terminal{terminal}, NewPayments: []payment.Payment{p}, Events: []payment.Record{{PaymentID: id, Seq: 1, At: s.Now}}}, nil
		})
	}},
	{"two inits of one batch", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		return db.Apply(ctx, journal.NewBatchID(), decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
			var c decide.Changes
			for range 2 {
				p := k.previous
				p.ID = idOf(retention.Month(time.Now()))
				p.Key, p.State, p.CreatedAt, p.ExpiresAt = payment.Key{MerchantID: k.merchant, TransactionID: "new-" + p.ID}, payment.Created, s.Now, s.Now.Add(time.Hour)
				c.NewPayments = append(c.NewPayments, p)
				c.Events = append(c.Events, payment.Record{PaymentID: p.ID, Seq: 1, At: s.Now})
			}
			return c, nil
		})
	}},
	{"status", 30, func(ctx context.Context, db *postgres.DB, k known) error {
		p, err := db.Payment(ctx, k.merchant, k.key)
		if err == nil && p.ID != k.id {
			err = fmt.Errorf("found %s, want %s", p.ID, k.id)
		}
		return err
	}},
	{"a payment's events", 30, func(ctx context.Context, db *postgres.DB, k known) error {
		events, err := db.Events(ctx, k.id)
		if err == nil && len(events) < 3 {
			err = fmt.Errorf("%s has %d events", k.id, len(events))
		}
		return err
	}},
	{"resolve", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		r, err := db.Resolve(ctx, decide.Needs{Tokens: []string{k.token}, Keys: []payment.Key{{MerchantID: k.merchant, TransactionID: k.key}},
			Short: []decide.ShortKey{{MerchantID: k.merchant, StoreID: "s", Code: "1234"}}, Payments: []string{k.id}})
		if err == nil && r.Tokens[k.token] != k.id {
			err = fmt.Errorf("token %s leads to %q", k.token, r.Tokens[k.token])
		}
		return err
	}},
	{"claim, report or expiry", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		needs := decide.Needs{Terminals: []protocol.Identity{k.identity()}, Payments: []string{k.id},
			Short: []decide.ShortKey{{MerchantID: k.merchant, StoreID: "s", Code: "1234"}}}
		return db.Apply(ctx, journal.NewBatchID(), needs, func(s decide.Snapshot) (decide.Changes, error) {
			p := s.Payments[k.id]
			p.Seq++
			return decide.Changes{Payments: []payment.Payment{p}, Events: []payment.Record{{PaymentID: k.id, Seq: 100 + int64(k.n), At: s.Now}}}, nil
		})
	}},
	{"pay", 90, func(ctx context.Context, db *postgres.DB, k known) error {
		txn := decide.TxnKey{OrgID: "O", TxnID: fmt.Sprint("new", k.n, k.id)}
		message := decide.MessageKey{OrgID: "O", MsgID: fmt.Sprint("new", k.n, k.id)}
		needs := decide.Needs{Terminals: []protocol.Identity{k.identity()}, Payments: []string{k.id}, Tokens: []string{k.token},
			Messages: []decide.MessageKey{message}, Txns: []decide.TxnKey{txn}, Credits: []decide.TxnKey{txn}}
		return db.Apply(ctx, journal.NewBatchID(), needs, func(s decide.Snapshot) (decide.Changes, error) {
			q := s.Quotes[k.token]
			return decide.Changes{Quotes: []quote.Quote{q}, Messages: []decide.Message{{MessageKey: message, At: s.Now}},
				NewReqPays: []decide.ReqPay{{TxnKey: txn, MsgID: message.MsgID, Status: "SUCCESS", Amount: 1, At: s.Now}},
				NewCredits: []decide.Credit{{TxnKey: txn, Amount: 1, State: decide.CreditApplied, At: s.Now}},
				// To nobody, and of before what the feed is asked for: where the planner knows
				// little of the last minutes it may read everybody's callbacks of these.
				Callbacks: []decide.Callback{{EventID: fmt.Sprintf("X%d-%s", k.n, k.id), MerchantID: "N", PaymentID: k.id, At: s.Now.Add(-2 * time.Hour)}}}, nil
		})
	}},
	{"due", 40, func(ctx context.Context, db *postgres.DB, _ known) error { _, err := db.Due(ctx, 10); return err }},
	{"unacked", 40, func(ctx context.Context, db *postgres.DB, _ known) error { _, err := db.Unacked(ctx, 10); return err }},
	{"wanted", 40, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.Wanted(ctx, []protocol.Identity{k.identity()})
		return err
	}},
	{"lease callbacks", 300, func(ctx context.Context, db *postgres.DB, _ known) error {
		_, err := db.LeaseCallbacks(ctx, 1, time.Millisecond, journal.CallbackFilter{})
		return err
	}},
	{"next callback", 150, func(ctx context.Context, db *postgres.DB, _ known) error {
		_, _, err := db.NextCallback(ctx, journal.CallbackFilter{})
		return err
	}},
	{"callback queue", 150, func(ctx context.Context, db *postgres.DB, _ known) error {
		_, err := db.CallbackQueue(ctx)
		return err
	}},
	{"record callbacks", 100, func(ctx context.Context, db *postgres.DB, k known) error {
		return db.RecordCallbacks(ctx, []journal.CallbackOutcome{{EventID: "EV" + k.id, Attempt: 1, State: journal.CallbackDelivered}})
	}},
	{"a payment's callbacks", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		rows, err := db.Callbacks(ctx, journal.CallbackQuery{PaymentID: k.id})
		if err == nil && len(rows) == 0 {
			err = fmt.Errorf("%s has no callback", k.id)
		}
		return err
	}},
	{"a callback's attempts", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.CallbackAttempts(ctx, "EV"+k.id)
		return err
	}},
	{"feed", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.CallbackFeed(ctx, k.merchant, journal.CallbackCursor{At: time.Now().Add(-time.Minute)}.String(), 10)
		return err
	}},
	{"latest quote", 20, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.LatestQuote(ctx, k.id)
		return err
	}},
	{"unprocessed", 30, func(ctx context.Context, db *postgres.DB, _ known) error {
		_, err := db.Unprocessed(ctx, 10)
		return err
	}},
	{"ReqPay", 20, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.ReqPay(ctx, decide.TxnKey{OrgID: "O", TxnID: "x" + k.id})
		return err
	}},
	{"lease network requests", 60, func(ctx context.Context, db *postgres.DB, _ known) error {
		_, err := db.LeaseNetwork(ctx, 1, time.Millisecond)
		return err
	}},
	{"a merchant's latest payments", 80, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.Payments(ctx, journal.PaymentQuery{MerchantID: k.merchant, Newest: true, Limit: 10})
		return err
	}},
	{"parked payments", 60, func(ctx context.Context, db *postgres.DB, _ known) error {
		_, err := db.Payments(ctx, journal.PaymentQuery{State: payment.Parked, Limit: 10})
		return err
	}},
}
