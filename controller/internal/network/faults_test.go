package network_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/network"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// hangFor takes messages of a kind and keeps their answers that long.
func hangFor(long time.Duration, which func(sent) bool) func(http.ResponseWriter, sent) bool {
	return func(_ http.ResponseWriter, s sent) bool {
		if which(s) {
			select {
			case <-s.gone:
			case <-time.After(long):
			}
		}
		return false
	}
}

func page(status int, text string) func(http.ResponseWriter, sent) bool {
	return func(w http.ResponseWriter, _ sent) bool {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
		return true
	}
}

// However an exchange fails, the message is sent again, 1, 2, 4 s later and so
// on, with another MsgID and the same TxnID, until it is answered; nothing is
// settled before that and the money moves once.
func TestFaults(t *testing.T) {
	t.Parallel()
	faults := []struct {
		name   string
		fault  func(*bank)
		result string
		took   time.Duration // an attempt
	}{
		{"nobody listens", func(b *bank) { b.away = true }, network.ResultNoAnswer, 0},
		{"no answer", func(b *bank) {
			b.do = func(http.ResponseWriter, sent) bool { panic(http.ErrAbortHandler) }
		}, network.ResultNoAnswer, 0},
		{"a slow answer", func(b *bank) {
			b.do = hangFor(time.Minute, func(sent) bool { return true })
		}, network.ResultNoAnswer, network.SendTimeout},
		{"HTTP 500 with a page", func(b *bank) { b.do = page(500, "<html><body>oops</body></html>") }, network.ResultBadAnswer, 0},
		{"HTTP 200 with nothing", func(b *bank) { b.do = page(200, "") }, network.ResultBadAnswer, 0},
		{"a redirect", func(b *bank) {
			b.do = func(w http.ResponseWriter, s sent) bool {
				w.Header().Set("Location", "http://npci.example.in/elsewhere")
				w.WriteHeader(http.StatusTemporaryRedirect)
				return true
			}
		}, network.ResultBadAnswer, 0},
		{"longer than 64 KiB", func(b *bank) {
			b.answer = func(s sent) string { return yes(s) + strings.Repeat(" ", network.MaxAnswer) }
		}, network.ResultBadAnswer, 0},
		{"another message's answer", func(b *bank) {
			b.answer = func(s sent) string { return strings.Replace(yes(s), s.fields["MsgID"], "M1", 1) }
		}, network.ResultBadAnswer, 0},
		{"another transaction's answer", func(b *bank) {
			b.answer = func(s sent) string { return strings.Replace(yes(s), "<TxnID>GP", "<TxnID>GPX", 1) }
		}, network.ResultBadAnswer, 0},
		{"an answer to something else", func(b *bank) {
			b.answer = func(s sent) string { return strings.ReplaceAll(yes(s), "RespRefund", "RespCollect") }
		}, network.ResultBadAnswer, 0},
		{"success without reference", func(b *bank) {
			b.answer = func(s sent) string { return say(s, "Status", "00", "TxnID", s.fields["TxnID"]) }
		}, network.ResultBadAnswer, 0},
		{"two statuses", func(b *bank) {
			b.answer = func(s sent) string { return strings.Replace(yes(s), "<Status>", "<Status>U30</Status><Status>", 1) }
		}, network.ResultBadAnswer, 0},
		{"signed by a stranger", func(b *bank) { b.sign = stranger().sign }, network.ResultBadAnswer, 0},
		{"a system error", func(b *bank) {
			b.answer = func(s sent) string { return say(s, "Status", "96", "TxnID", s.fields["TxnID"]) }
		}, network.ResultUnsettled, 0},
		{"a status that nobody knows", func(b *bank) {
			b.answer = func(s sent) string { return say(s, "Status", "QQ", "TxnID", s.fields["TxnID"]) }
		}, network.ResultUnsettled, 0},
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(r.worker())
		for n, tt := range faults {
			paid, refund := fmt.Sprint("P", n), fmt.Sprint("R", n)
			r.collect(paid)
			do(r, resultOf("A"+paid, "BANK"+paid, paid))
			r.idle()
			r.bank.set(tt.fault)
			before, seen := len(r.bank.received()), r.meter.count("REFUND "+tt.result)
			began := time.Now()
			r.refund(refund, paid)
			r.until(tt.name+": three attempts", func() bool { return r.meter.count("REFUND "+tt.result) == seen+3 })
			if p := r.payment(refund); p.State != payment.InProgress {
				t.Fatalf("%s: the refund is %s", tt.name, p.State)
			}
			// 3 attempts, gaps of 1 and 2 s, each 20 % off at most, and a poll.
			least, most := 3*tt.took+2400*time.Millisecond, 3*tt.took+3600*time.Millisecond+2*time.Second
			if took := time.Since(began); took < least || took > most {
				t.Errorf("%s: three attempts in %v, want %v to %v", tt.name, took, least, most)
			}
			r.bank.set(func(b *bank) { b.away, b.do, b.answer, b.sign = false, nil, nil, nil })
			r.idle()
			if p := r.payment(refund); p.State != payment.Succeeded || p.Reference != rrnOf("GP"+refund) || p.Settlement != 40 {
				t.Errorf("%s: %s, settled %s by %q", tt.name, p.State, p.Settlement.Rupees(), p.Reference)
			}
			ids := map[string]bool{}
			for _, s := range r.bank.received()[before:] {
				f := s.fields
				if ids[f["MsgID"]] || f["TxnID"] != "GP"+refund || f["OrgTxnID"] != "BANK"+paid || f["Type"] != "REFUND" || f["Amount"] != "0.40" {
					t.Errorf("%s: sent %v", tt.name, f)
				}
				ids[f["MsgID"]] = true
			}
			if len(ids) == 0 || len(r.bank.moved) != n+1 {
				t.Errorf("%s: sent %d times, moved %v", tt.name, len(ids), r.bank.moved)
			}
		}
	})
}

