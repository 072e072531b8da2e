package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/limit"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/ops"
	"github.com/galla-pay/galla/controller/internal/risk"
)

// doors is a controller as far as requests get that nobody has signed: all its
// HTTP doors, with nothing behind them.
func doors(t *testing.T, sandbox bool, flags limitFlags) *controller {
	t.Helper()
	var err error
	log := slog.New(slog.DiscardHandler)
	c := &controller{
		log: log, metrics: ops.NewMetrics("test"), people: &directory{},
		limits: flags.newLimits(sandbox, nil, log),
	}
	c.people.now.Store(merchant.New(merchant.Sandbox()))
	c.ready = ops.NewReadiness(log)
	c.db, _, err = databaseFlags{Database: "sqlite:" + filepath.Join(t.TempDir(), "galla.db")}.open(t.Context(), log)
	must(t, err)
	t.Cleanup(func() { must(t, c.db.Close()) })
	must(t, c.db.Migrate(t.Context()))
	c.keys, err = loadKeys(t.Context(), c.db)
	must(t, err)
	c.dynamicFlags = asPrinted()
	c.assessor = c.newAssessor(risk.Rules{})
	c.upi = c.newUPI(nil)
	c.broker = &embedded{urls: []string{"mqtt://127.0.0.1:1883"}, c: c}
	return c
}

const (
	initRoute   = "/v1/payment/init"
	statusRoute = "/v1/payment/MERCHANTUAT/x/status"
)

// memory is a listener whose connections are made in memory and come from
// where the test says.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

type far struct {
	net.Conn
	address net.Addr
}

func (f far) RemoteAddr() net.Addr { return f.address }

func (n *memory) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *memory) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

func (n *memory) Addr() net.Addr { return &net.TCPAddr{} }

func (n *memory) dial(ip string) net.Conn {
	here, there := net.Pipe()
	n.conns <- far{there, &net.TCPAddr{IP: net.ParseIP(ip), Port: 40000}}
	return here
}

// serveDoors serves the doors as run does, on a network in memory.
func serveDoors(t *testing.T, flags limitFlags) *memory {
	c, n := doors(t, false, flags), &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
	router, err := c.newRouter()
	must(t, err)
	server := c.newServer(router)
	go func() { _ = server.Serve(c.limits.conns.Listen(n)) }()
	t.Cleanup(func() { _ = server.Close() })
	return n
}

// drip sends atOnce, then slowly one byte each second, and returns when the
// server ends the connection. It says how long that took and what was answered.
func drip(conn net.Conn, atOnce, slowly string) (took time.Duration, answer string) {
	start := time.Now()
	var sent sync.WaitGroup
	sent.Go(func() {
		if _, err := io.WriteString(conn, atOnce); err != nil {
			return
		}
		for i := range len(slowly) {
			time.Sleep(time.Second)
			if _, err := io.WriteString(conn, slowly[i:i+1]); err != nil {
				return
			}
		}
	})
	heard, _ := io.ReadAll(conn)
	took = time.Since(start)
	_ = conn.Close()
	sent.Wait()
	return took, string(heard)
}

// TestSlowClientsAreCut: whatever is sent one byte a second, the server has had
// enough after the time that it gives to a header or a request (failure matrix
// T21).
func TestSlowClientsAreCut(t *testing.T) {
	long := strings.Repeat("x", 1000)
	post := func(route string) string {
		return "POST " + route + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
	}
	for _, row := range []struct {
		name   string
		atOnce string
		slowly string
		within time.Duration
		answer string // begins with
	}{
		{"nothing at all", "", "", 5 * time.Second, ""},
		{"a request line", "", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 5 * time.Second, ""},
		{"a header", "GET /healthz HTTP/1.1\r\n", "Host: " + long, 5 * time.Second, ""},
		{"a second header", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET ", long, 5 * time.Second, "HTTP/1.1 200 OK"},
		{"an init", post(initRoute), long, 15 * time.Second, "HTTP/1.1 400 Bad Request"},
		{"an init in chunks", "POST " + initRoute + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3E8\r\n", long, 15 * time.Second, "HTTP/1.1 400 Bad Request"},
		{"a ReqPay", post("/api/v1/dynamic-qr/pay"), long, 15 * time.Second, "HTTP/1.1 400 Bad Request"},
		{"a body that nobody reads", post("/nowhere"), long, 15 * time.Second, ""},
		{"a body for a GET", "GET " + statusRoute + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", long, 15 * time.Second, ""},
		{"no next request", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "", 2 * time.Minute, "HTTP/1.1 200 OK"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := serveDoors(t, limitFlags{MaxConnections: 1024})
				took, answer := drip(n.dial("192.0.2.1"), row.atOnce, row.slowly)
				if took > row.within+time.Second || took < row.within-time.Second || !strings.HasPrefix(answer, row.answer) {
					t.Errorf("cut after %s, want %s; answered %q", took, row.within, answer)
				}
			})
		})
	}
}

