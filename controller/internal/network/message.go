package network

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/upixml"
)

// idForm is what every id of a message is made of.
var idForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// messageID is the MsgID of an attempt: made of the row and the attempt, so that
// none is ever used twice.
func messageID(row journal.NetworkDelivery) string {
	id := fmt.Sprintf("%s-%d", row.ID, row.Attempt)
	if idForm.MatchString(id) {
		return id
	}
	return fmt.Sprintf("%s-%d", shortID("GM", row.ID), row.Attempt)
}

// reversalID is the TxnID of a reversal: the same whenever the same credit is
// given back.
func reversalID(key decide.TxnKey) string { return shortID("RV", key.OrgID, key.TxnID) }

// shortID is the prefix and 26 letters and digits that stand for the texts.
func shortID(prefix string, texts ...string) string {
	h := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return prefix + base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:16])
}

// collectKinds says which Kind of ReqCollect a row is.
var collectKinds = map[decide.NetworkKind]string{
	decide.NetworkCollect:       upixml.CollectNew,
	decide.NetworkCollectRemind: upixml.CollectRemind,
	decide.NetworkCollectCancel: upixml.CollectCancel,
}

func (w *Worker) collectMessage(row journal.NetworkDelivery, p payment.Payment) upixml.ReqCollect {
	m := upixml.ReqCollect{
		MsgID: messageID(row), OrgID: w.cfg.OrgID, Ts: row.LeasedAt, TxnID: p.ID, Kind: collectKinds[row.Kind],
		PayeeAddr: string(p.Payee), Amount: p.Amount, Note: p.Message,
	}
	if p.CollectBy == "MOBILE" {
		m.PayerMobile = string(p.CollectFrom)
	} else {
		m.PayerAddr = string(p.CollectFrom)
	}
	if row.Kind != decide.NetworkCollectCancel {
		left := p.ExpiresAt.Sub(row.LeasedAt)
		m.ExpireAfter = int64((left + time.Second - 1) / time.Second)
	}
	return m
}

// cardOrg is the organisation of credits that a card machine told of.
const cardOrg = "CARD"

// originalID is what the network calls the payment that a refund gives back, or
// "" where it has no name for it.
func originalID(p payment.Payment) string {
	if p.UPITxnID != "" {
		return p.UPITxnID
	}
	return p.Reference
}

// creditID is what the network calls a credit. A card's is named by its payment
// and its RRN, which the network alone knows.
func creditID(key decide.TxnKey) string {
	if _, reference, ok := strings.Cut(key.TxnID, ":"); ok && key.OrgID == cardOrg {
		return reference
	}
	return key.TxnID
}

// askedID is what the network calls what a question is about, or "" where it has
// no name for it.
func askedID(p payment.Payment) string {
	switch p.Solution {
	case payment.Collect, payment.Refund:
		return p.ID
	}
	return p.UPITxnID
}
