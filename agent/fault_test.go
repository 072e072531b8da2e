package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/agent/internal/spool"
	"github.com/galla-pay/galla/protocol"
)

var (
	well        = sessiontest.Behaviour{}
	unreachable = sessiontest.Behaviour{Unreachable: true}
)

func TestBrokenPanel(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var p *failingPanel
		r.wrap = func(driver agent.Panel) agent.Panel { p = &failingPanel{Panel: driver}; return p }
		r.on()
		p.set(true, nil)
		r.offer("A", protocol.PhaseOffered)
		r.want(protocol.ModeFault, "")
		if r.is().Reason != "PANEL_FAULT" || r.chip.Lit() {
			t.Fatalf("status %+v, light %v", r.is(), r.chip.Lit())
		}
		r.wantFacts("received A")
		// A hiccup: it is tried again, and nothing is lost.
		p.set(false, nil)
		time.Sleep(3500 * time.Millisecond)
		r.want(protocol.ModePresenting, "A")
		if !r.chip.Lit() || r.scan() != qrOf("A") {
			t.Fatalf("light %v, QR %q", r.chip.Lit(), r.scan())
		}
		r.wantFacts("received A", "presented A DQR")

		// It stays broken: the next sale is refused, and the fault is reported.
		r.end("A", protocol.OutcomeFailed)
		time.Sleep(10 * time.Second)
		p.set(true, nil)
		r.offer("B", protocol.PhaseOffered)
		time.Sleep(20 * time.Second)
		r.want(protocol.ModeFault, "")
		r.wantFacts("received A", "presented A DQR", "shown A", "received B", "refused B PANEL_FAULT")
		faulty := false
		for _, up := range r.ctrl.Ups() {
			faulty = faulty || up.Report != nil && up.Report.Mode == protocol.ModeFault
		}
		if !faulty {
			t.Error("the fault was not reported")
		}
		if p.draws > 40 {
			t.Errorf("%d tries", p.draws)
		}
	})
}

// TestAPanelThatHangs: the driver never comes back. The terminal says so, goes
// on talking, and recovers with the panel.
func TestAPanelThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var p *failingPanel
		r.wrap = func(driver agent.Panel) agent.Panel { p = &failingPanel{Panel: driver}; return p }
		r.on()
		gate := make(chan struct{})
		p.set(false, gate)
		r.offer("A", protocol.PhaseOffered)
		time.Sleep(2900 * time.Millisecond)
		r.want(protocol.ModeIdle, "") // that is what the glass shows
		time.Sleep(200 * time.Millisecond)
		r.want(protocol.ModeFault, "")
		if s := r.is(); s.Reason != "PANEL_FAULT" || !s.Link {
			t.Fatalf("status %+v", s)
		}
		time.Sleep(5 * time.Second)
		r.wantFacts("received A", "refused A PANEL_FAULT")
		p.set(false, nil)
		close(gate)
		time.Sleep(4 * time.Second)
		r.want(protocol.ModeIdle, "")
	})
}

// TestAStuckBus: the emulated chip's bus hangs; the driver notices by itself.
func TestAStuckBus(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.presenting()
		r.chip.SetStuck(true)
		defer r.chip.SetStuck(false)
		time.Sleep(4 * time.Second)
		r.want(protocol.ModeFault, "")
		if r.chip.Lit() {
			t.Error("a dead QR can be seen")
		}
	})
}

// TestADiskThatTakesNothing: new sales are refused, with the reason, until it
// takes writes again (failure matrix R21).
func TestADiskThatTakesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		blocked := filepath.Join(r.cfg.DataDir, "spool.db")
		if err := os.Mkdir(blocked, 0o700); err != nil {
			t.Fatal(err)
		}
		r.on()
		r.want(protocol.ModeFault, "")
		if r.is().Reason != "STORAGE_FAULT" {
			t.Fatalf("status %+v", r.is())
		}
		r.offer("A", protocol.PhaseOffered)
		r.want(protocol.ModeFault, "")
		if got := r.scan(); got != "" {
			t.Fatalf("a phone reads %q", got)
		}
		r.wantFacts("refused A STORAGE_FAULT")
		if err := os.Remove(blocked); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		r.want(protocol.ModeIdle, "")
		r.offer("B", protocol.PhaseOffered)
		r.want(protocol.ModePresenting, "B")
		r.wantFacts("refused A STORAGE_FAULT", "received B", "presented B DQR")
	})
}

// TestACorruptSpool: the terminal begins a new epoch and goes on.
func TestACorruptSpool(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.presenting()
		r.off()
		spool := filepath.Join(r.cfg.DataDir, "spool.db")
		if err := os.WriteFile(spool, []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
		epoch := r.ctrl.State().Epoch
		r.on()
		r.want(protocol.ModePresenting, "A")
		if r.ctrl.State().Epoch == epoch {
			t.Error("the old epoch goes on")
		}
		if _, err := os.Stat(spool + ".corrupt"); err != nil {
			t.Error(err)
		}
	})
}

