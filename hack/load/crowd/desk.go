package crowd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galla-pay/galla/protocol/xverify"
)

const (
	initPath = "/v1/payment/init"
	// saleLives is how long a QR is good, in seconds: longer than a herd may take.
	saleLives = 180
	// askLimit is how long an answer is waited for.
	askLimit = 10 * time.Second
	// mostOpen bounds the inits under way; above it the loop is not open any more,
	// and says so.
	mostOpen = 4000
	// desks is how many answers are waited for at once at the end.
	desks = 32
	// pace is how often it is looked which sales are due.
	pace = 2 * time.Millisecond
)

// The outcomes of an init, as far as the desk knows.
const (
	unknown  = "no answer"
	accepted = "SUCCESS"
)

// sale is one sale. The terminal's lock guards what the terminal writes.
type sale struct {
	at   *terminal
	id   string        // merchantTransactionId
	due  time.Time     // its moment in the schedule
	code string        // how the init was answered: unknown, accepted or the code of a refusal
	late time.Duration // how late this program asked
	took time.Duration // until the answer

	told      time.Time // the state came
	presented int       // how often it was put on glass
	fact      uint64    // that it is on glass
	arrived   time.Time // the controller has acknowledged that
}

func (s *sale) toldAt(now time.Time) {
	if s.told.IsZero() {
		s.told = now
	}
}

func (s *sale) arrivedAt(now time.Time) {
	if s.arrived.IsZero() {
		s.arrived = now
	}
}

// desk is the shops' points of sale.
type desk struct {
	base   string // http://host:port
	client *http.Client
	salts  map[string]string // by merchant
	crowd  []*terminal
	prefix string

	next    int // of crowd
	open    atomic.Int64
	asking  sync.WaitGroup
	mu      sync.Mutex
	sales   []*sale
	skipped int // for mostOpen
}

func newDesk(base, prefix string, salts map[string]string, crowd []*terminal) *desk {
	transport := &http.Transport{MaxIdleConns: desks * 16, MaxIdleConnsPerHost: desks * 16, IdleConnTimeout: time.Minute}
	return &desk{
		base: base, prefix: prefix, salts: salts, crowd: crowd,
		client: &http.Client{Transport: transport, Timeout: askLimit},
	}
}

// sell asks for rate payments a second until ctx ends, at each terminal in turn, and
// returns when all of them are answered. Those that are due while this program was
// held up are asked for late, and their time counts from when they were due.
func (d *desk) sell(ctx context.Context, rate float64) {
	began, sold := time.Now(), 0
	gap := time.Duration(float64(time.Second) / rate)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			d.asking.Wait()
			return
		case now := <-tick.C:
			for ; began.Add(time.Duration(sold) * gap).Before(now); sold++ {
				d.start(began.Add(time.Duration(sold) * gap))
			}
		}
	}
}

func (d *desk) start(due time.Time) {
	if d.open.Load() >= mostOpen {
		d.skipped++
		return
	}
	t := d.crowd[d.next%len(d.crowd)]
	d.next++
	s := &sale{at: t, id: fmt.Sprintf("%s-%d", d.prefix, d.next), due: due, late: time.Since(due)}
	d.mu.Lock()
	d.sales = append(d.sales, s)
	d.mu.Unlock()
	t.mu.Lock()
	t.sales[s.id] = s
	t.mu.Unlock()
	d.open.Add(1)
	d.asking.Go(func() {
		defer d.open.Add(-1)
		code, err := d.ask(s)
		if err != nil {
			code = unknown
		}
		s.code, s.took = code, time.Since(due)
	})
}

// ask posts the init and returns the answer's code.
func (d *desk) ask(s *sale) (string, error) {
	body, err := json.Marshal(map[string]any{
		"merchantId": s.at.id.MerchantID, "storeId": s.at.id.StoreID, "terminalId": s.at.id.TerminalID,
		"merchantTransactionId": s.id, "orderId": s.id, "amount": 10_000, "solutionType": "DQR_DEVICE", "expiresIn": saleLives,
	})
	if err != nil {
		return "", err
	}
	encoded := xverify.EncodeBody(body)
	request, err := http.NewRequest(http.MethodPost, d.base+initPath, bytes.NewReader([]byte(`{"request":"`+encoded+`"}`)))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-VERIFY", xverify.Header(encoded, initPath, d.salts[s.at.id.MerchantID], 1))
	answer, err := d.do(request)
	return answer.Code, err
}

// standing is how a payment stands.
type standing struct {
	Code string
	Data struct{ Status, ResponseCode string }
}

// look asks the status route.
func (d *desk) look(ctx context.Context, s *sale) (standing, error) {
	path := "/v1/payment/" + s.at.id.MerchantID + "/" + s.id + "/status"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base+path, nil)
	if err != nil {
		return standing{}, err
	}
	request.Header.Set("X-VERIFY", xverify.Header("", path, d.salts[s.at.id.MerchantID], 1))
	return d.do(request)
}

func (d *desk) do(request *http.Request) (answer standing, err error) {
	response, err := d.client.Do(request)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Code == "" {
		return answer, fmt.Errorf("HTTP %d: %q", response.StatusCode, text)
	}
	return answer, nil
}
