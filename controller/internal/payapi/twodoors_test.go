package payapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// twoDoors are two controllers on one PostgreSQL: each a door, a journal and
// connections of its own.
func twoDoors(t *testing.T) (here, there *city) {
	house := doortest.NewPostgres(t, shops)
	neighbour := house.Neighbour(t)
	return &city{door: newDoorOf(t, house)}, &city{door: newDoorOf(t, neighbour)}
}

// try is send for goroutines other than the test's.
func (c *city) try(r *http.Request) (a answer) {
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	a = answer{status: w.Code, raw: w.Body.String()}
	form := struct {
		*answer
		Data map[string]any
	}{answer: &a}
	if err := json.Unmarshal(w.Body.Bytes(), &form); err != nil {
		c.t.Error(err)
	}
	a.Data = form.Data
	return a
}

// inOrder runs two things one after the other, the other way round, or at once,
// by n: so that every order happens, and some that nobody chose.
func inOrder(n int, first, second func()) {
	switch n % 3 {
	case 0:
		first()
		second()
	case 1:
		second()
		first()
	default:
		start := make(chan struct{})
		var wg sync.WaitGroup
		for _, do := range []func(){first, second} {
			wg.Go(func() {
				<-start
				do()
			})
		}
		close(start)
		wg.Wait()
	}
}

// validated gives out a token for a payment's QR, as the customer's bank asks.
func (c *city) validated(p payment.Payment) (pay decide.Pay) {
	c.t.Helper()
	m, _ := c.People.Merchant(p.MerchantID)
	payee, _ := c.People.Payee(p.Payee)
	facts := decide.PayeeFacts{Found: true, Merchant: m, Payee: payee}
	a, err := journal.Do(c.t.Context(), c.Journal, decide.Validate{
		OrgID: "MER101", MsgID: "V" + p.ID, Token: "token-" + p.ID, QR: decide.QR{Tr: p.ID, Amount: p.Amount}, Payee: facts, Amount: p.Amount, Base: int64(p.Amount), Currency: "INR", Settings: quote.Default(),
		Render: func(a decide.ValidateAnswer) []byte { return []byte(a.Code) },
	})
	if err != nil || a.Code != decide.CodeOK {
		c.t.Fatalf("%s: %s %v", p.ID, a.Code, err)
	}
	return decide.Pay{
		OrgID: "MER101", MsgID: "P" + p.ID, TxnID: "X" + p.ID, Token: a.Token, Base: int64(p.Amount), Currency: "INR", Settings: quote.Default(), Payer: "customer@upi",
		Payee: payee.VPA, PayeeFacts: facts, Reference: "632600000001", NewPaymentID: "GPNEW" + p.ID,
		Render: func(a decide.PayAnswer) []byte { return []byte(a.Code) },
	}
}

// do runs a decision at this controller.
func do[A any](c *city, d decide.Decision[A]) A {
	a, err := journal.Do(context.Background(), c.Journal, d)
	if err != nil {
		c.t.Errorf("%T: %v", d, err)
	}
	return a
}

// told is what everybody is told of a payment in the end: both doors' status and
// the row, which say the same.
func told(t *testing.T, here, there *city, id string) (status, reason string) {
	t.Helper()
	p := here.kept(id)
	status, reason = p.State.External(), p.Reason
	if status == "SUCCESS" {
		reason = "null"
	}
	for _, c := range []*city{here, there} {
		a := c.send(bare("GET", "/v1/payment/MERCHANTUAT/"+id+"/status", merchantKey))
		if got, _ := a.Data["responseCode"].(string); a.Data["status"] != status || got != reason {
			t.Errorf("%s: status says %s, the row %s %s", id, a.raw, p.State, p.Reason)
		}
	}
	events, err := here.Storage.Events(t.Context(), p.ID)
	if state, broken := payment.VerifyChain(events); err != nil || broken != nil || state != p.State {
		t.Errorf("%s is %s, its events say %s: %v %v", id, p.State, state, err, broken)
	}
	return status, reason
}

