package card_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/cardlink"
	"github.com/galla-pay/galla/firmware-sim/card"
)

// A serial line that breaks, or is not there, is opened again after a second; why
// is said once.
func TestServeLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := open(t)
		theirs := make(chan net.Conn, 1)
		opens := 0
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		var log bytes.Buffer
		go func() {
			served <- r.ServeLine(ctx, func(context.Context) (io.ReadWriteCloser, error) {
				if opens++; opens > 1 && opens < 5 {
					return nil, errors.New("no such device")
				}
				a, b := net.Pipe()
				theirs <- a
				return b, nil
			}, slog.New(slog.NewTextHandler(&log, nil)))
		}()
		var line net.Conn
		driver := cardlink.New(cardlink.Config{Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
			select {
			case line = <-theirs:
				return line, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}})
		sell := func(ref string) {
			t.Helper()
			p := start(t.Context(), driver, ref, 24_500)
			if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve}); err != nil {
				t.Fatal(err)
			}
			if <-p.done; p.err != nil {
				t.Fatal(p.err)
			}
		}
		sell("P1")
		began := time.Now()
		_ = line.Close()
		time.Sleep(4500 * time.Millisecond)
		sell("P2")
		if took := time.Since(began); opens != 5 || took > 8*time.Second {
			t.Fatalf("opened %d times in %v", opens, took)
		}
		cancel()
		if err := <-served; err != nil {
			t.Fatal(err)
		}
		_ = driver.Close()
		if n := strings.Count(log.String(), "no such device"); n != 1 {
			t.Fatalf("said %d times: %s", n, log.String())
		}
	})
}
