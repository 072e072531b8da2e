package cardlink_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
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
	"github.com/galla-pay/galla/protocol/cardlink/cardlinktest"
)

// terminal is a whole one, on an emulated panel, with keys and a card reader, and
// a controller behind a broker; and all that it says, writes and shows. It lives
// in a bubble of fake time.
type terminal struct {
	t    *testing.T
	ctrl *sessiontest.Controller
	keys chan agent.Key
	dir  string
	stop context.CancelFunc
	done chan error

	mu       sync.Mutex
	said     []string // every message, as it went out and as it reads
	logged   bytes.Buffer
	statuses []agent.Status
}

// switchOn starts a terminal with that reader; call off at the end.
func switchOn(t *testing.T, reader agent.CardReader) *terminal {
	t.Helper()
	x := &terminal{t: t, ctrl: sessiontest.NewController(), keys: make(chan agent.Key), dir: t.TempDir()}
	if _, err := x.ctrl.Enrol(x.dir); err != nil {
		t.Fatal(err)
	}
	hear := x.ctrl.Broker.OnMessage
	x.ctrl.Broker.OnMessage = func(topic string, payload []byte) {
		x.mu.Lock()
		x.said = append(x.said, topic, string(payload))
		if parts := strings.Split(string(payload), "."); len(parts) == 3 {
			text, err := base64.RawURLEncoding.DecodeString(parts[1])
			if err != nil {
				t.Error(err)
			}
			x.said = append(x.said, string(text))
		}
		x.mu.Unlock()
		hear(topic, payload)
	}
	chip := paneltest.NewST7789()
	kind, err := panel.Lookup("st7789")
	if err != nil {
		t.Fatal(err)
	}
	driver, err := kind.Open(chip, chip.Pins(), panel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	x.stop, x.done = cancel, make(chan error, 1)
	cfg := agent.Config{
		Identity: sessiontest.ID, DataDir: x.dir, Software: "test", Dial: x.ctrl.Broker.Dial,
		Log: slog.New(slog.NewTextHandler(x, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Status: func(s agent.Status) {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.statuses = append(x.statuses, s)
		},
	}
	go func() {
		x.done <- agent.Run(ctx, cfg, agent.Hardware{
			Panel: driver, Kind: kind, Card: reader, Keys: x.keys, Hidden: func() bool { return true },
		})
	}()
	synctest.Wait()
	return x
}

// Write implements io.Writer: the log.
func (x *terminal) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.logged.Write(p)
}

// wantCard brings a sale of 245 rupees so far that a card is wanted for it.
func (x *terminal) wantCard(payment string) {
	x.ctrl.Want(func(s *protocol.State) {
		s.Result = nil
		s.Sale = &protocol.Sale{
			PaymentID: payment, MerchantTransactionID: "M-" + payment, OrderID: "4821", Phase: protocol.PhaseOffered, AmountPaise: 24_500,
			PayModes: []protocol.PayMode{protocol.PayCard}, LeftMillis: 60_000, TotalMillis: 120_000, Prompt: true,
		}
	})
	synctest.Wait()
	x.keys <- agent.KeyAccept
	synctest.Wait()
}

// end makes the controller tell that nobody knows how the payment ended.
func (x *terminal) end(payment string) {
	x.ctrl.Want(func(s *protocol.State) {
		s.Sale = nil
		s.Result = &protocol.Result{PaymentID: payment, MerchantTransactionID: "M-" + payment, AmountPaise: 24_500, Outcome: protocol.OutcomeUnknown}
	})
	synctest.Wait()
	time.Sleep(10 * time.Second)
	synctest.Wait()
}

func (x *terminal) facts() []string {
	synctest.Wait()
	return x.ctrl.Facts()
}

func (x *terminal) off() {
	x.stop()
	if err := <-x.done; err != nil {
		x.t.Errorf("Run: %v", err)
	}
	x.ctrl.Broker.Close()
	synctest.Wait()
}

// leaks is a card's number anywhere that a terminal without power has left one;
// "" for none. extra is what else is to be scanned.
func (x *terminal) leaks(extra ...string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	places := map[string]string{"log": x.logged.String(), "messages": strings.Join(x.said, "\n"), "extra": strings.Join(extra, "\n")}
	for _, s := range x.statuses {
		places["status"] += fmt.Sprintf("%+v\n", s)
	}
	files, err := filepath.Glob(filepath.Join(x.dir, "*"))
	if err != nil || len(files) < 2 {
		x.t.Errorf("the terminal's disk has %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			x.t.Error(err)
		}
		places[filepath.Base(file)] = string(text)
	}
	if len(x.said) == 0 || len(x.statuses) == 0 {
		x.t.Error("the terminal has said and shown nothing")
	}
	for place, text := range places {
		if pan, found := cardlinktest.FindPAN([]byte(text)); found {
			return fmt.Sprintf("%s has %s", place, pan)
		}
		for _, pan := range cardlinktest.PANs() {
			if strings.Contains(text, pan) {
				return fmt.Sprintf("%s has %s", place, pan)
			}
		}
	}
	return ""
}

// The scan sees what is there: a number in the log, in a message, in a status, on
// the disk.
func TestTheScanSees(t *testing.T) {
	t.Parallel()
	const pan = "4111111111111111"
	for place, put := range map[string]func(*terminal){
		"log":      func(x *terminal) { _, _ = x.Write([]byte("card=" + pan)) },
		"messages": func(x *terminal) { x.said = append(x.said, `{"rrn":"`+pan+`"}`) },
		"status":   func(x *terminal) { x.statuses = append(x.statuses, agent.Status{Reason: pan}) },
		"spool.db": func(x *terminal) { _ = os.WriteFile(filepath.Join(x.dir, "spool.db"), []byte("\x00"+pan), 0o600) },
		"extra":    nil,
	} {
		synctest.Test(t, func(t *testing.T) {
			x := switchOn(t, nil)
			x.off()
			if leak := x.leaks(); leak != "" {
				t.Fatalf("before: %s", leak)
			}
			var extra []string
			if put != nil {
				put(x)
			} else {
				extra = []string{pan}
			}
			if leak := x.leaks(extra...); !strings.HasPrefix(leak, place+" has ") {
				t.Errorf("%s: %q", place, leak)
			}
		})
	}
}

// spellings are the ways that a number may be put into a field.
func spellings(pan string) []string {
	groups := slices.Collect(slices.Chunk([]byte(pan), 4))
	return []string{
		pan, "R" + pan, "INR" + pan, "X" + pan, string(bytes.Join(groups, []byte("-"))), string(bytes.Join(groups, []byte(" "))),
		string(bytes.Join(groups, []byte("_"))), "PAN" + pan + "X",
	}
}
