package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/sweep"
	"github.com/galla-pay/galla/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is a house with displays, in virtual time: journal and database are
// real, their clock is the bubble's.
type shop struct {
	*doortest.House
	t *testing.T
}

func inBubble(t *testing.T, displays int, test func(t *testing.T, s *shop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, &shop{t: t, House: doortest.New(t, func(d *merchant.Data) {
			for n := range displays {
				d.Terminals = append(d.Terminals, merchant.Terminal{Identity: display(n), Active: true, Integrated: true})
			}
		})})
	})
}

func display(n int) protocol.Identity {
	return protocol.Identity{MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: fmt.Sprint("display-", n)}
}

// sweep runs a sweeper until the end of the test, or until stop.
func (s *shop) sweep(find func(context.Context, int) (journal.Due, error)) (stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&sweep.Sweeper{Journal: s.Journal, Find: find, Log: s.Log}).Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	s.t.Cleanup(stop)
	return stop
}

func (s *shop) sale(id string, on int, lives time.Duration) {
	s.t.Helper()
	at := display(on)
	_, err := journal.Do(s.t.Context(), s.Journal, decide.Init{ExpiresIn: lives, Actor: "pos:test", Payment: payment.Payment{
		ID: id, Key: payment.Key{MerchantID: at.MerchantID, TransactionID: id}, StoreID: at.StoreID, TerminalID: at.TerminalID,
		OrderID: "O", Amount: 24500, Solution: payment.DQRDevice, Payee: "merchant@upi",
	}})
	must(s.t, err)
}

// scan is a customer's bank that asks: it holds the display for 60 s.
func (s *shop) scan(id string) {
	s.t.Helper()
	m, _ := s.People.Merchant("MERCHANTUAT")
	a, err := journal.Do(s.t.Context(), s.Journal, decide.Validate{
		OrgID: "MER101", MsgID: "V" + id, Token: "token-" + id, QR: decide.QR{Tr: id, Amount: 24500}, Amount: 24500, Base: 24500, Currency: "INR", Settings: quote.Default(),
		Payee:  decide.PayeeFacts{Found: true, Merchant: m, Payee: merchant.Payee{VPA: "merchant@upi", MerchantID: m.ID, Active: true}},
		Render: func(a decide.ValidateAnswer) []byte { return []byte(a.Code) },
	})
	must(s.t, err)
	if a.Code != decide.CodeOK {
		s.t.Fatalf("ReqValQr of %s: %s", id, a.Code)
	}
}

// happen makes one event of a payment happen that no decision makes alone.
type happen struct {
	id    string
	event payment.Event
}

func (d happen) Needs() decide.Needs { return decide.Needs{Payments: []string{d.id}} }

func (d happen) Decide(tx *decide.Tx) (bool, error) {
	p, _ := tx.Payment(d.id)
	p, events, err := p.Apply(payment.Happening{Event: d.event, At: tx.Now(), Actor: "test"})
	tx.PutPayment(p, events...)
	return true, err
}

func (s *shop) happen(id string, event payment.Event) {
	s.t.Helper()
	_, err := journal.Do(s.t.Context(), s.Journal, happen{id, event})
	must(s.t, err)
}

// story is a payment's events with their seconds since the beginning.
func (s *shop) story(id string) string {
	s.t.Helper()
	records, err := s.DB.Events(s.t.Context(), id)
	must(s.t, err)
	state, err := payment.VerifyChain(records)
	must(s.t, err)
	var words []string
	for _, r := range records {
		words = append(words, fmt.Sprintf("%s@%.1f", r.Event, r.At.Sub(records[0].At).Seconds()))
	}
	return strings.Join(words, " ") + " " + string(state)
}

func (s *shop) wants(id, story string) {
	s.t.Helper()
	if got := s.story(id); got != story {
		s.t.Errorf("%s: %s, want %s", id, got, story)
	}
}