// TestSlowClientsStopNobody: as many as one address may have, from ten
// addresses, and everybody else is answered at once; so is the address itself,
// once its slow clients are cut.
func TestSlowClientsStopNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each = 50
		n := serveDoors(t, limitFlags{MaxConnections: each})
		var slow sync.WaitGroup
		for i := range 10 * each {
			conn := n.dial(fmt.Sprintf("203.0.113.%d", i/each))
			slow.Go(func() {
				took, _ := drip(conn, "POST "+initRoute+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", strings.Repeat("x", 1000))
				if took > 16*time.Second {
					t.Errorf("cut after %s", took)
				}
			})
		}
		time.Sleep(3 * time.Second)
		ask := func(ip string) (time.Duration, error) {
			conn, start := n.dial(ip), time.Now()
			defer conn.Close()
			if _, err := io.WriteString(conn, "GET "+statusRoute+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				return 0, err
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return 0, err
			}
			if res.StatusCode != http.StatusUnauthorized { // it is not signed
				return 0, errors.New(res.Status)
			}
			return time.Since(start), nil
		}
		if took, err := ask("192.0.2.1"); err != nil || took > 0 {
			t.Errorf("somebody else: answered after %s, %v", took, err)
		}
		if _, err := ask("203.0.113.0"); err == nil {
			t.Errorf("an address has more than %d busy connections", each)
		}
		slow.Wait()
		if _, err := ask("203.0.113.0"); err != nil {
			t.Errorf("an address whose slow clients are gone: %v", err)
		}
	})
}

// TestLargeBodiesAreRefused before they are read: 64 KiB is all that a door takes.
func TestLargeBodiesAreRefused(t *testing.T) {
	t.Parallel()
	c := doors(t, false, limitFlags{})
	for _, row := range []struct {
		route string
		want  int
	}{{initRoute, http.StatusRequestEntityTooLarge}, {"/api/v1/dynamic-qr/validate", http.StatusBadRequest}, {"/api/v1/dynamic-qr/pay", http.StatusBadRequest}} {
		for _, known := range []bool{true, false} {
			body := &counter{Reader: bytes.NewReader(make([]byte, 10<<20))}
			req := httptest.NewRequest(http.MethodPost, row.route, body)
			req.ContentLength = -1
			if known {
				req.ContentLength = 10 << 20
			}
			w := httptest.NewRecorder()
			router, err := c.newRouter()
			must(t, err)
			router.ServeHTTP(w, req)
			if w.Code != row.want || body.n > 64<<10+4096 {
				t.Errorf("%s, length known %t: %d after %d bytes; want %d", row.route, known, w.Code, body.n, row.want)
			}
		}
	}
}

// counter counts what is read.
type counter struct {
	io.Reader
	n int
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += n
	return n, err
}

