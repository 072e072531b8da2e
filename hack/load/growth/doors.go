package growth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol/xverify"
)

// The sandbox's merchant, whose terminals nobody has switched on.
const (
	merchantID = "COGWAVEOFFLINE"
	payee      = "cogwave@upi"
	salt       = "sandbox-merchant-key"
	amount     = "245.00"
)

// ask asks the payment API and returns the answer's text.
func (s *site) ask(ctx context.Context, method, path, signed, contentType, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", contentType)
	if signed != "-" {
		request.Header.Set("X-VERIFY", xverify.Header(signed, path, salt, 1))
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return string(text), err
}

// init asks for a payment that nobody will pay.
func (s *site) init(ctx context.Context) error {
	return s.request(ctx, map[string]any{
		"storeId": "teststore1", "merchantTransactionId": s.unique("INIT"), "terminalId": "testterminal1", "orderId": "o", "amount": 24500,
		"solutionType": "DQR_DEVICE", "expiresIn": 60,
	})
}

// order is an OPEN order that waits to be pulled.
type order struct{ id, short string }

// open asks for one.
func (s *site) open(ctx context.Context) (order, error) {
	o := order{id: s.unique("OPEN")}
	o.short = fmt.Sprintf("%08d", (s.began+s.asked)%100_000_000)
	return o, s.request(ctx, map[string]any{
		"storeId": counter.StoreID, "merchantTransactionId": o.id, "orderId": "o", "amount": 24500, "solutionType": "EDC",
		"paymentModes": []string{"CARD", "DQR"}, "integrationMappingType": "OPEN", "shortOrderId": o.short, "autoAccept": true,
	})
}

// unique is an id that nobody has.
func (s *site) unique(prefix string) string {
	if s.began == 0 {
		s.began = int(time.Now().Unix())
	}
	s.asked++
	return fmt.Sprintf("%s%d-%d", prefix, s.began, s.asked)
}

// request asks for a payment of these fields.
func (s *site) request(ctx context.Context, fields map[string]any) error {
	fields["merchantId"] = merchantID
	body, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	encoded := xverify.EncodeBody(body)
	_, err = s.ask(ctx, http.MethodPost, "/v1/payment/init", encoded, "application/json", `{"request":"`+encoded+`"}`)
	return err
}

// status asks for one of the copies.
func (s *site) status(ctx context.Context) error {
	s.asked++
	path := "/v1/payment/" + merchantID + "/" + s.known[s.asked%len(s.known)] + "/status"
	_, err := s.ask(ctx, http.MethodGet, path, "", "application/json", "")
	return err
}

// sample picks payments to be asked for, of all ages.
func (s *site) sample(ctx context.Context) error {
	text, err := s.query(ctx, fmt.Sprintf(`SELECT merchant_transaction_id FROM transactions TABLESAMPLE SYSTEM (%.4f) WHERE merchant_id = %s
		AND created_at < now() - interval '30 minutes' ORDER BY md5(id) LIMIT 2000;`, min(100, 100*40_000/float64(s.payments)), quoted(merchantID)))
	if s.known = strings.Fields(text); err == nil && len(s.known) == 0 {
		err = errors.New("there are no payments to ask for")
	}
	return err
}

var tokenOf = regexp.MustCompile(`<VerToken>([^<]+)</VerToken>`)

// pay has a customer's bank ask and pay for a QR that was made elsewhere.
func (s *site) pay(ctx context.Context) (t template, err error) {
	s.asked++
	unique := fmt.Sprintf("%030d", time.Now().UnixNano()+int64(s.asked))
	t.validateMsg, t.payMsg, t.txn = "MV"+unique, "MP"+unique, "TX"+unique
	now := time.Now().UTC().Format("2006-01-02T15:04:05Z")
	link := xverify.EncodeBody([]byte("upi://pay?ver=01&mode=16&pa=" + payee + "&pn=Galla&mc=5411&am=" + amount + "&cu=INR"))
	answer, err := s.ask(ctx, http.MethodPost, "/api/v1/dynamic-qr/validate", "-", "application/xml", "<ReqValQr><MsgID>"+t.validateMsg+"</MsgID><Ts>"+now+
		"</Ts><OrgID>MER101</OrgID><Curr>INR</Curr><Amount>"+amount+"</Amount><Mcc>5411</Mcc><RefUrl>"+link+"</RefUrl></ReqValQr>")
	if err != nil {
		return t, err
	}
	found := tokenOf.FindStringSubmatch(answer)
	if found == nil {
		return t, fmt.Errorf("no token in %s", answer)
	}
	t.token = found[1]
	answer, err = s.ask(ctx, http.MethodPost, "/api/v1/dynamic-qr/pay", "-", "application/xml", "<ReqPay><MsgID>"+t.payMsg+"</MsgID><TxnID>"+t.txn+
		"</TxnID><VerToken>"+t.token+"</VerToken><Amount>"+amount+"</Amount><Curr>INR</Curr><PayerAddr>customer@upi</PayerAddr><PayeeAddr>"+payee+
		"</PayeeAddr><Timestamp>"+now+"</Timestamp></ReqPay>")
	if err == nil && !strings.Contains(answer, "<Status>00</Status>") {
		err = fmt.Errorf("not paid: %s", answer)
	}
	return t, err
}

// delivered is what a merchant's server that answers leaves of the template's
// notice, which nobody asked for.
const delivered = `UPDATE callbacks SET state = 'delivered', url = 'https://merchant.example/galla/callback', method = 'POST', attempts = 1,
	lane = merchant_id || ' merchant.example:443', first_at = created_at WHERE transaction_id = %[1]s;
INSERT INTO callback_attempts (event_id, attempt, started_at, finished_at, result, http_status, took)
	SELECT event_id, 1, created_at, created_at + interval '20 ms', 'delivered', 200, 20000000 FROM callbacks WHERE transaction_id = %[1]s;`

// makeTemplate has one payment made and paid, and finds its rows.
func (s *site) makeTemplate(ctx context.Context) (err error) {
	if s.template, err = s.pay(ctx); err != nil {
		return err
	}
	row, err := s.query(ctx, fmt.Sprintf(`SELECT t.id, t.merchant_transaction_id IN (r.txn_id, t.id), t.created_at FROM req_pays AS r JOIN transactions AS t ON t.id = r.transaction_id
		WHERE r.txn_id = %s;`, quoted(s.template.txn)))
	if err != nil {
		return err
	}
	columns := strings.Split(row, "|")
	if len(columns) != 3 || columns[1] != "t" { // a QR made elsewhere: the merchant's id is one of those that are copied
		return fmt.Errorf("the payment that was made is there as %q", row)
	}
	s.template.id, s.template.at = columns[0], columns[2]
	_, err = s.query(ctx, fmt.Sprintf(delivered, quoted(s.template.id)))
	return err
}
