package fleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/galla-pay/galla/firmware-sim/fleet"
	"github.com/galla-pay/galla/protocol"
)

// Fifty terminals in one process lose power and network and are sold at all the
// while. In the end everybody is connected, and terminals, customers and controller
// have the same sales.
func TestFiftyInOneProcess(t *testing.T) {
	t.Parallel()
	c := startController(t)
	cfg := c.config(50)
	cfg.For, cfg.Churn, cfg.Flap, cfg.Sales = 10*time.Second, 120, 240, 4
	report, err := fleet.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(text(report))
	if !report.Good() || report.Connected != 50 || report.Processes != 1 || report.Stopped {
		t.Errorf("it did not end well: %+v", report)
	}
	agrees(t, c, report)
	if report.PowerCuts == 0 || report.NetworkCuts == 0 || report.Connects["power"].Count == 0 || report.Connects["network"].Count == 0 {
		t.Errorf("nobody was disturbed: %+v", report)
	}
	if report.Connects["start"].Count != 50 {
		t.Errorf("%d joined", report.Connects["start"].Count)
	}
}

// agrees checks that everybody counted the same.
func agrees(t *testing.T, c *controller, r fleet.Report) {
	t.Helper()
	if r.Sales.Asked == 0 || r.Sales.Paid == 0 {
		t.Errorf("nothing was sold: %+v", r.Sales)
	}
	lost := r.Errors[fleet.LostWithPower]
	if r.Sales.Presented != r.Sales.Asked || r.Sales.Paid != r.Sales.Presented || r.Sales.ShownPaid+lost != r.Sales.Paid || r.Sales.Succeeded != r.Sales.Paid {
		t.Errorf("sales were lost: %+v; errors %v", r.Sales, r.Errors)
	}
	if n := c.metric(`galla_payments_total{state="succeeded"}`); n != r.Sales.Paid {
		t.Errorf("the controller counted %d successes, the fleet's customers paid %d", n, r.Sales.Paid)
	}
	if r.Shown < r.Sales.ShownPaid || r.FalsePaid != 0 {
		t.Errorf("%d screens showed PAID, %d falsely, of %d paid", r.Shown, r.FalsePaid, r.Sales.Paid)
	}
	if r.Glass.Count != r.Sales.Presented || r.Glass.P50 <= 0 || r.Glass.P99 < r.Glass.P50 {
		t.Errorf("from the API to the glass: %+v", r.Glass)
	}
	if r.KiB <= 0 || r.Goroutines <= 0 {
		t.Errorf("a terminal needs %v KiB and %v goroutines", r.KiB, r.Goroutines)
	}
}

// Twenty terminals in two processes are twenty to the controller, can each be
// looked at through the one door, and end with a report when they are stopped.
func TestTwentyInTwoProcesses(t *testing.T) {
	t.Parallel()
	c := startController(t)
	cfg := c.config(20)
	cfg.Processes, cfg.Churn, cfg.Flap, cfg.Sales = 2, 12, 12, 2
	cfg.Listen = listener(t)
	door := "http://" + cfg.Listen.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	type result struct {
		report fleet.Report
		err    error
	}
	ended := make(chan result, 1)
	go func() {
		report, err := fleet.Run(ctx, cfg)
		ended <- result{report, err}
	}()
	c.until("twenty are connected, at both ends, and something was sold", func() bool {
		linked := 0
		for _, s := range states(door) {
			if s.Link {
				linked++
			}
		}
		return linked == 20 && c.metric("galla_terminals_connected") == 20 && c.metric(`galla_payments_total{state="succeeded"}`) > 4
	})
	for _, n := range []int{1, 10, 11, 20} {
		c.until(fmt.Sprintf("a picture of terminal %d", n), func() bool {
			picture, err := png.Decode(strings.NewReader(get(fmt.Sprintf("%s/terminals/%d/panel.png", door, n))))
			if err != nil {
				return false
			}
			colours := map[[3]uint32]bool{}
			for y := range picture.Bounds().Dy() {
				for x := range picture.Bounds().Dx() {
					r, g, b, _ := picture.At(x, y).RGBA()
					colours[[3]uint32{r, g, b}] = true
				}
			}
			return picture.Bounds().Dx() == 240 && picture.Bounds().Dy() == 320 && len(colours) > 2
		})
	}
	if body := get(door + "/terminals/21"); body != "" {
		t.Errorf("terminal 21 is %s", body)
	}
	stop()
	select {
	case r := <-ended:
		if r.err != nil {
			t.Fatal(r.err)
		}
		t.Log(text(r.report))
		if !r.report.Good() || !r.report.Stopped || r.report.Terminals != 20 || r.report.Processes != 2 || r.report.Connects["start"].Count != 20 {
			t.Errorf("it did not end well: %+v", r.report)
		}
		agrees(t, c, r.report)
	case <-time.After(patience):
		t.Fatal("it does not end when it is stopped")
	}
	if states := states(door); states != nil {
		t.Error("it can still be looked at")
	}
}

