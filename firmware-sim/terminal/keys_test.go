package terminal

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/protocol"
)

// unread is a terminal with power whose agent reads no key.
func unread(t *testing.T) *Terminal {
	t.Helper()
	made, err := New(Config{
		Identity: protocol.Identity{MerchantID: "M", StoreID: "S", TerminalID: "T"},
		DataDir:  t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	made.power = true
	made.newKeys()
	t.Cleanup(func() {
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	})
	return made
}

// Keys that nobody reads are kept in their order up to a number, and the one too
// many is refused at once: pressing never waits.
func TestKeysThatNobodyReads(t *testing.T) {
	t.Parallel()
	terminal := unread(t)
	keys := agent.AllKeys()
	for i := range keyQueue {
		if err := terminal.Press(keys[i%len(keys)]); err != nil {
			t.Fatalf("key %d: %v", i+1, err)
		}
	}
	if err := terminal.Press(agent.KeyOK); !errors.Is(err, ErrKeysFull) {
		t.Fatalf("one key too many = %v", err)
	}
	w := httptest.NewRecorder()
	terminal.Handler().ServeHTTP(w, httptest.NewRequest("POST", "http://127.0.0.1/keys/ok", nil))
	if w.Code != 503 || !strings.Contains(w.Body.String(), `"code":"BUSY"`) {
		t.Fatalf("one key too many = %d %s", w.Code, w.Body)
	}
	read := terminal.hardwareKeys()
	for i := range keyQueue {
		if got := <-read; got != keys[i%len(keys)] {
			t.Fatalf("key %d is %s, want %s", i+1, got, keys[i%len(keys)])
		}
	}
	if err := terminal.Press(agent.Key7); err != nil || <-read != agent.Key7 {
		t.Fatalf("a key after that = %v", err)
	}
}

// Whoever shows the terminal is told what its card reader does, though no agent
// says anything.
func TestReaderIsTold(t *testing.T) {
	t.Parallel()
	terminal := unread(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	changed := terminal.Changed()
	go func() {
		_, err := terminal.reader.Pay(ctx, "P1", 24_500, func() {})
		done <- err
	}()
	for _, want := range []card.Doing{card.Waiting, card.Idle} {
		select {
		case <-changed:
		case <-time.After(20 * time.Second):
			t.Fatalf("nobody is told that the reader is %s", want)
		}
		changed = terminal.Changed()
		if got := terminal.View().Card; got != want {
			t.Fatalf("the reader is %s, want %s", got, want)
		}
		cancel()
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// What one agent did not read is not for the next one: a key is never pressed
// again by itself.
func TestKeysAreLostWithTheirAgent(t *testing.T) {
	t.Parallel()
	terminal := unread(t)
	if err := terminal.Press(agent.KeyAccept); err != nil {
		t.Fatal(err)
	}
	terminal.newKeys()
	select {
	case key := <-terminal.hardwareKeys():
		t.Fatalf("the next agent reads %s", key)
	default:
	}
	terminal.power = false
	if err := terminal.Press(agent.KeyAccept); !errors.Is(err, ErrNoPower) {
		t.Fatalf("without power = %v", err)
	}
	terminal.cfg.NoKeys = true
	if err := terminal.Press(agent.KeyAccept); !errors.Is(err, ErrNoKeys) {
		t.Fatalf("without keys = %v", err)
	}
	if terminal.hardwareKeys() != nil {
		t.Fatal("the agent is given keys that are not there")
	}
}
