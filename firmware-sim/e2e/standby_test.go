package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol/upiuri"
	"github.com/galla-pay/galla/protocol/xverify"
)

// TestStandby runs the sessions of testdata/standby: PostgreSQL is a primary and a
// synchronous standby, and the primary is killed while everybody buys. The
// controller knows both hosts and is never restarted.
func TestStandby(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/standby",
		Setup: func(env *testscript.Env) error {
			tb := env.T().(testing.TB)
			primary, err := testservers.StartPostgres(context.Background(), "")
			if err != nil {
				return err
			}
			tb.Cleanup(primary.Stop)
			standby, err := primary.StartStandby(context.Background(), "")
			if err != nil {
				return err
			}
			tb.Cleanup(standby.Stop)
			// The time to connect is that of a machine which may stand still.
			h := newHouse(tb, &stack{database: testservers.DSN("postgres", primary, standby) + "&connect_timeout=10"}, env)
			env.Values[houseKey{}], env.Values[marketKey{}] = h, newMarket(h, primary, standby)
			env.Defer(h.stop)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"controller": controllerCommand,
			"terminal":   terminalCommand,
			"await":      awaitCommand,
			"pos":        posCommand,
			"status":     statusCommand,
			"phone":      phoneCommand,
			"balance":    balanceCommand,
			"market":     marketCommand,
			"primary":    primaryCommand,
			"standby":    standbyCommand,
		},
	})
}

type marketKey struct{}

// market is tills that ask for money all the time, customers who pay for what they
// take, by the controller's own QR, and one who looks again and again whether what
// was paid stays paid.
type market struct {
	h                *house
	primary, standby *testservers.Postgres
	bank             npci.Client // of all customers; its books are theirs
	ctx              context.Context
	close            context.CancelFunc
	done             sync.WaitGroup

	mu       sync.Mutex
	news     chan struct{} // closed when there is more
	promised []string      // answered SUCCESS
	refused  []string      // answered 503: nothing was changed
	unknown  []string      // answered that it is not known
	paid     []string      // answered 00 to the customer's bank
	wrong    []string
	away     int // questions about a payment that were answered 503
}

const (
	marketTills     = 8
	marketCustomers = 4
)

func newMarket(h *house, primary, standby *testservers.Postgres) *market {
	m := &market{h: h, primary: primary, standby: standby, news: make(chan struct{})}
	m.ctx, m.close = context.WithCancel(context.Background())
	// All is answered before the market closes, so that what is not known then never
	// arrived.
	m.bank.Patience = npci.Patience{First: 100 * time.Millisecond, Most: time.Second, Gone: 2 * time.Second}
	h.env.Defer(m.end)
	return m
}

// end lets everybody see through what they have begun.
func (m *market) end() {
	m.close()
	m.done.Wait()
}

// marketCommand:
//
//	market opens      everybody begins to buy
//	market sells N    waits until N more sales are promised, and N/10 more paid
//	market refused N  waits until N were told to come again later
//	market closes     ends; what was promised is there, what was refused is not, what
//	                  was paid is paid, of the others each is there once or not at all,
//	                  and the customers' books agree with the controller's
func marketCommand(ts *testscript.TestScript, neg bool, args []string) {
	m := ts.Value(marketKey{}).(*market)
	switch {
	case !neg && len(args) == 1 && args[0] == "opens":
		m.bank.BaseURL = m.h.url()
		for n := range marketTills {
			m.done.Go(func() { m.till(n) })
		}
		for n := range marketCustomers {
			m.done.Go(func() { m.customer(n) })
		}
		m.done.Go(m.watch)
	case !neg && len(args) == 2 && args[0] == "sells":
		more := count(ts, args[1])
		m.mu.Lock()
		promised, paid := len(m.promised)+more, len(m.paid)+more/10
		m.mu.Unlock()
		m.await(ts, strings.Join(args, " "), func() bool { return len(m.promised) >= promised && len(m.paid) >= paid })
	case !neg && len(args) == 2 && args[0] == "refused":
		n := count(ts, args[1])
		m.await(ts, strings.Join(args, " "), func() bool { return len(m.refused) >= n })
	case !neg && len(args) == 1 && args[0] == "closes":
		m.end()
		m.settle(ts)
	default:
		ts.Fatalf("usage: market opens | sells N | refused N | closes")
	}
}

// primaryCommand: primary kill is its end, at once, with all its sessions.
func primaryCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || args[0] != "kill" {
		ts.Fatalf("usage: primary kill")
	}
	ts.Value(marketKey{}).(*market).primary.Kill()
}

