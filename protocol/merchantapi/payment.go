package merchantapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// IntegrationMapping says how an EDC terminal gets a sale.
type IntegrationMapping string

// The mappings. Values are on the wire.
const (
	OneToOne IntegrationMapping = "ONE_TO_ONE" // pushed to the terminal that is named
	Open     IntegrationMapping = "OPEN"       // any terminal of the store pulls it by its short order id
)

// PaymentMode is what an EDC terminal may take.
type PaymentMode string

// The modes. Values are on the wire.
const (
	Card PaymentMode = "CARD"
	DQR  PaymentMode = "DQR"
)

// DQRSale asks for money on a Dynamic-QR display.
type DQRSale struct {
	StoreID       string `json:"storeId"`
	TerminalID    string `json:"terminalId"`
	TransactionID string `json:"merchantTransactionId"` // yours, unique for ever, below 40 characters
	OrderID       string `json:"orderId"`               // the bill; may repeat
	Amount        int64  `json:"amount"`                // paise
	ExpiresIn     int64  `json:"expiresIn,omitempty"`   // seconds; 0 means 180
}

// EDCSale asks for money on an EDC terminal.
type EDCSale struct {
	StoreID         string             `json:"storeId"`
	TerminalID      string             `json:"terminalId,omitempty"`            // not needed for Open
	TransactionID   string             `json:"merchantTransactionId,omitempty"` // yours, unique for ever, below 40 characters
	OrderID         string             `json:"orderId"`
	Amount          int64              `json:"amount"` // paise
	Mapping         IntegrationMapping `json:"integrationMappingType"`
	PaymentModes    []PaymentMode      `json:"paymentModes"`
	HandoverSeconds int64              `json:"timeAllowedForHandoverToTerminalSeconds,omitempty"` // 0 means 60
	AutoAccept      bool               `json:"autoAccept,omitempty"`                              // no prompt to the cashier
	ShortOrderID    string             `json:"shortOrderId,omitempty"`                            // 4 to 8 digits; Open only
}

// Accepted is the answer to a request that was taken.
type Accepted struct {
	MerchantID    string `json:"merchantId"`
	TransactionID string `json:"transactionId"`
	Amount        int64  `json:"amount"`
	// ProviderReferenceID is the server's id, where the route gives one.
	ProviderReferenceID string `json:"providerReferenceId"`
	// QRString is the upi:// link to draw; QRInit only.
	QRString string `json:"qrString"`
}

// Payment is the data of a v1 status answer (phonepe-api: Status data).
type Payment struct {
	MerchantID            string       `json:"merchantId"`
	StoreID               string       `json:"storeId"`
	TerminalID            string       `json:"terminalId"`
	OrderID               string       `json:"orderId"`
	TransactionID         string       `json:"transactionId"` // the merchant's
	MerchantTransactionID string       `json:"merchantTransactionId"`
	PhonepeTransactionID  string       `json:"phonepeTransactionId"` // the server's
	ReferenceNumber       string       `json:"referenceNumber"`      // RRN or UTR, on success
	PaymentMode           PaymentMode  `json:"paymentMode"`          // once attempted
	Amount                int64        `json:"amount"`
	Status                string       `json:"status"`       // PENDING, SUCCESS, FAILED, EXPIRED
	ResponseCode          string       `json:"responseCode"` // why; the text "null" on success
	PaymentInstruments    []Instrument `json:"paymentInstruments"`
	Timestamp             int64        `json:"timestamp"` // epoch milliseconds
}

// Instrument is what the customer paid with.
type Instrument struct {
	Type             string `json:"type"` // CARD, ACCOUNT
	Amount           int64  `json:"amount"`
	Last4Digits      string `json:"last4Digits"`
	CardNetwork      string `json:"cardNetwork"`
	CardType         string `json:"cardType"`
	UPITransactionID string `json:"upiTransactionId"`
}

// Final reports whether the payment has ended. A word that is not in the
// contract is not an end.
func (p Payment) Final() bool {
	return p.Status == "SUCCESS" || p.Status == "FAILED" || p.Status == "EXPIRED"
}

// Paid reports whether the money is there. Only this closes a bill.
func (p Payment) Paid() bool { return p.Status == "SUCCESS" }

// InitDQR asks for money on a Dynamic-QR display: POST /v1/payment/init.
func (c *Client) InitDQR(ctx context.Context, s DQRSale) (Accepted, error) {
	return c.begin(ctx, "/v1/payment/init", s.TransactionID, maxTransactionV1, s.Amount, struct {
		MerchantID   string `json:"merchantId"`
		SolutionType string `json:"solutionType"`
		DQRSale
	}{c.cfg.MerchantID, "DQR_DEVICE", s})
}

// InitEDC asks for money on an EDC terminal: POST /v1/payment/init.
func (c *Client) InitEDC(ctx context.Context, s EDCSale) (Accepted, error) {
	return c.begin(ctx, "/v1/payment/init", s.TransactionID, maxTransactionV1, s.Amount, struct {
		MerchantID   string `json:"merchantId"`
		SolutionType string `json:"solutionType"`
		EDCSale
	}{c.cfg.MerchantID, "EDC", s})
}