// forgets is an outbox whose controller is killed before it can record.
type forgets struct{ network.Rows }

func (forgets) RecordNetwork(context.Context, journal.NetworkOutcome) error { return nil }

// A controller that is killed after it sent, or after it decided, and before it
// recorded: the next one sends again, nothing moves twice and nothing is settled
// twice (failure matrix S11, S12).
func TestKilledBeforeItRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.paid("1")
		r.refund("R", "1")
		stop := r.start(r.worker(func(c *network.Config) { c.Rows = forgets{c.Rows} }))
		r.until("it was settled", func() bool { return r.payment("R").State == payment.Succeeded })
		stop()
		settled := r.payment("R")
		if q := r.queue(); q.Pending != 2 { // the collect request of the sale, too
			t.Fatalf("the queue is %+v", q)
		}
		r.start(r.worker())
		before := time.Now()
		r.idle()
		if waited := time.Since(before); waited > network.LeaseTime+2*time.Second {
			t.Errorf("the lost row came back after %v", waited)
		}
		if got := r.payment("R"); got != settled {
			t.Errorf("it was settled again: %+v", got)
		}
	})
}

// The same between the send and the decision: the answer is lost with the
// controller, the money has moved.
func TestKilledBeforeItDecided(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.paid("1")
		r.refund("R", "1")
		came, die := make(chan struct{}), make(chan struct{})
		var once sync.Once
		r.bank.set(func(b *bank) {
			b.do = func(_ http.ResponseWriter, s sent) bool {
				if s.root == "ReqRefund" {
					once.Do(func() { close(came) })
					<-die
				}
				return false
			}
		})
		stop := r.start(r.worker(func(c *network.Config) { c.Rows = forgets{c.Rows} }))
		<-came
		stop()
		close(die)
		if p := r.payment("R"); p.State != payment.InProgress {
			t.Fatalf("it is %s", p.State)
		}
		r.start(r.worker())
		r.idle()
		got := r.bank.of("ReqRefund")
		if p := r.payment("R"); p.State != payment.Succeeded || len(r.bank.moved) != 1 || len(got) != 2 || got[0].fields["MsgID"] == got[1].fields["MsgID"] {
			t.Errorf("it is %s; sent %v, moved %v", p.State, got, r.bank.moved)
		}
	})
}

// A stop does not wait for the network: what was under way is due again at once.
func TestStopUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.collect("1")
		r.bank.set(func(b *bank) { b.do = hangFor(time.Hour, func(sent) bool { return true }) })
		stop := r.start(r.worker())
		r.until("it was sent", func() bool { return len(r.bank.received()) == 1 })
		before := time.Now()
		stop()
		if took := time.Since(before); took > time.Second {
			t.Errorf("the stop took %v", took)
		}
		if next, some, err := r.DB.NextNetwork(t.Context()); err != nil || !some || next > 0 {
			t.Errorf("the row is due in %v, %v, %v", next, some, err)
		}
		if r.meter.count("COLLECT stopped") != 1 {
			t.Errorf("results %s", r.meter)
		}
	})
}

// Without a network nothing is sent and one warning tells why; a collect request
// ends with its time, a refund stays pending.
func TestNoNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.lives = 20 * time.Second
		r.sweeps()
		r.start(r.worker(func(c *network.Config) { c.URL, c.Sign = "", nil }))
		<-time.After(5 * time.Second)
		if text := r.log.String(); text != "" {
			t.Errorf("while nothing waits it says %q", text)
		}
		r.paid("1")
		r.refund("R", "1")
		r.collect("2")
		<-time.After(r.lives + payment.AskGrace + time.Second)
		if p := r.payment("2"); p.State != payment.Expired || p.Reason != payment.ReasonCollectExpired {
			t.Errorf("the collect request is %s %q", p.State, p.Reason)
		}
		if p := r.payment("R"); p.State != payment.InProgress {
			t.Errorf("the refund is %s", p.State)
		}
		if n := strings.Count(r.log.String(), "no network is configured"); n != 1 || len(r.bank.received()) != 0 {
			t.Errorf("%d warnings, %d messages", n, len(r.bank.received()))
		}
		if q := r.queue(); q.Dead != 0 || q.Pending == 0 {
			t.Errorf("the queue is %+v", q)
		}
	})
}