// noticed wants one notice in the outbox for each payment that has ended, and
// none for any other.
func noticed(t *testing.T, c *city) {
	t.Helper()
	notices := map[string]int{}
	for after := ""; ; {
		feed, err := c.Storage.CallbackFeed(t.Context(), "MERCHANTUAT", after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range feed.Rows {
			after = row.Cursor()
			notices[row.PaymentID]++
		}
		if len(feed.Rows) == 0 && !feed.Held {
			break
		}
	}
	all, err := c.Storage.Payments(t.Context(), journal.PaymentQuery{MerchantID: "MERCHANTUAT"})
	if err != nil || len(all) == 0 {
		t.Fatal(len(all), err)
	}
	for _, p := range all {
		if want := map[bool]int{true: 1}[p.State.Final()]; notices[p.ID] != want {
			t.Errorf("%s is %s %s, and has %d notices", p.TransactionID, p.State, p.Reason, notices[p.ID])
		}
	}
}

// TestOneOfTwoControllers: of things that come at once to two controllers, and of
// which only one may be, one is.
func TestOneOfTwoControllers(t *testing.T) {
	t.Parallel()
	here, there := twoDoors(t)
	for _, tt := range []struct {
		name    string
		request func(c *city, round, n int) *http.Request
		want    string // of all answers, sorted
		rows    func(t *testing.T, round int)
	}{
		{"an id, on displays", func(c *city, round, n int) *http.Request {
			return postTo(t, initPath, merchantKey, sample(fields{"merchantTransactionId": fmt.Sprint("ONE", round), "amount": 100 + n}))
		}, "200 SUCCESS, 409 DUPLICATE_TRANSACTION_ID ×3", nil},
		{"an id, on two routes", func(c *city, round, n int) *http.Request {
			path, payload := qrPath, with(qrSample, fields{"transactionId": fmt.Sprint("BOTH", round)})
			if n%2 == 0 {
				path, payload = collectPath, with(collectSample, fields{"transactionId": fmt.Sprint("BOTH", round)})
			}
			return postTo(t, path, merchantKey, payload)
		}, "200 SUCCESS, 417 INVALID_TRANSACTION_ID ×3", nil},
		{"a short id", func(c *city, round, n int) *http.Request {
			return postTo(t, initPath, merchantKey, with(openSample, fields{"merchantTransactionId": fmt.Sprint("OPEN", round, "-", n), "shortOrderId": fmt.Sprintf("%05d", round)}))
		}, "200 SUCCESS, 409 SHORT_CODE_ALREADY_USED ×3", nil},
		{"a refund's id", func(c *city, round, n int) *http.Request {
			return postTo(t, refundPath, merchantKey, with(refundSample, fields{"transactionId": fmt.Sprint("REFUND", round), "originalTransactionId": fmt.Sprint("PAID", round), "amount": 10}))
		}, "200 PAYMENT_PENDING, 417 INVALID_TRANSACTION_ID ×3", func(t *testing.T, round int) {
			if p := here.kept(fmt.Sprint("PAID", round)); p.Refunded != 10 {
				t.Errorf("%s are promised", p.Refunded)
			}
		}},
		{"the last of the money", func(c *city, round, n int) *http.Request {
			return postTo(t, refundPath, merchantKey, with(refundSample, fields{"transactionId": fmt.Sprint("LAST", round, "-", n), "originalTransactionId": fmt.Sprint("RICH", round), "amount": 51}))
		}, "200 PAYMENT_ERROR ×3, 200 PAYMENT_PENDING", func(t *testing.T, round int) {
			if p := here.kept(fmt.Sprint("RICH", round)); p.Refunded != 51 {
				t.Errorf("%s are promised", p.Refunded)
			}
		}},
	} {
		for round := range 6 {
			for _, name := range []string{"PAID", "RICH"} {
				id := fmt.Sprint(name, round)
				if _, err := here.Storage.Payment(t.Context(), "MERCHANTUAT", id); err == nil {
					continue
				}
				here.send(postTo(t, qrPath, merchantKey, with(qrSample, fields{"transactionId": id})))
				do(here, happen{here.kept(id).ID, paid, ""})
			}
			var answers []string
			var mu sync.Mutex
			var wg sync.WaitGroup
			start := make(chan struct{})
			for n, c := range []*city{here, there, here, there} {
				r := tt.request(c, round, n)
				wg.Go(func() {
					<-start
					a := c.try(r)
					mu.Lock()
					defer mu.Unlock()
					answers = append(answers, fmt.Sprint(a.status, " ", a.Code))
				})
			}
			close(start)
			wg.Wait()
			if got := tally(answers); got != tt.want {
				t.Errorf("%s, round %d: %s, want %s", tt.name, round, got, tt.want)
			}
			if tt.rows != nil {
				tt.rows(t, round)
			}
		}
	}
}

// tally counts what is the same: "a ×2, b".
func tally(all []string) string {
	slices.Sort(all)
	var parts []string
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n] == all[0] {
			n++
		}
		part := all[0]
		if n > 1 {
			part += fmt.Sprint(" ×", n)
		}
		parts, all = append(parts, part), all[n:]
	}
	return strings.Join(parts, ", ")
}

// TestRefundRace: any number of refunds at two controllers at once never give
// back more than was paid; one that was refused meanwhile makes room again
// (failure matrix I9).
func TestRefundRace(t *testing.T) {
	t.Parallel()
	here, there := twoDoors(t)
	original := here.made(qrPath, qrSample, "", paid...)
	const many = 24
	answers := make([]answer, many)
	var wg sync.WaitGroup
	for n := range many {
		c := []*city{here, there}[n%2]
		r := postTo(t, refundPath, merchantKey, with(refundSample, fields{"transactionId": fmt.Sprint("R", n), "originalTransactionId": original, "amount": 30}))
		wg.Go(func() {
			if answers[n] = c.try(r); answers[n].Code == "PAYMENT_PENDING" && n%3 == 0 {
				p, err := c.Storage.Payment(context.Background(), "MERCHANTUAT", fmt.Sprint("R", n))
				if err != nil {
					t.Error(err)
				}
				do(c, refundSettled(p, "ZR"))
			}
		})
	}
	wg.Wait()
	promised := protocol.Paise(0)
	for n, a := range answers {
		switch {
		case a.Code == "PAYMENT_PENDING":
			if p := here.kept(fmt.Sprint("R", n)); p.State != payment.Failed {
				promised += p.Amount
			}
		case a.Code != "PAYMENT_ERROR" || a.Data["payResponseCode"] != "EXCESS_REFUND_AMOUNT":
			t.Errorf("%d: %d %s", n, a.status, a.raw)
		}
	}
	if p := here.kept(original); promised > 100 || p.Refunded != promised {
		t.Errorf("%s are promised, the original says %s of %s", promised, p.Refunded, p.Amount)
	}
	for _, last := range []struct {
		id     string
		amount protocol.Paise
		code   string
	}{{"TOOMUCH", 101 - promised, "PAYMENT_ERROR"}, {"REST", 100 - promised, "PAYMENT_PENDING"}, {"MORE", 1, "PAYMENT_ERROR"}} {
		r := postTo(t, refundPath, merchantKey, with(refundSample, fields{"transactionId": last.id, "originalTransactionId": original, "amount": last.amount}))
		if a := there.send(r); a.Code != last.code {
			t.Errorf("%s of %s: %s", last.id, last.amount, a.raw)
		}
	}
}
