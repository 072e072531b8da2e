package upiapi_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/upiapi"
)

// moment is long enough to look at what is held, and no longer.
const moment = 300 * time.Millisecond

// heldGauge counts what is held, and rings at each change.
type heldGauge struct {
	mu   sync.Mutex
	now  int
	most int
	ring chan struct{}
}

func (g *heldGauge) UPIAnswered(string, string, time.Duration) {}
func (g *heldGauge) UPIResult(string)                          {}
func (g *heldGauge) UPIHeld(n int) {
	g.mu.Lock()
	g.now, g.most = n, max(g.most, n)
	g.mu.Unlock()
	select {
	case g.ring <- struct{}{}:
	default:
	}
}

// await waits until n are held.
func (g *heldGauge) await(t *testing.T, n int) {
	t.Helper()
	over := time.After(60 * time.Second)
	for {
		g.mu.Lock()
		now := g.now
		g.mu.Unlock()
		if now == n {
			return
		}
		select {
		case <-g.ring:
		case <-over:
			t.Fatalf("%d are held, want %d", now, n)
		}
	}
}

// served puts the door on a real socket.
func (d *door) served() *httptest.Server {
	d.t.Helper()
	s := httptest.NewServer(d.handler)
	d.t.Cleanup(s.Close)
	return s
}

// quoted gives out a token for the payee who never answers.
func (d *door) quoted(n int) string {
	d.t.Helper()
	_, answer := d.post("validate", valQr("V"+strconv.Itoa(n), "100.00", "initiation_mode=16&pa=gourmet@mercury", ""))
	token := field(answer, "VerToken")
	if token == "" {
		d.t.Fatal(answer)
	}
	return token
}

