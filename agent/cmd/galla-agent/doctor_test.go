package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent/internal/doctor"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/agent/internal/spool"
)

// online has a controller reached over a real network, and returns the line that
// names its broker.
func online(t *testing.T, ctrl *sessiontest.Controller) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close(); ctrl.Broker.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			ctrl.Broker.Serve(conn)
		}
	}()
	return fmt.Sprintf("brokers = [\"mqtt://%s\"]", listener.Addr())
}

// enrolledAt is a data folder with credentials of ctrl.
func enrolledAt(t *testing.T, ctrl *sessiontest.Controller) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := ctrl.Enrol(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestDoctorOnATerminalThatIsWell: all parts, and a controller that answers.
func TestDoctorOnATerminalThatIsWell(t *testing.T) {
	t.Parallel()
	ctrl := sessiontest.NewController()
	dir, on := enrolledAt(t, ctrl), newCounter()
	clock := httptest.NewServer(http.NotFoundHandler())
	defer clock.Close()
	file := configFile(t, counterConfig(dir, online(t, ctrl), fmt.Sprintf("controller = %q", clock.URL)))
	code, out, errs := callOn(t.Context(), on, "doctor", "--config", file)
	if code != exitGood || errs != "" {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	var begin []string
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		words := strings.Fields(line)
		begin = append(begin, strings.Join(words[:2], " "))
	}
	want := "✓ panel, ✓ qr, ✓ companion, ✓ fonts, ✓ keys, ✓ lamp, ✓ buzzer, - sound, - card, ✓ clock, ✓ disk, ✓ identity, ✓ credentials, - certificate, ✓ broker, no problems."
	if got := strings.Join(begin, ", "); got != want {
		t.Errorf("%s\nwant %s\n%s", got, want, out)
	}
	if strings.Contains(out, "\x1b") || strings.Contains(out, "token-256-bits") {
		t.Errorf("colours, or a secret: %q", out)
	}
	if on.glass.Lit() || on.companion.Lit() || on.buzzer.Sounds() {
		t.Error("something is left on")
	}
	on.wellUsed(t)
	// What it asked the controller took nothing.
	for _, err := range ctrl.Wrong() {
		t.Error(err)
	}
	if facts := ctrl.Facts(); len(facts) != 0 {
		t.Errorf("the controller heard of %v", facts)
	}
	if _, err := os.Stat(filepath.Join(dir, "spool.db")); err == nil {
		t.Error("it began a spool")
	}
}

// TestDoctorFindsWhatIsBroken: each in its line, with what to do.
func TestDoctorFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(t *testing.T, on *counter, dir string, ctrl *sessiontest.Controller)
		check string // the name of the line
		says  string
		does  string // what to do
	}{
		"no panel":     {func(_ *testing.T, on *counter, _ string, _ *sessiontest.Controller) { delete(on.ports, "SPI0.0") }, "panel", `panel.spi: there is no port "SPI0.0"`, "SPI must be on"},
		"no line":      {func(_ *testing.T, on *counter, _ string, _ *sessiontest.Controller) { delete(on.pins, "SPI0.0 DC") }, "panel", `panel.dc: there is no pin "SPI0.0 DC"`, "run this on the terminal itself"},
		"no companion": {func(_ *testing.T, on *counter, _ string, _ *sessiontest.Controller) { delete(on.ports, "SPI0.1") }, "companion", `companion.spi: there is no port "SPI0.1"`, "table of ssd1306"},
		"a stuck key":  {func(_ *testing.T, on *counter, _ string, _ *sessiontest.Controller) { on.reject.Press() }, "keys", "reject reads pressed", "let go of it"},
		"a dead lamp": {func(_ *testing.T, on *counter, _ string, _ *sessiontest.Controller) {
			on.lamp.Blue.Break(errors.New("EBUSY"))
		}, "lamp", "lamp, blue: EBUSY", "gpioinfo"},
		"a dead buzzer": {func(_ *testing.T, on *counter, _ string, _ *sessiontest.Controller) {
			on.buzzer.Break(errors.New("EBUSY"))
		}, "buzzer", "buzzer: EBUSY", "gpioinfo"},
		"an open folder": {func(t *testing.T, _ *counter, dir string, _ *sessiontest.Controller) { mode(t, dir, 0o755) }, "disk", "may be read by others (mode 0755)", "chmod 700"},
		"an open key": {func(t *testing.T, _ *counter, dir string, _ *sessiontest.Controller) {
			mode(t, filepath.Join(dir, "device.key"), 0o640)
		}, "identity", "device.key may be read by others (mode 0640)", "enrol again"},
		"not enrolled": {func(t *testing.T, _ *counter, dir string, _ *sessiontest.Controller) {
			remove(t, filepath.Join(dir, "enrolment.json"))
		}, "identity", "MERCHANTUAT/teststore1/testterminal1 is not enrolled", "galla-agent enroll --config FILE --code CODE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctrl := sessiontest.NewController()
			dir, on := enrolledAt(t, ctrl), newCounter()
			file := configFile(t, counterConfig(dir, online(t, ctrl)))
			test.spoil(t, on, dir, ctrl)
			code, out, errs := callOn(t.Context(), on, "doctor", "--json", "--config", file)
			var said diagnosis
			if err := json.Unmarshal([]byte(out), &said); err != nil || code != exitError || errs != "" {
				t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
			}
			if said.Terminal != sessiontest.ID.String() || said.Version != version || said.Problems < 1 {
				t.Errorf("%+v", said)
			}
			problems := 0
			for _, c := range said.Checks {
				if c.OK != (c.State != doctor.Bad) || (c.State == doctor.Bad && c.Advice == "") || c.Detail == "" {
					t.Errorf("%+v", c)
				}
				if !c.OK {
					problems++
				}
				if c.Name == test.check && (c.OK || !strings.Contains(c.Detail, test.says) || !strings.Contains(c.Advice, test.does)) {
					t.Errorf("%+v, want %q and %q", c, test.says, test.does)
				}
			}
			if problems != said.Problems {
				t.Errorf("%d checks are bad, it says %d", problems, said.Problems)
			}
		})
	}
}

