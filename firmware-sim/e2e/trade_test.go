package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/merchantapi"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// trade is shops that sell and customers who pay, without a pause, while things
// happen to brokers and controllers. A till asks the controllers in turn; so do the
// customers' banks. Whoever does not answer is not asked again for that sale: the
// next one is, until it is known what became of it.
type trade struct {
	h     *house
	doors []string    // base URLs of all controllers
	bank  npci.Client // the customers' network; its books are theirs
	over  atomic.Bool
	done  sync.WaitGroup
	turn  atomic.Int64
	price atomic.Int64 // of the last sale; every sale has a price of its own

	mu            sync.Mutex
	news          chan struct{} // closed when there is more
	counts        map[string]int
	sold          []asked // and paid
	asked         []string
	wrong         []string
	asks, givenUp int // sales and payments without an answer, tried again
}

// tillsBeside sell all the time where no terminal is on, for the load.
const tillsBeside = 3

// tradeCommand:
//
//	trade start TERMINAL...  shops begin to sell, one at each terminal
//	trade sells N            waits until each terminal has N more sales, paid
//	trade stop               ends; of every sale that was promised, status, callback,
//	                         glass and the customers' books say the same
//
// A terminal shows every sale that was promised, and that it is paid.
func tradeCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	switch {
	case neg || len(args) == 0 || args[0] != "start" && h.trade == nil:
		ts.Fatalf("usage: trade start TERMINAL... | sells N | stop")
	case args[0] == "start" && len(args) > 1:
		h.trade = h.startTrade(ts, args[1:])
		h.env.Defer(h.trade.end)
	case args[0] == "sells" && len(args) == 2:
		h.trade.awaitSales(ts, count(ts, args[1]))
	case args[0] == "stop" && len(args) == 1:
		h.trade.end()
		h.trade.settle(ts)
	default:
		ts.Fatalf("trade %v?", args)
	}
}

func (h *house) startTrade(ts *testscript.TestScript, terminals []string) *trade {
	t := &trade{h: h, doors: []string{h.url()}, news: make(chan struct{}), counts: map[string]int{}}
	if h.first != nil {
		t.doors = append(t.doors, "http://"+h.firstHTTP)
	}
	t.price.Store(100)
	t.bank.BaseURL, t.bank.HTTP = "http://controllers", &http.Client{Transport: t}
	for _, name := range terminals {
		tm := h.terminal(ts, name)
		// More than may be asked for: who the terminal is, is looked at before that.
		for _, door := range t.doors {
			until(ts, tm.process, door+" knows "+name, func(context.Context) (string, bool) {
				a := h.offerOnce(door, "probe-"+name, merchantapi.MaxAmount, tm)
				return a.body, a.code != "" && a.code != "INVALID_TERMINAL_ID"
			})
		}
		t.counts[name] = 0
		t.done.Go(func() {
			for n := 0; !t.over.Load(); n++ {
				if err := t.sell(name, tm, fmt.Sprintf("trade-%s-%d", name, n)); err != nil {
					t.note(func() { t.wrong = append(t.wrong, fmt.Sprintf("%s: %v; it said:\n%s", name, err, tm.watcher.lately())) })
					return
				}
			}
		})
	}
	for till := range tillsBeside {
		t.done.Go(func() {
			beat := time.NewTicker(20 * time.Millisecond)
			defer beat.Stop()
			for n := 0; !t.over.Load(); n++ {
				id := fmt.Sprintf("beside-%d-%d", till, n)
				if err := t.ask(id, 100, nil); err != nil {
					t.note(func() { t.wrong = append(t.wrong, err.Error()) })
					return
				}
				t.note(func() { t.asked = append(t.asked, id) })
				<-beat.C
			}
		})
	}
	return t
}

// note changes what is known, and wakes who waits for it.
func (t *trade) note(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
	close(t.news)
	t.news = make(chan struct{})
}

// end stops trading; what was begun is seen through.
func (t *trade) end() {
	t.over.Store(true)
	t.done.Wait()
}

