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

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"github.com/galla-pay/galla/protocol"
	"periph.io/x/conn/v3/spi"
)

// call runs the program with args, without hardware.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = command{stdout: &out, stderr: &errs, open: func(config) (agent.Hardware, func() error, error) {
		return agent.Hardware{}, nil, errors.New("no hardware")
	}}.run(t.Context(), args)
	return code, out.String(), errs.String()
}

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
		a.DataDir != "/var/lib/galla" || len(a.Brokers) != 0 || a.Software != version {
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
		"not TOML":             {"merchant = ", "line 1: "},
		"wrong type":           {with(`brokers = 7`), "brokers"},
		"no merchant":          {without(`merchant = "MERCHANTUAT"`), "merchant must be 1 to 64 letters"},
		"odd terminal":         {strings.Replace(exampleConfig, "testterminal1", "a/b", 1), "terminal must be 1 to 64 letters"},
		"no data-dir":          {without(`data-dir = "/var/lib/galla"`), "data-dir is missing"},
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
		{[]string{"run", "--config", configFile(t, exampleConfig)}, exitError, "no hardware"},
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
	good := config{Panel: panelConfig{Kind: "st7789", SPI: "SPI99.0", DC: "GPIO-NONE"}}
	for name, c := range map[string]struct {
		change func(*config)
		says   string
	}{
		"kind": {func(c *config) { c.Panel.Kind = "crt" }, `unknown panel kind "crt": known are st7789`},
		"pin":  {func(*config) {}, `panel.dc: there is no pin "GPIO-NONE"`},
		"key":  {func(c *config) { c.Panel.DC, c.Keys = "", map[string]string{"ok": "GPIO-NONE"} }, `keys.ok: there is no pin "GPIO-NONE"`},
		"port": {func(c *config) { c.Panel.DC = "" }, "panel.spi: "},
	} {
		cfg := good
		c.change(&cfg)
		if _, _, err := openHardware(cfg); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
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
	file := configFile(t, fmt.Sprintf(`
merchant = %q
store = %q
terminal = %q
data-dir = %q
brokers = ["mqtt://%s"]
panel = {kind = "st7789", spi = "EMULATED", dc = "D"}
`, sessiontest.ID.MerchantID, sessiontest.ID.StoreID, sessiontest.ID.TerminalID, dir, listener.Addr()))

	chip := paneltest.NewST7789()
	var out, errs bytes.Buffer
	c := command{stdout: &out, stderr: &errs, open: func(c config) (agent.Hardware, func() error, error) {
		p := c.Panel
		k, err := emulated(chip)
		if err != nil || p.SPI != "EMULATED" {
			return agent.Hardware{}, nil, errors.Join(err, fmt.Errorf("asked for %+v", p))
		}
		return agent.Hardware{Panel: k, Kind: k.kind}, k.close, nil
	}}
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

// emulated is a keeper on a chip.
func emulated(chip *paneltest.ST7789) (*keeper, error) {
	kind, err := panel.Lookup("st7789")
	if err != nil {
		return nil, err
	}
	k := &keeper{kind: kind, pins: chip.Pins(), openPort: func() (spi.PortCloser, error) { return chip, nil }}
	return k, k.open()
}
