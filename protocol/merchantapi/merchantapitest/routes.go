package merchantapitest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	maxAmount = 10_000_000_000
	duplicate = "The transaction id you have entered seems to be invalid. [message = Duplicate transaction id]"
)

func (s *Server) routes() {
	v1 := func(pattern string, h func(asked) answer) { s.handle(pattern, "UNAUTHORIZED", h) }
	v3 := func(pattern string, h func(asked) answer) { s.handle(pattern, "AUTHORIZATION_FAILED", h) }
	v1("POST /v1/payment/init", s.init)
	v1("POST /v1/edc/transaction/init", s.edcInit)
	v1("GET /v1/payment/{merchant}/{id}/status", s.status)
	v1("GET /v1/edc/transaction/{merchant}/{id}/status", s.status)
	v1("POST /v1/edc/transaction/{merchant}/{id}/status", s.status)
	v1("POST /v1/edc/transaction/status", s.search)
	v1("PUT /v1/payment/{merchant}/{id}/cancel", s.cancel)
	v1("POST /v1/transactions/details", s.recon)
	v3("POST /v3/qr/init", s.qrInit)
	v3("POST /v3/charge", s.charge)
	v3("POST /v3/charge/{merchant}/{id}/remind", s.remind)
	v3("POST /v3/charge/{merchant}/{id}/cancel", s.cancel)
	v3("GET /v3/transaction/{merchant}/{id}/status", s.transaction)
	v3("POST /v3/credit/backToSource", s.refund)
	v3("POST /v3/credit/backToSource/{$}", s.refund)
	v3("POST /v3/qr/transaction/list", s.list)
	s.mux.HandleFunc("GET /v1/keys", s.keys)
	s.mux.HandleFunc("POST /conformance/{id}/settle", s.settleRoute)
	s.mux.HandleFunc("POST /conformance/{id}/fault", s.faultRoute)
	s.mux.HandleFunc("GET /conformance/{id}/requests", s.requestsRoute)
}

// handle checks the signature, plays the fault that is next for the transaction
// id, and answers.
func (s *Server) handle(pattern, unauthorized string, h func(asked) answer) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		a, no := s.signed(r, unauthorized)
		if no != nil {
			no.write(w)
			return
		}
		if s.playFault(w, r, a, h) {
			return
		}
		h(a).write(w)
	})
}

// fields reads the payload and refuses a field that the contract does not name.
func fields(a asked, into any) *answer {
	dec := json.NewDecoder(bytes.NewReader(a.payload))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		no := bad(err.Error())
		return &no
	}
	return nil
}

type initFields struct {
	MerchantID            string   `json:"merchantId"`
	StoreID               string   `json:"storeId"`
	TerminalID            string   `json:"terminalId"`
	MerchantTransactionID string   `json:"merchantTransactionId"`
	TransactionID         string   `json:"transactionId"`
	OrderID               string   `json:"orderId"`
	Amount                int64    `json:"amount"`
	SolutionType          string   `json:"solutionType"`
	ExpiresIn             int64    `json:"expiresIn"`
	Mapping               string   `json:"integrationMappingType"`
	PaymentModes          []string `json:"paymentModes"`
	Handover              int64    `json:"timeAllowedForHandoverToTerminalSeconds"`
	AutoAccept            bool     `json:"autoAccept"`
	ShortOrderID          string   `json:"shortOrderId"`
}

func (s *Server) init(a asked) answer {
	var f initFields
	if no := fields(a, &f); no != nil {
		return *no
	}
	if f.SolutionType == "" && f.Mapping != "" {
		f.SolutionType = "EDC"
	}
	if no := f.check(); no != nil {
		return *no
	}
	life := time.Duration(f.ExpiresIn) * time.Second
	switch {
	case f.SolutionType == "EDC" && f.Handover == 0:
		life = time.Minute
	case f.SolutionType == "EDC":
		life = time.Duration(f.Handover) * time.Second
	case f.ExpiresIn == 0:
		life = 180 * time.Second
	}
	p := &payment{
		asked: a, id: f.id(), store: f.StoreID, terminal: f.TerminalID, order: f.OrderID, amount: f.Amount,
		mode: "DQR", expires: life, reason: "QR_EXPIRED",
	}
	if f.SolutionType == "EDC" {
		p.mode, p.reason = f.PaymentModes[0], "HANDOVER_TIMEOUT"
	}
	if !s.add(p) {
		return answer{Code: "DUPLICATE_TRANSACTION_ID", Message: duplicate, status: http.StatusConflict, noData: true}
	}
	return ok(map[string]any{"merchantId": a.merchant, "transactionId": p.id, "amount": p.amount})
}

