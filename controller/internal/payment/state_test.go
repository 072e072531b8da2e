package payment

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// kinds are the payments for which the table has rows of their own.
var kinds = []struct {
	name string
	p    Payment
}{
	{"DQR display", Payment{Solution: DQRDevice}},
	{"EDC, ONE_TO_ONE", Payment{Solution: EDC}},
	{"EDC, OPEN", Payment{Solution: EDC, Open: true}},
	{"DQR display, cancel asked", Payment{Solution: DQRDevice, CancelAsked: true}},
}

// TestEdges holds every state x every event against the golden table: where it
// leads, "=" for no news, "-" for refused. Where two events are recorded, both
// stand there.
func TestEdges(t *testing.T) {
	var b strings.Builder
	for _, kind := range kinds {
		fmt.Fprintf(&b, "%s\n", kind.name)
		for _, from := range States {
			name := string(from)
			if from == None {
				name = "none"
			}
			for _, on := range Events {
				p := kind.p
				p.ID, p.State = "GP1", from
				fmt.Fprintf(&b, "  %-12s %-19s %s\n", name, on, outcome(p, on))
			}
		}
	}
	golden(t, "testdata/edges.golden", b.String())
}

func outcome(p Payment, on Event) string {
	moved, records, err := p.Apply(Happening{Event: on, At: time.UnixMicro(1), Reason: "R"})
	switch {
	case err != nil:
		return "-"
	case len(records) == 0:
		return "="
	case len(records) == 2:
		return string(records[0].Event) + ", then " + string(moved.State)
	}
	return string(moved.State)
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run with -update and read the diff. Got:\n%s", file, got)
	}
}

// TestFinalMeansFinal: no event moves an ended payment, and only a replay of
// what ended it is answered.
func TestFinalMeansFinal(t *testing.T) {
	for _, state := range States {
		if !state.Final() {
			continue
		}
		for _, on := range Events {
			p := Payment{ID: "GP1", State: state, Reason: "why it ended"}
			moved, records, err := p.Apply(Happening{Event: on, Reason: "another reason"})
			if moved != p || len(records) != 0 {
				t.Errorf("%s moved a payment that was %s", on, state)
			}
			late := on == EventHandedOver || on == EventAccepted || on == EventPresented
			if refused := (*RefusedError)(nil); !errors.As(err, &refused) && !late && !(on == EventPaySucceeded || on == EventResolvedPaid) {
				t.Errorf("%s on %s was taken for a replay", on, state)
			}
		}
	}
}

// TestReplays: the same event again gets the first answer; a different one that
// ends elsewhere is refused.
func TestReplays(t *testing.T) {
	succeeded := Payment{State: Succeeded, Reference: "611212000001"}
	failed := Payment{State: Failed, Reason: "UPI:IP08"}
	for _, tt := range []struct {
		name   string
		p      Payment
		h      Happening
		replay bool
	}{
		{"paid again with the same UTR", succeeded, Happening{Event: EventPaySucceeded, Reference: "611212000001"}, true},
		{"paid again with another UTR", succeeded, Happening{Event: EventPaySucceeded, Reference: "611212000002"}, false},
		{"failed again for the same reason", failed, Happening{Event: EventPayFailed, Reason: "UPI:IP08"}, true},
		{"failed again for another reason", failed, Happening{Event: EventPayFailed, Reason: "UPI:IP05"}, false},
		{"cancel after success", succeeded, Happening{Event: EventCancelRequested}, false},
		{"cancel again", Payment{State: Cancelled, Reason: ReasonCancelledByMerchant}, Happening{Event: EventCancelRequested}, true},
		{"cancel of a superseded sale", Payment{State: Cancelled, Reason: ReasonSuperseded}, Happening{Event: EventCancelRequested}, false},
		{"expired again", Payment{State: Expired, Reason: ReasonQRExpired}, Happening{Event: EventExpired}, true},
	} {
		if _, _, err := tt.p.Apply(tt.h); (err == nil) != tt.replay {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestWhyItEnded: the reason of every end is the responseCode that the POS sees.
func TestWhyItEnded(t *testing.T) {
	for _, tt := range []struct {
		name   string
		from   Payment
		h      Happening
		state  State
		reason string
	}{
		{"success has none", Payment{State: InProgress}, Happening{Event: EventPaySucceeded, Reason: "ignored"}, Succeeded, ""},
		{"superseded", Payment{State: Presented}, Happening{Event: EventSuperseded, Reason: ReasonSuperseded}, Cancelled, ReasonSuperseded},
		{"cancelled while unpaid", Payment{State: Presented}, Happening{Event: EventCancelRequested}, Cancelled, ReasonCancelledByMerchant},
		{"failed after a cancel was asked", Payment{State: InProgress, CancelAsked: true}, Happening{Event: EventPayFailed, Reason: "UPI:IP08"}, Cancelled, ReasonCancelledByMerchant},
		{"succeeded after a cancel was asked", Payment{State: InProgress, CancelAsked: true}, Happening{Event: EventPaySucceeded}, Succeeded, ""},
	} {
		p, _, err := tt.from.Apply(tt.h)
		if err != nil || p.State != tt.state || p.Reason != tt.reason {
			t.Errorf("%s: %s %q, %v", tt.name, p.State, p.Reason, err)
		}
	}
}

// TestAnyLife: whatever happens in whatever order, a payment's records are a
// chain that verifies and folds to its state, it never leaves an end, and the
// customer is never charged before an attempt.
func TestAnyLife(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := kinds[rapid.IntRange(0, 2).Draw(t, "kind")].p
		p.ID = "GP1"
		at := time.UnixMicro(rapid.Int64Range(0, 1<<50).Draw(t, "start"))
		var life []Record
		for _, on := range rapid.SliceOfN(rapid.SampledFrom(Events), 1, 40).Draw(t, "events") {
			before := p
			at = at.Add(time.Millisecond)
			moved, records, err := p.Apply(Happening{Event: on, At: at, Actor: "test", Reason: "R"})
			if err != nil && (moved != before || len(records) > 0) {
				t.Fatalf("refused %s changed something", on)
			}
			if before.State.Final() && moved != before {
				t.Fatalf("%s moved a final payment", on)
			}
			life = append(life, records...)
			p = moved
		}
		state, err := VerifyChain(life)
		if err != nil || state != p.State {
			t.Fatalf("chain leads to %s, payment is %s: %v", state, p.State, err)
		}
		if p.State == Succeeded && !p.Attempted {
			t.Fatal("succeeded without an attempt")
		}
		if len(life) > 0 {
			tampered := append([]Record(nil), life...)
			i := rapid.IntRange(0, len(life)-1).Draw(t, "tampered")
			tampered[i].Reason += "x"
			if _, err := VerifyChain(tampered); err == nil {
				t.Fatal("a changed event went unseen")
			}
			if i < len(life)-1 {
				if _, err := VerifyChain(append(append([]Record(nil), life[:i]...), life[i+1:]...)); err == nil {
					t.Fatal("a missing event went unseen")
				}
			}
		}
	})
}

// TestExternal: the API's word for every state (phonepe-api: Status data).
func TestExternal(t *testing.T) {
	want := map[State]string{
		Created: "PENDING", HandedOver: "PENDING", Presented: "PENDING", InProgress: "PENDING", Parked: "PENDING",
		Succeeded: "SUCCESS", Failed: "FAILED", Cancelled: "FAILED", Expired: "EXPIRED",
	}
	for state, word := range want {
		if got := state.External(); got != word {
			t.Errorf("%s is %s to the POS, want %s", state, got, word)
		}
	}
}
