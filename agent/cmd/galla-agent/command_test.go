package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"github.com/galla-pay/galla/protocol"
)

// call runs the program with args, on a device without any part.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return callOn(t.Context(), newBench(), args...)
}

// callOn runs the program on a device until ctx ends.
func callOn(ctx context.Context, on host, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = (&command{stdout: &out, stderr: &errs, host: on, environ: noEnvironment}).run(ctx, args)
	return code, out.String(), errs.String()
}

func noEnvironment(string) string { return "" }

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"run", "--help"}} {
		code, out, errs := call(t, args...)
		if code != exitGood || errs != "" || !strings.Contains(out, "--config=FILE") && !strings.Contains(out, "data-dir") {
			t.Errorf("%v: %d\n%s%s", args, code, out, errs)
		}
	}
	code, out, _ := call(t, "version")
	if code != exitGood || out != "galla-agent dev\n" {
		t.Errorf("version: %d, %q", code, out)
	}
}

func TestTheExampleIsAConfiguration(t *testing.T) {
	t.Parallel()
	c, err := readConfig(configFile(t, exampleConfig))
	if err != nil {
		t.Fatal(err)
	}
	a := c.agent()
	if a.Identity.String() != "MERCHANTUAT.teststore1.testterminal1" || !a.Enrol || a.Controller != "http://127.0.0.1:8080" ||
		a.DataDir != "/var/lib/galla-agent" || len(a.Brokers) != 0 || a.Software != version {
		t.Fatalf("agent is told %+v", a)
	}
	if want := (panelConfig{Kind: "st7789", SPI: "SPI0.0", DC: "GPIO25", RST: "GPIO27", BL: "GPIO18"}); c.Panel != want {
		t.Fatalf("panel is %+v", c.Panel)
	}
	// What is only mentioned works too.
	all := strings.NewReplacer("# brokers", "brokers", "# max-speed", "max-speed", "# upside", "upside").Replace(exampleConfig)
	if c, err = readConfig(configFile(t, all)); err != nil {
		t.Fatal(err)
	}
	if len(c.Brokers) != 1 || c.Panel.MaxSpeedHz != 32_000_000 || !c.Panel.UpsideDown {
		t.Fatalf("config is %+v", c)
	}
}

// TestWrongConfigurationStopsItWithOneLine: the line names the file and the key.
func TestWrongConfigurationStopsItWithOneLine(t *testing.T) {
	t.Parallel()
	without := func(line string) string {
		if !strings.Contains(exampleConfig, line) {
			t.Fatalf("the example has no %q", line)
		}
		return strings.Replace(exampleConfig, line, "", 1)
	}
	with := func(line string) string { return line + "\n" + exampleConfig }
	for name, c := range map[string]struct{ text, says string }{
		"unknown key":          {with(`colour = "red"`), "unknown key colour"},
		"unknown panel key":    {exampleConfig + "\n  spii = 1", "unknown key panel.spii"},
		"not TOML":             {"merchant = ", "line 1, merchant: "},
		"wrong type":           {with(`brokers = 7`), "brokers"},
		"no merchant":          {without(`merchant = "MERCHANTUAT"`), "merchant must be 1 to 64 letters"},
		"odd terminal":         {strings.Replace(exampleConfig, "testterminal1", "a/b", 1), "terminal must be 1 to 64 letters"},
		"no data-dir":          {without(`data-dir = "/var/lib/galla-agent"`), "data-dir is missing"},
		"no panel":             {without(`kind = "st7789"`), "panel.kind is missing"},
		"no SPI":               {without(`spi  = "SPI0.0"`), "panel.spi is missing"},
		"no D/C":               {without(`dc   = "GPIO25"`), "panel.dc is missing"},
		"enrol without a door": {without(`controller    = "http://127.0.0.1:8080"`), "sandbox-enrol needs controller"},
	} {
		path := configFile(t, c.text)
		code, out, errs := call(t, "run", "--config", path)
		if code != exitUsage || out != "" || strings.Count(errs, "\n") != 1 ||
			!strings.Contains(errs, path) || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit %d, %q; want %q", name, code, errs, c.says)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, exitUsage, "expected one of"},
		{[]string{"run"}, exitUsage, "missing flags: --config=FILE"},
		{[]string{"run", "--config", "/does/not/exist"}, exitUsage, "/does/not/exist: no such file"},
		{[]string{"run", "--config", configFile(t, exampleConfig), "--log-format", "xml"}, exitUsage, "--log-format must be one of"},
		{[]string{"run", "--config", configFile(t, exampleConfig)}, exitError, `panel.dc: there is no pin "GPIO25"`},
	} {
		code, _, errs := call(t, c.args...)
		if code != c.code || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%q: exit %d, %q; want %q", c.args, code, errs, c.says)
		}
	}
}

