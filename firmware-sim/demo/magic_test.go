package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/firmware-sim/magic"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

// ending is what has to be seen of a sale whose paise act.
type ending struct {
	counter int // 1, 2
	edc     bool
	expires int      // seconds
	code    string   // of the status, when it failed
	shown   []string // of the terminal, in this order
	told    []string // of the timeline
	tries   int      // callbacks that were received
}

// endings are those of every tail. Both terminals have some, side by side.
func endings() map[magic.Tail]ending {
	const paid = "result: Received"
	return map[magic.Tail]ending{
		magic.Paid:          {counter: 1, expires: 60, shown: []string{paid}, told: []string{"magic: customer: has paid"}, tries: 1},
		magic.Declined:      {counter: 1, expires: 60, code: "UPI:IP08", shown: []string{"result: Payment failed"}, told: []string{"customer: is refused, IP08"}, tries: 1},
		magic.Unpaid:        {counter: 1, expires: 5, shown: []string{"result: Time over"}, told: []string{"customer: does not pay"}, tries: 1},
		magic.Offline:       {counter: 2, expires: 8, shown: []string{"network switch off", "network switch on", "result: Time over"}, told: []string{"plug: pulls the network cable", "plug: puts the network cable back"}, tries: 1},
		magic.Rejected:      {counter: 2, edc: true, code: "REJECTED_BY_CASHIER", shown: []string{"prompting: Accept"}, told: []string{"cashier: presses reject"}, tries: 1},
		magic.LateCallback:  {counter: 1, expires: 60, shown: []string{paid}, told: []string{"callback: keeps the sender waiting", "callback: keeps the sender waiting", "callback: received"}, tries: 1},
		magic.PaidTooLate:   {counter: 1, expires: 8, shown: []string{"result: Time over"}, told: []string{"customer: scans the QR", "customer: is refused, PE"}, tries: 1},
		magic.CallbackTwice: {counter: 2, edc: true, shown: []string{"prompting: Accept", "choosing:", "presenting:", paid}, told: []string{"cashier: presses accept", "cashier: presses dqr", "callback: the answer is lost", "number 2"}, tries: 2},
		magic.Reboots:       {counter: 2, expires: 60, shown: []string{"off: Off", paid}, told: []string{"plug: pulls the power plug", "customer: has paid", "plug: puts the power plug back"}, tries: 1},
		magic.CancelLoses:   {counter: 2, expires: 60, shown: []string{paid}, told: []string{"customer: has paid", "till: cancels, and is answered PAYMENT_ALREADY_COMPLETED"}, tries: 1},
		magic.CallbackFails: {counter: 1, expires: 60, shown: []string{paid}, told: []string{"callback: is answered 500", "callback: received"}, tries: 1},
		magic.Busy:          {counter: 2, expires: 60, shown: []string{paid}, told: []string{"till: asks for ₹1.00 more", "customer: has paid"}, tries: 1},
	}
}

// A sale of magic paise ends by itself on the real controller, as the table says,
// and terminal, status and callbacks agree.
func TestMagic(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.ControllerBin, cfg.Magic = buildController(t), true
	out := newWaitable()
	cfg.Out = out
	s, err := open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	// Two of the controller's tries fall into it: the first, given up after 5 s, and
	// the one that follows.
	s.catcher.late = 8 * time.Second
	running, stop := context.WithCancel(context.Background())
	t.Cleanup(func() {
		stop()
		if err := s.close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(out.text.String())
		}
	})
	if err := s.start(t.Context(), running); err != nil {
		t.Fatal(err)
	}
	all := endings()
	// Both terminals at once, whatever else is tested at the time.
	var playing sync.WaitGroup
	defer playing.Wait()
	for _, c := range s.counters {
		playing.Go(func() {
			for _, b := range magic.Table() {
				e, ok := all[b.Tail]
				if !ok {
					t.Errorf("nothing is known of .%02d", int(b.Tail))
				}
				if e.counter != c.number {
					continue
				}
				t.Run(fmt.Sprintf(".%02d %s", int(b.Tail), b.Does), func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					s.endsByItself(ctx, t, c, b, e)
				})
			}
		})
	}
}

// endsByItself makes the sale and looks at everything that comes of it.
func (s *stage) endsByItself(ctx context.Context, t *testing.T, c *counter, b magic.Behaviour, e ending) {
	if err := c.seen.Await(ctx, max(0, c.seen.Count()-1), ready); err != nil {
		t.Fatalf("terminal %d is not ready: %v", c.number, err)
	}
	mark := c.seen.Count()
	sale := newSale(c, 10_000+protocol.Paise(b.Tail), e.expires)
	if e.edc {
		sale.EDC = &EDC{Modes: []string{"CARD", "DQR"}}
	}
	if err := s.sell(ctx, sale); err != nil {
		t.Fatal(err)
	}
	status, err := s.follow(ctx, sale)
	if err != nil {
		t.Fatal(err)
	}
	if status.Status != b.Ends || e.code != "" && status.ResponseCode != e.code {
		t.Errorf("it ends %s %s, want %s %s", status.Status, status.ResponseCode, b.Ends, e.code)
	}
	if err := s.inOrder(ctx, sale.TransactionID, e.told); err != nil {
		t.Error(err)
	}
	p := &script{stage: s, c: c}
	for {
		got, changed := s.catcher.Got(sale.TransactionID)
		if len(got) >= e.tries {
			if err := agree(act{sale: sale, status: b.Ends}, status, got); err != nil || len(got) != e.tries {
				t.Errorf("%d callbacks, want %d: %v", len(got), e.tries, err)
			}
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%d callbacks, want %d", len(got), e.tries)
		}
	}
	for _, want := range e.shown {
		next, err := shownNext(ctx, c, mark, want)
		if err != nil {
			t.Fatalf("terminal %d did not show %q: %v", c.number, want, err)
		}
		mark = next
	}
	if b.Tail == magic.Busy {
		s.waited(ctx, t, c, sale)
	}
	p.acts = append(p.acts, act{sale: sale, status: b.Ends})
	if b.Ends != "SUCCESS" && c.seen.Has(shows(sale, protocol.OutcomeSucceeded)) {
		t.Errorf("it was shown as paid")
	}
}