// standbyCommand: standby detach cuts it off from its primary, whose commits wait
// from then on, and waits until some do; standby promote makes it the primary.
func standbyCommand(ts *testscript.TestScript, neg bool, args []string) {
	m := ts.Value(marketKey{}).(*market)
	switch {
	case !neg && len(args) == 1 && args[0] == "detach":
		ts.Check(m.standby.Detach(context.Background()))
		until(ts, m.h.controller, "commits wait", func(ctx context.Context) (string, bool) {
			err := m.primary.Exec(ctx, "postgres", "SELECT 1 / count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
			return fmt.Sprint(err), err == nil
		})
	case !neg && len(args) == 1 && args[0] == "promote":
		ts.Check(m.standby.Promote(context.Background()))
	default:
		ts.Fatalf("usage: standby detach|promote")
	}
}

// note changes what is known, and wakes who waits for it.
func (m *market) note(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
	close(m.news)
	m.news = make(chan struct{})
}

// till asks for money at a terminal that is not on.
func (m *market) till(n int) {
	for i := 0; m.ctx.Err() == nil; i++ {
		id := fmt.Sprintf("till-%d-%d", n, i)
		m.asks(id, initPath, tillBody(id))
	}
}

func tillBody(id string) map[string]any {
	return map[string]any{
		"storeId": "MS2403212004046998204201", "merchantId": merchantID, "terminalId": "MST2405301213090857163565",
		"merchantTransactionId": id, "orderId": "order1", "amount": 100, "solutionType": "DQR_DEVICE", "expiresIn": 600,
	}
}

// customer takes a QR and pays for it.
func (m *market) customer(n int) {
	for i := 0; m.ctx.Err() == nil; i++ {
		id := fmt.Sprintf("customer-%d-%d", n, i)
		body, ok := m.asks(id, "/v3/qr/init", map[string]any{
			"merchantId": merchantID, "transactionId": id, "merchantOrderId": id, "storeId": "teststore1", "amount": 250, "expiresIn": 600,
		})
		if !ok {
			continue
		}
		var made struct{ Data struct{ QRString string } }
		err := json.Unmarshal([]byte(body), &made)
		var link upiuri.Link
		if err == nil {
			link, err = upiuri.Parse(made.Data.QRString)
		}
		if err == nil {
			err = m.buys(id, link, made.Data.QRString)
		}
		if err != nil {
			m.note(func() { m.wrong = append(m.wrong, fmt.Sprintf("%s: %v", id, err)) })
		}
	}
}

// buys validates until there is an answer, and pays once.
func (m *market) buys(id string, link upiuri.Link, qr string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var quote npci.RespValQr
	for {
		var err error
		quote, err = m.bank.ValidateQR(ctx, npci.ReqValQr{
			OrgID: link.OrgID, Amount: link.AM, Curr: link.CU, MCC: link.MC, RefURL: base64.StdEncoding.EncodeToString([]byte(qr)),
		})
		if err == nil && quote.Status != "96" {
			break
		}
		if m.ctx.Err() != nil || ctx.Err() != nil {
			return nil // nothing was paid
		}
		m.rest()
	}
	if quote.Status != "00" {
		return fmt.Errorf("its QR is refused: %s %s", quote.Status, quote.Message)
	}
	paid, err := m.bank.Pay(ctx, npci.ReqPay{
		VerToken: quote.VerToken, Amount: link.AM, Curr: link.CU, PayerAddr: phone.Payer, PayeeAddr: link.PA,
	})
	switch {
	case err != nil || paid.Status == "96" || paid.Result != "": // the books know that it is not known
	case paid.Paid():
		m.note(func() { m.paid = append(m.paid, id) })
	default:
		return fmt.Errorf("its payment is refused: %s %s", paid.Status, paid.Message)
	}
	return nil
}

// lull is how long somebody waits who was told to come again.
const lull = 100 * time.Millisecond

func (m *market) rest() {
	select {
	case <-time.After(lull):
	case <-m.ctx.Done():
	}
}

// asks asks for money once, and takes down what it was told.
func (m *market) asks(id, path string, payload map[string]any) (body string, ok bool) {
	encoded, text, err := encode(payload)
	if err != nil {
		m.note(func() { m.wrong = append(m.wrong, err.Error()) })
		return "", false
	}
	a, header := m.send(http.MethodPost, path, encoded, text)
	m.note(func() {
		switch {
		case a.code == "SUCCESS":
			m.promised = append(m.promised, id)
		case a.status == http.StatusServiceUnavailable && comeAgain(header):
			m.refused = append(m.refused, id)
		case a.status == http.StatusInternalServerError && a.code == "INTERNAL_SERVER_ERROR":
			m.unknown = append(m.unknown, id)
		default:
			m.wrong = append(m.wrong, fmt.Sprintf("%s: %d %v %s", id, a.status, header, a.body))
		}
	})
	if a.code != "SUCCESS" {
		m.rest()
	}
	return a.body, a.code == "SUCCESS"
}

// watch asks for the status of what was paid, the newest and older ones, all the
// time: it is paid, or there is no answer now.
func (m *market) watch() {
	for n := 0; m.ctx.Err() == nil; n++ {
		m.mu.Lock()
		news, id := m.news, ""
		if len(m.paid) > 0 {
			id = m.paid[len(m.paid)-1]
			if n%2 == 0 {
				id = m.paid[n%len(m.paid)]
			}
		}
		m.mu.Unlock()
		if id == "" {
			select {
			case <-news:
			case <-m.ctx.Done():
			}
			continue
		}
		a, header := m.send(http.MethodGet, "/v1/payment/"+merchantID+"/"+id+"/status", "", "")
		var got struct{ Data struct{ Status string } }
		_ = json.Unmarshal([]byte(a.body), &got) // judged by what it says
		switch {
		case a.status == http.StatusOK && got.Data.Status == "SUCCESS":
		case a.status == http.StatusServiceUnavailable && comeAgain(header):
			m.note(func() { m.away++ })
			m.rest()
		default:
			m.note(func() {
				m.wrong = append(m.wrong, fmt.Sprintf("%s was paid, and its status is %d %v %s", id, a.status, header, a.body))
			})
			m.rest()
		}
	}
}

// comeAgain reports whether an answer says when to come again, in seconds.
func comeAgain(header http.Header) bool {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	return err == nil && seconds > 0
}

func encode(payload map[string]any) (encoded, body string, err error) {
	text, err := json.Marshal(payload)
	encoded = xverify.EncodeBody(text)
	return encoded, `{"request":"` + encoded + `"}`, err
}

// send asks the controller once; it must be there.
func (m *market) send(method, path, encoded, body string) (answer, http.Header) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, m.h.url()+path, strings.NewReader(body))
	if err != nil {
		return answer{body: err.Error()}, nil
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-VERIFY", xverify.Header(encoded, path, saltKey, 1))
	response, err := m.h.client.Do(r)
	if err != nil {
		return answer{body: err.Error()}, nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{body: err.Error()}, nil
	}
	a := answer{status: response.StatusCode, body: string(text)}
	var got struct{ Code string }
	if json.Unmarshal(text, &got) == nil {
		a.code = got.Code
	}
	return a, response.Header
}