// edcInit is the older route: the same, and its id is called transactionId.
func (s *Server) edcInit(a asked) answer {
	var f initFields
	if no := fields(a, &f); no != nil {
		return *no
	}
	if f.MerchantTransactionID != "" || f.SolutionType != "" || f.Mapping == "" {
		return bad("this route has transactionId and integrationMappingType")
	}
	return s.init(a)
}

func (f initFields) id() string {
	if f.MerchantTransactionID != "" {
		return f.MerchantTransactionID
	}
	return f.TransactionID
}

// check is the contract's order: store, terminal, ids, then the field list.
func (f initFields) check() *answer {
	edc, open := f.SolutionType == "EDC", f.Mapping == "OPEN"
	digits := strings.Trim(f.ShortOrderID, "0123456789") == ""
	type row struct {
		wrong bool
		code  string
	}
	for _, r := range []row{
		{f.StoreID != StoreID, "INVALID_STORE_ID"},
		{f.TerminalID != TerminalID && !(open && f.TerminalID == ""), "INVALID_TERMINAL_ID"},
		{!validID(f.id(), 39), "INVALID_TRANSACTION_ID"},
		{f.OrderID == "", "BAD_REQUEST"},
		{f.SolutionType != "DQR_DEVICE" && !edc, "BAD_REQUEST"},
		{f.Amount < 1 || f.Amount > maxAmount, "INVALID_AMOUNT"},
		{edc && !open && f.Mapping != "ONE_TO_ONE", "INVALID_INTEGRATION_MAPPING_TYPE"},
		{edc && (len(f.PaymentModes) == 0 || slices.ContainsFunc(f.PaymentModes, notAMode)), "INVALID_PAYMENT_MODES"},
		{edc && (f.Handover < 0 || f.Handover > 600), "INVALID_TERMINAL_HANDOVER_TIME"},
		{edc && open && f.ShortOrderID == "", "SHORT_CODE_IS_REQUIRED"},
		{edc && !open && f.ShortOrderID != "", "SHORT_CODE_NOT_REQUIRED"},
		{edc && open && (len(f.ShortOrderID) < 4 || len(f.ShortOrderID) > 8 || !digits), "INVALID_SHORTCODE_LENGTH"},
	} {
		if r.wrong {
			no := refuse(http.StatusBadRequest, r.code, "refused by the contract")
			return &no
		}
	}
	return nil
}

func notAMode(m string) bool { return m != "CARD" && m != "DQR" }

func validID(s string, limit int) bool {
	return s != "" && len(s) <= limit && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

func (s *Server) status(a asked) answer {
	p := s.find(a.merchant, a.id)
	if p == nil || p.v3() {
		return refuse(http.StatusBadRequest, "INVALID_TRANSACTION_ID", "The Transaction ID passed is invalid")
	}
	return ok(p.statusData())
}

func (s *Server) search(a asked) answer {
	var f struct {
		MerchantID, TerminalID, RRN  string
		MerchantTransactionID        string
		Amount                       int64
		StartTimestamp, EndTimestamp int64
	}
	if no := fields(a, &f); no != nil {
		return *no
	}
	if f.TerminalID != TerminalID || f.RRN == "" && f.MerchantTransactionID == "" {
		return bad("terminalId, and rrn or merchantTransactionId")
	}
	found := []any{}
	for _, p := range s.all(a.merchant) {
		match := p.id == f.MerchantTransactionID
		if f.MerchantTransactionID == "" {
			match = p.reference() == f.RRN
		}
		if match && !p.v3() && (f.Amount == 0 || f.Amount == p.amount) {
			found = append(found, p.statusData())
		}
	}
	return ok(found)
}

func (s *Server) cancel(a asked) answer {
	s.mu.Lock()
	p := s.payments[a.merchant+"/"+a.id]
	if p != nil && p.status() == "PENDING" && !p.paying {
		p.ended, p.reason = "FAILED", "CANCELLED_BY_MERCHANT"
	}
	s.mu.Unlock()
	p = s.find(a.merchant, a.id)
	switch {
	case p == nil:
		return refuse(http.StatusBadRequest, "INVALID_TRANSACTION_ID", "The Transaction ID passed is invalid")
	case p.status() == "SUCCESS":
		return answer{Code: "PAYMENT_ALREADY_COMPLETED", Message: "Payment is already complete.", status: http.StatusBadRequest, noData: true}
	case p.status() == "PENDING":
		return answer{Code: "CANCEL_REQUESTED", Message: "Payment is in progress, check the status", Success: true}
	case p.v3():
		return answer{Success: true, Code: "SUCCESS", Message: "Your request has been successfully completed.", noData: true}
	}
	return ok(map[string]any{"merchantId": a.merchant, "terminalId": p.terminal, "merchantTransactionId": p.id})
}
