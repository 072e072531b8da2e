package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/xverify"
)

// The sandbox's merchant and the key that it signs with (phonepe-api: The
// sandbox).
const (
	sandboxMerchant = "MERCHANTUAT"
	sandboxKey      = "sandbox-merchant-key"
	sandboxIndex    = 1
)

const initPath = "/v1/payment/init"

// answerLimit bounds an answer of the controller that the till reads.
const answerLimit = 64 << 10

// ErrAnswerLost says that the controller gave no answer, or one that is not
// final: what was asked may have been done or not (phonepe-api: Status data).
var ErrAnswerLost = errors.New("no answer from the controller")

// Refused is an answer that says no.
type Refused struct {
	Code    string
	Message string
}

func (r *Refused) Error() string { return r.Code + ": " + r.Message }

// Sale is what the till asks for.
type Sale struct {
	Terminal      protocol.Identity
	TransactionID string
	Amount        protocol.Paise
	ExpiresIn     int // seconds; of a Dynamic-QR display alone
	EDC           *EDC
}

// EDC makes a sale one for an EDC terminal; nil is one for a Dynamic-QR display.
type EDC struct {
	Modes      []string // CARD, DQR
	AutoAccept bool     // the cashier is not asked
	// ShortOrderID makes it an OPEN order, which a terminal of the store pulls.
	ShortOrderID string
}

// Status is the data of a status answer and of a callback, as far as the demo
// looks at it.
type Status struct {
	MerchantID            string         `json:"merchantId"`
	MerchantTransactionID string         `json:"merchantTransactionId"`
	Amount                protocol.Paise `json:"amount"`
	Status                string         `json:"status"` // PENDING, SUCCESS, FAILED, EXPIRED
	ResponseCode          string         `json:"responseCode"`
	ReferenceNumber       string         `json:"referenceNumber"`
}

// Final reports whether the payment has ended.
func (s Status) Final() bool { return s.Status != "" && s.Status != "PENDING" }

// till is a shop's billing program: it asks for payments and looks them up.
type till struct {
	url      string // base URL of the controller
	callback string // where the merchant wants callbacks
	client   *http.Client
}

func newTill(url, callback string) *till {
	return &till{url: url, callback: callback, client: &http.Client{Timeout: 10 * time.Second}}
}

// close lets go of idle connections.
func (t *till) close() { t.client.CloseIdleConnections() }

// envelope is the form of every answer (phonepe-api: Wire rules).
type envelope struct {
	Success bool            `json:"success"`
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

// request returns the base64 body of the sale and its X-VERIFY.
func (s Sale) request() (body, verify string, err error) {
	payload := map[string]any{
		"merchantId":            s.Terminal.MerchantID,
		"storeId":               s.Terminal.StoreID,
		"terminalId":            s.Terminal.TerminalID,
		"merchantTransactionId": s.TransactionID,
		"orderId":               "ORDER-" + s.TransactionID,
		"amount":                s.Amount,
	}
	switch {
	case s.EDC == nil:
		payload["solutionType"], payload["expiresIn"] = "DQR_DEVICE", s.ExpiresIn
	case s.EDC.ShortOrderID != "":
		delete(payload, "terminalId")
		payload["integrationMappingType"], payload["shortOrderId"] = "OPEN", s.EDC.ShortOrderID
	default:
		payload["integrationMappingType"] = "ONE_TO_ONE"
	}
	if s.EDC != nil {
		payload["solutionType"], payload["paymentModes"], payload["autoAccept"] = "EDC", s.EDC.Modes, s.EDC.AutoAccept
	}
	fields, err := json.Marshal(payload)
	if err != nil {
		return "", "", err
	}
	encoded := xverify.EncodeBody(fields)
	return `{"request":"` + encoded + `"}`, xverify.Header(encoded, initPath, sandboxKey, sandboxIndex), nil
}

// Init asks for the payment.
//
// Life of a payment, step 1: POS signs and posts.
//
// It returns nil when it was taken, *Refused when it
// was not, or ErrAnswerLost.
func (t *till) Init(ctx context.Context, s Sale) error {
	body, verify, err := s.request()
	if err != nil {
		return err
	}
	_, err = t.do(ctx, http.MethodPost, initPath, verify, []byte(body))
	return err
}

// Status looks the payment up. It returns *Refused when there is no such
// payment, or ErrAnswerLost.
func (t *till) Status(ctx context.Context, transactionID string) (Status, error) {
	path := "/v1/payment/" + sandboxMerchant + "/" + transactionID + "/status"
	answer, err := t.do(ctx, http.MethodGet, path, xverify.Header("", path, sandboxKey, sandboxIndex), nil)
	if err != nil {
		return Status{}, err
	}
	var status Status
	if err := json.Unmarshal(answer.Data, &status); err != nil {
		return Status{}, fmt.Errorf("status of %s: %w", transactionID, err)
	}
	if status.MerchantTransactionID != transactionID || status.MerchantID != sandboxMerchant {
		return Status{}, fmt.Errorf("status of %s answers for %s of %s", transactionID, status.MerchantTransactionID, status.MerchantID)
	}
	return status, nil
}

// Cancel takes the request back. It returns the code, SUCCESS or
// CANCEL_REQUESTED; *Refused when the payment has ended otherwise, or
// ErrAnswerLost.
func (t *till) Cancel(ctx context.Context, transactionID string) (code string, err error) {
	path := "/v1/payment/" + sandboxMerchant + "/" + transactionID + "/cancel"
	answer, err := t.do(ctx, http.MethodPut, path, xverify.Header("", path, sandboxKey, sandboxIndex), nil)
	return answer.Code, err
}

func (t *till) do(ctx context.Context, method, path, verify string, body []byte) (envelope, error) {
	request, err := http.NewRequestWithContext(ctx, method, t.url+path, bytes.NewReader(body))
	if err != nil {
		return envelope{}, err
	}
	request.Header.Set("X-VERIFY", verify)
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-CALLBACK-URL", t.callback)
	}
	answer, err := t.client.Do(request)
	if err != nil {
		return envelope{}, fmt.Errorf("%w: %v", ErrAnswerLost, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	if err != nil {
		return envelope{}, fmt.Errorf("%w: %v", ErrAnswerLost, err)
	}
	if answer.StatusCode >= http.StatusInternalServerError {
		return envelope{}, fmt.Errorf("%w: HTTP %d", ErrAnswerLost, answer.StatusCode)
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return envelope{}, fmt.Errorf("the answer to %s %s is not the API's: HTTP %d", method, path, answer.StatusCode)
	}
	if !e.Success {
		return e, &Refused{Code: e.Code, Message: e.Message}
	}
	return e, nil
}

// Curl is the sale as a command line, signed and ready to paste.
func (t *till) Curl(s Sale) (string, error) {
	body, verify, err := s.request()
	if err != nil {
		return "", err
	}
	return strings.Join([]string{
		"curl -s " + t.url + initPath,
		"-H 'Content-Type: application/json'",
		"-H 'X-VERIFY: " + verify + "'",
		"-H 'X-CALLBACK-URL: " + t.callback + "'",
		"-d '" + body + "'",
	}, " \\\n    "), nil
}
