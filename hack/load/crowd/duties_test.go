package crowd

import (
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// When a connection says what, as a real terminal's does: seconds after the
// subscription, give or take what is drawn.
func TestDuties(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	at := func(seconds float64) time.Time { return begun.Add(time.Duration(seconds * float64(time.Second))) }
	fresh := func() *duties {
		d := &duties{}
		d.begin(begun)
		d.beatAt = at(3600) // heartbeats have a row of their own
		return d
	}
	says := func(d *duties, facts int, low, high float64, want protocol.Type) {
		t.Helper()
		for s := low - 0.02; s <= high+0.02; s += 0.01 {
			kind, ok := d.due(at(s))
			if !ok {
				continue
			}
			if s < low-0.011 || kind != want {
				t.Errorf("it says %s after %.2f s, want %s after %.2f to %.2f s", kind, s, want, low, high)
			}
			d.sent(kind, 1, facts, at(s))
			if _, ok := d.due(at(3600)); ok {
				t.Error("two messages are under way")
			}
			d.flight = 0
			return
		}
		t.Errorf("it does not say %s after %.2f to %.2f s", want, low, high)
	}

	d := fresh() // a question without an answer
	for from, gaps := 0.0, []float64{0, 2, 3, 4.5, 5, 5}; len(gaps) > 0; gaps = gaps[1:] {
		says(d, 0, from+gaps[0]*0.8, from+gaps[0]*1.2, protocol.TypeSync)
		from = d.asked.Sub(begun).Seconds()
	}
	nonce := d.nonce
	if d.doubt(at(1)); d.nonce != nonce || d.answered("") || !d.answered(nonce) || d.answered(nonce) {
		t.Error("a question is open twice, or answered twice")
	}

	d = fresh() // a doubt right after an answer
	says(d, 0, 0, 0, protocol.TypeSync)
	d.answered(d.nonce)
	d.doubt(at(0.5))
	says(d, 0, 2, 2, protocol.TypeSync)

	d = fresh() // facts that nobody acknowledges
	says(d, 0, 0, 0, protocol.TypeSync)
	d.answered(d.nonce)
	d.news(at(1))
	says(d, 1, 1, 1, protocol.TypeReport)
	for from, gaps := 1.0, []float64{2, 4, 8, 16, 30, 30}; len(gaps) > 0; gaps = gaps[1:] {
		says(d, 1, from+gaps[0]*0.8, from+gaps[0]*1.2, protocol.TypeReport)
		from = d.reported.Sub(begun).Seconds()
	}
	now := d.reported.Sub(begun).Seconds()
	d.acknowledged(1, at(now+1))
	says(d, 1, now+1, now+1, protocol.TypeReport)
	d.acknowledged(0, at(now+2))
	if kind, ok := d.due(at(3599)); ok {
		t.Errorf("nothing is owed, and it says %s", kind)
	}

	d = fresh() // the controller answers, and repeats itself
	says(d, 0, 0, 0, protocol.TypeSync)
	d.answered(d.nonce)
	d.confirm(true, at(0.1))
	says(d, 0, 0.1, 0.1, protocol.TypeReport)
	d.confirm(false, at(0.2))
	d.confirm(false, at(0.3))
	says(d, 0, 1.1, 1.1, protocol.TypeReport)

	d = fresh() // nothing happens
	says(d, 0, 0, 0, protocol.TypeSync)
	d.answered(d.nonce)
	d.beatAt = at(7)
	says(d, 0, 7, 7, protocol.TypeHeartbeat)
	says(d, 0, 7+12, 7+18, protocol.TypeHeartbeat)
}

// When a terminal tries to connect: in its first minute often, then less and less.
func TestOutage(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	o := outage{since: begun}
	for n, row := range []struct{ now, low, high time.Duration }{
		{0, 0, time.Second}, {time.Second, time.Second, 5 * time.Second}, {59 * time.Second, time.Second, 5 * time.Second},
		{60 * time.Second, 5 * time.Second, 10 * time.Second}, {70 * time.Second, 10 * time.Second, 20 * time.Second},
		{90 * time.Second, 20 * time.Second, 40 * time.Second}, {2 * time.Minute, 30 * time.Second, time.Minute}, {time.Hour, 30 * time.Second, time.Minute},
	} {
		now := begun.Add(row.now)
		if wait := o.wait(now, time.Time{}, now); wait < row.low || wait > row.high {
			t.Errorf("try %d: it waits %v, want %v to %v", n, wait, row.low, row.high)
		}
	}
	now := begun.Add(2 * time.Hour)
	if wait := o.wait(now, now.Add(-time.Hour), now); wait > time.Second {
		t.Errorf("after a connection that held it waits %v", wait)
	}
	if wait := o.wait(now, now.Add(-time.Second), now); wait < time.Second || wait > 5*time.Second {
		t.Errorf("after one that did not hold it waits %v", wait)
	}
	o = outage{since: begun, tries: 1}
	if wait := o.wait(begun, time.Time{}, begun.Add(time.Minute-time.Second)); wait != 0 {
		t.Errorf("a try that took longer than its gap is followed after %v", wait)
	}
}

// A state counts when it answers the question of this connection, or when that was
// answered and it is newer; an equal one repeats; any other is a doubt.
func TestWhatIsObeyed(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := &counts{}
	x := &terminal{id: identities(1)[0], count: c, epoch: "E", sales: map[string]*sale{}}
	x.duties.begin(now)
	x.duties.flight = 1 // whatever is due waits
	sale := func(id string) *protocol.Sale { return &protocol.Sale{PaymentID: id} }
	for _, row := range []struct {
		name    string
		state   protocol.State
		payment string
		seq     uint64
		asks    bool
		reports bool
	}{
		{"before the answer", protocol.State{Seq: 5, Sale: sale("A")}, "", 0, true, false},
		{"of another question", protocol.State{Seq: 5, Sale: sale("A"), Nonce: "other"}, "", 0, true, false},
		{"the answer", protocol.State{Seq: 5, Sale: sale("A"), Nonce: "N"}, "A", 5, false, true},
		{"again", protocol.State{Seq: 5, Sale: sale("A")}, "A", 5, false, true},
		{"again, and it acknowledges", protocol.State{Seq: 5, Sale: sale("A"), Epoch: "E", AckSeq: 2}, "A", 5, false, false},
		{"a newer one", protocol.State{Seq: 7, Sale: sale("B")}, "B", 7, false, true},
		{"an older one", protocol.State{Seq: 6, Sale: sale("A")}, "B", 7, true, false},
	} {
		if row.state.Nonce == "N" {
			row.state.Nonce = x.duties.nonce
		}
		x.duties.reportAt = time.Time{}
		if err := x.obey(row.state, now); err != nil {
			t.Fatal(err)
		}
		if x.payment != row.payment || x.seq != row.seq || (x.duties.nonce != "") != row.asks || x.duties.reportAt.IsZero() == row.reports {
			t.Errorf("%s: payment %q, state %d, asks %t, reports at %v; want %+v", row.name, x.payment, x.seq, x.duties.nonce != "", x.duties.reportAt, row)
		}
	}
	if c.synced.Load() != 1 {
		t.Errorf("it is in sync %d times", c.synced.Load())
	}
}
