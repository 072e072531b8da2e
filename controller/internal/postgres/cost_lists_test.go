package postgres_test

import (
	"context"
	"fmt"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

// lists are what people and reports ask for, and what the risk rules count.
var lists = []piece{
	{"risk facts", 80, func(ctx context.Context, db *postgres.DB, k known) error {
		var needs risk.Needs
		for _, c := range riskCounts {
			needs.Counts = append(needs.Counts, risk.CountNeed{Count: c, AtMost: 20})
		}
		needs.Samples = []time.Duration{riskWindow}
		_, err := db.RiskFacts(ctx, []risk.Question{{Needs: needs, Payer: k.address("p"), Payee: k.address("Y"), MerchantID: k.merchant}})
		return err
	}},
	{"promises", 20, func(ctx context.Context, db *postgres.DB, k known) error {
		found, err := db.Promises(ctx, []string{k.token, "nobody's"})
		if err == nil && len(found) != 1 {
			err = fmt.Errorf("%d promises", len(found))
		}
		return err
	}},
	{"settled", 40, func(ctx context.Context, db *postgres.DB, k known) error { return settledNear(ctx, db, "", k) }},
	{"a merchant's settled", 40, func(ctx context.Context, db *postgres.DB, k known) error { return settledNear(ctx, db, k.merchant, k) }},
	{"everybody's payments", 60, paymentList(func(known) journal.PaymentQuery { return journal.PaymentQuery{} })},
	{"a page of everybody's payments", 60, paymentList(func(k known) journal.PaymentQuery {
		return journal.PaymentQuery{AfterTime: longAgo(k), AfterID: idOf(longAgo(k))}
	})},
	{"a page of everybody's failed", 60, paymentList(func(k known) journal.PaymentQuery {
		return journal.PaymentQuery{State: payment.Failed, AfterTime: longAgo(k), AfterID: idOf(longAgo(k))}
	})},
	{"everybody's of a state that is rare", 60, func(ctx context.Context, db *postgres.DB, _ known) error {
		found, err := db.Payments(ctx, journal.PaymentQuery{State: payment.Cancelled})
		if err == nil && len(found) != 0 {
			err = fmt.Errorf("%d payments were cancelled", len(found))
		}
		return err
	}},
	{"everybody's open payments", 120, paymentList(func(known) journal.PaymentQuery { return journal.PaymentQuery{State: payment.Presented} })},
	{"a merchant's payments", 80, paymentList(func(k known) journal.PaymentQuery { return journal.PaymentQuery{MerchantID: k.merchant} })},
	{"a page of a merchant's payments", 80, paymentList(func(k known) journal.PaymentQuery {
		return journal.PaymentQuery{MerchantID: k.merchant, AfterTime: longAgo(k), AfterID: idOf(longAgo(k))}
	})},
	{"everybody's callbacks", 250, callbackList(func(known) journal.CallbackQuery { return journal.CallbackQuery{} })},
	{"everybody's callbacks of late", 100, callbackList(func(known) journal.CallbackQuery {
		return journal.CallbackQuery{Since: time.Now().AddDate(0, 0, -20)}
	})},
	{"a page of everybody's callbacks", 250, callbackList(func(k known) journal.CallbackQuery { return journal.CallbackQuery{After: k.cursor()} })},
	{"a merchant's callbacks", 250, callbackList(func(k known) journal.CallbackQuery { return journal.CallbackQuery{MerchantID: k.merchant} })},
	{"a page of a merchant's callbacks", 250, callbackList(func(k known) journal.CallbackQuery {
		return journal.CallbackQuery{MerchantID: k.merchant, After: k.cursor()}
	})},
	{"dead callbacks", 250, callbackList(func(known) journal.CallbackQuery { return journal.CallbackQuery{State: journal.CallbackDead} })},
	{"a merchant's dead callbacks", 250, callbackList(func(k known) journal.CallbackQuery {
		return journal.CallbackQuery{MerchantID: k.merchant, State: journal.CallbackDead}
	})},
	{"pending callbacks", 250, callbackList(func(known) journal.CallbackQuery { return journal.CallbackQuery{State: journal.CallbackPending} })},
	{"a merchant's pending callbacks", 250, callbackList(func(k known) journal.CallbackQuery {
		return journal.CallbackQuery{MerchantID: k.merchant, State: journal.CallbackPending}
	})},
	{"the start of a feed", 250, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.CallbackFeed(ctx, k.merchant, "", 10)
		return err
	}},
	{"a feed from weeks ago", 100, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.CallbackFeed(ctx, k.merchant, k.cursor(), 10)
		return err
	}},
	{"network queue", 60, func(ctx context.Context, db *postgres.DB, _ known) error { _, err := db.NetworkQueue(ctx); return err }},
	{"audit", 60, auditList(record.AuditQuery{Last: true})},
	{"audit since", 60, auditList(record.AuditQuery{Since: time.Now().AddDate(0, 0, -2)})},
	{"audit of a target", 60, auditList(record.AuditQuery{Target: "x7", Last: true})},
	{"audit of an actor", 60, auditList(record.AuditQuery{Actor: "u7"})},
	{"a merchant's terminals", 40, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.TerminalPage(ctx, record.Page{Within: []string{k.merchant}, Limit: 10})
		return err
	}},
	{"what was archived", 20, func(ctx context.Context, db *postgres.DB, _ known) error {
		_, err := db.Archived(ctx, "transaction_events")
		return err
	}},
	{"tidy", 200, func(ctx context.Context, db *postgres.DB, _ known) error { return db.Tidy(ctx) }},
}

