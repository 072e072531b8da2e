package payapi

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// dynamicQR answers GET /api/v1/dynamic-qr/{id}: what was validated, in the PRD's
// column names (PRD 3.6, 4.2, 4.3; upi-switch: Tables and lookups).
func (a *API) dynamicQR(c *gin.Context) {
	if s, ok := a.dynamic(c); ok {
		a.succeed(c, s.data())
	}
}

// dynamicStatus answers GET /api/v1/dynamic-qr/{id}/status.
func (a *API) dynamicStatus(c *gin.Context) {
	if s, ok := a.dynamic(c); ok {
		a.succeed(c, s.status())
	}
}

// scanned is all that is known of one Dynamic QR. quote is zero until somebody
// validated it, payment for a QR made elsewhere until it is paid, paid until a
// ReqPay spent the token.
type scanned struct {
	id       string
	merchant string
	quote    quote.Quote
	payment  payment.Payment
	paid     decide.ReqPay
	now      time.Time
}

// dynamic checks who asks and finds the QR. X-MERCHANT-ID or X-PROVIDER-ID selects
// the key; what belongs to another is not found. A question takes of the share of
// the merchant who is named, else of the one whose QR it is.
func (a *API) dynamic(c *gin.Context) (s scanned, ok bool) {
	merchantID := c.GetHeader("X-MERCHANT-ID")
	who := a.check
	if merchantID != "" {
		who = a.verify
	}
	if _, err := who(c, merchantID, "", route(c)); err != nil {
		a.fail(c, err)
		return s, false
	}
	s, err := a.find(c.Request.Context(), c.Param("id"))
	switch {
	case err != nil:
	case merchantID != "" && s.merchant != merchantID:
		err = journal.ErrNotFound
	case merchantID == "":
		if p, _ := a.Directory().Provider(c.GetHeader("X-PROVIDER-ID")); !p.Merchants[s.merchant] {
			err = journal.ErrNotFound
		}
	}
	if errors.Is(err, journal.ErrNotFound) {
		err = &Refusal{Code: CodeInvalidTransaction, HTTPStatus: http.StatusNotFound, Text: "The merchant has no Dynamic QR of this id"}
	}
	if err == nil && merchantID == "" && a.Allow != nil {
		if wait, allowed := a.Allow(s.merchant); !allowed {
			err = &Refusal{Code: CodeTooMany, retryAfter: max(wait, time.Second)}
		}
	}
	if err != nil {
		a.fail(c, err)
		return s, false
	}
	return s, true
}

// find looks an id up as a token, and then as a payment: a QR's tr is its
// payment's id.
func (a *API) find(ctx context.Context, id string) (s scanned, err error) {
	s.id, s.now = id, time.Now()
	if !protocol.ValidID(id, 64) {
		return s, journal.ErrNotFound
	}
	s.quote, err = a.Reader.Quote(ctx, id)
	paymentID := s.quote.PaymentID
	if errors.Is(err, journal.ErrNotFound) {
		paymentID, err = id, nil
	}
	if err != nil {
		return s, err
	}
	if paymentID != "" {
		if s.payment, err = a.Reader.PaymentByID(ctx, paymentID); err != nil {
			return s, err
		}
		s.merchant = s.payment.MerchantID
	} else if payee, known := a.Directory().Payee(s.quote.Payee); known {
		s.merchant = payee.MerchantID
	}
	if s.payment.ID != "" && s.payment.QR == "" && s.payment.Solution != payment.ForeignQR {
		// No QR was made for it: a collect request, a refund, a card sale.
		return s, journal.ErrNotFound
	}
	if s.quote.Token == "" {
		s.quote, err = a.Reader.LatestQuote(ctx, paymentID)
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return s, err
		}
	}
	if s.quote.Used() {
		s.paid, err = a.Reader.ReqPay(ctx, decide.TxnKey{OrgID: s.quote.OrgID, TxnID: s.quote.UsedBy})
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return s, err
		}
	}
	return s, nil
}

