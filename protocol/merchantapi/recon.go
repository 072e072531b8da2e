package merchantapi

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"strings"
)

// ListQuery asks for the newest payments of a store.
type ListQuery struct {
	Size           int    `json:"size"` // 1 to 10
	StoreID        string `json:"storeId"`
	TerminalID     string `json:"terminalId,omitempty"`
	QRCodeID       string `json:"qrCodeId,omitempty"`
	Last4Digits    string `json:"last4Digits,omitempty"`
	Amount         int64  `json:"amount,omitempty"`         // paise
	StartTimestamp int64  `json:"startTimestamp,omitempty"` // epoch milliseconds; 0 means 5 minutes ago
}

// List is the answer to a ListQuery.
type List struct {
	ResultCount    int       `json:"resultCount"`
	StartTimestamp int64     `json:"startTimestamp"`
	EndTimestamp   int64     `json:"endTimestamp"`
	Transactions   []ListRow `json:"transactions"`
}

// ListRow is a payment in a list.
type ListRow struct {
	Transaction
	Date         Date   `json:"transactionDate"`
	MobileNumber string `json:"mobileNumber"` // masked
	PhoneNumber  string `json:"phoneNumber"`  // masked
	Name         string `json:"name"`
}

// Date is a time as the answer writes it: "2021-02-23 16:52:27.611" or epoch
// milliseconds in digits. The documents show both.
type Date string

// UnmarshalJSON takes a text, a number or null.
func (d *Date) UnmarshalJSON(text []byte) error {
	var s string
	if json.Unmarshal(text, &s) == nil { // null leaves it empty
		*d = Date(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(text, &n); err != nil {
		return err
	}
	*d = Date(n)
	return nil
}

// TransactionList lists the newest payments: POST /v3/qr/transaction/list.
func (c *Client) TransactionList(ctx context.Context, q ListQuery) (List, error) {
	if q.Size < 1 || q.Size > 10 {
		return List{}, fmt.Errorf("%w: size must be 1 to 10", ErrInvalid)
	}
	e, err := c.call(ctx, http.MethodPost, "/v3/qr/transaction/list", struct {
		MerchantID string `json:"merchantId"`
		ListQuery
	}{c.cfg.MerchantID, q})
	if err != nil {
		return List{}, err
	}
	return decode[List](e)
}

// ReconQuery asks for all payments of a span of time.
type ReconQuery struct {
	StoreID        string  `json:"storeId,omitempty"`
	StartTimestamp int64   `json:"startTimestamp"` // epoch milliseconds
	EndTimestamp   int64   `json:"endTimestamp"`   // epoch milliseconds
	Size           int     `json:"size"`           // rows of a page; 0 means 10
	SearchAfter    *Cursor `json:"searchAfter,omitempty"`
}

// Cursor is where a page ends.
type Cursor struct {
	Timestamp     int64  `json:"timestamp"`
	TransactionID string `json:"transactionId"`
}

// ReconPage is one page of a reconciliation.
type ReconPage struct {
	Rows        []ReconRow `json:"transactionDetails"`
	TotalResult int        `json:"totalResult"`
	SearchAfter *Cursor    `json:"searchAfter"`
}

// ReconRow is a payment with its settlement and its refunds.
type ReconRow struct {
	Transaction
	StoreID     string                          `json:"storeId"`
	TerminalID  string                          `json:"terminalId"`
	Date        Date                            `json:"transactionDate"`
	Settlement  *Settlement                     `json:"transactionLevelSettlement"`
	Instruments map[string]InstrumentSettlement `json:"instrumentLevelSettlementDetails"` // by instrument
	Refunds     []ReconRefund                   `json:"refundTransactionDetails"`
}

// Settlement says when the merchant's bank has the money.
type Settlement struct {
	Status         string             `json:"status"`
	Text           string             `json:"settlementText"`
	ToBeSettledOn  Date               `json:"toBeSettledDate"`
	SettledDetails []SettlementDetail `json:"transactionSettlementDetails"`
}

// SettlementDetail is one transfer to the merchant's bank.
type SettlementDetail struct {
	UTR    string `json:"utr"`
	Status string `json:"status"`
	Date   Date   `json:"settlementDate"`
	Amount int64  `json:"settlementAmount"` // paise
}

// InstrumentSettlement is the settlement of one instrument's part.
type InstrumentSettlement struct {
	TotalAmount      int64  `json:"totalAmount"`      // paise
	SettlementAmount int64  `json:"settlementAmount"` // paise
	UTR              string `json:"utr"`
}

// ReconRefund is a refund of the row's payment.
type ReconRefund struct {
	Transaction
	OriginalTransactionID string `json:"originalTransactionId"`
	Date                  Date   `json:"transactionDate"`
}

// ReconPage gets one page: POST /v1/transactions/details.
func (c *Client) ReconPage(ctx context.Context, q ReconQuery) (ReconPage, error) {
	if q.StartTimestamp < 0 || q.EndTimestamp <= q.StartTimestamp || q.Size < 0 {
		return ReconPage{}, fmt.Errorf("%w: a reconciliation needs a start before its end, and no negative size", ErrInvalid)
	}
	if q.Size == 0 {
		q.Size = 10
	}
	e, err := c.call(ctx, http.MethodPost, "/v1/transactions/details", struct {
		MerchantID string `json:"merchantId"`
		ReconQuery
	}{c.cfg.MerchantID, q})
	if err != nil {
		return ReconPage{}, err
	}
	return decode[ReconPage](e)
}

// Recon walks all pages, row by row. It ends after the last row, or with an
// error, which is the last thing it yields. A server that answers the same
// cursor twice is stopped with ErrUnknown.
func (c *Client) Recon(ctx context.Context, q ReconQuery) iter.Seq2[ReconRow, error] {
	return func(yield func(ReconRow, error) bool) {
		for {
			page, err := c.ReconPage(ctx, q)
			if err != nil {
				yield(ReconRow{}, err)
				return
			}
			for _, row := range page.Rows {
				if !yield(row, nil) {
					return
				}
			}
			next := page.SearchAfter
			switch {
			case len(page.Rows) == 0, next == nil, strings.TrimSpace(next.TransactionID) == "":
				return
			case q.SearchAfter != nil && *next == *q.SearchAfter:
				yield(ReconRow{}, fmt.Errorf("%w: the cursor %s does not move", ErrUnknown, next.TransactionID))
				return
			}
			q.SearchAfter = next
		}
	}
}