// A controller that is killed and comes back finds all its terminals again, well
// within the minute of failure matrix R24, and no PAID is false.
func TestControllerComesBack(t *testing.T) {
	t.Parallel()
	c := startController(t)
	cfg := c.config(50)
	cfg.Listen = listener(t)
	door := "http://" + cfg.Listen.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	var report fleet.Report
	go func() {
		var err error
		report, err = fleet.Run(ctx, cfg)
		ended <- err
	}()
	linked := func() (n int) {
		for _, s := range states(door) {
			if s.Link {
				n++
			}
		}
		return n
	}
	c.until("all are connected", func() bool { return linked() == 50 })
	c.end(syscall.SIGKILL)
	c.until("all have noticed", func() bool { return linked() == 0 })
	c.start()
	began := time.Now()
	c.until("all are connected again", func() bool { return linked() == 50 && c.metric("galla_terminals_connected") == 50 })
	took := time.Since(began)
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	t.Log(text(report))
	if took > fleet.HealWithin || report.Connects["loss"].Count < 50 || report.FalsePaid != 0 {
		t.Errorf("back after %v: %+v", took, report)
	}
}

// Without a token the fleet is what the sandbox has, and it says so.
func TestWithoutToken(t *testing.T) {
	t.Parallel()
	c := startController(t)
	cfg := c.config(50)
	var said bytes.Buffer
	cfg.AdminToken, cfg.Progress, cfg.For = "", &said, 50*time.Millisecond
	report, err := fleet.Run(t.Context(), cfg)
	if err != nil || report.Terminals != 3 || report.Connected != 3 || !report.Good() {
		t.Errorf("%+v, %v", report, err)
	}
	if !strings.Contains(said.String(), "3 terminals, not 50: the sandbox has no more of MERCHANTUAT") {
		t.Errorf("it says %q", said.String())
	}
}

// What cannot be done is said at once, in its own kind.
func TestRefusals(t *testing.T) {
	t.Parallel()
	c := startController(t)
	for _, tt := range []struct {
		name   string
		change func(*fleet.Config)
		want   error
	}{
		{"nobody there", func(c *fleet.Config) { c.Controller = "http://127.0.0.1:1" }, fleet.ErrUnreachable},
		{"a token that is none", func(c *fleet.Config) { c.AdminToken = "galla_admin_nobody" }, fleet.ErrAdmin},
		{"a merchant that there is not", func(c *fleet.Config) { c.Merchant = "NOBODY" }, fleet.ErrAdmin},
		{"a merchant that the sandbox does not have", func(c *fleet.Config) { c.Merchant, c.AdminToken = "NOBODY", "" }, fleet.ErrAdmin},
		{"a salt key that is none", func(c *fleet.Config) { c.SaltKey, c.Sales = "wrong", 1 }, fleet.ErrSalt},
	} {
		cfg := c.config(2)
		tt.change(&cfg)
		if _, err := fleet.Run(t.Context(), cfg); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if t.Failed() {
			break
		}
	}
}

// states are those of all terminals; nil when nobody answers.
func states(door string) (all []fleet.State) {
	if json.Unmarshal([]byte(get(door+"/terminals")), &all) != nil {
		return nil
	}
	for i, s := range all {
		if id, err := protocol.ParseIdentity(s.Identity); err != nil || !id.Valid() || s.Number != i+1 {
			return nil
		}
	}
	return all
}

func text(r fleet.Report) string {
	var out bytes.Buffer
	r.Fprint(&out)
	return out.String()
}
