package spool

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/protocol"
)

const errReadOnly = syscall.EROFS

// TestADiskThatStopsTakingWrites: the descriptor goes bad while the agent runs.
func TestADiskThatStopsTakingWrites(t *testing.T) {
	t.Parallel()
	s := open(t, path(t))
	broken := false
	s.disk.openFile = failing(&broken)
	save(t, s, memory(6, "A"), received("A"))
	epoch := s.Epoch()

	broken = true
	s.disk.file.Close() // writes fail from here on
	if err := s.Save(memory(7, "B"), []machine.Fact{received("B")}); err == nil {
		t.Fatal("a write to a closed file succeeded")
	}
	if s.Memory() != memory(6, "A") || s.Epoch() != epoch {
		t.Fatalf("a failed Save changed the spool: %+v", s.rec)
	}
	wantFacts(t, s, fact(1, "received", "A"))
	if err := s.Save(memory(6, "A"), nil); err == nil {
		t.Fatal("equal to what was saved, but the disk is still broken")
	}

	// Told all the same, under numbers that the disk will never give.
	refused := machine.Fact{Kind: protocol.FactRefused, PaymentID: "B", Reason: machine.ReasonStorage}
	s.Tell([]machine.Fact{refused})
	told := s.Epoch()
	if told == epoch {
		t.Fatal("told under an epoch that the disk goes on with")
	}
	wantFacts(t, s, fact(1, "received", "A"), protocol.Fact{N: 2, Kind: "refused", PaymentID: "B", Reason: machine.ReasonStorage})

	// A power cut now: the disk goes on where it was.
	before, err := Open(copyOf(t, s.disk.path))
	if err != nil || before.Epoch() != epoch || before.Memory() != memory(6, "A") {
		t.Fatalf("the disk holds %+v, %v", before.rec, err)
	}
	before.Close()

	// It heals: everything reaches the disk.
	broken = false
	save(t, s, memory(8, ""))
	s = reopen(t, s)
	if s.Epoch() != told || s.Memory() != memory(8, "") {
		t.Fatalf("after healing: %+v", s.rec)
	}
	wantFacts(t, s, fact(1, "received", "A"), protocol.Fact{N: 2, Kind: "refused", PaymentID: "B", Reason: machine.ReasonStorage})
}

// TestAReadOnlyCard: what is on it is read, and nothing can be added.
func TestAReadOnlyCard(t *testing.T) {
	t.Parallel()
	s := open(t, path(t))
	save(t, s, memory(6, "A"), received("A"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	broken := true
	s = &Spool{rec: newRecord(), dirty: true, disk: newDisk(s.disk.path)}
	s.disk.openFile = failing(&broken)
	if err := s.open(); err == nil {
		t.Fatal("opened for writing")
	}
	if s.Memory() != memory(6, "A") || s.MovedAside() != "" {
		t.Fatalf("read %+v", s.rec)
	}
	wantFacts(t, s, fact(1, "received", "A"))
	for range 2 {
		if err := s.Save(memory(7, "A"), nil); err == nil {
			t.Fatal("saved on a read-only card")
		}
	}
	broken = false
	save(t, s, memory(7, "A"))
	if s = reopen(t, s); s.Memory() != memory(7, "A") {
		t.Fatalf("after healing: %+v", s.rec)
	}
}

// TestNoPlaceForASpool: the path cannot be opened at all, and later it can.
func TestNoPlaceForASpool(t *testing.T) {
	t.Parallel()
	p := path(t)
	if err := os.MkdirAll(p, 0o700); err != nil { // a folder where the file should be
		t.Fatal(err)
	}
	s, err := Open(p)
	if err == nil || s == nil || s.MovedAside() != "" {
		t.Fatalf("got %v, %v", s, err)
	}
	if err := s.Save(memory(6, "A"), nil); err == nil {
		t.Fatal("saved")
	}
	if err := os.Remove(p); err != nil {
		t.Fatal(err)
	}
	save(t, s, memory(6, "A"))
	if s = reopen(t, s); s.Memory() != memory(6, "A") {
		t.Fatalf("holds %+v", s.rec)
	}
}

// TestGarbageIsPutAside: the terminal goes on with a new epoch, and the old file
// is kept for whoever wants to know.
func TestGarbageIsPutAside(t *testing.T) {
	t.Parallel()
	s := open(t, path(t))
	save(t, s, memory(6, "A"), received("A"))
	epoch, good := s.Epoch(), read(t, s.disk.path)
	s.Close()
	for name, content := range map[string][]byte{
		"not a database":  []byte("#!/bin/sh\n"),
		"one page":        good[:4096],
		"half a page":     good[:2048],
		"zeros":           make([]byte, len(good)),
		"first two pages": good[:2*os.Getpagesize()],
		"wrong checksum":  flipRecord(t, good),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := filepath.Join(t.TempDir(), "spool.db")
			write(t, p, content)
			s := open(t, p)
			if s.MovedAside() != p+".corrupt" || s.Epoch() == epoch || s.Memory() != (machine.Memory{}) {
				t.Fatalf("moved to %q, holds %+v", s.MovedAside(), s.rec)
			}
			if got := read(t, s.MovedAside()); string(got) != string(content) {
				t.Error("what was put aside is not what was there")
			}
			save(t, s, memory(7, "B"), received("B"))
			if s = reopen(t, s); s.Memory() != memory(7, "B") || s.MovedAside() != "" {
				t.Fatalf("the new spool holds %+v", s.rec)
			}
		})
	}
}

// flipRecord changes one digit of the record, which bbolt does not notice.
func flipRecord(t *testing.T, db []byte) []byte {
	t.Helper()
	bad, n := append([]byte(nil), db...), 0
	for i := 0; i+12 < len(bad); i++ {
		if string(bad[i:i+12]) == `Paise":24500` {
			bad[i+11] = '1'
			n++
		}
	}
	if n == 0 {
		t.Fatal("no record in the file")
	}
	return bad
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyOf(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "spool.db")
	write(t, to, read(t, path))
	return to
}
