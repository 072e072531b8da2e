// Package wallet is a customer's payment app taken apart: it reads the QR in a
// picture, asks whether that may be paid (ReqValQr) and pays (ReqPay), each when
// its user wants to. Package phone is a customer who does all of it at once;
// whoever holds a bill in the hand for a while, or pays it when it is too late,
// uses this one: packages magic, scenario and fleet.
//
// What was read and promised is in a Bill; the Wallet itself remembers nothing
// but its network's books, so that any number of customers may share one.
package wallet

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// Wallet pays through a network. Its methods may be called from any goroutine.
type Wallet struct {
	Network *npci.Client // required
}

// Bill is a QR that was read and, once it was asked about, what was promised.
type Bill struct {
	Link  upiuri.Link
	Text  string // the link as it was read
	Token string // of the promise; "" before it
	TxnID string // of the last ReqPay; "" before it
}

// Read reads the bill in a picture (PNG). It returns an error when there is no
// UPI QR in it, or one that names no amount.
func Read(picture []byte) (Bill, error) {
	text, err := phone.ReadPicture(picture)
	if err != nil {
		return Bill{}, err
	}
	return Parse(text)
}

// Parse is the bill of a link. It returns an error when it is none that can be
// paid.
func Parse(text string) (Bill, error) {
	link, err := upiuri.Parse(text)
	if err != nil {
		return Bill{}, fmt.Errorf("the QR cannot be paid: %w", err)
	}
	if link.AM == 0 {
		return Bill{}, fmt.Errorf("the QR cannot be paid: it names no amount")
	}
	return Bill{Link: link, Text: text}, nil
}

// Refused is an answer that says no. No money moves.
type Refused struct {
	Code    string // of the UPI network: "PE", "IP08"
	Message string
}

// Error implements error.
func (e *Refused) Error() string { return e.Code + ": " + e.Message }

// Ask asks whether the bill may be paid, and keeps the promise in it. It returns
// *Refused, or an error that wraps npci.ErrNoAnswer or npci.ErrAnswer.
func (w *Wallet) Ask(ctx context.Context, b *Bill) error {
	answer, err := w.Network.ValidateQR(ctx, npci.ReqValQr{
		OrgID: cmp.Or(b.Link.OrgID, npci.DefaultOrgID), Curr: b.Link.CU, Amount: b.Link.AM, MCC: b.Link.MC,
		RefURL: base64.StdEncoding.EncodeToString([]byte(b.Text)),
	})
	switch {
	case err != nil:
		return err
	case answer.Status != "00":
		return &Refused{answer.Status, answer.Message}
	}
	b.Token = answer.VerToken
	return nil
}

// Pay pays a bill that was asked about, from payer: phone.Payer, or
// phone.Decliner whose bank says no. It returns what the merchant gets; *Refused
// when the bank or the controller said no; or an error that wraps npci.ErrNoAnswer
// or npci.ErrAnswer, when nobody knows.
func (w *Wallet) Pay(ctx context.Context, b *Bill, payer string) (protocol.Paise, error) {
	b.TxnID = npci.NewID("TXN")
	answer, err := w.Network.Pay(ctx, npci.ReqPay{
		TxnID: b.TxnID, VerToken: b.Token, Amount: b.Link.AM, Curr: b.Link.CU, PayerAddr: payer, PayeeAddr: b.Link.PA,
	})
	switch {
	case err != nil:
		return 0, err
	case answer.Paid():
		return answer.SettlementAmount, nil
	case answer.Status == "00":
		return 0, &Refused{answer.Result, "the payment did not come about"}
	}
	return 0, &Refused{answer.Status, answer.Message}
}
