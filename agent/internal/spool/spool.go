package spool

import (
	"crypto/rand"
	"encoding/base64"
	"errors"

	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/protocol"
)

// MaxFacts bounds how many facts wait for their acknowledgement. Beyond it the
// oldest are dropped: a sale makes three to seven, so this is a day of sales
// without a controller that listens.
const MaxFacts = 1024

// ErrLocked: another agent runs on the same file.
var ErrLocked = errors.New("spool is in use by another process")

// Spool holds the record and where it is kept. Make one with Open or InMemory.
type Spool struct {
	rec   record
	dirty bool  // the disk has something else
	disk  *disk // nil: memory only
	// moved is where a spool that could not be read was put aside.
	moved string
}

// record is all that is kept, and the form in which it is kept.
type record struct {
	Epoch  string          `json:"epoch"`
	Next   uint64          `json:"next"` // number of the next fact
	Memory machine.Memory  `json:"memory"`
	Facts  []protocol.Fact `json:"facts,omitempty"`
}

func newRecord() record { return record{Epoch: newEpoch(), Next: 1} }

// newEpoch is 96 random bits.
func newEpoch() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// InMemory is an empty spool that keeps nothing over a power cut.
func InMemory() *Spool { return &Spool{rec: newRecord()} }

// Open opens the spool in the file at path, or begins one, with mode 0600.
//
// A file that is no spool, or whose checksum is wrong, is put aside as
// path.corrupt and a new epoch begins: see MovedAside. When the file cannot be
// written (disk full, read-only card), the spool holds what could be read, and
// the error says why; it works, and every Save tries the disk again. Only
// ErrLocked leaves no spool.
func Open(path string) (*Spool, error) {
	s := &Spool{rec: newRecord(), dirty: true, disk: newDisk(path)}
	err := s.open()
	if errors.Is(err, ErrLocked) {
		return nil, err
	}
	return s, err
}

// open opens the file and takes over what is in it.
func (s *Spool) open() error {
	rec, moved, err := s.disk.open()
	if moved != "" {
		s.moved = moved
	}
	if rec != nil {
		s.rec, s.dirty = *rec, err != nil
	}
	return err
}

// MovedAside is where an unreadable spool was put; empty: there was none.
func (s *Spool) MovedAside() string { return s.moved }

// Epoch names the numbering of the facts.
func (s *Spool) Epoch() string { return s.rec.Epoch }

// Memory is what was saved last, or is on the disk since before.
func (s *Spool) Memory() machine.Memory { return s.rec.Memory }

// Facts are the facts that are not acknowledged, oldest first. The slice is the
// caller's.
func (s *Spool) Facts() []protocol.Fact { return append([]protocol.Fact(nil), s.rec.Facts...) }

// Save puts mem and the new facts on the disk, in one synced write, or in none
// when nothing is new. On error nothing has changed, in memory or on the disk.
// A fact that is waiting already is not added again.
func (s *Spool) Save(mem machine.Memory, facts []machine.Fact) error {
	next := s.rec.with(facts)
	next.Memory = mem
	if !s.dirty && next.Memory == s.rec.Memory && next.Next == s.rec.Next {
		return nil
	}
	if s.disk != nil {
		if err := s.disk.write(next); err != nil {
			s.dirty = true
			return err
		}
	}
	s.rec, s.dirty = next, false
	return nil
}

// Tell adds facts that the disk does not take. All waiting facts move to a new
// epoch, which reaches the disk with the next Save that works.
func (s *Spool) Tell(facts []machine.Fact) {
	if s.disk != nil {
		waiting := s.rec.Facts
		s.rec.Epoch, s.rec.Next, s.rec.Facts = newEpoch(), 1, nil
		for _, f := range waiting {
			s.rec.add(f)
		}
		s.dirty = true
	}
	s.rec = s.rec.with(facts)
}

// Ack takes the acknowledgement of all facts of that epoch up to n. Another
// epoch's means nothing. The disk hears of it with the next Save.
func (s *Spool) Ack(epoch string, n uint64) {
	if epoch != s.rec.Epoch {
		return
	}
	for len(s.rec.Facts) > 0 && s.rec.Facts[0].N <= n {
		s.rec.Facts = s.rec.Facts[1:]
	}
}

// Close lets go of the file and its lock, and writes nothing.
func (s *Spool) Close() error {
	if s.disk == nil {
		return nil
	}
	return s.disk.close()
}

// with is r with the facts added that do not wait already.
func (r record) with(facts []machine.Fact) record {
	r.Facts = append([]protocol.Fact(nil), r.Facts...)
	for _, f := range facts {
		if !r.waiting(f) {
			told := protocol.Fact{Kind: f.Kind, PaymentID: f.PaymentID, Reason: f.Reason, PayMode: f.PayMode}
			if f.Card != (protocol.Card{}) {
				told.Card = &f.Card
			}
			r.add(told)
		}
	}
	return r
}

func (r record) waiting(f machine.Fact) bool {
	for _, w := range r.Facts {
		card := protocol.Card{}
		if w.Card != nil {
			card = *w.Card
		}
		if f == (machine.Fact{Kind: w.Kind, PaymentID: w.PaymentID, Reason: w.Reason, PayMode: w.PayMode, Card: card}) {
			return true
		}
	}
	return false
}

// add numbers f and drops the oldest beyond MaxFacts.
func (r *record) add(f protocol.Fact) {
	f.N = r.Next
	r.Next++
	r.Facts = append(r.Facts, f)
	if n := len(r.Facts); n > MaxFacts {
		r.Facts = r.Facts[n-MaxFacts:]
	}
}
