package callbacktest

import (
	"fmt"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
)

func (b bench) resend(t *testing.T, event string, want bool) {
	t.Helper()
	if got, err := b.Resend(t.Context(), event); err != nil || got != want {
		t.Fatalf("Resend(%s) = %v, %v; want %v", event, got, err, want)
	}
}

// resend: dead, delivered and pending rows alike.
func resend(t *testing.T, b bench) {
	for i, state := range []string{callback.StateDead, callback.StateDelivered, callback.StatePending} {
		event, m := fmt.Sprint("e", i), fmt.Sprint("M", i)
		b.add(t, m, event, -time.Second)
		only := callback.Ask{Filter: callback.Filter{OnlyLanes: []string{m + " pos.example.in:443"}}}
		b.leased(t, only, event)
		b.record(t, callback.Outcome{EventID: event, Attempt: 1, State: state, Next: long})
		<-time.After(2 * time.Millisecond)
		b.resend(t, event, true)
		b.is(t, event, callback.StatePending, 1)
		b.nextDue(t, only.Filter, 0, 0)
		d := b.leased(t, only, event)[0]
		if d.Attempt != 2 || d.Resent != 1 || d.Age != 0 {
			t.Fatalf("%s: leased %+v, want attempt 2 with 1 from before and no age", state, d)
		}
		if a := b.attempts(t, event); len(a) != 2 || !a[0].Finished || a[1].Finished {
			t.Fatalf("%s: attempts %+v, want the log to go on", state, a)
		}
		b.record(t, callback.Outcome{EventID: event, Attempt: 2, State: callback.StatePending, Next: time.Millisecond})
		b.due(t, only.Filter)
		if d := b.leased(t, only, event)[0]; d.Attempt != 3 || d.Resent != 1 || d.Age < time.Millisecond {
			t.Fatalf("%s: leased %+v, want attempt 3 with 1 from before and an age", state, d)
		}
		b.record(t, callback.Outcome{EventID: event, Attempt: 3, State: callback.StateDelivered})
		b.is(t, event, callback.StateDelivered, 3)
	}
	b.resend(t, "nobody", false)
}

func resendLeased(t *testing.T, b bench) {
	for i, state := range []string{callback.StateDead, callback.StateDelivered, callback.StatePending} {
		event, m := fmt.Sprint("e", i), fmt.Sprint("M", i)
		b.add(t, m, event, -time.Second)
		only := callback.Ask{Filter: callback.Filter{OnlyLanes: []string{m + " pos.example.in:443"}}}
		b.leased(t, only, event)
		b.resend(t, event, true)
		b.leased(t, only) // it is under way
		b.nextDue(t, only.Filter, long-time.Minute, long)
		b.record(t, callback.Outcome{EventID: event, Attempt: 1, State: state, Next: long, Result: callback.ResultStatus})
		b.is(t, event, callback.StatePending, 1)
		if a := b.attempts(t, event); len(a) != 1 || !a[0].Finished || a[0].Outcome.Result != callback.ResultStatus {
			t.Fatalf("%s: attempts %+v, want the first complete", state, a)
		}
		b.nextDue(t, only.Filter, 0, 0)
		b.leased(t, only, event)
		b.leased(t, only)
	}
}

func resendOvertakes(t *testing.T, b bench) {
	b.add(t, "M1", "e1", -time.Second)
	b.leased(t, callback.Ask{Lease: time.Millisecond}, "e1")
	b.resend(t, "e1", true)
	b.due(t, callback.Filter{})
	b.leased(t, callback.Ask{}, "e1")
	b.record(t, callback.Outcome{EventID: "e1", Attempt: 1, State: callback.StateDelivered})
	b.is(t, "e1", callback.StatePending, 2)
	b.leased(t, callback.Ask{}) // the second lease holds
	b.record(t, callback.Outcome{EventID: "e1", Attempt: 2, State: callback.StateDelivered})
	b.is(t, "e1", callback.StateDelivered, 2)
}

func resendExpires(t *testing.T, b bench) {
	b.add(t, "M1", "e1", -time.Second)
	b.leased(t, callback.Ask{}, "e1")
	b.record(t, callback.Outcome{EventID: "e1", Attempt: 1, State: callback.StateDead})
	b.resend(t, "e1", true)
	<-time.After(2 * time.Millisecond)
	lanes := []string{"M1 pos.example.in:443"}
	if n, err := b.Expire(t.Context(), lanes, 0); err != nil || n != 0 {
		t.Fatalf("Expire = %d, %v; want none", n, err)
	}
	b.leased(t, callback.Ask{}, "e1")
	b.record(t, callback.Outcome{EventID: "e1", Attempt: 2, State: callback.StatePending, Next: long})
	<-time.After(2 * time.Millisecond)
	if n, err := b.Expire(t.Context(), lanes, 0); err != nil || n != 1 {
		t.Fatalf("Expire = %d, %v; want the one that was sent", n, err)
	}
}

func withoutURL(t *testing.T, b bench) {
	if err := b.Add(t.Context(), Row{EventID: "e1", PaymentID: "p1", MerchantID: "M1", Lane: "M1 ", DueIn: -time.Second}); err != nil {
		t.Fatal(err)
	}
	b.is(t, "e1", callback.StateNone, 0)
	b.nothingDue(t, callback.Filter{})
	b.leased(t, callback.Ask{})
	b.resend(t, "e1", false)
	b.record(t, callback.Outcome{EventID: "e1", Attempt: 1, State: callback.StateDelivered})
	if n, err := b.Expire(t.Context(), []string{"M1 "}, 0); err != nil || n != 0 {
		t.Fatalf("Expire = %d, %v; want none", n, err)
	}
	b.is(t, "e1", callback.StateNone, 0)
}
