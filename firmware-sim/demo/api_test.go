package demo

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/xverify"
)

// api answers as the merchant API does: it checks signatures and remembers
// payments. Faults are scripted: the n-th request that is not about readiness
// meets the n-th of them.
type api struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	payments map[string]*Status
	inits    int // that were carried out
	faults   []fault
	requests []string
}

// fault is what goes wrong with one request.
type fault string

const (
	none         fault = ""
	lostRequest  fault = "lost request"  // the connection breaks before anything is done
	lostAnswer   fault = "lost answer"   // it is done, then the connection breaks
	unavailable  fault = "unavailable"   // 503, nothing is done
	failsInside  fault = "fails inside"  // 500, and yet it is done
	speaksHTML   fault = "speaks HTML"   // not the API
	answersOther fault = "answers other" // another payment's status
)

func newAPI(t *testing.T, faults ...fault) *api {
	t.Helper()
	a := &api{t: t, payments: map[string]*Status{}, faults: faults}
	a.server = httptest.NewServer(a)
	t.Cleanup(a.server.Close)
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		a.t.Error(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, r.Method+" "+r.URL.Path)
	now := none
	if len(a.faults) > 0 {
		now, a.faults = a.faults[0], a.faults[1:]
	}
	switch now {
	case lostRequest:
		panic(http.ErrAbortHandler)
	case unavailable:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case speaksHTML:
		_, _ = io.WriteString(w, "<html>login</html>")
		return
	}
	status, answer := a.answer(r, body)
	switch now {
	case lostAnswer:
		panic(http.ErrAbortHandler)
	case failsInside:
		status, answer = http.StatusInternalServerError, envelope{Code: "INTERNAL_SERVER_ERROR"}
	case answersOther:
		answer.Data = json.RawMessage(`{"merchantId":"MERCHANTUAT","merchantTransactionId":"OTHER","status":"SUCCESS"}`)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (a *api) answer(r *http.Request, body []byte) (int, envelope) {
	payload := ""
	if r.Method == "POST" {
		var outer struct {
			Request string `json:"request"`
		}
		if err := json.Unmarshal(body, &outer); err != nil {
			return 400, envelope{Code: "BAD_REQUEST"}
		}
		payload = outer.Request
	}
	sum, index, err := xverify.Parse(r.Header.Get("X-VERIFY"))
	if err != nil || index != 1 || !xverify.Check(sum, payload, r.URL.Path, "sandbox-merchant-key") {
		return 401, envelope{Code: "UNAUTHORIZED", Message: "checksum verification failed"}
	}
	if r.Method == "GET" {
		id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v1/payment/MERCHANTUAT/"), "/status")
		payment, known := a.payments[id]
		if !known {
			return 400, envelope{Code: "INVALID_TRANSACTION_ID", Message: "unknown"}
		}
		data, err := json.Marshal(payment)
		if err != nil {
			a.t.Error(err)
		}
		return 200, envelope{Success: true, Code: "SUCCESS", Data: data}
	}
	text, err := xverify.DecodeBody(payload)
	if err != nil {
		return 400, envelope{Code: "BAD_REQUEST"}
	}
	var sale struct {
		MerchantID, StoreID, TerminalID, MerchantTransactionID, OrderID, SolutionType string
		Amount                                                                        protocol.Paise
		ExpiresIn                                                                     int
	}
	if err := json.Unmarshal(text, &sale); err != nil {
		return 400, envelope{Code: "BAD_REQUEST"}
	}
	if sale.SolutionType != "DQR_DEVICE" || sale.OrderID == "" || sale.StoreID == "" || sale.TerminalID == "" || sale.ExpiresIn < 1 || r.Header.Get("X-CALLBACK-URL") == "" {
		a.t.Errorf("incomplete sale %s", text)
	}
	if sale.Amount == 666 {
		return 400, envelope{Code: "INVALID_AMOUNT", Message: "no"}
	}
	if a.payments[sale.MerchantTransactionID] != nil {
		return 409, envelope{Code: "DUPLICATE_TRANSACTION_ID", Message: "duplicate"}
	}
	a.inits++
	a.payments[sale.MerchantTransactionID] = &Status{
		MerchantID: sale.MerchantID, MerchantTransactionID: sale.MerchantTransactionID, Amount: sale.Amount, Status: "PENDING",
	}
	return 200, envelope{Success: true, Code: "SUCCESS"}
}

// end moves a payment to a final status.
func (a *api) end(id, status string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.payments[id].Status = status
}

// tillStage is the part of a stage that a till needs, with a controller that is
// always there.
func tillStage(t *testing.T, a *api) *stage {
	t.Helper()
	s := &stage{told: map[string]string{}, timeline: NewTimeline(io.Discard), till: newTill(a.server.URL, "http://127.0.0.1:1/callback")}
	s.till.client.Transport = &http.Transport{}
	t.Cleanup(s.till.close)
	s.controller = NewController("", nil, "", a.server.URL, nil)
	close(s.controller.ready)
	return s
}

func testSale(id string) Sale {
	return Sale{
		Terminal:      protocol.Identity{MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: "testterminal1"},
		TransactionID: id, Amount: 24_500, ExpiresIn: 180,
	}
}
