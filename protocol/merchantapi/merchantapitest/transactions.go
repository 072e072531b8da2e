package merchantapitest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// taken answers a request that began something on a v3 path.
func (s *Server) taken(p *payment, more map[string]any) answer {
	if !s.add(p) {
		return refuse(http.StatusExpectationFailed, "INVALID_TRANSACTION_ID", "duplicate transaction id")
	}
	data := map[string]any{"merchantId": p.merchant, "transactionId": p.id, "amount": p.amount}
	for k, v := range more {
		data[k] = v
	}
	return ok(data)
}

func checkV3(id string, amount int64) *answer {
	if !validID(id, 37) {
		no := refuse(http.StatusBadRequest, "INVALID_TRANSACTION_ID", "must be below 38 characters")
		return &no
	}
	if amount < 1 || amount > maxAmount {
		no := bad("amount is not valid")
		return &no
	}
	return nil
}

func (s *Server) qrInit(a asked) answer {
	var f struct {
		MerchantID, TransactionID, MerchantOrderID string
		Amount, ExpiresIn                          int64
		StoreID, TerminalID, SubMerchantID         string
		Message                                    string
		GSTBreakup                                 *struct {
			GST, CGST, SGST, IGST, Cess, GSTIncentive, GSTPercentage float64
		} `json:"gstBreakup"`
		InvoiceDetails *struct{ InvoiceNumber, InvoiceDate, InvoiceName string }
	}
	if no := fields(a, &f); no != nil {
		return *no
	}
	if no := checkV3(f.TransactionID, f.Amount); no != nil {
		return *no
	}
	p := &payment{
		asked: a, id: f.TransactionID, store: f.StoreID, terminal: f.TerminalID, order: f.MerchantOrderID, amount: f.Amount,
		mode: "ACCOUNT", generation: 3, expires: time.Duration(f.ExpiresIn) * time.Second,
	}
	return s.taken(p, map[string]any{"qrString": "upi://pay?pa=merchant@upi&tr=GP" + f.TransactionID})
}

func (s *Server) charge(a asked) answer {
	var f struct {
		MerchantID, TransactionID, MerchantOrderID string
		Amount, ExpiresIn                          int64
		InstrumentType, InstrumentReference        string
		Message, Email, ShortName, SubMerchantID   string
		StoreID, TerminalID                        string
	}
	if no := fields(a, &f); no != nil {
		return *no
	}
	if no := checkV3(f.TransactionID, f.Amount); no != nil {
		return *no
	}
	mobile := len(f.InstrumentReference) == 10 && strings.Trim(f.InstrumentReference, "0123456789") == ""
	switch {
	case f.MerchantOrderID == "":
		return bad("merchantOrderId is missing")
	case f.InstrumentType == "VPA" && strings.Count(f.InstrumentReference, "@") == 1, f.InstrumentType == "MOBILE" && mobile:
	default:
		return bad("instrumentReference does not fit instrumentType")
	}
	p := &payment{
		asked: a, id: f.TransactionID, store: f.StoreID, terminal: f.TerminalID, order: f.MerchantOrderID, amount: f.Amount,
		mode: "ACCOUNT", generation: 3, expires: time.Duration(f.ExpiresIn) * time.Second,
	}
	return s.taken(p, map[string]any{"providerReferenceId": "GP" + f.TransactionID})
}

func (s *Server) remind(a asked) answer {
	if p := s.find(a.merchant, a.id); p == nil || !p.v3() {
		return refuse(http.StatusBadRequest, "INVALID_TRANSACTION_ID", "The Transaction ID passed is invalid")
	}
	return ok(map[string]any{})
}

func (s *Server) transaction(a asked) answer {
	p := s.find(a.merchant, a.id)
	if p == nil || !p.v3() {
		return refuse(http.StatusNotFound, "TRANSACTION_NOT_FOUND", "There is no such transaction")
	}
	return p.transactionAnswer()
}