// TestForgedPaid: whatever reaches the terminal while a QR is on the glass, only
// the controller's own statement about this very payment makes it show PAID
// (DESIGN 5, failure matrix T1).
func TestForgedPaid(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.presenting()
		seq := r.ctrl.State().Seq
		statement := func() protocol.State {
			st := r.ctrl.State()
			st.Header = protocol.Header{V: protocol.Version, Type: protocol.TypeState, Identity: sessiontest.ID}
			st.Seq = seq + 1
			st.Sale = nil
			st.Result = &protocol.Result{PaymentID: "A", MerchantTransactionID: "M-A", AmountPaise: 24500, Outcome: protocol.OutcomeSucceeded}
			return st
		}
		sign := func(k protocol.SigningKey, st protocol.State) []byte {
			text, err := k.Sign(protocol.PurposeDown, st)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		send := func(what string, text []byte) {
			t.Helper()
			r.ctrl.Broker.Publish(protocol.CommandTopic(sessiontest.ID), text)
			synctest.Wait()
			if r.ever(paid) {
				t.Fatalf("%s: the terminal shows PAID", what)
			}
		}
		good := sign(r.ctrl.Online, statement())
		for at := range good {
			bad := append([]byte(nil), good...)
			bad[at] ^= 0x04
			send("flipped byte", bad)
		}
		send("wrong key", sign(sessiontest.Key("thief"), statement()))
		send("root key", sign(r.ctrl.Root, statement()))
		for name, forge := range map[string]func(*protocol.State){
			"other terminal":    func(s *protocol.State) { s.Identity.TerminalID = "testterminal2" },
			"other store":       func(s *protocol.State) { s.Identity.StoreID = "teststore2" },
			"old state":         func(s *protocol.State) { s.Seq = seq - 1 },
			"the sale's state":  func(s *protocol.State) { s.Seq = seq },
			"invented nonce":    func(s *protocol.State) { s.Seq, s.Nonce = 1, "AAAAAAAAAAAAAAAAAAAAAA" },
			"other protocol":    func(s *protocol.State) { s.V = protocol.Version + 1 },
			"other message":     func(s *protocol.State) { s.Type = protocol.TypeReport },
			"an old sale's end": func(s *protocol.State) { s.Sale, s.Result.PaymentID = sale("A", protocol.PhaseOffered), "Z" },
		} {
			st := statement()
			forge(&st)
			send(name, sign(r.ctrl.Online, st))
			r.want(protocol.ModePresenting, "A")
		}
		// These are signed by the controller, so they end the sale; but not as PAID.
		for name, forge := range map[string]func(*protocol.Result){
			"other amount":      func(p *protocol.Result) { p.AmountPaise = 2450 },
			"other order":       func(p *protocol.Result) { p.PaymentID, p.MerchantTransactionID = "Z", "M-Z" },
			"other transaction": func(p *protocol.Result) { p.MerchantTransactionID = "M-Z" },
			"odd outcome":       func(p *protocol.Result) { p.Outcome = "PAID" },
		} {
			seq += 2
			r.ctrl.Restore(seq, func(s *protocol.State) { s.Sale = sale("A", protocol.PhasePresented) })
			r.ctrl.Repeat()
			r.want(protocol.ModePresenting, "A")
			st := statement()
			forge(st.Result)
			send(name, sign(r.ctrl.Online, st))
			r.want(protocol.ModeIdle, "")
		}
		// And the good one does.
		seq += 10
		r.ctrl.Restore(seq, func(s *protocol.State) { s.Sale = sale("A", protocol.PhasePresented) })
		r.ctrl.Repeat()
		r.want(protocol.ModePresenting, "A")
		r.end("A", protocol.OutcomeSucceeded)
		if !paid(r.is()) {
			t.Fatalf("the good statement leads to %+v", r.is())
		}
	})
}

// TestItDoesNotStart: wrong configuration is one clear line, and nothing runs.
func TestItDoesNotStart(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*testing.T, *rig)
		says  string
	}{
		"no identity":         {func(_ *testing.T, r *rig) { r.cfg.Identity.StoreID = "" }, "identity must be merchantId.storeId.terminalId"},
		"odd broker":          {func(_ *testing.T, r *rig) { r.cfg.Brokers = []string{"tcp://x:1"} }, `broker "tcp://x:1" is not mqtt://`},
		"enrol nowhere":       {func(_ *testing.T, r *rig) { r.cfg.Enrol = true }, `controller "" is not http://`},
		"not enrolled":        {func(t *testing.T, r *rig) { r.cfg.DataDir = t.TempDir() }, "has no credentials"},
		"memory, no enrol":    {func(_ *testing.T, r *rig) { r.cfg.DataDir = "" }, "has no credentials"},
		"another terminal's":  {func(_ *testing.T, r *rig) { r.cfg.Identity.TerminalID = "t2" }, "credentials are for MERCHANTUAT.teststore1.testterminal1"},
		"data dir is no dir":  {func(t *testing.T, r *rig) { r.cfg.DataDir = filepath.Join(r.cfg.DataDir, "device.key") }, "not a directory"},
		"another agent there": {func(t *testing.T, r *rig) { keepOpen(t, r) }, "in use by another process"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				c.spoil(t, r)
				r.on()
				time.Sleep(2 * time.Second)
				synctest.Wait()
				select {
				case err := <-r.done:
					if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
						t.Fatalf("Run returned %v, want %q in one line", err, c.says)
					}
				default:
					t.Fatal("Run goes on")
				}
				r.stop()
				r.stop = nil
			})
		})
	}
}

// keepOpen is another agent on the same data.
func keepOpen(t *testing.T, r *rig) {
	t.Helper()
	s, err := spool.Open(filepath.Join(r.cfg.DataDir, "spool.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
}