func longAgo(k known) time.Time { return k.made.AddDate(-1, 0, 0) }

// everyMonth are the lists that begin where nobody knows in which month their first
// line is, so that they look for it in every month there is.
var everyMonth = map[string]bool{
	"everybody's callbacks": true, "a merchant's callbacks": true, "dead callbacks": true, "a merchant's dead callbacks": true, "the start of a feed": true,
}

const riskWindow = 30 * 24 * time.Hour

// riskCounts are those that rules can name.
var riskCounts = []risk.Count{
	{What: risk.Validations, Of: risk.Payee, Window: riskWindow}, {What: risk.Validations, Of: risk.Merchant, Window: riskWindow},
	{What: risk.Payments, Of: risk.Payer, Window: riskWindow}, {What: risk.Payments, Of: risk.Payee, Window: riskWindow},
	{What: risk.Payments, Of: risk.Merchant, Window: riskWindow}, {What: risk.Declined, Of: risk.Payer, Window: riskWindow},
	{What: risk.Declined, Of: risk.Payee, Window: riskWindow}, {What: risk.Declined, Of: risk.Merchant, Window: riskWindow},
}

// address is the one of ten payments that fill gave to this one.
func (k known) address(letter string) protocol.VPA {
	var n int
	_, _ = fmt.Sscanf(k.key, "k%d", &n)
	return protocol.VPA(fmt.Sprintf("%s%d@upi", letter, n/10))
}

// cursor is behind the payment's callback.
func (k known) cursor() string {
	return journal.CallbackCursor{At: k.made, EventID: "EV" + k.id}.String()
}

func settledNear(ctx context.Context, db *postgres.DB, merchant string, k known) error {
	found := k.previous.State != payment.Succeeded
	err := db.Settled(ctx, merchant, k.made, k.made.Add(time.Millisecond), func(p payment.Payment) error {
		found = found || p.ID == k.id
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%s is not among them", k.id)
	}
	return err
}

func paymentList(query func(known) journal.PaymentQuery) func(context.Context, *postgres.DB, known) error {
	return func(ctx context.Context, db *postgres.DB, k known) error {
		q := query(k)
		if q.Limit == 0 {
			q.Limit = 10
		}
		found, err := db.Payments(ctx, q)
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("no payments of %+v", q)
		}
		return err
	}
}

func callbackList(query func(known) journal.CallbackQuery) func(context.Context, *postgres.DB, known) error {
	return func(ctx context.Context, db *postgres.DB, k known) error {
		q := query(k)
		q.Limit = 10
		_, err := db.Callbacks(ctx, q)
		return err
	}
}

func auditList(q record.AuditQuery) func(context.Context, *postgres.DB, known) error {
	q.Limit = 10
	return func(ctx context.Context, db *postgres.DB, _ known) error {
		lines, err := db.AuditPage(ctx, q)
		if err == nil && len(lines) == 0 {
			err = fmt.Errorf("no lines of %+v", q)
		}
		return err
	}
}