func pass(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

// TestExpires: exactly what is due, at its time and once; never what is being
// paid or has ended (DESIGN section 3.2).
func TestExpires(t *testing.T) {
	t.Parallel()
	inBubble(t, 7, func(t *testing.T, s *shop) {
		s.sweep(s.DB.Due)
		s.sale("short", 0, 30*time.Second)
		s.sale("long", 1, 90*time.Second)
		s.sale("presented", 2, 30*time.Second)
		s.happen("presented", payment.EventPresented)
		s.sale("paying", 3, 30*time.Second)
		s.happen("paying", payment.EventPayStarted)
		s.sale("paid", 4, 30*time.Second)
		s.happen("paid", payment.EventPayStarted)
		s.happen("paid", payment.EventPaySucceeded)
		s.sale("held", 5, 30*time.Second)
		s.scan("held") // a hold keeps newer sales away, not the end
		s.sale("old", 6, 30*time.Second)
		s.sale("new", 6, 45*time.Second)
		pass(30*time.Second - time.Millisecond)
		s.wants("short", "init@0.0 created")
		pass(time.Millisecond + 10*time.Millisecond)
		s.wants("short", "init@0.0 expired@30.0 expired")
		s.wants("long", "init@0.0 created")
		s.wants("presented", "init@0.0 handed_over@0.0 presented@0.0 expired@30.0 expired")
		s.wants("held", "init@0.0 expired@30.0 expired")
		s.wants("old", "init@0.0 superseded@0.0 cancelled")
		s.wants("new", "init@0.0 created")
		pass(2 * time.Minute)
		s.wants("long", "init@0.0 expired@90.0 expired")
		s.wants("new", "init@0.0 expired@45.0 expired")
		s.wants("paying", "init@0.0 pay_started@0.0 in_progress")
		s.wants("paid", "init@0.0 pay_started@0.0 pay_succeeded@0.0 succeeded")
		row, err := s.DB.Terminal(t.Context(), display(0))
		must(t, err)
		if row.Sale != "" || row.Result != "short" || !(row.Seq > 1) {
			t.Errorf("the display is not told: %+v", row)
		}
	})
}

// TestPromotes: a sale that waits behind one that a customer holds is shown
// after the 60 s of the hold, or as soon as the other has ended.
func TestPromotes(t *testing.T) {
	t.Parallel()
	inBubble(t, 3, func(t *testing.T, s *shop) {
		s.sweep(s.DB.Due)
		shows := func(n int, id string) {
			t.Helper()
			if row, err := s.DB.Terminal(t.Context(), display(n)); err != nil || row.Sale != id {
				t.Errorf("display %d shows %q, want %q: %v", n, row.Sale, id, err)
			}
		}
		s.sale("held", 0, 3*time.Minute)
		s.scan("held")
		s.sale("short", 1, 40*time.Second)
		s.scan("short")
		s.sale("paying", 2, 3*time.Minute)
		s.scan("paying")
		s.happen("paying", payment.EventPayStarted)
		pass(10 * time.Second)
		s.sale("behind held", 0, 3*time.Minute)
		s.sale("behind short", 1, 3*time.Minute)
		s.sale("behind paying", 2, 3*time.Minute)
		pass(50*time.Second - time.Millisecond)
		shows(0, "held")
		shows(1, "behind short") // at 40 s the one before expired
		pass(time.Millisecond + 10*time.Millisecond)
		shows(0, "behind held")
		shows(2, "paying")
		s.wants("held", "init@0.0 superseded@60.0 cancelled")
		pass(payment.Asks()[0] - time.Minute - 20*time.Millisecond)
		shows(2, "paying")
		pass(20 * time.Millisecond)
		shows(2, "behind paying") // nobody knows how the other ends: the display is freed
		pass(30 * time.Second)
		s.wants("behind held", "init@0.0 created")
		pass(3 * time.Minute)
		s.wants("behind held", "init@0.0 expired@180.0 expired")
		s.wants("behind short", "init@0.0 expired@180.0 expired")
		s.wants("behind paying", "init@0.0 expired@180.0 expired")
		s.wants("paying", "init@0.0 pay_started@0.0 in_progress")
	})
}

// TestParks: a payment whose end nobody knows frees its display at the first
// question to the network, and is parked after 30 minutes, once (failure matrix
// R13, L4).
func TestParks(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, s *shop) {
		s.sweep(s.DB.Due)
		s.sweep(s.DB.Due)
		s.sale("sale", 0, 3*time.Minute)
		s.happen("sale", payment.EventPayStarted)
		pass(payment.Asks()[0] - time.Millisecond)
		if row, err := s.DB.Terminal(t.Context(), display(0)); err != nil || row.Sale != "sale" {
			t.Fatalf("the display shows %q: %v", row.Sale, err)
		}
		pass(time.Millisecond + 10*time.Millisecond)
		if row, err := s.DB.Terminal(t.Context(), display(0)); err != nil || row.Sale != "" || row.Result != "sale" {
			t.Fatalf("the display shows %q, tells of %q: %v", row.Sale, row.Result, err)
		}
		pass(payment.ParkAfter - payment.Asks()[0] - 20*time.Millisecond)
		s.wants("sale", "init@0.0 pay_started@0.0 in_progress")
		pass(time.Hour)
		s.wants("sale", "init@0.0 pay_started@0.0 parked@1800.0 parked")
	})
}

// TestTwoSweepers: any number of controllers may sweep (failure matrix R19).
func TestTwoSweepers(t *testing.T) {
	t.Parallel()
	const displays = 40
	inBubble(t, displays, func(t *testing.T, s *shop) {
		for n := range displays {
			s.sale(fmt.Sprint("sale-", n), n, time.Minute)
			s.scan(fmt.Sprint("sale-", n))
		}
		pass(30 * time.Second)
		for n := range displays / 2 { // half of them have one waiting
			s.sale(fmt.Sprint("next-", n), n, time.Minute)
		}
		s.sweep(s.DB.Due)
		s.sweep(s.DB.Due)
		pass(time.Minute + 10*time.Millisecond)
		for n := range displays {
			if n < displays/2 {
				s.wants(fmt.Sprint("next-", n), "init@0.0 expired@60.0 expired")
			}
			end := s.story(fmt.Sprint("sale-", n))
			if end != "init@0.0 expired@60.0 expired" && !(n < displays/2 && end == "init@0.0 superseded@60.0 cancelled") {
				t.Errorf("sale-%d: %s", n, end)
			}
		}
	})
}

