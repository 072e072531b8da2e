package agent_test

import (
	"context"
	"errors"
	"image"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"github.com/galla-pay/galla/protocol"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// rig is a whole terminal on an emulated panel, with a controller behind a
// broker at the other end, inside a bubble of fake time.
type rig struct {
	t    *testing.T
	ctrl *sessiontest.Controller
	chip *paneltest.ST7789
	cfg  agent.Config
	// keys and card are what it has beside the panel; nil: nothing.
	keys chan agent.Key
	card agent.CardReader
	// fit adds what else it is made of; nil: nothing.
	fit func(*agent.Hardware)
	// wrap puts something between the agent and the panel's driver.
	wrap func(agent.Panel) agent.Panel

	stop context.CancelFunc
	done chan error

	mu       sync.Mutex
	statuses []agent.Status
}

// bubble runs test with a terminal that is enrolled and not yet switched on. Its
// data is on a disk.
func bubble(t *testing.T, test func(*testing.T, *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, ctrl: sessiontest.NewController(), chip: paneltest.NewST7789()}
		dir := t.TempDir()
		if _, err := r.ctrl.Enrol(dir); err != nil {
			t.Fatal(err)
		}
		r.cfg = agent.Config{
			Identity: sessiontest.ID,
			DataDir:  dir,
			Software: "test",
			Dial:     r.ctrl.Broker.Dial,
			Status:   r.status,
			Log:      slog.New(slog.DiscardHandler),
		}
		defer r.ctrl.Broker.Close()
		defer r.off()
		test(t, r)
		for _, err := range r.ctrl.Wrong() {
			t.Errorf("the controller was told nonsense: %v", err)
		}
		for _, err := range r.chip.Misuse() {
			t.Errorf("the panel was misused: %v", err)
		}
	})
}

func (r *rig) status(s agent.Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses = append(r.statuses, s)
}

// is is what the terminal is doing, once everything has come to rest.
func (r *rig) is() agent.Status {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.statuses) == 0 {
		return agent.Status{}
	}
	return r.statuses[len(r.statuses)-1]
}

// ever reports whether the terminal ever was so.
func (r *rig) ever(is func(agent.Status) bool) bool {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.statuses, is)
}

func paid(s agent.Status) bool { return s.Result == protocol.OutcomeSucceeded }

// on switches the terminal on: panel reset, agent started.
func (r *rig) on() {
	r.t.Helper()
	kind, err := panel.Lookup("st7789")
	if err != nil {
		r.t.Fatal(err)
	}
	driver, err := kind.Open(r.chip, r.chip.Pins(), panel.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	var p agent.Panel = driver
	if r.wrap != nil {
		p = r.wrap(p)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop, r.done = cancel, make(chan error, 1)
	done := r.done
	hw := agent.Hardware{Panel: p, Kind: kind, Card: r.card}
	if r.keys != nil {
		hw.Keys = r.keys
	}
	if r.fit != nil {
		r.fit(&hw)
	}
	go func() { done <- agent.Run(ctx, r.cfg, hw) }()
	synctest.Wait()
}

// press presses keys; each is taken, and the glass has followed, before the next.
func (r *rig) press(keys ...agent.Key) {
	for _, k := range keys {
		r.keys <- k
		synctest.Wait()
	}
}

// off cuts the power.
func (r *rig) off() {
	if r.stop == nil {
		return
	}
	r.stop()
	begun := time.Now()
	if err := <-r.done; err != nil {
		r.t.Errorf("Run: %v", err)
	}
	if took := time.Since(begun); took > time.Second {
		r.t.Errorf("it took %v to stop", took)
	}
	r.stop = nil
	_ = r.chip.Close()
	r.chip.Reset()
}

// want checks mode and payment.
func (r *rig) want(mode protocol.Mode, payment string) {
	r.t.Helper()
	if s := r.is(); s.Mode != mode || s.PaymentID != payment {
		r.t.Fatalf("the terminal is %s about %q (%s), want %s about %q", s.Mode, s.PaymentID, s.Reason, mode, payment)
	}
}

func (r *rig) wantFacts(facts ...string) {
	r.t.Helper()
	synctest.Wait()
	if got := r.ctrl.Facts(); !slices.Equal(got, facts) {
		r.t.Fatalf("facts are %q, want %q", got, facts)
	}
}

// qrOf is a UPI link with an amount of 245 rupees, about as long as a signed one.
func qrOf(payment string) string {
	return "upi://pay?pa=merchant@upi&pn=Chai%20Point&tr=" + payment + "&am=245.00&cu=INR&mc=5411&mode=05&sign=" +
		strings.Repeat("MEUCIQ", 6)
}

// sale is a sale of 245 rupees with a minute left of two.
func sale(payment string, phase protocol.Phase) *protocol.Sale {
	return &protocol.Sale{
		PaymentID: payment, MerchantTransactionID: "M-" + payment, OrderID: "4821", Phase: phase,
		AmountPaise: 24500, PayModes: []protocol.PayMode{protocol.PayDQR}, QR: qrOf(payment), LeftMillis: 60_000, TotalMillis: 120_000,
	}
}

// offer makes the controller want a sale.
func (r *rig) offer(payment string, phase protocol.Phase) {
	r.ctrl.Want(func(s *protocol.State) { s.Sale, s.Result = sale(payment, phase), nil })
	synctest.Wait()
}

// end makes the controller tell the end of a payment.
func (r *rig) end(payment string, o protocol.Outcome) {
	r.ctrl.Want(func(s *protocol.State) {
		s.Sale = nil
		s.Result = &protocol.Result{PaymentID: payment, MerchantTransactionID: "M-" + payment, AmountPaise: 24500, Outcome: o}
	})
	synctest.Wait()
}

// scan reads the QR from the pixels of the glass, as a phone does; "" when there
// is none.
func (r *rig) scan() string {
	r.t.Helper()
	synctest.Wait()
	return scan(r.t, r.chip.Image())
}

func scan(t *testing.T, img image.Image) string {
	t.Helper()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	found, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		return ""
	}
	return found.GetText()
}

// presenting switches the terminal on and brings payment A on the glass.
func (r *rig) presenting() {
	r.t.Helper()
	r.on()
	r.want(protocol.ModeIdle, "")
	r.offer("A", protocol.PhaseOffered)
	r.want(protocol.ModePresenting, "A")
	r.wantFacts("received A", "presented A DQR")
}

// disk is all that is in the terminal's data, as text.
func (r *rig) disk() string {
	r.t.Helper()
	var all strings.Builder
	entries, err := os.ReadDir(r.cfg.DataDir)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(r.cfg.DataDir, e.Name()))
		if err != nil {
			r.t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// failingPanel refuses to draw while broken.
type failingPanel struct {
	agent.Panel
	mu     sync.Mutex
	broken bool
	// gate, when set, is received from before each drawing.
	gate  chan struct{}
	draws int
}

var errBroken = errors.New("no such device or address")

func (p *failingPanel) Draw(dst image.Rectangle, src image.Image, sp image.Point) error {
	p.mu.Lock()
	broken, gate := p.broken, p.gate
	p.draws++
	p.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if broken {
		return errBroken
	}
	return p.Panel.Draw(dst, src, sp)
}

func (p *failingPanel) set(broken bool, gate chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken, p.gate = broken, gate
}

// drawn is how many pictures it was given, once everything has come to rest.
func (p *failingPanel) drawn() int {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.draws
}