// Outside the sandbox an answer must be signed, by one of the organisation's
// certificates.
func TestAnswersAreSigned(t *testing.T) {
	t.Parallel()
	register := func(d *merchant.Data) {
		d.Organisations[0].Certificates = []string{"no certificate", theirs().pem()}
	}
	for _, tt := range []struct {
		name    string
		sandbox bool
		sign    func([]byte) ([]byte, error)
		good    bool
	}{
		{"unsigned in the sandbox", true, nil, true},
		{"signed in the sandbox", true, theirs().sign, true},
		{"signed by a stranger in the sandbox", true, stranger().sign, false},
		{"unsigned", false, nil, false},
		{"signed", false, theirs().sign, true},
		{"signed by a stranger", false, stranger().sign, false},
		{"signed by us", false, ours().sign, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, register)
				r.bank.sign = tt.sign
				r.collect("1")
				r.start(r.worker(func(c *network.Config) { c.Sandbox = tt.sandbox }))
				r.until("an attempt", func() bool { return r.meter.count("COLLECT done")+r.meter.count("COLLECT bad_answer") == 1 })
				if good := r.meter.count("COLLECT done") == 1; good != tt.good {
					t.Errorf("taken: %v\n%s", good, r.log.String())
				}
			})
		})
	}
}

// Any number of controllers: each row is sent by one of them, however many wait.
func TestManyWorkers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const requests = 60
	for i := range requests {
		r.collect(string(rune('a'+i/26)) + string(rune('a'+i%26)))
	}
	for range 4 {
		r.start(r.overSockets())
	}
	r.idle()
	seen := map[string]int{}
	for _, s := range r.bank.received() {
		seen[s.fields["TxnID"]]++
	}
	if len(seen) != requests || len(r.bank.received()) != requests {
		t.Errorf("%d requests were sent in %d messages", len(seen), len(r.bank.received()))
	}
}

// No more messages are under way than the limit.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var mu sync.Mutex
		now, most := 0, 0
		r.bank.set(func(b *bank) {
			b.do = func(http.ResponseWriter, sent) bool {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				<-time.After(time.Second)
				mu.Lock()
				now--
				mu.Unlock()
				return false
			}
		})
		for i := range 20 {
			r.collect(string(rune('a' + i)))
		}
		began := time.Now()
		r.start(r.worker())
		r.idle()
		if took := time.Since(began); most != network.DefaultConcurrency || took > 6*time.Second {
			t.Errorf("%d at once, %v", most, took)
		}
	})
}

// brokenRows is a database that is away for a while.
type brokenRows struct {
	network.Rows
	mu    sync.Mutex
	fails int
}

func (b *brokenRows) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails > 0 {
		b.fails--
		return errors.New("the database is away")
	}
	return nil
}

func (b *brokenRows) NextNetwork(ctx context.Context) (time.Duration, bool, error) {
	if err := b.failed(); err != nil {
		return 0, false, err
	}
	return b.Rows.NextNetwork(ctx)
}

func (b *brokenRows) LeaseNetwork(ctx context.Context, limit int, lease time.Duration) ([]journal.NetworkDelivery, error) {
	if err := b.failed(); err != nil {
		return nil, err
	}
	return b.Rows.LeaseNetwork(ctx, limit, lease)
}

func (b *brokenRows) RecordNetwork(ctx context.Context, o journal.NetworkOutcome) error {
	if err := b.failed(); err != nil {
		return err
	}
	return b.Rows.RecordNetwork(ctx, o)
}

// While the database is away the worker waits, says it once, and goes on.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.collect("1")
		rows := &brokenRows{Rows: r.DB, fails: 4}
		began := time.Now()
		r.start(r.worker(func(c *network.Config) { c.Rows = rows }))
		r.until("it was sent", func() bool { return len(r.bank.received()) == 1 })
		r.idle()
		if n := strings.Count(r.log.String(), "ask when a network request is due"); n != 1 {
			t.Errorf("said %d times:\n%s", n, r.log.String())
		}
		// 100, 200, 400, 800 ms
		if took := time.Since(began); took < 1500*time.Millisecond || took > 2*time.Second {
			t.Errorf("it went on after %v", took)
		}
		rows.mu.Lock()
		rows.fails = 2
		rows.mu.Unlock()
		do(r, decide.Remind{Key: payment.Key{MerchantID: "MERCHANTUAT", TransactionID: "1"}, ID: "again"})
		r.idle()
		if n := len(r.bank.received()); n != 2 {
			t.Errorf("%d messages", n)
		}
	})
}