// await waits until it is so, or something is wrong.
func (m *market) await(ts *testscript.TestScript, what string, so func() bool) {
	began := time.Now()
	until(ts, m.h.controller, "market "+what, func(context.Context) (string, bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.said(), len(m.wrong) > 0 || so()
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	ts.Logf("market %s: after %v: %s", what, time.Since(began).Round(time.Millisecond), m.said())
	m.check(ts)
}

// said is called with the lock held.
func (m *market) said() string {
	return fmt.Sprintf("%d promised, %d refused, %d unknown, %d paid, %d questions answered later",
		len(m.promised), len(m.refused), len(m.unknown), len(m.paid), m.away)
}

func (m *market) check(ts *testscript.TestScript) {
	if len(m.wrong) > 0 {
		ts.Fatalf("%s:\n%s", m.said(), strings.Join(m.wrong[:min(len(m.wrong), 10)], "\n"))
	}
}

// settle asks for everything that was ever asked for.
func (m *market) settle(ts *testscript.TestScript) {
	m.check(ts)
	// Their end is known by then, whatever they were told.
	report, err := m.bank.Reconcile(context.Background())
	if ts.Check(err); !report.Agrees() {
		ts.Fatalf("the books do not agree: %s", report)
	}
	found := 0
	for _, id := range slices.Concat(m.promised, m.refused, m.unknown) {
		d, body := askStatus(context.Background(), m.h, id)
		if d.Status != "" {
			found++
		}
		switch {
		case slices.Contains(m.refused, id) && d.Status != "":
			ts.Fatalf("%s was refused and is there: %s", id, body)
		case slices.Contains(m.promised, id) && d.Status == "":
			ts.Fatalf("%s was promised and is lost: %s", id, body)
		case slices.Contains(m.paid, id) && d.Status != "SUCCESS":
			ts.Fatalf("%s was paid and is %s: %s", id, d.Status, body)
		}
	}
	// It was made once: asking again is refused if and only if it is there.
	for _, id := range m.unknown {
		if !strings.HasPrefix(id, "till-") {
			continue
		}
		before, _ := askStatus(context.Background(), m.h, id)
		encoded, body, err := encode(tillBody(id))
		ts.Check(err)
		if a, _ := m.send(http.MethodPost, initPath, encoded, body); (a.status == http.StatusConflict) != (before.Status != "") {
			ts.Fatalf("%s is %q, and asked for again it answers %d %s", id, before.Status, a.status, a.body)
		}
	}
	ts.Logf("%s; %d found; %s", m.said(), found, strings.TrimSpace(report.String()))
}
