package merchantapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// QRSale asks for a QR's text, which the POS draws itself.
type QRSale struct {
	TransactionID   string          `json:"transactionId"` // yours, unique for ever, below 38 characters
	MerchantOrderID string          `json:"merchantOrderId,omitempty"`
	Amount          int64           `json:"amount"`              // paise
	ExpiresIn       int64           `json:"expiresIn,omitempty"` // seconds
	StoreID         string          `json:"storeId,omitempty"`
	TerminalID      string          `json:"terminalId,omitempty"`
	SubMerchantID   string          `json:"subMerchantId,omitempty"`
	Message         string          `json:"message,omitempty"`
	GSTBreakup      *GSTBreakup     `json:"gstBreakup,omitempty"`
	InvoiceDetails  *InvoiceDetails `json:"invoiceDetails,omitempty"`
}

// GSTBreakup is the tax in a QR, as numbers in the POS's own digits.
type GSTBreakup struct {
	GST           json.Number `json:"gst,omitempty"`
	CGST          json.Number `json:"cgst,omitempty"`
	SGST          json.Number `json:"sgst,omitempty"`
	IGST          json.Number `json:"igst,omitempty"`
	Cess          json.Number `json:"cess,omitempty"`
	GSTIncentive  json.Number `json:"gstIncentive,omitempty"`
	GSTPercentage json.Number `json:"gstPercentage,omitempty"`
}

// InvoiceDetails is the bill behind a QR.
type InvoiceDetails struct {
	Number string `json:"invoiceNumber,omitempty"`
	Date   string `json:"invoiceDate,omitempty"` // 2021-06-29T10:13:54.022Z
	Name   string `json:"invoiceName,omitempty"`
}

// InstrumentType says how a customer is named in a collect.
type InstrumentType string

// The types. Values are on the wire.
const (
	VPA    InstrumentType = "VPA"
	Mobile InstrumentType = "MOBILE"
)

// Collect asks a customer for money by VPA or mobile number.
type Collect struct {
	TransactionID       string         `json:"transactionId"` // yours, unique for ever, below 38 characters
	MerchantOrderID     string         `json:"merchantOrderId"`
	Amount              int64          `json:"amount"` // paise
	InstrumentType      InstrumentType `json:"instrumentType"`
	InstrumentReference string         `json:"instrumentReference"` // the VPA, or 10 digits
	ExpiresIn           int64          `json:"expiresIn,omitempty"` // seconds; 180 is recommended, 0 means 30 days
	Message             string         `json:"message,omitempty"`
	Email               string         `json:"email,omitempty"`
	ShortName           string         `json:"shortName,omitempty"`
	SubMerchantID       string         `json:"subMerchantId,omitempty"`
	StoreID             string         `json:"storeId,omitempty"`
	TerminalID          string         `json:"terminalId,omitempty"`
}

// Refund gives money back, all of it or a part. Name the payment by one of
// OriginalTransactionID and ProviderReferenceID.
type Refund struct {
	TransactionID         string `json:"transactionId"` // of the refund: new, below 38 characters
	OriginalTransactionID string `json:"originalTransactionId,omitempty"`
	ProviderReferenceID   string `json:"providerReferenceId,omitempty"`
	Amount                int64  `json:"amount"` // paise
	MerchantOrderID       string `json:"merchantOrderId,omitempty"`
	SubMerchant           string `json:"subMerchant,omitempty"`
	Message               string `json:"message,omitempty"`
}

// Transaction is the data of a v3 status answer, of a refund, and a row of the
// lists (phonepe-api: Status data).
type Transaction struct {
	// Code is the answer's: PAYMENT_SUCCESS, PAYMENT_PENDING, PAYMENT_ERROR ...
	// It decides. A row of a list has none, and there PaymentState decides.
	Code                string               `json:"-"`
	MerchantID          string               `json:"merchantId"`
	TransactionID       string               `json:"transactionId"`
	MerchantOrderID     string               `json:"merchantOrderId"`
	ProviderReferenceID string               `json:"providerReferenceId"`
	Amount              int64                `json:"amount"`
	PaymentState        string               `json:"paymentState"` // COMPLETED, PENDING, FAILED
	PayResponseCode     string               `json:"payResponseCode"`
	PaymentModes        []TransactionMode    `json:"paymentModes"`
	Context             *TransactionLocation `json:"transactionContext"`
}

// TransactionMode is what the customer paid with. Lists call the mode type.
type TransactionMode struct {
	Mode   string `json:"mode"`
	Type   string `json:"type"`
	Amount int64  `json:"amount"`
	UTR    string `json:"utr"`
}

// TransactionLocation is where the customer paid.
type TransactionLocation struct {
	StoreID    string `json:"storeId"`
	TerminalID string `json:"terminalId"`
	QRCodeID   string `json:"qrCodeId"`
}

