package mqttlink

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// rows are a database whose clock is an hour before this one, and whose rows say
// "read" where what was committed says otherwise.
type rows struct {
	Reader
	reads int
}

const ahead = time.Hour

func (r *rows) Wanted(_ context.Context, ids []protocol.Identity) (all []decide.Wanted, err error) {
	r.reads++
	for _, id := range ids {
		all = append(all, decide.Wanted{Terminal: fleet.Terminal{Identity: id, Seq: 100}, MerchantName: "read", Now: time.Now().Add(ahead)})
	}
	return all, nil
}

type setKey struct{ Keys }

func (setKey) Current() (protocol.SigningKey, []byte, uint64) {
	return protocoltest.Key("online"), []byte("set"), 1
}

// said are the states that were published, without the key sets.
type said []protocol.State

func (s *said) Publish(_ string, message []byte) error {
	if protocol.PurposeOf(message) == protocol.PurposeKeys || string(message) == "set" {
		return nil
	}
	st, err := protocol.OpenState(message, protocol.PublicKeys{protocoltest.Key("online").ID: protocoltest.Public("online")}, someone(1))
	*s = append(*s, st)
	return err
}

// TestWhatWasCommittedIsNotRead: a state whose payments were committed just now is told
// as it was committed, at the database's time; all others are read.
func TestWhatWasCommittedIsNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db, heard := &rows{}, said{}
		l := New(Config{
			Reader: db, Keys: setKey{}, Log: slog.New(slog.DiscardHandler),
			Merchant: func(id string) (string, bool, bool) { return "committed", true, id == someone(1).MerchantID },
		})
		l.Attach(&heard)
		seq := uint64(0)
		// commit is what the journal says of a sale with three minutes from now on.
		commit := func(other func(*fleet.Terminal, *decide.Changes)) {
			seq++
			p := payment.Payment{ID: "sale", State: payment.Presented, Amount: 24500, ExpiresAt: time.Now().Add(ahead + 3*time.Minute)}
			row := fleet.Terminal{Identity: someone(1), Seq: seq, Sale: p.ID, PublicKey: protocoltest.Public("device"), TokenHash: []byte("x")}
			c := decide.Changes{Payments: []payment.Payment{p}}
			other(&row, &c)
			c.Terminals = []fleet.Terminal{row}
			l.Committed(c)
		}
		plain := func(*fleet.Terminal, *decide.Changes) {}
		for _, row := range []struct {
			name  string
			do    func()
			reads bool
		}{
			{"the first, since nobody knows the database's time", func() { commit(plain) }, true},
			{"a sale that was committed", func() { commit(plain) }, false},
			{"a new one", func() {
				commit(func(_ *fleet.Terminal, c *decide.Changes) { c.NewPayments, c.Payments = c.Payments, nil })
			}, false},
			{"a sale and a result", func() {
				commit(func(row *fleet.Terminal, c *decide.Changes) {
					row.Result = "paid"
					c.Payments = append(c.Payments, payment.Payment{ID: "paid", State: payment.Succeeded})
				})
			}, false},
			{"a result of earlier", func() { commit(func(row *fleet.Terminal, _ *decide.Changes) { row.Result = "paid" }) }, true},
			{"a merchant whom the directory does not have yet", func() {
				name := l.Merchant
				l.Merchant = func(string) (string, bool, bool) { return "", false, false }
				commit(plain)
				l.Merchant = name
			}, true},
			{"an answer to a sync", func() { l.tell(someone(1), "nonce"); commit(plain) }, true},
			{"the other way round", func() { commit(plain); l.tell(someone(1), "nonce") }, true},
			{"an acknowledgement of facts", func() { commit(plain); l.tell(someone(1), "") }, true},
			{"two commits", func() { commit(plain); commit(plain) }, false},
			{"a sale much later", func() { time.Sleep(clockAge); commit(plain) }, true},
		} {
			before := db.reads
			heard = nil
			row.do()
			batch, _ := l.take()
			time.Sleep(time.Second) // a sale's time runs while its state waits
			l.tellSome(t.Context(), batch)
			switch {
			case len(heard) != 1 || (db.reads > before) != row.reads:
				t.Errorf("%s: told %d times with %d reads", row.name, len(heard), db.reads-before)
			case row.reads && heard[0].Display.MerchantName != "read":
				t.Errorf("%s: told %+v", row.name, heard[0])
			case !row.reads && (heard[0].Seq != seq || heard[0].Display.MerchantName != "committed" || heard[0].Sale == nil || heard[0].Sale.LeftMillis != 179_000):
				t.Errorf("%s: told %+v with %+v", row.name, heard[0], heard[0].Sale)
			}
			l.told[someone(1)] = telling{}
		}
	})
}

// TestClock: of several readings that is believed which arrived the soonest, and none
// for longer than a minute.
func TestClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c clock
		if _, ok := c.now(); ok {
			t.Error("there is a time before it was read")
		}
		began := time.Now()
		for _, row := range []struct{ wait, late, want time.Duration }{
			{0, 20 * time.Millisecond, 20 * time.Millisecond},
			{time.Second, 5 * time.Millisecond, 5 * time.Millisecond},
			{10 * time.Second, 400 * time.Millisecond, 5 * time.Millisecond},
			{clockAge - 10*time.Second, 30 * time.Millisecond, 30 * time.Millisecond}, // the good one is old
		} {
			time.Sleep(row.wait)
			c.set(time.Now().Add(ahead - row.late))
			if now, ok := c.now(); !ok || time.Now().Add(ahead).Sub(now) != row.want {
				t.Errorf("after %v: %v late, %v; want %v", time.Since(began), time.Now().Add(ahead).Sub(now), ok, row.want)
			}
		}
	})
}