// TestWhatTheAddressLimitCovers: every door but the UPI network's and health's;
// nobody in the sandbox, unless the flag is given; never loopback.
func TestWhatTheAddressLimitCovers(t *testing.T) {
	small := limit.Rate{Count: 1, Per: time.Hour, Burst: 3}
	type ask struct{ method, path string }
	limited := []ask{{http.MethodPost, initRoute}, {http.MethodGet, statusRoute}, {http.MethodGet, "/nowhere"}, {http.MethodPut, initRoute}, {http.MethodGet, "/enterprise-sandbox" + statusRoute}}
	open := []ask{{http.MethodPost, "/api/v1/dynamic-qr/validate"}, {http.MethodPost, "/api/v1/dynamic-qr/pay"}, {http.MethodGet, "/healthz"}, {http.MethodGet, "/readyz"}}
	for _, row := range []struct {
		name    string
		sandbox bool
		given   *limit.Rate
		remote  string
		burst   int // answered before the first 429; 0: all
	}{
		{"as it comes", false, nil, "192.0.2.1:1", 1000},
		{"given", false, &small, "192.0.2.1:1", 3},
		{"off", false, &limit.Rate{}, "192.0.2.1:1", 0},
		{"loopback", false, &small, "127.0.0.1:1", 0},
		{"the sandbox", true, nil, "192.0.2.1:1", 0},
		{"the sandbox, given", true, &small, "192.0.2.1:1", 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// The sandbox's doors are the same but for enrolment, which needs more.
				c := doors(t, row.sandbox, limitFlags{RateAddress: row.given})
				router, err := c.newRouter()
				must(t, err)
				send := func(a ask, remote string) *httptest.ResponseRecorder {
					req, w := httptest.NewRequest(a.method, a.path, nil), httptest.NewRecorder()
					req.RemoteAddr = remote
					router.ServeHTTP(w, req)
					return w
				}
				for i := range 1200 {
					a := limited[i%len(limited)]
					w, within := send(a, row.remote), row.burst == 0 || i < row.burst
					if (w.Code == http.StatusTooManyRequests) == within {
						t.Fatalf("request %d, %s %s: %d", i, a.method, a.path, w.Code)
					}
					if !within && (w.Header().Get("Retry-After") == "" || w.Header().Get("X-Request-Id") == "") {
						t.Fatalf("refused with %v", w.Header())
					}
				}
				for range 1200 / len(open) {
					for _, a := range open {
						if w := send(a, row.remote); w.Code == http.StatusTooManyRequests {
							t.Fatalf("%s is limited", a.path)
						}
					}
				}
				if w := send(limited[0], "192.0.2.2:1"); w.Code == http.StatusTooManyRequests {
					t.Error("another address is limited")
				}
				if w := send(ask{http.MethodGet, "/metrics"}, row.remote); (row.burst > 0) != strings.Contains(w.Body.String(), `code="TOO_MANY_REQUESTS"`) {
					t.Errorf("the metrics say:\n%s", w.Body)
				}
			})
		})
	}
}

// TestUsualLimits: what holds where no flag is given, and that the sandbox has
// none but those that were given.
func TestUsualLimits(t *testing.T) {
	given := limit.Rate{Count: 2, Per: time.Hour, Burst: 2}
	for _, row := range []struct {
		name                string
		sandbox             bool
		flags               limitFlags
		merchants, terminal int // at once; 0: all
	}{
		{"as it comes", false, limitFlags{}, 200, 100},
		{"given", false, limitFlags{RateMerchant: &given, RateTerminal: &given}, 2, 2},
		{"off", false, limitFlags{RateMerchant: &limit.Rate{}, RateTerminal: &limit.Rate{}}, 0, 0},
		{"the sandbox", true, limitFlags{}, 0, 0},
		{"the sandbox, given", true, limitFlags{RateMerchant: &given, RateTerminal: &given}, 2, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := doors(t, row.sandbox, row.flags).limits
				for i := range 300 {
					if wait, ok := l.merchants.Allow("M1"); ok != (row.merchants == 0 || i < row.merchants) || ok != (wait == 0) {
						t.Fatalf("merchant, request %d: %t, %s", i, ok, wait)
					}
					if ok := l.allowTerminal(testTerminal); ok != (row.terminal == 0 || i < row.terminal) {
						t.Fatalf("terminal, message %d: %t", i, ok)
					}
				}
			})
		})
	}
}
