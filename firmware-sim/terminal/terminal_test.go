package terminal_test

import (
	"errors"
	"image"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

// One sale through the real agent: enrolment, QR on the glass, PAID.
func TestSale(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := newRig(t, d, nil)
	if err := r.PowerOn(); err != nil {
		t.Fatal(err)
	}
	r.awaitReady()
	within(t, "a sync", d.syncs)

	s := sale("P1", "TXN-1", 24_500)
	d.offer(s)
	r.awaitPresenting(s)
	r.awaitQR(s.QR)
	if fact := within(t, "the fact received", d.facts); fact.Kind != protocol.FactReceived || fact.PaymentID != "P1" {
		t.Fatalf("fact %+v, want received", fact)
	}
	if fact := within(t, "the fact presented", d.facts); fact.Kind != protocol.FactPresented || fact.PaymentID != "P1" {
		t.Fatalf("fact %+v, want presented", fact)
	}

	d.end(s, protocol.OutcomeSucceeded, "")
	now := r.awaitMode(protocol.ModeResult)
	if now.Result != protocol.OutcomeSucceeded || now.MerchantTransactionID != "TXN-1" || now.AmountPaise != 24_500 {
		t.Fatalf("the result is %+v", now)
	}
	r.awaitPicture("no QR any more", func(picture []byte) error {
		if readsAs(picture, s.QR) == nil {
			return errors.New("it is still there")
		}
		return nil
	})
	if got := r.View().Text; got != "Received ₹245.00" {
		t.Fatalf("the page says %q", got)
	}
}

// Every end of a sale is told as it was, in state and light.
func TestSaleEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		outcome protocol.Outcome
		reason  string
		text    string
		lamp    signals.Light
	}{
		{protocol.OutcomeSucceeded, "", "Received ₹1,23,456.00", signals.Light{Colour: "green", Pattern: "solid"}},
		{protocol.OutcomeFailed, "UPI:IP08", "Payment failed: UPI:IP08", signals.Light{Colour: "red", Pattern: "three-blinks"}},
		{protocol.OutcomeExpired, "QR_EXPIRED", "Time over", signals.Light{Colour: "amber", Pattern: "one-blink"}},
		{protocol.OutcomeCancelled, "CANCELLED_BY_MERCHANT", "Bill cancelled", signals.Light{Colour: "amber", Pattern: "one-blink"}},
	} {
		t.Run(string(tt.outcome), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			r := newRig(t, d, nil)
			if err := r.PowerOn(); err != nil {
				t.Fatal(err)
			}
			r.awaitReady()
			s := sale("P1", "TXN-1", 1_23_456_00)
			d.offer(s)
			r.awaitPresenting(s)
			d.end(s, tt.outcome, tt.reason)
			now := r.awaitMode(protocol.ModeResult)
			if now.Result != tt.outcome || now.Reason != tt.reason || now.MerchantTransactionID != "TXN-1" {
				t.Fatalf("the result is %+v", now)
			}
			if view := r.View(); view.Mode == protocol.ModeResult && (view.Text != tt.text || view.Lamp != tt.lamp) {
				t.Fatalf("the page shows %q, %+v", view.Text, view.Lamp)
			}
		})
	}
}

// The newest unpaid sale is shown.
func TestNewerSale(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := newRig(t, d, nil)
	if err := r.PowerOn(); err != nil {
		t.Fatal(err)
	}
	r.awaitReady()
	for _, s := range []*protocol.Sale{sale("P1", "TXN-1", 10_000), sale("P2", "TXN-2", 20_000)} {
		d.offer(s)
		r.awaitPresenting(s)
		r.awaitQR(s.QR)
	}
}