func (s *Server) refund(a asked) answer {
	var f struct {
		MerchantID, TransactionID                  string
		OriginalTransactionID, ProviderReferenceID string
		Amount                                     int64
		MerchantOrderID, SubMerchant, Message      string
	}
	if no := fields(a, &f); no != nil {
		return *no
	}
	if no := checkV3(f.TransactionID, f.Amount); no != nil {
		return *no
	}
	if f.OriginalTransactionID == "" {
		f.OriginalTransactionID = strings.TrimPrefix(f.ProviderReferenceID, "GP")
	}
	original := s.find(a.merchant, f.OriginalTransactionID)
	if original == nil || original.status() != "SUCCESS" {
		return refuse(http.StatusNotFound, "TRANSACTION_NOT_FOUND", "There is no such payment")
	}
	p := &payment{
		asked: a, id: f.TransactionID, order: f.MerchantOrderID, amount: f.Amount, mode: "ACCOUNT", generation: 3, refundOf: original.id,
	}
	s.mu.Lock()
	original = s.payments[a.merchant+"/"+original.id] // the row, not a copy
	enough := original.refunded+f.Amount <= original.amount
	if enough {
		original.refunded += f.Amount
	} else {
		p.ended, p.reason = "FAILED", "EXCESS_REFUND_AMOUNT"
	}
	s.mu.Unlock()
	if !s.add(p) {
		return refuse(http.StatusExpectationFailed, "INVALID_TRANSACTION_ID", "duplicate transaction id")
	}
	answer := p.transactionAnswer()
	answer.Success = enough // accepted, and pending
	return answer
}

func (s *Server) list(a asked) answer {
	var f struct {
		MerchantID, StoreID, TerminalID, QRCodeID, Last4Digits string
		Size                                                   int
		Amount, StartTimestamp                                 int64
	}
	if no := fields(a, &f); no != nil {
		return *no
	}
	if f.Size < 1 || f.Size > 10 || f.StoreID == "" {
		return bad("size is 1 to 10, and storeId is mandatory")
	}
	rows := []any{}
	for _, p := range slices.Backward(s.all(a.merchant)) {
		if p.store == f.StoreID && (f.Amount == 0 || f.Amount == p.amount) && len(rows) < f.Size && p.status() == "SUCCESS" {
			row := p.transactionData()
			row["transactionDate"] = p.created.UTC().Format("2006-01-02 15:04:05.000")
			row["paymentState"] = "PAYMENT_SUCCESS"
			row["paymentModes"] = []any{map[string]any{"type": "ACCOUNT", "amount": p.amount}}
			row["mobileNumber"] = "94XXXXX987"
			rows = append(rows, row)
		}
	}
	return ok(map[string]any{"resultCount": len(rows), "startTimestamp": f.StartTimestamp, "endTimestamp": time.Now().UnixMilli(), "transactions": rows})
}

func (s *Server) recon(a asked) answer {
	var f struct {
		MerchantID, StoreID          string
		StartTimestamp, EndTimestamp int64
		Size                         int
		SearchAfter                  *struct {
			Timestamp     int64
			TransactionID string
		}
	}
	if no := fields(a, &f); no != nil {
		return *no
	}
	rows := []any{}
	var cursor any
	after := f.SearchAfter == nil || f.SearchAfter.TransactionID == ""
	total := 0
	for _, p := range s.all(a.merchant) {
		at := p.created.UnixMilli()
		if p.refundOf != "" || f.StoreID != "" && f.StoreID != p.store || at < f.StartTimestamp || at > f.EndTimestamp {
			continue
		}
		total++
		if after && len(rows) < f.Size {
			rows = append(rows, s.reconRow(p))
			cursor = map[string]any{"timestamp": at, "transactionId": p.id}
		}
		after = after || p.id == f.SearchAfter.TransactionID
	}
	return answer{
		Success: true, noCode: true, Data: map[string]any{"transactionDetails": rows, "totalResult": total, "searchAfter": cursor},
	}
}

func (s *Server) reconRow(p *payment) map[string]any {
	row := p.transactionData()
	row["storeId"], row["terminalId"], row["transactionDate"] = p.store, p.terminal, p.created.UnixMilli()
	if p.status() == "SUCCESS" {
		row["transactionLevelSettlement"] = map[string]any{
			"settlementText": "", "toBeSettledDate": nil, "status": "SETTLED",
			"transactionSettlementDetails": []any{map[string]any{
				"utr": p.reference(), "status": "SETTLED", "settlementDate": p.created.UnixMilli(), "settlementAmount": p.amount,
			}},
		}
		row["instrumentLevelSettlementDetails"] = map[string]any{
			"ACCOUNT": map[string]any{"totalAmount": p.amount, "settlementAmount": p.amount, "utr": p.reference()},
		}
	}
	refunds := []any{}
	for _, r := range s.all(p.merchant) {
		if r.refundOf == p.id {
			refund := r.transactionData()
			refund["transactionType"], refund["originalTransactionId"] = "REFUND", p.id
			refunds = append(refunds, refund)
		}
	}
	row["refundTransactionDetails"] = refunds
	return row
}