// RoundTrip implements http.RoundTripper: it is what stands in front of several
// controllers and asks each in turn, another one when a controller is not there.
func (t *trade) RoundTrip(r *http.Request) (response *http.Response, err error) {
	turn := int(t.turn.Add(1))
	for i := range t.doors {
		again := r.Clone(r.Context())
		again.URL.Host = strings.TrimPrefix(t.doors[(turn+i)%len(t.doors)], "http://")
		if r.GetBody != nil {
			if again.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
		if response, err = http.DefaultTransport.RoundTrip(again); err == nil || !strings.Contains(err.Error(), "connection refused") {
			return response, err
		}
	}
	return nil, err
}

// door is the controller whose turn it is.
func (t *trade) door() string { return t.doors[int(t.turn.Add(1))%len(t.doors)] }

// ask asks for money until a controller has said that the sale is there. One that
// was asked for twice is there once: the controller says so.
func (t *trade) ask(id string, price protocol.Paise, at *terminal) error {
	over := time.Now().Add(patience)
	for {
		a := t.h.offerOnce(t.door(), id, price, at)
		switch {
		case a.code == "SUCCESS", a.status == http.StatusConflict:
			return nil
		case a.status != 0 && a.status != http.StatusInternalServerError && a.status != http.StatusServiceUnavailable:
			return fmt.Errorf("%s is answered %d %s", id, a.status, a.body)
		case time.Now().After(over):
			return fmt.Errorf("%s is not answered: %d %s", id, a.status, a.body)
		}
		t.note(func() { t.asks++ })
	}
}

// sell is one sale: asked for, on the glass, scanned, paid, and shown as paid.
func (t *trade) sell(name string, tm *terminal, id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	price := protocol.Paise(t.price.Add(1))
	from := tm.watcher.now()
	if err := t.ask(id, price, tm); err != nil {
		return err
	}
	if err := tm.says(ctx, from, func(s seen) bool {
		return s.Mode == "presenting" && s.MerchantTransactionID == id && s.AmountPaise == price
	}); err != nil {
		return fmt.Errorf("%s does not come on the glass: %w", id, err)
	}
	for paid := false; !paid; {
		out, err := t.pay(ctx, tm, price)
		switch {
		case err != nil:
			return fmt.Errorf("%s: the customer: %w", id, err)
		case out.Entry.State == npci.Paid:
			paid = true
		case out.Entry.Back == npci.BackGivenUp:
			// It went down with a controller that had not committed it: the customer has
			// the money back, and the QR is still good.
			t.note(func() { t.givenUp++ })
		default:
			return fmt.Errorf("%s: the customer is refused: quote %s %s, payment %+v", id, out.Quote.Status, out.Quote.Message, out.Entry)
		}
	}
	if err := tm.says(ctx, from, func(s seen) bool {
		return s.Mode == "result" && s.MerchantTransactionID == id && s.Result == "succeeded"
	}); err != nil {
		return fmt.Errorf("%s is paid, and that does not come on the glass: %w", id, err)
	}
	t.note(func() {
		t.sold = append(t.sold, asked{id, price})
		t.counts[name]++
	})
	return nil
}

// pay is a customer who reads the glass until it shows that price, and pays.
func (t *trade) pay(ctx context.Context, tm *terminal, price protocol.Paise) (npci.Outcome, error) {
	for {
		_, picture := get(ctx, tm.url+"/panel.png")
		text, err := phone.ReadPicture([]byte(picture))
		var link upiuri.Link
		if err == nil {
			link, err = upiuri.Parse(text)
		}
		if err == nil && link.AM == price {
			return t.bank.Journey(ctx, npci.Purchase{PayerAddr: phone.Payer, QR: npci.ReqValQr{
				OrgID: link.OrgID, Amount: link.AM, Curr: link.CU, MCC: link.MC, PayeeAddr: link.PA,
				RefURL: base64.StdEncoding.EncodeToString([]byte(text)),
			}})
		}
		if ctx.Err() != nil {
			return npci.Outcome{}, fmt.Errorf("no QR of %s can be read: %w", price, err)
		}
	}
}

// says waits until a terminal says so, or has said so from an index on. Unlike await
// it is no step of the session.
func (tm *terminal) says(ctx context.Context, from int, is func(seen) bool) error {
	for {
		said, news := tm.watcher.from(from)
		if slices.ContainsFunc(said, func(s sighting) bool { return is(s.seen) }) {
			return nil
		}
		from += len(said)
		select {
		case <-news:
		case <-tm.done:
			return fmt.Errorf("its process ended")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaitSales waits until each terminal has sold so often more.
func (t *trade) awaitSales(ts *testscript.TestScript, more int) {
	began, over := time.Now(), time.NewTimer(2*patience)
	defer over.Stop()
	t.mu.Lock()
	want := map[string]int{}
	for name, n := range t.counts {
		want[name] = n + more
	}
	t.mu.Unlock()
	for {
		t.mu.Lock()
		missing, news, wrong := 0, t.news, slices.Clone(t.wrong)
		for name, n := range want {
			missing += max(0, n-t.counts[name])
		}
		said := fmt.Sprint(t.counts)
		t.mu.Unlock()
		switch {
		case len(wrong) > 0:
			ts.Fatalf("%s", strings.Join(wrong, "\n"))
		case missing == 0:
			ts.Logf("%d more sales at each terminal after %v: %s", more, time.Since(began).Round(time.Millisecond), said)
			return
		}
		select {
		case <-news:
		case <-over.C:
			ts.Fatalf("%d sales at each terminal: not within %v; want %v, have %s", more, 2*patience, want, said)
		}
	}
}

// settle compares all books: no sale is lost, and none is there twice.
func (t *trade) settle(ts *testscript.TestScript) {
	if len(t.wrong) > 0 {
		ts.Fatalf("%s", strings.Join(t.wrong, "\n"))
	}
	debits := map[protocol.Paise]int{}
	for _, e := range t.bank.Ledger().Entries {
		if e.State == npci.Paid {
			debits[e.Debited]++
		} else if e.State != npci.Returned {
			ts.Fatalf("the network does not know how a payment ended: %+v", e)
		}
	}
	d := day{h: t.h, ts: ts}
	for _, sale := range t.sold {
		if debits[sale.amount] != 1 {
			ts.Fatalf("%s of %s was debited %d times", sale.id, sale.amount, debits[sale.amount])
		}
		delete(debits, sale.amount)
		truth, body := askStatus(context.Background(), t.h, sale.id)
		if truth.Status != "SUCCESS" || truth.Amount != sale.amount {
			ts.Fatalf("%s of %s: %s", sale.id, sale.amount, body)
		}
		balanceCommand(ts, false, []string{sale.id})
		d.glasses(sale, truth.Status)
	}
	if len(debits) > 0 {
		ts.Fatalf("customers were debited for what is no sale: %v", debits)
	}
	for _, id := range t.asked {
		if truth, body := askStatus(context.Background(), t.h, id); truth.Status == "" {
			ts.Fatalf("%s was promised and is lost: %s", id, body)
		}
	}
	report, err := t.bank.Reconcile(context.Background())
	if ts.Check(err); !report.Agrees() {
		ts.Fatalf("the books do not agree: %s", report)
	}
	ts.Logf("%d sales paid at %v, %d asked for beside them; without an answer and tried again: %d sales, %d payments; %s",
		len(t.sold), t.counts, len(t.asked), t.asks, t.givenUp, strings.TrimSpace(report.String()))
}
