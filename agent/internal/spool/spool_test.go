package spool

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/protocol"
)

func path(t *testing.T) string { return filepath.Join(t.TempDir(), "data", "spool.db") }

func open(t *testing.T, path string) *Spool {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// reopen is a power cut as far as a process can make one.
func reopen(t *testing.T, s *Spool) *Spool {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, s.disk.path)
}

func memory(seq uint64, payment string) machine.Memory {
	return machine.Memory{Seq: seq, Sale: machine.Order{PaymentID: payment, AmountPaise: 24500, Seq: seq}}
}

func received(payment string) machine.Fact {
	return machine.Fact{Kind: protocol.FactReceived, PaymentID: payment}
}

func presented(payment string) machine.Fact {
	return machine.Fact{Kind: protocol.FactPresented, PaymentID: payment}
}

func save(t *testing.T, s *Spool, mem machine.Memory, facts ...machine.Fact) {
	t.Helper()
	if err := s.Save(mem, facts); err != nil {
		t.Fatal(err)
	}
}

// wantFacts checks what waits: number, kind and payment of each.
func wantFacts(t *testing.T, s *Spool, want ...protocol.Fact) {
	t.Helper()
	if got := s.Facts(); len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("facts are %+v, want %+v", got, want)
	}
}

func fact(n uint64, kind protocol.FactKind, payment string) protocol.Fact {
	return protocol.Fact{N: n, Kind: kind, PaymentID: payment}
}

func TestSpool(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T) *Spool{
		"disk":   func(t *testing.T) *Spool { return open(t, path(t)) },
		"memory": func(*testing.T) *Spool { return InMemory() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := make(t)
			if s.Epoch() == "" || s.Memory() != (machine.Memory{}) {
				t.Fatalf("new spool has epoch %q and memory %+v", s.Epoch(), s.Memory())
			}
			wantFacts(t, s)

			save(t, s, memory(6, "A"), received("A"))
			save(t, s, memory(6, "A"), presented("A"))
			save(t, s, memory(6, "A"), presented("A")) // waits already
			wantFacts(t, s, fact(1, "received", "A"), fact(2, "presented", "A"))
			if s.Memory() != memory(6, "A") {
				t.Fatalf("memory is %+v", s.Memory())
			}

			s.Ack("another epoch", 2)
			s.Ack(s.Epoch(), 0)
			wantFacts(t, s, fact(1, "received", "A"), fact(2, "presented", "A"))
			s.Ack(s.Epoch(), 1)
			wantFacts(t, s, fact(2, "presented", "A"))
			s.Ack(s.Epoch(), 1)
			s.Ack(s.Epoch(), 99)
			wantFacts(t, s)
			save(t, s, memory(7, ""), received("B")) // a number is never given twice
			wantFacts(t, s, fact(3, "received", "B"))
		})
	}
}

func TestItSurvivesAPowerCut(t *testing.T) {
	t.Parallel()
	s := open(t, path(t))
	save(t, s, memory(6, "A"), received("A"), presented("A"))
	epoch := s.Epoch()
	s.Ack(epoch, 1)
	s = reopen(t, s)
	if s.Epoch() != epoch || s.Memory() != memory(6, "A") || s.MovedAside() != "" {
		t.Fatalf("after the cut: %+v", s.rec)
	}
	// The acknowledgement was not worth a write: the fact is told once more.
	wantFacts(t, s, fact(1, "received", "A"), fact(2, "presented", "A"))
	s.Ack(epoch, 2)
	save(t, s, memory(7, "A"))
	s = reopen(t, s)
	wantFacts(t, s)
	save(t, s, memory(8, "B"), received("B"))
	wantFacts(t, s, fact(3, "received", "B"))

	info, err := os.Stat(s.disk.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

// TestAllOfAFactSurvives: a power cut between the card machine's word and the
// controller's ear loses nothing of it, and the same word again is no other fact.
func TestAllOfAFactSurvives(t *testing.T) {
	t.Parallel()
	card := protocol.Card{RRN: "632512004217", AmountPaise: 24500, Last4: "4242", Network: "VISA", Type: "DEBIT"}
	approved := machine.Fact{Kind: protocol.FactCardApproved, PaymentID: "A", Card: card}
	mem := memory(6, "A")
	mem.Sale.Accepted, mem.Sale.Chosen, mem.Sale.CardRead = true, protocol.PayCard, true
	mem.Declined = machine.Declined{PaymentID: "Z", PullID: "PULL0001"}
	mem.Cards[0] = machine.Card{PaymentID: "A", Told: true}
	s := open(t, path(t))
	save(t, s, mem, machine.Fact{Kind: protocol.FactPresented, PaymentID: "A", PayMode: protocol.PayCard}, approved)
	s = reopen(t, s)
	if s.Memory() != mem {
		t.Fatalf("memory is %+v, want %+v", s.Memory(), mem)
	}
	want := []protocol.Fact{
		{N: 1, Kind: "presented", PaymentID: "A", PayMode: protocol.PayCard},
		{N: 2, Kind: "card_approved", PaymentID: "A", Card: &card},
	}
	wantFacts(t, s, want...)
	save(t, s, mem, approved)
	wantFacts(t, s, want...)
	approved.Card.RRN = "632512004218"
	save(t, s, mem, approved)
	if n := len(s.Facts()); n != 3 {
		t.Fatalf("%d facts wait, want another approval to be another fact", n)
	}
}

func TestEqualSavesAreNotWritten(t *testing.T) {
	t.Parallel()
	s := open(t, path(t))
	save(t, s, memory(6, "A"), received("A"))
	writes := func() int64 { n := s.disk.db.Stats().TxStats; return n.GetWrite() }
	before := writes()
	for range 10 {
		save(t, s, memory(6, "A"), received("A"))
		s.Ack(s.Epoch(), 0)
	}
	if got := writes(); got != before {
		t.Fatalf("%d pages were written for nothing", got-before)
	}
	save(t, s, memory(7, "A"))
	if writes() == before {
		t.Fatal("a new state was not written")
	}
	if s.disk.db.NoSync {
		t.Fatal("what was written is not synced")
	}
}

func TestTheOldestFactsAreDroppedBeyondTheLimit(t *testing.T) {
	t.Parallel()
	s := InMemory()
	for i := range MaxFacts + 10 {
		save(t, s, memory(uint64(i), "A"), machine.Fact{Kind: protocol.FactShown, PaymentID: string(rune('a' + i))})
	}
	facts := s.Facts()
	if len(facts) != MaxFacts || facts[0].N != 11 || facts[len(facts)-1].N != MaxFacts+10 {
		t.Fatalf("%d facts, from %d", len(facts), facts[0].N)
	}
}

func TestTwoAgentsOnOneSpool(t *testing.T) {
	t.Parallel()
	s := open(t, path(t))
	save(t, s, memory(6, "A"))
	if other, err := Open(s.disk.path); !errors.Is(err, ErrLocked) || other != nil {
		t.Fatalf("the second agent got %v, %v", other, err)
	}
	if s = reopen(t, s); s.Memory() != memory(6, "A") || s.MovedAside() != "" {
		t.Fatalf("after the second agent: %+v", s.rec)
	}
}

// failing opens the file so that nothing can be written to it, once *on is set.
func failing(on *bool) func(string, int, os.FileMode) (*os.File, error) {
	return func(name string, flag int, mode os.FileMode) (*os.File, error) {
		if *on && flag&(os.O_RDWR|os.O_WRONLY) != 0 {
			return nil, &os.PathError{Op: "open", Path: name, Err: errReadOnly}
		}
		return os.OpenFile(name, flag, mode)
	}
}