// A plug pulled out while the QR is on glass: nothing is said, the glass is
// black, the disk stays; with power again the same QR is presented.
func TestPowerCutWhilePresenting(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := newRig(t, d, nil)
	r.flip("/power/on")
	r.awaitReady()
	first := within(t, "the first sync", d.syncs)
	within(t, "the first login", d.connections)
	s := sale("P1", "TXN-1", 7_950)
	d.offer(s)
	r.awaitPresenting(s)
	r.awaitQR(s.QR)
	within(t, "the fact received", d.facts)
	within(t, "the fact presented", d.facts)

	off := r.flip("/power/off")
	if off.Mode != protocol.ModeOff || off.Power || off.Link || off.MerchantTransactionID != "" || off.AmountPaise != 0 || !off.Network {
		t.Fatalf("without power it is %+v", off)
	}
	if img := picture(t, r.get("/panel.png")); !black(img) || img.Bounds() != image.Rect(0, 0, 240, 320) {
		t.Fatal("without power the panel is not black")
	}
	if will := within(t, "the last will", d.wills); will.Session != first.Session {
		t.Fatalf("the last will is of session %s, not %s", will.Session, first.Session)
	}
	none(t, "a farewell", d.farewells)
	// Not the agent closed the connection, the cable was cut before it could.
	if err := within(t, "the end of the connection", d.ends); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("the connection ended with %v, want a reset", err)
	}

	began := time.Now()
	on := r.flip("/power/on")
	if !on.Power || on.Mode == protocol.ModeOff {
		t.Fatalf("with power it is %+v", on)
	}
	r.awaitPresenting(s)
	r.awaitQR(s.QR)
	if took := time.Since(began); took > 10*time.Second {
		t.Fatalf("it presents again after %v, more than the 10 s of DESIGN 3.3", took)
	}
	second := within(t, "the second sync", d.syncs)
	if second.Epoch != first.Epoch || second.Session == first.Session {
		t.Fatalf("the disk did not stay: epoch %s was %s, session %s was %s", second.Epoch, first.Epoch, second.Session, first.Session)
	}
	if n := d.enrolments(); n != 1 {
		t.Fatalf("enrolled %d times, want once", n)
	}
	d.end(s, protocol.OutcomeSucceeded, "")
	if now := r.awaitMode(protocol.ModeResult); now.Result != protocol.OutcomeSucceeded {
		t.Fatalf("the result is %+v", now)
	}
	none(t, "a farewell", d.farewells)
}

// A power cut can come at any moment of the boot, and any number of times.
func TestPowerCutWhileBooting(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := newRig(t, d, nil)
	for range 3 {
		r.flip("/power/on")
		r.flip("/power/off")
	}
	r.flip("/power/on")
	r.awaitMode(protocol.ModeStarting)
	r.flip("/power/off")
	r.flip("/power/on")
	r.awaitReady()
	r.flip("/power/on") // there is power already
	if now := r.State(); now.Mode != protocol.ModeIdle {
		t.Fatalf("switching power on twice makes it %+v", now)
	}
	none(t, "a farewell", d.farewells)
}

// Without network an idle terminal is offline, and back by itself.
func TestNetworkCutWhileIdle(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := newRig(t, d, nil)
	r.flip("/power/on")
	r.awaitReady()
	within(t, "the first login", d.connections)
	if now := r.flip("/network/off"); now.Network || !now.Power {
		t.Fatalf("the switches are %+v", now)
	}
	now := r.awaitMode(protocol.ModeOffline)
	if now.Link {
		t.Fatalf("linked without a network: %+v", now)
	}
	within(t, "the last will", d.wills)
	none(t, "a farewell", d.farewells)
	if err := within(t, "the end of the connection", d.ends); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("the connection ended with %v, want a reset", err)
	}
	r.flip("/network/on")
	r.awaitReady()
	within(t, "the second login", d.connections)
}

