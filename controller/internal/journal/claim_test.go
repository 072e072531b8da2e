package journal_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// claimInput is one thing that somebody does to an OPEN order.
type claimInput struct {
	order    int
	what     string // claim, reject, cancel
	terminal string
}

// claimOutput is what they were told.
type claimOutput struct {
	outcome protocol.PullOutcome
	by      string
	ended   bool
}

// claimModel is an OPEN order as everybody may see it: in the pool (""), with
// one terminal, or over.
var claimModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byOrder := map[int][]porcupine.Operation{}
		for _, op := range history {
			n := op.Input.(claimInput).order
			byOrder[n] = append(byOrder[n], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byOrder {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		holder, in, out := state.(string), input.(claimInput), output.(claimOutput)
		const over = "over"
		switch in.what {
		case "claim":
			switch out.outcome {
			case protocol.PullTaken:
				return holder == "", in.terminal
			case protocol.PullOther:
				return holder == out.by && holder != "" && holder != over && holder != in.terminal, holder
			case protocol.PullEnded:
				return holder == over, holder
			}
			return false, holder
		case "reject": // only its holder's counts
			if holder == in.terminal {
				return true, ""
			}
			return true, holder
		default: // cancel: nobody pays here, so it always ends
			return out.ended, over
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}

// TestClaimsAreLinearizable: eight terminals on two controllers pull the same
// orders, reject some, while the POS cancels some: every order is with one
// terminal at a time, and the losers are told who has it (failure matrix R4, I6).
func TestClaimsAreLinearizable(t *testing.T) {
	t.Parallel()
	const terminals, orders = 8, 60
	dsn := newDatabase(t)
	var names []string
	for n := range terminals {
		names = append(names, fmt.Sprint("t", n))
	}
	var journals []*journal.Journal
	for range 2 {
		db := openDSN(t, dsn)
		seedTerminals(t, db, names...)
		journals = append(journals, start(t, journal.Config{Storage: db, Writers: 2}))
	}
	for n := range orders {
		d := initOf(fmt.Sprint("p", n), "")
		d.Payment.Solution, d.Payment.Open, d.Payment.ShortOrderID = payment.EDC, true, fmt.Sprintf("%04d", n)
		if _, err := journal.Do(t.Context(), journals[0], d); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var history []porcupine.Operation
	began := time.Now()
	do := func(client int, in claimInput, call func() (claimOutput, error)) claimOutput {
		from := time.Since(began).Nanoseconds()
		out, err := call()
		if err != nil {
			t.Errorf("%+v: %v", in, err)
		}
		mu.Lock()
		defer mu.Unlock()
		history = append(history, porcupine.Operation{ClientId: client, Input: in, Call: from, Output: out, Return: time.Since(began).Nanoseconds()})
		return out
	}
	var wg sync.WaitGroup
	for client, name := range names {
		wg.Go(func() {
			j, id, facts := journals[client%2], terminal(name), uint64(0)
			for round, n := range append(rand.Perm(orders), rand.Perm(orders)...) {
				got := do(client, claimInput{n, "claim", name}, func() (claimOutput, error) {
					row, err := journal.Do(t.Context(), j, decide.Claim{Pull: protocol.Pull{
						Header: protocol.Header{Identity: id}, PullID: fmt.Sprintf("%s-%08d", name, round), ShortOrderID: fmt.Sprintf("%04d", n),
					}})
					return claimOutput{outcome: row.Pull.Outcome, by: row.Pull.By}, err
				})
				if got.outcome != protocol.PullTaken {
					continue
				}
				// Half are rejected and go back; the others the POS cancels.
				if n%2 == 0 {
					do(client, claimInput{n, "reject", name}, func() (claimOutput, error) {
						facts++
						_, err := journal.Do(t.Context(), j, decide.Report{Report: protocol.Report{
							Header: protocol.Header{Type: protocol.TypeReport, Identity: id}, Epoch: "E",
							Facts: []protocol.Fact{{N: facts, Kind: protocol.FactRejected, PaymentID: fmt.Sprint("p", n)}},
						}})
						return claimOutput{}, err
					})
					continue
				}
				do(client, claimInput{n, "cancel", name}, func() (claimOutput, error) {
					c, err := journal.Do(t.Context(), journals[(client+1)%2], decide.Cancel{
						Key: payment.Key{MerchantID: shop, TransactionID: fmt.Sprint("merchants-p", n)},
					})
					return claimOutput{ended: c.Ended}, err
				})
			}
		})
	}
	wg.Wait()
	if !porcupine.CheckOperations(claimModel, history) {
		t.Fatal("no order of these claims explains what the terminals were told")
	}
	outcomes := map[protocol.PullOutcome]int{}
	for _, op := range history {
		outcomes[op.Output.(claimOutput).outcome]++
	}
	if outcomes[protocol.PullTaken] < orders || outcomes[protocol.PullOther] == 0 || outcomes[protocol.PullEnded] == 0 {
		t.Errorf("the race was none: %v", outcomes)
	}
	// The checker itself: two winners at once are seen.
	two := []porcupine.Operation{
		{ClientId: 0, Input: claimInput{0, "claim", "t0"}, Call: 1, Output: claimOutput{outcome: protocol.PullTaken}, Return: 2},
		{ClientId: 1, Input: claimInput{0, "claim", "t1"}, Call: 1, Output: claimOutput{outcome: protocol.PullTaken}, Return: 3},
	}
	if porcupine.CheckOperations(claimModel, two) {
		t.Error("the model lets two terminals win one order")
	}
}
