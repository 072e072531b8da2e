package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// customer is somebody who has scanned a QR and holds the token that their bank
// got for it.
type customer struct {
	network *npci.Client
	pay     npci.ReqPay
}

// scan reads the QR on a terminal and asks for a token, the controller or a network.
func (h *house) scan(ts *testscript.TestScript, name, network string) customer {
	status, picture := get(context.Background(), h.terminal(ts, name).url+"/panel.png")
	if status != http.StatusOK {
		ts.Fatalf("panel.png: %d", status)
	}
	text, err := phone.ReadPicture([]byte(picture))
	ts.Check(err)
	link, err := upiuri.Parse(text)
	ts.Check(err)
	client := &npci.Client{BaseURL: network, OrgID: link.OrgID}
	quoted, err := client.ValidateQR(context.Background(), npci.ReqValQr{
		Amount: link.AM, Curr: link.CU, MCC: link.MC, RefURL: base64.StdEncoding.EncodeToString([]byte(text)),
	})
	ts.Check(err)
	if quoted.Status != "00" {
		ts.Fatalf("the QR is refused: %s %s", quoted.Status, quoted.Message)
	}
	return customer{network: client, pay: npci.ReqPay{
		VerToken: quoted.VerToken, Amount: link.AM, Curr: link.CU, PayerAddr: phone.Payer, PayeeAddr: link.PA,
	}}
}

// customerCommand: customer scans NAME [NETWORK] gets a token for the QR on a
// terminal, through a network if its URL is given; customer pays uses it; [!]
// customer pays must be refused.
func customerCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	switch {
	case len(args) == 2 && args[0] == "scans" && !neg:
		h.customer = h.scan(ts, args[1], h.url())
	case len(args) == 3 && args[0] == "scans" && !neg:
		h.customer = h.scan(ts, args[1], args[2])
	case len(args) == 1 && args[0] == "pays" && h.customer.network != nil:
		paid, err := h.customer.network.Pay(context.Background(), h.customer.pay)
		ts.Check(err)
		if paid.Paid() == neg {
			ts.Fatalf("the customer is answered %s %s %s", paid.Status, paid.Result, paid.Message)
		}
	default:
		ts.Fatalf("usage: customer scans NAME [NETWORK], then [!] customer pays")
	}
}

// collideCommand: collide NAME PREFIX TIMES has the POS cancel and the customer
// pay at the same moment, again and again. One of the two wins, and POS,
// customer, status and callback all say which.
func collideCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: collide NAME PREFIX TIMES")
	}
	h := of(ts)
	times := count(ts, args[2])
	won := map[string]int{}
	for n := range times {
		id := fmt.Sprint(args[1], n)
		posCommand(ts, false, []string{id, "1.00"})
		awaitCommand(ts, false, []string{args[0], "mode=presenting", "id=" + id})
		buyer := h.scan(ts, args[0], h.url())
		var paid npci.RespPay
		var err error
		var taken answer
		var both sync.WaitGroup
		both.Go(func() { paid, err = buyer.network.Pay(context.Background(), buyer.pay) })
		both.Go(func() { taken = h.cancel(id) })
		both.Wait()
		ts.Check(err)
		switch {
		case paid.Paid() && taken.code == "PAYMENT_ALREADY_COMPLETED":
			statusCommand(ts, false, []string{id, "SUCCESS"})
			awaitCommand(ts, false, []string{args[0], "mode=result", "id=" + id, "result=succeeded"})
			won["customer"]++
		case !paid.Paid() && taken.code == "SUCCESS":
			statusCommand(ts, false, []string{id, "FAILED", "CANCELLED_BY_MERCHANT"})
			awaitCommand(ts, false, []string{args[0], "mode=result", "id=" + id, "result=cancelled"})
			won["pos"]++
		default:
			ts.Fatalf("%s: the customer is answered %s %s, the POS %d %s", id, paid.Status, paid.Message, taken.status, taken.body)
		}
		balanceCommand(ts, false, []string{id})
	}
	ts.Logf("%v", won)
}
