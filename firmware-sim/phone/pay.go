package phone

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// The payers (upi-switch: Sandbox data).
const (
	Payer    = "customer@upi"
	Decliner = "decline@upi" // the acquirer declines it with IP08, whatever the payee
)

// DefaultWait is how long the phone looks for a QR unless told otherwise.
const DefaultWait = 10 * time.Second

// Options says what the customer does. The zero value of all but the two URLs
// is a customer who pays once.
type Options struct {
	PanelURL string        // the picture, like http://127.0.0.1:8090/panel.png
	UPIURL   string        // the controller, like http://127.0.0.1:8080
	Wait     time.Duration // for a QR to be seen; 0 means DefaultWait

	Decline      bool // pay as Decliner
	ValidateOnly bool // ask, but do not pay
	Twice        bool // once paid, try the same QR again, which must be refused

	// A customer who cheats. Amount is said in both messages instead of the
	// QR's, PayAmount in ReqPay alone, and Alter changes the link as it was read
	// before anything else is done with it.
	Amount    protocol.Paise
	PayAmount protocol.Paise
	Alter     func(link string) string

	Network *npci.Client // through which to pay; nil means a new one to UPIURL
	HTTP    *http.Client // for the panel; nil means http.DefaultClient
	Out     io.Writer    // told each step as it is taken; nil means nobody
}

// Step is one thing that was done or seen.
type Step struct {
	AtMs int64  `json:"atMs"` // since Pay was called
	Name string `json:"name"` // look, scan, ReqValQr, RespValQr, ReqPay, RespPay
	Text string `json:"text"`
}

// String returns the step as a line for people.
func (s Step) String() string {
	return fmt.Sprintf("%8.3f s  %-9s  %s", float64(s.AtMs)/1000, s.Name, s.Text)
}

// Result is what came of it.
type Result struct {
	Accepted    bool           `json:"accepted"`    // the first ReqPay was answered as paid
	AmountPaise protocol.Paise `json:"amountPaise"` // of the QR
	Payee       string         `json:"payee"`       // address in the QR
	PayeeName   string         `json:"payeeName"`
	Tr          string         `json:"tr"`
	Link        string         `json:"link"` // as it was sent

	ValidateStatus  string         `json:"validateStatus"`
	ValidateMessage string         `json:"validateMessage,omitempty"`
	PayStatus       string         `json:"payStatus,omitempty"`
	PayResult       string         `json:"payResult,omitempty"` // TIMEOUT, REVERSED, FAILED
	PayMessage      string         `json:"payMessage,omitempty"`
	TxnID           string         `json:"txnId,omitempty"`
	SettlementPaise protocol.Paise `json:"settlementPaise"`

	// Of the second try: whether it was refused, and by what code.
	RefusedSecond bool   `json:"refusedSecond"`
	SecondStatus  string `json:"secondStatus,omitempty"`

	ValidateOnly bool   `json:"validateOnly"`
	Twice        bool   `json:"twice"`
	Steps        []Step `json:"steps"`
}

// OK reports whether what the customer wanted was done: the payment was
// accepted; with Twice also the second try refused; with ValidateOnly the QR
// was found good.
func (r Result) OK() bool {
	switch {
	case r.ValidateOnly:
		return r.ValidateStatus == "00"
	case r.Twice:
		return r.Accepted && r.RefusedSecond
	}
	return r.Accepted
}

// customer is one run of Pay.
type customer struct {
	opts    Options
	began   time.Time
	network *npci.Client
	result  Result
}

// Pay looks at the panel until it has read a QR, and pays it as the options
// say. A refusal is no error but a Result; errors are that no QR was seen
// (ErrNoQR), that the QR is no link that can be paid, or that the controller
// gave no answer. The Result holds the steps taken even with an error.
func Pay(ctx context.Context, opts Options) (Result, error) {
	c := &customer{opts: opts, began: time.Now(), network: opts.Network}
	c.result.ValidateOnly, c.result.Twice = opts.ValidateOnly, opts.Twice
	err := c.run(ctx)
	return c.result, err
}

func (c *customer) run(ctx context.Context) error {
	link, err := c.scan(ctx)
	if err != nil {
		return err
	}
	if c.network == nil {
		c.network = &npci.Client{BaseURL: c.opts.UPIURL, OrgID: link.OrgID}
	}
	validated, err := c.validate(ctx, link)
	if err != nil {
		return err
	}
	c.result.ValidateStatus, c.result.ValidateMessage = validated.Status, validated.Message
	if validated.Status != "00" || c.opts.ValidateOnly {
		return nil
	}
	paid, err := c.pay(ctx, link, validated.VerToken)
	if err != nil {
		return err
	}
	c.result.PayStatus, c.result.PayResult, c.result.PayMessage = paid.Status, paid.Result, paid.Message
	c.result.SettlementPaise, c.result.Accepted = paid.SettlementAmount, paid.Paid()
	if !c.opts.Twice || !c.result.Accepted {
		return nil
	}
	return c.payAgain(ctx, link)
}

