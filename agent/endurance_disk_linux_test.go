package agent_test

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// swap makes every descriptor of this process that is open on path one of by.
func (r *rig) swap(path string, by *os.File) {
	r.t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if at, _ := os.Readlink("/proc/self/fd/" + e.Name()); err != nil || at != path || fd == int(by.Fd()) {
			continue
		}
		if err := syscall.Dup3(int(by.Fd()), fd, syscall.O_CLOEXEC); err != nil {
			r.t.Fatal(err)
		}
	}
}

// full makes the terminal's disk full: every write to the spool says ENOSPC, through
// the descriptor that is open and through any that is opened. It returns what makes
// space again.
func (r *rig) full() (space func()) {
	r.t.Helper()
	spool := filepath.Join(r.cfg.DataDir, "spool.db")
	devFull, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	defer devFull.Close()
	r.swap(spool, devFull)
	rename := func(from, to string) {
		r.t.Helper()
		if err := os.Rename(from, to); err != nil {
			r.t.Fatal(err)
		}
	}
	rename(spool, spool+".there")
	if err := os.Symlink("/dev/full", spool); err != nil {
		r.t.Fatal(err)
	}
	return func() { rename(spool+".there", spool) }
}

// readOnly makes the spool's descriptor one that takes no writes, and its file one
// that cannot be opened for any. It returns what undoes that.
func (r *rig) readOnly() (undo func()) {
	r.t.Helper()
	spool := filepath.Join(r.cfg.DataDir, "spool.db")
	reader, err := os.Open(spool)
	if err != nil {
		r.t.Fatal(err)
	}
	defer reader.Close()
	r.swap(spool, reader)
	if err := os.Rename(spool, spool+".there"); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Mkdir(spool, 0o500); err != nil { // opening it for writing fails, for root too
		r.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(spool); err != nil {
			r.t.Fatal(err)
		}
		if err := os.Rename(spool+".there", spool); err != nil {
			r.t.Fatal(err)
		}
	}
}

// TestADiskThatIsFull and one that has become read-only (failure matrix R21), in the
// middle of a sale: the sale that is on the glass is finished and PAID is shown; the
// next one is refused, and the fault reported; once the disk takes writes again the
// terminal sells, by itself, and nothing that was told or is to be told is lost.
func TestADiskThatIsFull(t *testing.T) {
	for name, spoil := range map[string]func(*rig) func(){
		"full": (*rig).full, "read-only": (*rig).readOnly,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.presenting()
				heal := spoil(r)
				time.Sleep(20 * time.Second)
				r.want(protocol.ModePresenting, "A") // nothing had to be written
				r.end("A", protocol.OutcomeSucceeded)
				if s := r.is(); !paid(s) || s.PaymentID != "A" {
					t.Fatalf("the sale that was under way ends as %+v", s)
				}
				time.Sleep(20 * time.Second)
				r.want(protocol.ModeFault, "")
				r.offer("B", protocol.PhaseOffered)
				time.Sleep(20 * time.Second)
				r.want(protocol.ModeFault, "")
				if s := r.is(); s.Reason != "STORAGE_FAULT" || r.scan() != "" {
					t.Fatalf("%+v, QR %q", s, r.scan())
				}
				if up := r.ctrl.Ups(); up[len(up)-1].Report == nil && up[len(up)-1].Heartbeat == nil {
					t.Error("it says nothing")
				}
				faulty := false
				for _, up := range r.ctrl.Ups() {
					faulty = faulty || up.Report != nil && up.Report.Mode == protocol.ModeFault
				}
				if !faulty {
					t.Error("the fault was not reported")
				}
				r.wantFacts("received A", "presented A DQR", "shown A", "refused B STORAGE_FAULT")
				r.ctrl.Want(func(s *protocol.State) { s.Sale, s.Result = nil, nil })
				time.Sleep(10 * time.Second)
				r.want(protocol.ModeFault, "")

				heal()
				time.Sleep(10 * time.Second)
				r.want(protocol.ModeIdle, "")
				r.offer("C", protocol.PhaseOffered)
				r.want(protocol.ModePresenting, "C")
				r.wantFacts("received A", "presented A DQR", "shown A", "refused B STORAGE_FAULT", "received C", "presented C DQR")
				r.off() // and it is on the disk
				r.on()
				r.want(protocol.ModePresenting, "C")
				r.wantFacts("received A", "presented A DQR", "shown A", "refused B STORAGE_FAULT", "received C", "presented C DQR")
			})
		})
	}
}

// TestPowerCutOnAFullDisk: what the controller has not heard, and the disk could
// not take, is only what happened since; what the disk had is told after it.
func TestPowerCutOnAFullDisk(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.presenting()
		heal := r.full()
		r.end("A", protocol.OutcomeSucceeded)
		r.off()
		heal()
		r.on()
		time.Sleep(10 * time.Second)
		r.want(protocol.ModeIdle, "")
		facts := r.ctrl.Facts()
		if len(facts) < 3 || facts[0] != "received A" || facts[1] != "presented A DQR" {
			t.Fatalf("facts are %q", facts)
		}
		r.offer("B", protocol.PhaseOffered)
		r.want(protocol.ModePresenting, "B")
	})
}