// ask writes a ReqPay on a socket of its own.
func ask(t testing.TB, address, message string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprintf(conn, "POST /api/v1/dynamic-qr/pay HTTP/1.1\r\nHost: galla\r\nContent-Length: %d\r\n\r\n%s", len(message), message); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestAThousandHeld: 1,000 messages held at once keep no goroutine, and are all
// answered in their time; what they were quoted for is reversed.
func TestAThousandHeld(t *testing.T) {
	const n = 1000
	gauge := &heldGauge{ring: make(chan struct{}, 1)}
	d := open(t, doortest.New(t), func(c *upiapi.Config) {
		c.Metrics = gauge
		c.Timeout = timeout(true)
		c.Timeout.After = time.Minute // by the database's clock; nobody waits for that here
	})
	server := d.served()
	tokens := make([]string, n)
	for i := range n {
		tokens[i] = d.quoted(i)
	}
	runtime.GC()
	before := runtime.NumGoroutine()
	var was, is runtime.MemStats
	runtime.ReadMemStats(&was)
	for i := range n {
		id := strconv.Itoa(i)
		ask(t, server.Listener.Addr().String(), reqPay("P"+id, "X"+id, tokens[i], "100.00", "customer@upi", "gourmet@mercury"))
	}
	gauge.await(t, n)
	runtime.GC()
	runtime.ReadMemStats(&is)
	// The goroutines of the requests end a moment after the message is held.
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before+50 && time.Now().Before(end); {
		runtime.Gosched()
	}
	if got := runtime.NumGoroutine() - before; got > 50 {
		t.Errorf("%d messages hold %d goroutines", n, got)
	}
	heap, stack := (int64(is.HeapInuse)-int64(was.HeapInuse))/n, (int64(is.StackInuse)-int64(was.StackInuse))/n
	t.Logf("a held message costs %d bytes of heap and %d of stack, both ends of its socket included", heap, stack)
	if got := d.checked("1", "X7"); field(got, "TxnStatus") != "PENDING" {
		t.Errorf("while it is held: %s", got)
	}
}

// TestHeldIsAnswered: on a real socket, the answer of PRD 5.3 comes when the time
// is up, and closes the connection; the payment has failed with UPI:TIMEOUT, and a
// new QR can be paid.
func TestHeldIsAnswered(t *testing.T) {
	onBoth(t, func(t *testing.T, house func(testing.TB, ...func(*merchant.Data)) *doortest.House) {
		gauge := &heldGauge{ring: make(chan struct{}, 1)}
		d := open(t, house(t), func(c *upiapi.Config) {
			c.Metrics = gauge
			c.Timeout = timeout(true)
		})
		server := d.served()
		began := time.Now()
		conn := ask(t, server.Listener.Addr().String(), reqPay("P1", "X1", d.quoted(1), "100.00", "customer@upi", "gourmet@mercury"))
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := response.Write(&text); err != nil {
			t.Fatal(err)
		}
		answer := text.String()
		if took := time.Since(began); took < moment {
			t.Errorf("answered after %v", took)
		}
		if field(answer, "Status") != "00" || field(answer, "Result") != "TIMEOUT" || field(answer, "SettlementAmount") != "0.00" ||
			!response.Close || response.Header.Get("Content-Type") != "application/xml; charset=utf-8" {
			t.Errorf("%v\n%s", response, answer)
		}
		p, err := d.Storage.Payment(t.Context(), "MERCHANTUAT", "X1")
		if err != nil || p.State != payment.Failed || p.Reason != "UPI:TIMEOUT" {
			t.Errorf("%+v %v", p, err)
		}
		r, err := d.Storage.ReqPay(t.Context(), decide.TxnKey{OrgID: "MER101", TxnID: "X1"})
		if err != nil || r.Status != "REVERSED" || r.Result != "TIMEOUT" || !r.DueAt.IsZero() || r.ResponseHash == [32]byte{} {
			t.Errorf("%+v %v", r, err)
		}
		gauge.await(t, 0)
		_, again := d.post("pay", reqPay("P2", "X2", d.quoted(2), "100.00", "customer@upi", "gourmet@mercury"))
		if field(again, "Result") != "TIMEOUT" { // the same through a connection that is not given up
			t.Errorf("a retry with a new QR: %s", again)
		}
	})
}

// TestHoldSurvivesItsDoor: a controller that is killed while it holds a message
// loses nothing: another one's sweeper ends the wait.
func TestHoldSurvivesItsDoor(t *testing.T) {
	onBoth(t, func(t *testing.T, house func(testing.TB, ...func(*merchant.Data)) *doortest.House) {
		h := house(t)
		d := open(t, h, func(c *upiapi.Config) {
			c.Timeout = timeout(true)
			c.Timeout.End = func(h decide.Hold) decide.TimedOut { // this door's own end never comes
				return decide.TimedOut{Hold: decide.Hold{TxnKey: decide.TxnKey{OrgID: "NOBODY", TxnID: "nothing"}}}
			}
		})
		server := d.served()
		conn := ask(t, server.Listener.Addr().String(), reqPay("P1", "X1", d.quoted(1), "100.00", "customer@upi", "gourmet@mercury"))
		defer conn.Close()
		var due journal.Due
		for end := time.Now().Add(30 * time.Second); len(due.Holds) == 0 && time.Now().Before(end); {
			var err error
			if due, err = h.Storage.Due(t.Context(), 10); err != nil {
				t.Fatal(err)
			}
			if len(due.Holds) == 0 && due.HasNext {
				<-time.After(due.Next)
			}
		}
		if len(due.Holds) != 1 {
			t.Fatalf("due: %+v", due)
		}
		for range 2 { // the second changes nothing
			answer, err := journal.Do(t.Context(), h.Journal, decide.TimedOut{Hold: due.Holds[0], Reverse: true})
			if err != nil || answer.Result != "TIMEOUT" {
				t.Fatalf("%+v %v", answer, err)
			}
		}
		if got := d.checked("1", "X1"); field(got, "TxnStatus") != "PENDING" {
			t.Errorf("before the network has the money back: %s", got)
		}
		if _, err := journal.Do(t.Context(), h.Journal, decide.ReversalDone{TxnKey: due.Holds[0].TxnKey}); err != nil {
			t.Fatal(err)
		}
		if got := d.checked("2", "X1"); field(got, "TxnStatus") != "REVERSED" {
			t.Errorf("after it: %s", got)
		}
	})
}
