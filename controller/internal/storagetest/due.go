package storagetest

import (
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
)

var dueCases = []testCase{
	{"nothing is due in an empty storage", nothingDue},
	{"unpaid payments past their time", duePayments},
	{"terminals whose next sale may be shown", dueTerminals},
	{"payments that a customer began and nobody ended", dueAttempts},
}

func nothingDue(t *testing.T, b bench) {
	b.shop(t, "t1")
	due, err := b.Due(t.Context(), 10)
	if err != nil || len(due.Payments)+len(due.Terminals) > 0 || due.HasNext {
		t.Fatalf("Due = %+v, %v", due, err)
	}
}

func duePayments(t *testing.T, b bench) {
	now := b.now(t)
	for i, state := range payment.States[1:] {
		p := newPayment("past-" + string(state))
		p.State, p.ExpiresAt = state, now.Add(time.Duration(i-100)*time.Second)
		future := newPayment("future-" + string(state))
		future.State, future.ExpiresAt = state, now.Add(time.Hour+time.Duration(i)*time.Second)
		b.add(t, created(p, future))
	}
	for _, c := range []struct {
		limit int
		want  []string
	}{
		{10, []string{"past-created", "past-handed_over", "past-presented"}},
		{2, []string{"past-created", "past-handed_over"}},
	} {
		due, err := b.Due(t.Context(), c.limit)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "what is due", due.Payments, c.want)
		if !due.HasNext || due.Next <= 59*time.Minute || due.Next > time.Hour {
			t.Fatalf("next is in %v, %v; want within the hour", due.Next, due.HasNext)
		}
	}
	soon := newPayment("soon")
	soon.ExpiresAt = b.now(t).Add(50 * time.Millisecond)
	b.add(t, created(soon))
	due, err := b.Due(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(due.Payments) == 3 {
		if !due.HasNext || due.Next <= 0 || due.Next > 50*time.Millisecond {
			t.Fatalf("next is in %v, %v; want within 50 ms", due.Next, due.HasNext)
		}
		<-time.After(due.Next)
		if due, err = b.Due(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "what is due then", due.Payments, []string{"past-created", "past-handed_over", "past-presented", "soon"})
}

func dueTerminals(t *testing.T, b bench) {
	now := b.now(t)
	var want []string
	var next time.Duration
	for _, c := range []struct {
		name  string
		state payment.State // of the sale; None for no sale
		hold  time.Duration // from now; 0 for none
		alone bool          // nothing is waiting
		due   bool
	}{
		{name: "a-no-sale", due: true},
		{name: "b-unheld", state: payment.Presented, due: true},
		{name: "c-hold-over", state: payment.Presented, hold: -time.Second, due: true},
		{name: "d-held", state: payment.Presented, hold: time.Hour},
		{name: "e-held-less", state: payment.Created, hold: 30 * time.Minute},
		{name: "f-paying", state: payment.InProgress, hold: -time.Second},
		{name: "g-parked", state: payment.Parked, hold: time.Hour, due: true},
		{name: "h-ended", state: payment.Succeeded, hold: time.Hour, due: true},
		{name: "i-alone", state: payment.Presented, hold: -time.Second, alone: true},
		{name: "j-idle", alone: true},
	} {
		b.shop(t, c.name)
		sale, waiting := newPayment("sale-"+c.name), newPayment("waiting-"+c.name)
		sale.ExpiresAt, waiting.ExpiresAt = now.Add(24*time.Hour), now.Add(24*time.Hour)
		if sale.State = c.state; c.hold != 0 {
			sale.HoldUntil = now.Add(c.hold)
		}
		b.add(t, created(waiting))
		if c.state != payment.None {
			b.add(t, created(sale))
		}
		b.change(t, c.name, func(x *fleet.Terminal) {
			if c.state != payment.None {
				x.Sale = sale.ID
			}
			if !c.alone {
				x.Waiting = []string{waiting.ID}
			}
		})
		if c.due {
			want = append(want, c.name)
		}
	}
	due, err := b.Due(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, id := range due.Terminals {
		got = append(got, id.TerminalID)
	}
	same(t, "the terminals", got, want)
	if next = due.Next; !due.HasNext || next > 30*time.Minute || next < 29*time.Minute || len(due.Payments) > 0 {
		t.Fatalf("Due = %+v, want the next when the shorter hold is over", due)
	}
	if due, err = b.Due(t.Context(), 2); err != nil || len(due.Terminals) != 2 {
		t.Fatalf("Due(2) = %+v, %v", due, err)
	}
}

func dueAttempts(t *testing.T, b bench) {
	now := b.now(t)
	for i, attend := range []time.Duration{-2 * time.Second, time.Hour, -3 * time.Second, 0} {
		p := newPayment("p" + number(i))
		p.State, p.ExpiresAt = payment.InProgress, now.Add(-time.Minute)
		if attend != 0 {
			p.AttendAt = now.Add(attend)
		}
		b.add(t, created(p))
	}
	for limit, want := range map[int][]string{10: {"p" + number(2), "p" + number(0)}, 1: {"p" + number(2)}} {
		due, err := b.Due(t.Context(), limit)
		if err != nil || len(due.Payments) != 0 {
			t.Fatalf("Due = %+v, %v", due, err)
		}
		same(t, "attempts that are due", due.Attempts, want)
		if !due.HasNext || due.Next <= 59*time.Minute || due.Next > time.Hour {
			t.Fatalf("next is in %v, %v; want within the hour", due.Next, due.HasNext)
		}
	}
}