// waited looks at the sale that came while the terminal was busy: it waited, was
// shown after the first, and is paid, too.
func (s *stage) waited(ctx context.Context, t *testing.T, c *counter, first Sale) {
	entries, _ := s.timeline.After(0)
	other := ""
	for _, e := range entries {
		if e.Payment == first.TransactionID && strings.Contains(e.What, "more, as ") {
			_, other, _ = strings.Cut(e.What, "more, as ")
		}
	}
	if !c.seen.Has(func(v terminal.View) bool { return v.MerchantTransactionID == first.TransactionID && v.Waiting == 1 }) {
		t.Errorf("nobody saw a sale waiting behind %s", first.TransactionID)
	}
	second := Sale{TransactionID: other, Amount: 100}
	if status, err := s.follow(ctx, second); err != nil || status.Status != "SUCCESS" {
		t.Errorf("the sale that waited is %+v, %v", status, err)
	}
	if err := c.seen.Await(ctx, 0, shows(second, protocol.OutcomeSucceeded)); err != nil {
		t.Errorf("the sale that waited was not shown as paid: %v", err)
	}
}

// shownNext waits for words of the terminal after the mark and returns the mark
// behind them.
func shownNext(ctx context.Context, c *counter, mark int, want string) (int, error) {
	for {
		views, changed := c.seen.After(mark)
		for i, v := range views {
			network := "network switch " + onOff(v.Network)
			if strings.Contains(string(v.Mode)+": "+v.Text, want) || network == want {
				return mark + i, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// inOrder waits until the timeline has all of that about the payment, in order.
func (s *stage) inOrder(ctx context.Context, payment string, want []string) error {
	for {
		entries, more := s.timeline.After(0)
		rest := slices.Clone(want)
		for _, e := range entries {
			if len(rest) > 0 && e.Payment == payment && strings.Contains(e.Who+": "+e.What, rest[0]) {
				rest = rest[1:]
			}
		}
		if len(rest) == 0 {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("not told of %s: %q", payment, rest)
		}
	}
}

// Without magic the merchant's server takes every callback at once, whatever the
// amount, and the stage starts nobody who acts.
func TestNoMagic(t *testing.T) {
	t.Parallel()
	for _, b := range magic.Table() {
		c := NewCatcher(NewTimeline(io.Discard))
		if answer := answered(c, b.Tail); answer != http.StatusOK {
			t.Errorf(".%02d is answered %d", int(b.Tail), answer)
		}
	}
	s, _, _ := page(t)
	if s.catcher.magic || s.cfg.Magic {
		t.Error("there is magic that nobody asked for")
	}
}

// answered is what the server answers to a callback about an amount of that tail;
// 0 when the connection breaks.
func answered(c *Catcher, tail magic.Tail) (status int) {
	defer func() {
		if recover() == http.ErrAbortHandler {
			status = 0
		}
	}()
	w := httptest.NewRecorder()
	inner := strings.Replace(success, `"amount":24500`, fmt.Sprintf(`"amount":%d`, 24_500+int(tail)), 1)
	c.ServeHTTP(w, callback(inner, sandboxKey, 1, "E1"))
	return w.Code
}

// The merchant's server misbehaves as the tail says, and only as long as it says.
func TestCatcherMagic(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tail magic.Tail
		want []int // answers, 0 for a connection that breaks
		got  int   // callbacks kept
	}{
		{magic.Paid, []int{200, 200}, 2},
		{magic.CallbackTwice, []int{0, 200, 200}, 3},
		{magic.CallbackFails, []int{500, 200}, 1},
		{magic.LateCallback, []int{200, 200}, 2}, // its time is up at once
	} {
		c := NewCatcher(NewTimeline(io.Discard))
		c.magic, c.late = true, time.Millisecond
		for i, want := range tt.want {
			if got := answered(c, tt.tail); got != want {
				t.Errorf(".%02d, try %d: %d, want %d", int(tt.tail), i+1, got, want)
			}
		}
		if got, _ := c.Got("TXN-1"); len(got) != tt.got {
			t.Errorf(".%02d: %d kept, want %d", int(tt.tail), len(got), tt.got)
		}
	}
}

// A sender that gives up while it is kept waiting has not told anything.
func TestCatcherKeepsWaiting(t *testing.T) {
	t.Parallel()
	c := NewCatcher(NewTimeline(io.Discard))
	ctx, giveUp := context.WithCancel(t.Context())
	giveUp()
	if c.holdBack(ctx, "TXN-1", time.Now()) {
		t.Error("who gave up was heard")
	}
	if !c.holdBack(t.Context(), "TXN-1", time.Now().Add(-time.Hour)) {
		t.Error("who comes after the time is not heard")
	}
}