// The codes that say how a v3 transaction stands; every other is a refusal. A
// function, so that nobody can change them.
func stateCodes() []string {
	return []string{
		"PAYMENT_SUCCESS", "PAYMENT_ERROR", "PAYMENT_PENDING", "PAYMENT_CANCELLED", "PAYMENT_DECLINED", "REQUEST_EXPIRED",
	}
}

// Final reports whether the transaction has ended. PAYMENT_ERROR is final
// (FAQ); a word that is not in the contract is not an end.
func (t Transaction) Final() bool {
	switch t.Code {
	case "PAYMENT_SUCCESS", "PAYMENT_ERROR", "PAYMENT_CANCELLED", "PAYMENT_DECLINED", "REQUEST_EXPIRED":
		return true
	case "":
		return t.Paid() || t.PaymentState == "FAILED"
	}
	return false
}

// Paid reports whether the money has moved: to the merchant, or back by a
// refund. Lists write COMPLETED or PAYMENT_SUCCESS.
func (t Transaction) Paid() bool {
	if t.Code != "" {
		return t.Code == "PAYMENT_SUCCESS"
	}
	return t.PaymentState == "COMPLETED" || t.PaymentState == "PAYMENT_SUCCESS"
}

// QRInit asks for a QR's text: POST /v3/qr/init.
func (c *Client) QRInit(ctx context.Context, s QRSale) (Accepted, error) {
	return c.begin(ctx, "/v3/qr/init", s.TransactionID, maxTransactionV3, s.Amount, struct {
		MerchantID string `json:"merchantId"`
		QRSale
	}{c.cfg.MerchantID, s})
}

// Charge sends a collect request: POST /v3/charge.
func (c *Client) Charge(ctx context.Context, s Collect) (Accepted, error) {
	return c.begin(ctx, "/v3/charge", s.TransactionID, maxTransactionV3, s.Amount, struct {
		MerchantID string `json:"merchantId"`
		Collect
	}{c.cfg.MerchantID, s})
}

// Remind reminds the customer of a collect request:
// POST /v3/charge/{merchantId}/{id}/remind.
func (c *Client) Remind(ctx context.Context, id string) error {
	if err := checkPath(id); err != nil {
		return err
	}
	_, err := c.call(ctx, http.MethodPost, "/v3/charge/"+c.cfg.MerchantID+"/"+id+"/remind", nil)
	return err
}

// CancelCharge is Cancel for QRInit and Charge:
// POST /v3/charge/{merchantId}/{id}/cancel.
func (c *Client) CancelCharge(ctx context.Context, id string) (Cancelled, error) {
	return c.cancel(ctx, http.MethodPost, "/v3/charge/", id)
}

// TransactionStatus asks how a QR, a collect or a refund stands:
// GET /v3/transaction/{merchantId}/{id}/status. How it ended is in the answer's
// Code, never an error.
func (c *Client) TransactionStatus(ctx context.Context, id string) (Transaction, error) {
	if err := checkPath(id); err != nil {
		return Transaction{}, err
	}
	e, err := c.call(ctx, http.MethodGet, "/v3/transaction/"+c.cfg.MerchantID+"/"+id+"/status", nil, stateCodes()...)
	if err != nil {
		return Transaction{}, err
	}
	return c.transaction(e, id, 0)
}

// Refund gives money back: POST /v3/credit/backToSource. It begins as
// PAYMENT_PENDING; PollTransaction with the refund's own id tells the end.
// PAYMENT_ERROR with EXCESS_REFUND_AMOUNT says that less is left to give back.
func (c *Client) Refund(ctx context.Context, s Refund) (Transaction, error) {
	if err := checkNew(s.TransactionID, maxTransactionV3, s.Amount); err != nil {
		return Transaction{}, err
	}
	if (s.OriginalTransactionID == "") == (s.ProviderReferenceID == "") {
		return Transaction{}, fmt.Errorf("%w: a refund needs one of OriginalTransactionID and ProviderReferenceID", ErrInvalid)
	}
	e, err := c.call(ctx, http.MethodPost, "/v3/credit/backToSource", struct {
		MerchantID string `json:"merchantId"`
		Refund
	}{c.cfg.MerchantID, s}, stateCodes()...)
	if err != nil {
		return Transaction{}, err
	}
	return c.transaction(e, s.TransactionID, s.Amount)
}

func (c *Client) transaction(e envelope, id string, amount int64) (Transaction, error) {
	t, err := decode[Transaction](e)
	if err != nil {
		return Transaction{}, err
	}
	t.Code = e.Code
	got := t.TransactionID
	if id == t.ProviderReferenceID {
		got = id
	}
	return t, c.about(t.MerchantID, got, id, t.Amount, amount)
}