// Without network the QR stays (DESIGN 3.3); what happened meanwhile is shown
// once the network is back.
func TestNetworkCutWhilePresenting(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := newRig(t, d, nil)
	r.flip("/power/on")
	r.awaitReady()
	s := sale("P1", "TXN-1", 24_500)
	d.offer(s)
	r.awaitPresenting(s)
	within(t, "the fact received", d.facts)
	within(t, "the fact presented", d.facts)
	r.flip("/network/off")
	now := r.await("no link", func(s terminal.State) bool { return !s.Link })
	if now.Mode != protocol.ModePresenting || now.MerchantTransactionID != "TXN-1" {
		t.Fatalf("without network it is %+v", now)
	}
	r.awaitQR(s.QR)
	d.end(s, protocol.OutcomeSucceeded, "")
	r.flip("/network/on")
	if now := r.awaitMode(protocol.ModeResult); now.Result != protocol.OutcomeSucceeded || now.AmountPaise != 24_500 {
		t.Fatalf("the result is %+v", now)
	}
}

// The switches are two: what one takes the other does not give back.
func TestNetworkSwitchSurvivesPower(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := newRig(t, d, nil)
	r.flip("/network/off")
	if now := r.flip("/power/on"); now.Network {
		t.Fatalf("power switched the network on: %+v", now)
	}
	// It cannot enrol, so it is not linked; the desk never hears of it.
	r.await("no longer starting", func(s terminal.State) bool { return s.Mode != protocol.ModeStarting })
	if n := d.enrolments(); n != 0 {
		t.Fatalf("enrolled %d times without a network", n)
	}
	r.flip("/network/on")
	r.awaitReady()
}

// A terminal without a disk of its own takes one, and removes it; the next one
// enrols anew.
func TestFreshDisk(t *testing.T) {
	disks := t.TempDir()
	t.Setenv("TMPDIR", disks)
	d := newDesk(t)
	for want := 1; want <= 2; want++ {
		r := newRig(t, d, func(cfg *terminal.Config) { cfg.DataDir = "" })
		if err := r.PowerOn(); err != nil {
			t.Fatal(err)
		}
		r.awaitReady()
		if got := d.enrolments(); got != want {
			t.Fatalf("%d enrolments, want %d", got, want)
		}
		if there, err := os.ReadDir(disks); err != nil || len(there) != 1 {
			t.Fatalf("disks %v, %v", there, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if there, err := os.ReadDir(disks); err != nil || len(there) != 0 {
			t.Fatalf("the disk stays: %v, %v", there, err)
		}
	}
}

// An agent that cannot run is a fault that says why, and is started again.
func TestAgentGivesUp(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	disk := filepath.Join(t.TempDir(), "disk")
	r := newRig(t, d, func(cfg *terminal.Config) { cfg.DataDir = disk })
	// A file where the disk was: nothing can be stored there.
	if err := os.Remove(disk); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.PowerOn(); err != nil {
		t.Fatal(err)
	}
	if now := r.awaitMode(protocol.ModeFault); now.Reason == "" || now.Link {
		t.Fatalf("the fault is %+v", now)
	}
	if err := os.Remove(disk); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	r.awaitReady()
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  terminal.Config
		want string
	}{
		{"no identity", terminal.Config{}, protocol.ErrIdentity.Error()},
		{"an unknown panel", terminal.Config{Identity: someone, PanelKind: "vt100"}, `panel "vt100": known are st7789, ili9341, ili9488, ili9488-landscape, waveshare2in13v3`},
		{"a disk that cannot be", terminal.Config{Identity: someone, DataDir: "/dev/null/disk"}, "the terminal's disk: mkdir /dev/null: not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := terminal.New(tt.cfg)
			if err == nil || got != nil || err.Error() != tt.want {
				t.Fatalf("New = %v, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := newRig(t, d, nil)
	if err := r.PowerOn(); err != nil {
		t.Fatal(err)
	}
	r.awaitReady()
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if now := r.State(); now.Mode != protocol.ModeOff {
		t.Fatalf("closed, it is %+v", now)
	}
	if err := r.PowerOn(); !errors.Is(err, terminal.ErrClosed) {
		t.Fatalf("PowerOn after Close = %v", err)
	}
	if err := r.Network(false); !errors.Is(err, terminal.ErrClosed) {
		t.Fatalf("Network after Close = %v", err)
	}
	if status, _, body := r.call("POST", "/power/on"); status != 409 {
		t.Fatalf("POST /power/on after Close = %d %s", status, body)
	}
}