// dynamicData is a row of qr_validations with what it led to. Amounts are rupees,
// or base_curr's unit, with two decimals, as the XML writes them.
type dynamicData struct {
	ID                    string `json:"id"`
	OrgID                 string `json:"org_id,omitempty"`
	MsgID                 string `json:"msg_id,omitempty"`
	MerchantID            string `json:"merchant_id"`
	TransactionID         string `json:"transaction_id,omitempty"`
	MerchantTransactionID string `json:"merchant_transaction_id,omitempty"`
	InitiationMode        string `json:"initiation_mode"`
	QRMedium              string `json:"qr_medium"`
	VerToken              string `json:"ver_token,omitempty"`
	QRExpiresAt           string `json:"qr_expires_at"`
	ValidationType        string `json:"validation_type,omitempty"`
	BaseAmount            string `json:"base_amount"`
	BaseCurr              string `json:"base_curr"`
	INRAmount             string `json:"inr_amount_calc"`
	FXRate                string `json:"fx_rate,omitempty"`
	FXRateAt              string `json:"fx_rate_at,omitempty"`
	PayeeAddr             string `json:"payee_addr"`
	MCC                   string `json:"mcc,omitempty"`
	NetInstID             string `json:"net_inst_id,omitempty"`
	RiskScore             *int64 `json:"risk_score,omitempty"`
	RiskReasons           string `json:"risk_reasons,omitempty"`
	CreatedAt             string `json:"created_at"`
	UsedAt                string `json:"used_at,omitempty"`
	RequestHash           string `json:"request_hash,omitempty"`
	ResponseHash          string `json:"response_hash,omitempty"`
	EventSeq              int64  `json:"event_seq,omitempty"`
	EventHash             string `json:"event_hash,omitempty"`
	dynamicStatus
}

// dynamicStatus is how the payment of a Dynamic QR stands. status is PENDING,
// SUCCESS, FAILED, EXPIRED or, where the money went back, REVERSED.
type dynamicStatus struct {
	Status           string `json:"status"`
	Reason           string `json:"reason,omitempty"`
	Result           string `json:"result,omitempty"`
	TxnID            string `json:"txn_id,omitempty"`
	SettlementAmount string `json:"settlement_amount"`
	RRN              string `json:"rrn,omitempty"`
}

func (s scanned) status() dynamicStatus {
	d := dynamicStatus{
		Status: s.payment.State.External(), Reason: s.payment.Reason, TxnID: s.payment.UPITxnID,
		SettlementAmount: s.payment.Settlement.Rupees(), RRN: s.payment.Reference,
	}
	if s.payment.ID == "" { // made elsewhere, and not paid
		d.Status = "PENDING"
		if s.quote.Expired(s.now) {
			d.Status = "EXPIRED"
		}
	}
	if s.paid.Status == decide.StatusReversed {
		d.Status, d.Result = decide.StatusReversed, s.paid.Result
	} else if s.paid.TxnID != "" {
		d.Result = s.paid.Result
	}
	return d
}

func (s scanned) data() dynamicData {
	p, q := s.payment, s.quote
	d := dynamicData{
		ID: s.id, MerchantID: s.merchant, TransactionID: p.ID, MerchantTransactionID: p.TransactionID,
		InitiationMode: "16", QRMedium: "DYNAMIC", QRExpiresAt: stamp(p.ExpiresAt), BaseAmount: p.Amount.Rupees(),
		BaseCurr: quote.INR, INRAmount: p.Amount.Rupees(), PayeeAddr: string(p.Payee), CreatedAt: stamp(p.CreatedAt),
		dynamicStatus: s.status(),
	}
	if q.Token == "" {
		return d
	}
	d.OrgID, d.MsgID, d.VerToken, d.QRExpiresAt = q.OrgID, q.MsgID, q.Token, stamp(q.ExpiresAt)
	d.ValidationType, d.BaseAmount, d.BaseCurr, d.INRAmount = q.Type(), protocol.Paise(q.Base).Rupees(), q.Currency, q.Amount.Rupees()
	d.PayeeAddr, d.MCC, d.NetInstID, d.CreatedAt, d.UsedAt = string(q.Payee), q.MCC, q.NetInstID, stamp(q.CreatedAt), stamp(q.UsedAt)
	d.RequestHash, d.ResponseHash = hex.EncodeToString(q.RequestHash[:]), hex.EncodeToString(q.ResponseHash[:])
	d.EventSeq, d.EventHash = q.Seq, hex.EncodeToString(q.Hash[:])
	if q.Type() == "INTERNATIONAL" {
		d.FXRate, d.FXRateAt = q.Rate.String(), stamp(q.Rate.At)
	}
	if !q.ProcessedAt.IsZero() {
		d.RiskScore, d.RiskReasons = &q.RiskScore, q.RiskReasons
	}
	return d
}

// stamp writes a time as the XML does; the zero time is "".
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