// TestMissingHardware: this machine, as any that tests run on, has no such port.
func TestMissingHardware(t *testing.T) {
	t.Parallel()
	without := displayConfig(t.TempDir())
	for name, c := range map[string]struct{ config, says string }{
		"pin": {without, `panel.dc: there is no pin "SPI0.0 DC"`},
	} {
		code, out, errs := callOn(t.Context(), periphHost{}, "run", "--config", configFile(t, c.config))
		if code != exitError || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit %d, %q, want %q", name, code, errs, c.says)
		}
	}
	// Each part on a device that has the others.
	for says, take := range map[string]func(*counter){
		`panel.spi: there is no port "SPI0.0"`:          func(c *counter) { delete(c.ports, "SPI0.0") },
		`panel.bl: there is no pin "SPI0.0 BL"`:         func(c *counter) { delete(c.pins, "SPI0.0 BL") },
		`keys.accept: there is no pin "A"`:              func(c *counter) { delete(c.pins, "A") },
		`number 4 of keypad.rows: there is no pin "R4"`: func(c *counter) { delete(c.pins, "R4") },
		`number 1 of keypad.cols: there is no pin "C1"`: func(c *counter) { delete(c.pins, "C1") },
		"hardware: this is no device":                   func(c *counter) { c.broken = errors.New("hardware: this is no device") },
	} {
		on := newCounter()
		take(on)
		code, _, errs := callOn(t.Context(), on, "run", "--config", configFile(t, counterConfig(t.TempDir())))
		if code != exitError || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, says) {
			t.Errorf("exit %d, %q, want %q", code, errs, says)
		}
		if on.glass.Lit() {
			t.Errorf("%s: the panel is left lit", says)
		}
	}
}

// TestRun is the whole program on an emulated panel: it enrols nowhere, since
// its disk has credentials, connects, shows a QR, and on SIGTERM goes dark.
func TestRun(t *testing.T) {
	t.Parallel()
	ctrl := sessiontest.NewController()
	defer ctrl.Broker.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			ctrl.Broker.Serve(conn)
		}
	}()
	dir := t.TempDir()
	if _, err := ctrl.Enrol(dir); err != nil {
		t.Fatal(err)
	}
	ctrl.Want(func(s *protocol.State) {
		s.Sale = &protocol.Sale{PaymentID: "A", MerchantTransactionID: "M-A", Phase: protocol.PhaseOffered, AmountPaise: 24500,
			PayModes: []protocol.PayMode{protocol.PayDQR},
			QR:       "upi://pay?pa=merchant@upi&tr=A&am=245.00", LeftMillis: 60_000, TotalMillis: 60_000}
	})
	file := configFile(t, displayConfig(dir, fmt.Sprintf("brokers = [\"mqtt://%s\"]", listener.Addr())))

	chip, on := paneltest.NewST7789(), newBench()
	on.plug("SPI0.0", chip)
	var out, errs bytes.Buffer
	c := command{stdout: &out, stderr: &errs, host: on, environ: noEnvironment}
	ctx, sigterm := context.WithCancel(t.Context())
	defer sigterm()
	code := make(chan int, 1)
	go func() { code <- c.run(ctx, []string{"run", "--config", file, "--log-format", "json"}) }()
	limit := time.After(20 * time.Second)
	for heard := ctrl.Heard(); len(ctrl.Facts()) < 2; heard = ctrl.Heard() {
		select {
		case <-heard:
		case n := <-code:
			t.Fatalf("it ended with %d: %s", n, errs.String())
		case <-limit:
			t.Fatalf("only %q came", ctrl.Facts())
		}
	}
	if !chip.Lit() {
		t.Error("the panel is dark")
	}
	sigterm()
	if n := <-code; n != exitGood {
		t.Fatalf("exit %d: %s", n, errs.String())
	}
	if chip.Lit() {
		t.Error("the panel is left lit")
	}
	if !strings.Contains(errs.String(), `"msg":"starting"`) || out.Len() != 0 {
		t.Errorf("stdout %q, log %s", out.String(), errs.String())
	}
	if got := ctrl.Ups()[0].Report; got == nil || got.Software != version || got.Panel != "st7789" {
		t.Errorf("the sync says %+v", got)
	}
}
