package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/cardlink"
	"github.com/galla-pay/galla/protocol"
)

// runCard runs galla-sim card until the test ends, and returns what it prints.
func runCard(t *testing.T, args ...string) (out, errOut *output, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, errOut = newOutput(), newOutput()
	ended := make(chan int, 1)
	go func() { ended <- Run(ctx, append([]string{"card", "--http", "127.0.0.1:0"}, args...), out, errOut) }()
	stop = func() {
		cancel()
		select {
		case code := <-ended:
			if ended <- code; code != 0 {
				t.Errorf("exit %d\n%s", code, errOut)
			}
		case <-time.After(20 * time.Second):
			t.Error("it does not end")
		}
	}
	t.Cleanup(stop)
	return out, errOut, stop
}

// sell has a card approved over the line that open opens, by the terminal's real
// driver.
func sell(t *testing.T, open cardlink.Opener, cards, ref string) protocol.Card {
	t.Helper()
	driver := cardlink.New(cardlink.Config{Open: open})
	defer driver.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tapped := make(chan error, 1)
	go func() {
		response, err := http.Post(cards+"/approve", "application/x-www-form-urlencoded", strings.NewReader("holdMillis=20000&last4=0007"))
		if err == nil {
			err = response.Body.Close()
			if response.StatusCode != http.StatusOK {
				err = fmt.Errorf("POST %s/approve: %s", cards, response.Status)
			}
		}
		tapped <- err
	}()
	paid, err := driver.Pay(ctx, ref, 24_500, func() {})
	if err != nil || paid.AmountPaise != 24_500 || paid.Last4 != "0007" || len(paid.RRN) != 12 {
		t.Fatalf("Pay = %+v, %v", paid, err)
	}
	if err := <-tapped; err != nil {
		t.Fatal(err)
	}
	if last, err := driver.Last(ctx, ref); err != nil || last != paid {
		t.Fatalf("Last = %+v, %v", last, err)
	}
	return paid
}

// A card reader of its own: the terminal's driver over TCP, cards over HTTP, and a
// ledger that outlives it.
func TestCard(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "reader")
	out, _, stop := runCard(t, "--listen", "127.0.0.1:0", "--data", data)
	line, cards := out.await(t, `tcp://127\.0\.0\.1:\d+`), out.await(t, `http://127\.0\.0\.1:\d+/card`)
	open, err := cardlink.Address(line)
	if err != nil {
		t.Fatal(err)
	}
	paid := sell(t, open, strings.TrimSuffix(cards, "/card"), "P1")
	stop()
	out, _, _ = runCard(t, "--listen", "127.0.0.1:0", "--data", data)
	if status, body := get(t, out.await(t, `http://127\.0\.0\.1:\d+/card`)); status != 200 || !strings.Contains(body, paid.RRN) {
		t.Errorf("the next one: %d %s", status, body)
	}
}

// What is typed wrong is a usage error that names what is wrong.
func TestCardUsage(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"a port in use", []string{"--http", "127.0.0.1:0", "--listen", busy.Addr().String()}, "--listen " + busy.Addr().String()},
		{"a page's port in use", []string{"--http", busy.Addr().String()}, "--http " + busy.Addr().String()},
		{"a speed that there is not", []string{"--http", "127.0.0.1:0", "--serial", "/dev/ttyUSB0", "--baud", "300"}, "--baud"},
		{"time before now", []string{"--reverse-after=-1s"}, "--reverse-after"},
		{"a file for a folder", []string{"--data", "card_test.go"}, "--data"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			out, errOut := newOutput(), newOutput()
			if code := Run(ctx, append([]string{"card"}, tt.args...), out, errOut); code != exitUsage || !strings.Contains(errOut.String(), tt.want) {
				t.Errorf("exit %d: %s", code, errOut)
			}
		})
	}
}