// TestBacklog: what fell due while no controller ran is ended without a pause,
// however much it is.
func TestBacklog(t *testing.T) {
	t.Parallel()
	const sales = 600
	inBubble(t, sales, func(t *testing.T, s *shop) {
		var wg sync.WaitGroup
		for n := range sales {
			wg.Go(func() { s.sale(fmt.Sprint("sale-", n), n, time.Minute) })
		}
		wg.Wait()
		pass(time.Hour)
		s.sweep(s.DB.Due)
		pass(100 * time.Millisecond)
		if due, err := s.DB.Due(t.Context(), sales); err != nil || len(due.Payments) != 0 {
			t.Errorf("%d of %d payments are still open: %v", len(due.Payments), sales, err)
		}
	})
}

// TestDatabaseFails: a database that fails, or hangs, is asked again.
func TestDatabaseFails(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]func(ctx context.Context) error{
		"fails": func(context.Context) error { return errors.New("away") },
		"hangs": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 1, func(t *testing.T, s *shop) {
				s.sale("sale", 0, 3*time.Second)
				var asked atomic.Int32
				s.sweep(func(ctx context.Context, limit int) (journal.Due, error) {
					if asked.Add(1) <= 3 {
						return journal.Due{}, broken(ctx)
					}
					return s.DB.Due(ctx, limit)
				})
				pass(time.Minute)
				if s.story("sale") == "init@0.0 created" {
					t.Errorf("asked %d times, and the sale is still open", asked.Load())
				}
			})
		})
	}
}

// TestDecisionFails: what could not be submitted is found again.
func TestDecisionFails(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, s *shop) {
		s.sale("sale", 0, time.Second)
		full, err := journal.New(journal.Config{Storage: s.DB, Log: s.Log, QueueLength: 1})
		must(t, err)
		// A journal that nobody runs takes one decision and refuses the next.
		blocked, cancel := context.WithCancel(t.Context())
		go func() { _, _ = journal.Do(blocked, full, decide.Expire{PaymentID: "sale"}) }()
		pass(10 * time.Second)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			(&sweep.Sweeper{Journal: full, Find: s.DB.Due, Log: s.Log}).Run(ctx)
		}()
		pass(3 * time.Second)
		s.wants("sale", "init@0.0 created")
		run := make(chan error, 1)
		go func() { run <- full.Run(context.Background()) }()
		pass(3 * time.Second)
		if got := s.story("sale"); !strings.HasSuffix(got, "expired") || strings.Count(got, "expired@") != 1 {
			t.Errorf("the sale ended %s", got)
		}
		stop()
		<-done
		cancel()
		must(t, full.Close(context.Background()))
		<-run
	})
}

// TestWakes: the sweeper sleeps until the next thing falls due, at most a
// second, since another controller may have added something; it never polls.
func TestWakes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		due   journal.Due
		err   error
		every time.Duration
	}{
		{"nothing will ever be due", journal.Due{}, nil, time.Second},
		{"due in an hour", journal.Due{HasNext: true, Next: time.Hour}, nil, time.Second},
		{"due in 300 ms", journal.Due{HasNext: true, Next: 300 * time.Millisecond}, nil, 300 * time.Millisecond},
		{"due in a microsecond", journal.Due{HasNext: true, Next: time.Microsecond}, nil, 5 * time.Millisecond},
		{"a Next that does not count", journal.Due{Next: time.Millisecond}, nil, time.Second},
		{"the database is away", journal.Due{}, errors.New("away"), time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var asked []time.Time
				s := &sweep.Sweeper{Log: slog.New(slog.DiscardHandler), Find: func(context.Context, int) (journal.Due, error) {
					asked = append(asked, time.Now())
					return row.due, row.err
				}}
				done := make(chan struct{})
				go func() {
					defer close(done)
					s.Run(ctx)
				}()
				pass(row.every*10 + time.Millisecond)
				cancel()
				<-done
				if len(asked) != 11 {
					t.Fatalf("asked %d times in %v", len(asked), row.every*10)
				}
				for n := range asked[1:] {
					if gap := asked[n+1].Sub(asked[n]); gap != row.every {
						t.Errorf("slept %v, want %v", gap, row.every)
					}
				}
			})
		})
	}
}

// TestRunEnds: at once, also while the database hangs.
func TestRunEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &sweep.Sweeper{Log: slog.New(slog.DiscardHandler), Find: func(ctx context.Context, _ int) (journal.Due, error) {
			<-ctx.Done()
			return journal.Due{}, ctx.Err()
		}}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Run(ctx)
		}()
		synctest.Wait()
		began := time.Now()
		cancel()
		<-done
		if took := time.Since(began); took != 0 {
			t.Errorf("Run took %v to return", took)
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
