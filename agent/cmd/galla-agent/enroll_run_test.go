package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"github.com/galla-pay/galla/protocol"
)

// TestEnrolledByCodeItWorks: a terminal that was enrolled with a CA of its own
// connects by mqtts to the broker that it was told, believing the same CA; and
// does not say its token to a broker of another.
func TestEnrolledByCodeItWorks(t *testing.T) {
	t.Parallel()
	ctrl := sessiontest.NewController()
	defer ctrl.Broker.Close()
	var brokers []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked protocol.EnrolCodeRequest
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		answer, err := ctrl.Answer(asked.PublicKey)
		if err != nil {
			t.Error(err)
		}
		answer.Brokers = brokers
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer server.Close()
	refused := make(chan struct{})
	var once sync.Once
	impostor := listen(t, &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}, func(conn net.Conn) {
		if conn.(*tls.Conn).Handshake() == nil {
			t.Error("the terminal believes a broker of another authority")
		}
		_ = conn.Close()
		once.Do(func() { close(refused) })
	})
	// Whichever of the two the terminal tries first, it meets the impostor.
	genuine := listen(t, &tls.Config{Certificates: server.TLS.Certificates}, func(conn net.Conn) {
		select {
		case <-refused:
			ctrl.Broker.Serve(conn)
		default:
			_ = conn.Close()
		}
	})
	brokers = []string{"mqtts://" + impostor, "mqtts://" + genuine}

	dir := filepath.Join(t.TempDir(), "data")
	if exit, out, errs := call(t, "enroll", "--code", code, "--controller", server.URL, "--data-dir", dir, "--ca", ca(t, server)); exit != exitGood {
		t.Fatalf("exit %d\n%s%s", exit, out, errs)
	}
	file := configFile(t, displayConfig(dir))
	on := newBench()
	on.plug("SPI0.0", paneltest.NewST7789())
	var errs bytes.Buffer
	c := command{stdout: &errs, stderr: &errs, host: on, environ: noEnvironment}
	ctx, sigterm := context.WithCancel(t.Context())
	defer sigterm()
	exit := make(chan int, 1)
	go func() { exit <- c.run(ctx, []string{"run", "--config", file}) }()
	limit := time.After(20 * time.Second)
	for heard := ctrl.Heard(); len(ctrl.Ups()) == 0; heard = ctrl.Heard() {
		select {
		case <-heard:
		case n := <-exit:
			t.Fatalf("it ended with %d: %s", n, errs.String())
		case <-limit:
			t.Fatalf("nothing came")
		}
	}
	<-refused
	sigterm()
	if n := <-exit; n != exitGood {
		t.Fatalf("exit %d: %s", n, errs.String())
	}
	for _, err := range ctrl.Wrong() {
		t.Error(err)
	}
}

// listen serves TLS connections until the test ends.
func listen(t *testing.T, conf *tls.Config, serve func(net.Conn)) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return l.Addr().String()
}