func mode(t *testing.T, path string, m os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, m); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestDoctorLeavesARunningAgentAlone: what it holds is not touched, and the line
// says how to stop it.
func TestDoctorLeavesARunningAgentAlone(t *testing.T) {
	t.Parallel()
	ctrl := sessiontest.NewController()
	dir, on := enrolledAt(t, ctrl), newCounter()
	broker := online(t, ctrl)
	running, err := spool.Open(filepath.Join(dir, "spool.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	code, out, errs := callOn(t.Context(), on, "doctor", "--json", "--config", configFile(t, counterConfig(dir, broker)))
	var said diagnosis
	if err := json.Unmarshal([]byte(out), &said); err != nil || code != exitGood || errs != "" || said.Problems != 0 {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
	}
	for _, c := range said.Checks {
		touched := map[string]bool{"panel": false, "companion": false, "keys": false, "lamp": false, "buzzer": false, "broker": false}
		if _, is := touched[c.Name]; is != (c.State == doctor.Untouched) ||
			is && (!strings.Contains(c.Detail, "galla-agent runs on "+dir) || !strings.Contains(c.Advice, "systemctl stop galla-agent")) {
			t.Errorf("%+v", c)
		}
	}
	if len(ctrl.Broker.Dials()) != 0 || len(on.buzzer.Moments()) != 0 || on.accept.Pull() != 0 {
		t.Error("it was touched")
	}
	// The self-test would take the panel away: it refuses.
	code, out, errs = callOn(t.Context(), on, "selftest", "--config", configFile(t, counterConfig(dir, broker)))
	if code != exitError || out != "" || !strings.Contains(errs, "systemctl stop galla-agent") || on.glass.Lit() {
		t.Errorf("selftest: exit %d, %q %q", code, out, errs)
	}
}

// TestDoctorAsksTheCardReader: one that is not there is named, with its address.
func TestDoctorAsksTheCardReader(t *testing.T) {
	t.Parallel()
	code, out, _ := call(t, "doctor", "--config", configFile(t, displayConfig(folder(t))+"[card]\nreader = \"tcp://127.0.0.1:1\"\n"))
	if code != exitError || !strings.Contains(out, "✗ card         tcp://127.0.0.1:1: card reader: not connected") ||
		!strings.Contains(out, "switch the reader on, and look at its cable") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// TestDoctorInColours: where somebody looks, and only the marks.
func TestDoctorInColours(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := command{stdout: &out, stderr: &out, host: newBench(), environ: noEnvironment, colour: true}
	if code := c.run(t.Context(), []string{"doctor", "--config", configFile(t, displayConfig(t.TempDir()))}); code != exitError {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{"\x1b[31m✗\x1b[0m panel        st7789: panel.dc", "\x1b[32m✓\x1b[0m fonts        ₹", "\n- keys         not fitted", " problems.\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%q", want, out.String())
		}
	}
}

// TestDoctorOfNoTerminal: a configuration that is wrong is not looked at.
func TestDoctorOfNoTerminal(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"doctor", "selftest"} {
		code, out, errs := call(t, verb, "--config", configFile(t, "merchant = 1"))
		if code != exitUsage || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, `line 1 (last key "merchant")`) {
			t.Errorf("%s: exit %d, %q, %q", verb, code, out, errs)
		}
	}
	nowhere := filepath.Join(t.TempDir(), "no")
	code, out, _ := call(t, "doctor", "--config", configFile(t, displayConfig(nowhere)))
	if code != exitError || !strings.Contains(out, "✗ disk         "+nowhere+" does not exist\n") || !strings.Contains(out, "✗ identity     MERCHANTUAT/teststore1/testterminal1 is not enrolled\n") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if _, err := os.Stat(nowhere); err == nil {
		t.Error("doctor made a folder")
	}
	on := newBench()
	on.broken = errors.New("hardware: this is no device")
	code, out, _ = callOn(t.Context(), on, "doctor", "--config", configFile(t, displayConfig(t.TempDir())))
	if code != exitError || !strings.Contains(out, "✗ panel        hardware: this is no device\n") {
		t.Errorf("exit %d\n%s", code, out)
	}
}