// scan reads the QR and what it says.
func (c *customer) scan(ctx context.Context) (upiuri.Link, error) {
	wait := cmp.Or(c.opts.Wait, DefaultWait)
	cam := &camera{url: c.opts.PanelURL, http: cmp.Or(c.opts.HTTP, http.DefaultClient)}
	c.step("look", fmt.Sprintf("at %s, for up to %s", c.opts.PanelURL, wait))
	text, err := cam.find(ctx, wait, func(seen string) { c.step("look", seen) })
	if err != nil {
		return upiuri.Link{}, err
	}
	if c.opts.Alter != nil {
		text = c.opts.Alter(text)
	}
	c.result.Link = text
	link, err := upiuri.Parse(text)
	if err != nil {
		return upiuri.Link{}, fmt.Errorf("the QR cannot be paid: %w", err)
	}
	c.result.AmountPaise, c.result.Payee, c.result.PayeeName, c.result.Tr = link.AM, link.PA, link.PN, link.TR
	c.step("scan", fmt.Sprintf("%s to %s, reference %s", link.AM, payee(link), cmp.Or(link.TR, "none")))
	if c.amount(link) == 0 {
		return upiuri.Link{}, errors.New("the QR cannot be paid: it names no amount")
	}
	return link, nil
}

// payee is how a payment app shows whom it is about to pay.
func payee(link upiuri.Link) string {
	if link.PN == "" {
		return link.PA
	}
	return link.PN + " (" + link.PA + ")"
}

// amount is what the customer says, in ReqValQr and unless told otherwise in ReqPay.
func (c *customer) amount(link upiuri.Link) protocol.Paise { return cmp.Or(c.opts.Amount, link.AM) }

func (c *customer) validate(ctx context.Context, link upiuri.Link) (npci.RespValQr, error) {
	req := npci.ReqValQr{
		MsgID: npci.NewID("MSG"), OrgID: cmp.Or(link.OrgID, npci.DefaultOrgID), Curr: link.CU, Amount: c.amount(link), MCC: link.MC,
		RefURL: base64.StdEncoding.EncodeToString([]byte(c.result.Link)),
	}
	c.step("ReqValQr", fmt.Sprintf("%s: may I pay %s?", req.MsgID, req.Amount))
	resp, err := c.network.ValidateQR(ctx, req)
	if err != nil {
		c.step("RespValQr", err.Error())
		return npci.RespValQr{}, fmt.Errorf("validate: %w", err)
	}
	if resp.Status == "00" {
		c.step("RespValQr", "00: yes, until "+resp.ExpiresAt.Format(time.RFC3339))
	} else {
		c.step("RespValQr", refusal(resp.Status, resp.Message))
	}
	return resp, nil
}

func (c *customer) pay(ctx context.Context, link upiuri.Link, token string) (npci.RespPay, error) {
	payer := Payer
	if c.opts.Decline {
		payer = Decliner
	}
	req := npci.ReqPay{
		MsgID: npci.NewID("PAY"), TxnID: npci.NewID("TXN"), VerToken: token,
		Amount: cmp.Or(c.opts.PayAmount, c.amount(link)), Curr: link.CU, PayerAddr: payer, PayeeAddr: link.PA,
	}
	if c.result.TxnID == "" {
		c.result.TxnID = req.TxnID
	}
	c.step("ReqPay", fmt.Sprintf("%s: %s from %s to %s", req.TxnID, req.Amount, req.PayerAddr, req.PayeeAddr))
	resp, err := c.network.Pay(ctx, req)
	if err != nil {
		c.step("RespPay", err.Error())
		return npci.RespPay{}, fmt.Errorf("pay: %w", err)
	}
	switch {
	case resp.Paid():
		c.step("RespPay", "00: paid, the merchant gets "+resp.SettlementAmount.String())
	case resp.Status == "00":
		c.step("RespPay", "00: "+resp.Result)
	default:
		c.step("RespPay", refusal(resp.Status, resp.Message))
	}
	return resp, nil
}

// payAgain tries the QR that has just been paid, with new messages.
func (c *customer) payAgain(ctx context.Context, link upiuri.Link) error {
	validated, err := c.validate(ctx, link)
	if err != nil {
		return err
	}
	c.result.SecondStatus = validated.Status
	if validated.Status != "00" {
		c.result.RefusedSecond = true
		return nil
	}
	paid, err := c.pay(ctx, link, validated.VerToken)
	if err != nil {
		return err
	}
	c.result.SecondStatus, c.result.RefusedSecond = paid.Status, !paid.Paid()
	return nil
}

func refusal(status, message string) string {
	return strings.TrimSuffix(status+": "+message, ": ")
}

func (c *customer) step(name, text string) {
	s := Step{AtMs: time.Since(c.began).Milliseconds(), Name: name, Text: text}
	c.result.Steps = append(c.result.Steps, s)
	if c.opts.Out != nil {
		fmt.Fprintln(c.opts.Out, s)
	}
}
