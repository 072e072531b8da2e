package npci_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
)

// TestPayAtOnce: of many ReqPays with one token one is paid; the books and the
// controller agree about all of them.
func TestPayAtOnce(t *testing.T) {
	t.Parallel()
	s := newStrict(t, true)
	defer s.end()
	tokens, err := s.client().Tokens(t.Context(), buy("merchant@upi", 24500), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	tally := s.client().PayAtOnce(t.Context(), npci.Copies(tokens[0], 300))
	if len(tally.Paid) != 1 || tally.Refused["ZD"] != 299 || len(tally.Refused) != 1 || len(tally.Lost)+len(tally.TimedOut) != 0 {
		t.Fatalf("%+v", tally)
	}
	r, err := s.client().Reconcile(t.Context())
	if err != nil || !r.Agrees() || r.Entries != 300 || r.Ours != (npci.Sums{Paid: 24500, Settled: 24378}) {
		t.Errorf("%v\n%s", err, r)
	}
}

// Many payments are held at once, and all of their money comes back.
func TestHeldAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, true)
		defer s.end()
		tokens, err := s.client().Tokens(t.Context(), buy("gourmet@mercury", 1000), 200, 20)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		tally := s.client().PayAtOnce(t.Context(), tokens)
		if took := time.Since(began); len(tally.TimedOut) != 200 || took != 30*time.Second || s.mostHeld != 200 {
			t.Fatalf("%d timed out after %v, %d held at once; %v", len(tally.TimedOut), took, s.mostHeld, tally.Lost)
		}
		s.jobs.Wait()
		r, err := s.client().Reconcile(t.Context())
		if err != nil || !r.Agrees() || r.Entries != 200 || r.Ours.Paid != 0 || s.client().Ledger().Sum(npci.Returned) != 200_000 {
			t.Errorf("%v\n%s", err, r)
		}
	})
}

// What is lost and what is refused is counted; a QR that is refused gives no
// tokens.
func TestTally(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, false)
		defer s.end()
		c := s.client()
		good, err := c.Tokens(t.Context(), buy("merchant@upi", 100), 2, 2)
		bad, errBad := c.Tokens(t.Context(), buy("ip08@mercury", 100), 1, 1)
		if err != nil || errBad != nil {
			t.Fatal(err, errBad)
		}
		s.faults[npci.PathPay] = []fault{cutOff}
		tally := c.PayAtOnce(t.Context(), good[:1])
		if len(tally.Lost) != 1 || !errors.Is(tally.Lost[0], npci.ErrNoAnswer) {
			t.Errorf("%+v", tally)
		}
		if tally = c.PayAtOnce(t.Context(), append(bad, good[1])); len(tally.Paid) != 1 || tally.Refused["IP08"] != 1 {
			t.Errorf("%+v", tally)
		}
		if _, err := c.Tokens(t.Context(), buy("merchant@upi", 900000), 3, 2); err == nil {
			t.Error("tokens for a QR that is refused")
		}
	})
}
