package spool

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

// step is one Save and the bytes of the file before and after it.
type step struct {
	before, after []byte
	old, saved    record
}

// steps is the life of a spool through sales that were accepted and paid by card,
// with the open card in its memory.
func steps(t *testing.T) []step {
	t.Helper()
	s := open(t, path(t))
	save(t, s, memory(1, ""))
	var all []step
	for sale := range 2 {
		id := fmt.Sprintf("P%d", sale)
		mem := memory(uint64(sale)+2, id)
		for _, f := range []machine.Fact{
			{Kind: protocol.FactReceived},
			{Kind: protocol.FactAccepted},
			{Kind: protocol.FactPresented, PayMode: protocol.PayCard},
			{Kind: protocol.FactCardRead},
			{Kind: protocol.FactCardUnknown},
			{Kind: protocol.FactCardApproved, Card: protocol.Card{RRN: "632512004217", AmountPaise: 24500, Last4: "4242", Network: "VISA", Type: "DEBIT"}},
		} {
			f.PaymentID = id
			switch f.Kind {
			case protocol.FactAccepted:
				mem.Sale.Accepted, mem.Sale.Chosen = true, protocol.PayCard
			case protocol.FactPresented:
				mem.Sale.Presented = true
			case protocol.FactCardRead:
				mem.Sale.CardRead, mem.Cards[0] = true, machine.Card{PaymentID: id}
			case protocol.FactCardUnknown:
				mem.Cards[0].Told = true
			case protocol.FactCardApproved:
				mem.Cards = machine.Cards{}
			}
			st := step{before: read(t, s.disk.path), old: s.rec}
			save(t, s, mem, f)
			st.after, st.saved = read(t, s.disk.path), s.rec
			all = append(all, st)
		}
	}
	return all
}

// recordIn opens an image of the file and returns the record in it; nil when it
// was put aside as unreadable.
func recordIn(t interface {
	Fatal(...any)
	Helper()
}, image []byte) *record {
	t.Helper()
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	p := filepath.Join(dir, "spool.db")
	if err := os.WriteFile(p, image, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.MovedAside() != "" {
		return nil
	}
	return &s.rec
}

const sector = 512

// TestAPowerCutInTheMiddleOfAWrite: bbolt writes data pages, syncs, then writes
// one of the two meta pages, and syncs. So a cut leaves either any of the data
// sectors beside the old meta pages, or all of them beside a torn meta page.
// The spool must hold the record before or the record after, nothing else.
func TestAPowerCutInTheMiddleOfAWrite(t *testing.T) {
	t.Parallel()
	all := steps(t)
	meta := 2 * os.Getpagesize()
	rapid.Check(t, func(t *rapid.T) {
		st := rapid.SampledFrom(all).Draw(t, "step")
		image := append(append([]byte(nil), st.before...), make([]byte, len(st.after)-len(st.before))...)
		onlyOld := rapid.Bool().Draw(t, "before the first sync")
		for at := 0; at < len(image); at += sector {
			end := min(at+sector, len(image))
			switch isMeta := at < meta; {
			case bytes.Equal(image[at:end], st.after[at:end]):
			case onlyOld && isMeta:
			case isMeta: // torn within the sector
				copy(image[at:at+rapid.IntRange(0, end-at).Draw(t, "torn at")], st.after[at:end])
			case !onlyOld || rapid.Bool().Draw(t, "written"):
				copy(image[at:end], st.after[at:end])
			}
		}
		switch got := recordIn(t, image); {
		case got == nil:
			t.Fatal("a cut made the spool unreadable")
		case reflect.DeepEqual(*got, st.old):
		case reflect.DeepEqual(*got, st.saved) && !onlyOld:
		default:
			t.Fatalf("holds %+v, neither %+v nor %+v", *got, st.old, st.saved)
		}
	})
}

// TestFlippedBytes: a card that returns a wrong byte: each of a page's head, and
// every 97th of the rest. The spool holds what
// was saved last, what was saved before (bbolt falls back to the other meta
// page), or is put aside. It never panics and never holds anything else.
func TestFlippedBytes(t *testing.T) {
	t.Parallel()
	all := steps(t)
	last := all[len(all)-1]
	kept := map[string]int{}
	for at := range last.after {
		if at%os.Getpagesize() >= 80 && at%97 != 0 {
			continue
		}
		image := append([]byte(nil), last.after...)
		image[at] ^= 0xff
		switch got := recordIn(t, image); {
		case got == nil:
			kept["put aside"]++
		case reflect.DeepEqual(*got, last.saved):
			kept["the last"]++
		case reflect.DeepEqual(*got, last.old):
			kept["the one before"]++
		default:
			t.Fatalf("byte %d flipped: holds %+v", at, *got)
		}
	}
	for _, what := range []string{"put aside", "the last", "the one before"} {
		if kept[what] == 0 {
			t.Errorf("%q never happened in %v", what, kept)
		}
	}
}

// TestEveryTruncation: the file ends early.
func TestEveryTruncation(t *testing.T) {
	t.Parallel()
	all := steps(t)
	last := all[len(all)-1]
	for n := 0; n < len(last.after); n += sector {
		if got := recordIn(t, last.after[:n]); got != nil && n > 0 &&
			!reflect.DeepEqual(*got, last.saved) && !reflect.DeepEqual(*got, last.old) {
			t.Fatalf("cut to %d bytes: holds %+v", n, *got)
		}
	}
}

// victimEnv names the file that the killed child writes to.
const victimEnv = "GALLA_SPOOL_VICTIM"

// TestKill9 kills a child that saves as fast as it can, at a moment of its own
// choosing in the middle of a write, and demands what it said was saved.
func TestKill9(t *testing.T) {
	if p := os.Getenv(victimEnv); p != "" {
		victim(p)
		return
	}
	t.Parallel()
	p := path(t)
	var promised uint64
	for round := range 15 {
		child := exec.Command(os.Args[0], "-test.run=^TestKill9$")
		child.Env = append(os.Environ(), victimEnv+"="+p)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			seq, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Fatalf("the child says %q", lines.Text())
			}
			promised = seq
			if n == 3+7*round%11 { // it goes on writing while the signal is on its way
				_ = child.Process.Kill()
			}
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		s, err := Open(p)
		if err != nil || s.MovedAside() != "" {
			t.Fatalf("after kill %d: %v, moved to %q", round, err, s.MovedAside())
		}
		if got := s.Memory().Seq; got < promised || got > promised+1 {
			t.Fatalf("after kill %d: state %d is stored, %d was promised", round, got, promised)
		}
		if f := s.Facts(); len(f) == 0 || f[len(f)-1].PaymentID != fmt.Sprintf("P%d", s.Memory().Seq) {
			t.Fatalf("after kill %d: facts %+v with state %d", round, f, s.Memory().Seq)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// victim saves until it is killed, and says what is saved.
func victim(path string) {
	s, err := Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	for seq := s.Memory().Seq + 1; ; seq++ {
		payment := fmt.Sprintf("P%d", seq)
		if n := len(s.Facts()); n > 5 {
			s.Ack(s.Epoch(), s.Facts()[n-3].N)
		}
		if err := s.Save(memory(seq, payment), []machine.Fact{received(payment)}); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(seq)
	}
}