// EDCSaleRequest is the older form of InitEDC: POST /v1/edc/transaction/init.
func (c *Client) EDCSaleRequest(ctx context.Context, s EDCSale) (Accepted, error) {
	id := s.TransactionID
	s.TransactionID = "" // its name is another there
	return c.begin(ctx, "/v1/edc/transaction/init", id, maxTransactionV1, s.Amount, struct {
		MerchantID    string `json:"merchantId"`
		TransactionID string `json:"transactionId"`
		EDCSale
	}{c.cfg.MerchantID, id, s})
}

// begin sends what begins something under a new id, once.
func (c *Client) begin(ctx context.Context, path, id string, limit int, amount int64, payload any) (Accepted, error) {
	if err := checkNew(id, limit, amount); err != nil {
		return Accepted{}, err
	}
	e, err := c.call(ctx, http.MethodPost, path, payload)
	if err != nil {
		return Accepted{}, err
	}
	a, err := decode[Accepted](e)
	if err == nil {
		err = c.about(a.MerchantID, a.TransactionID, id, a.Amount, amount)
	}
	return a, err
}

// Status asks how a payment stands: GET /v1/payment/{merchantId}/{id}/status.
// The id is the merchant's or the server's (phonepeTransactionId).
func (c *Client) Status(ctx context.Context, id string) (Payment, error) {
	return c.status(ctx, "/v1/payment/", id)
}

// EDCStatus is the older form: GET /v1/edc/transaction/{merchantId}/{id}/status.
func (c *Client) EDCStatus(ctx context.Context, id string) (Payment, error) {
	return c.status(ctx, "/v1/edc/transaction/", id)
}

func (c *Client) status(ctx context.Context, route, id string) (Payment, error) {
	if err := checkPath(id); err != nil {
		return Payment{}, err
	}
	e, err := c.call(ctx, http.MethodGet, route+c.cfg.MerchantID+"/"+id+"/status", nil)
	if err != nil {
		return Payment{}, err
	}
	p, err := decode[Payment](e)
	if err != nil {
		return Payment{}, err
	}
	got := p.TransactionID
	if id == p.PhonepeTransactionID {
		got = id
	}
	return p, c.about(p.MerchantID, got, id, 0, 0)
}

// EDCSearch looks for payments of one terminal. RRN or TransactionID must be
// there; the latter wins. Without times it looks at the last 24 hours.
type EDCSearch struct {
	TerminalID     string `json:"terminalId"`
	RRN            string `json:"rrn,omitempty"`
	TransactionID  string `json:"merchantTransactionId,omitempty"`
	Amount         int64  `json:"amount,omitempty"`         // paise
	StartTimestamp int64  `json:"startTimestamp,omitempty"` // epoch milliseconds
	EndTimestamp   int64  `json:"endTimestamp,omitempty"`   // epoch milliseconds
}

// EDCSearch finds payments by RRN or id: POST /v1/edc/transaction/status.
func (c *Client) EDCSearch(ctx context.Context, s EDCSearch) ([]Payment, error) {
	if s.RRN == "" && s.TransactionID == "" {
		return nil, fmt.Errorf("%w: a search needs RRN or TransactionID", ErrInvalid)
	}
	e, err := c.call(ctx, http.MethodPost, "/v1/edc/transaction/status", struct {
		MerchantID string `json:"merchantId"`
		EDCSearch
	}{c.cfg.MerchantID, s})
	if err != nil {
		return nil, err
	}
	return decode[[]Payment](e)
}

// Cancelled is the answer to a cancel.
type Cancelled struct {
	// Code is SUCCESS: it ended the payment, or it had ended. CANCEL_REQUESTED:
	// the customer is paying, ask for the status.
	Code          string `json:"-"`
	Message       string `json:"message"`
	MerchantID    string `json:"merchantId"`
	TerminalID    string `json:"terminalId"`
	TransactionID string `json:"merchantTransactionId"`
}

// Requested reports that the cancel has not decided yet: a success still wins.
func (c Cancelled) Requested() bool { return c.Code == "CANCEL_REQUESTED" }

// Cancel ends a payment that nobody has begun to pay:
// PUT /v1/payment/{merchantId}/{id}/cancel. PAYMENT_ALREADY_COMPLETED is an
// *Error: close the bill instead.
func (c *Client) Cancel(ctx context.Context, id string) (Cancelled, error) {
	return c.cancel(ctx, http.MethodPut, "/v1/payment/", id)
}

func (c *Client) cancel(ctx context.Context, method, route, id string) (Cancelled, error) {
	if err := checkPath(id); err != nil {
		return Cancelled{}, err
	}
	e, err := c.call(ctx, method, route+c.cfg.MerchantID+"/"+id+"/cancel", nil, "CANCEL_REQUESTED")
	if err != nil {
		return Cancelled{}, err
	}
	// Documented are the fields beside success as well as below data, and
	// nothing at all.
	answer := Cancelled{MerchantID: c.cfg.MerchantID, TransactionID: id}
	for _, text := range [][]byte{e.whole, e.Data} {
		if len(text) > 0 {
			if err := json.Unmarshal(text, &answer); err != nil {
				return Cancelled{}, fmt.Errorf("%w: answer to a cancel: %v", ErrUnknown, err)
			}
		}
	}
	answer.Code, answer.Message = e.Code, e.Message
	if answer.Code == "" {
		answer.Code = "SUCCESS"
	}
	return answer, c.about(answer.MerchantID, answer.TransactionID, id, 0, 0)
}
