package npci

import (
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// PathCollectResult is where a controller is told how a collect request ended.
const PathCollectResult = "/api/v1/collect/result"

// How a collect request ended, the Status of a ReqCollectResult.
const (
	ResultSuccess  = "SUCCESS"
	ResultDeclined = "DECLINED"
	ResultExpired  = "EXPIRED"
)

// ReqCollectResult tells how a collect request ended. MsgID, Ts and OrgID are
// filled in like ReqValQr's.
type ReqCollectResult struct {
	MsgID     string
	Ts        time.Time
	OrgID     string
	OrgTxnID  string // the ReqCollect's TxnID
	TxnID     string // the bank's own
	Status    string // SUCCESS, DECLINED or EXPIRED
	PayerAddr string
	Amount    protocol.Paise
	Rrn       string // of a success
}

// RespCollectResult is its answer. Status 00 with Result REVERSED says that the
// money fits nothing and comes back.
type RespCollectResult struct {
	MsgID   string
	Status  string
	Message string
	Result  string
	TxnID   string
	Ts      time.Time
}

type collectResultXML struct {
	XMLName   xml.Name `xml:"ReqCollectResult"`
	MsgID     string
	Ts        string
	OrgID     string
	OrgTxnID  string
	TxnID     string
	Status    string
	PayerAddr string `xml:",omitempty"`
	Amount    string
	Rrn       string `xml:",omitempty"`
}

// CollectResult sends a ReqCollectResult. The error wraps ErrNoAnswer or
// ErrAnswer; a refusal is no error but a Status.
func (c *Client) CollectResult(ctx context.Context, req ReqCollectResult) (RespCollectResult, error) {
	msgID := cmp.Or(req.MsgID, NewID("RES"))
	httpStatus, body, err := c.send(ctx, PathCollectResult, collectResultXML{
		MsgID: msgID, Ts: stamp(req.Ts), OrgID: cmp.Or(req.OrgID, c.orgID()), OrgTxnID: req.OrgTxnID, TxnID: req.TxnID,
		Status: req.Status, PayerAddr: req.PayerAddr, Amount: req.Amount.Rupees(), Rrn: req.Rrn,
	})
	if err != nil {
		return RespCollectResult{}, err
	}
	a := readAnswer(DialectPRD, body, httpStatus, "RespCollectResult", msgID)
	resp := RespCollectResult{
		MsgID: one(a, "MsgID", a.xml.MsgID), Status: one(a, "Status", a.xml.Status), Message: one(a, "Message", a.xml.Message),
		Result: one(a, "Result", a.xml.Result), TxnID: one(a, "TxnID", a.xml.TxnID), Ts: a.time("Ts", a.xml.Ts),
	}
	a.oneOf("Result", resp.Result, "", "REVERSED")
	switch {
	case resp.TxnID != req.TxnID && (resp.TxnID != "" || resp.Status != "BR"):
		a.fail(fmt.Sprintf("it answers transaction %q, not %q", resp.TxnID, req.TxnID))
	case resp.Ts.IsZero():
		a.fail("Ts is missing")
	case resp.Result != "" && (resp.Status != "00" || req.Status != ResultSuccess):
		a.fail("it gives back what nobody paid")
	}
	if a.err != nil {
		return RespCollectResult{}, a.err
	}
	return resp, nil
}
