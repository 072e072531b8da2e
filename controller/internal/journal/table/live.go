package table

import (
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// OrgID is the organisation that dynamic QRs always belong to (PRD 4.1, 4.2).
// It stands in the tables that the PRD gives an org_id and that carry no other.
const OrgID = "MER101"

// Payments is table transactions (PRD 4.1: payment records).
var Payments = Table[payment.Payment]{
	Name: "transactions", Key: []string{"id"}, Versioned: true,
	Fixed: fixed("org_id", "trace", "merchant_id", "merchant_transaction_id", "store_id", "order_id", "amount", "solution",
		"open_order", "short_order_id", "allow_card", "allow_dqr", "auto_accept", "context_terminal", "sub_merchant_id",
		"message", "collect_by", "collect_from", "original", "handover_by", "payee_addr", "qr", "created_at", "callback_url", "callback_mode", "signer", "signer_index"),
	Columns: []Column[payment.Payment]{
		text("id", func(p *payment.Payment) *string { return &p.ID }),
		constant[payment.Payment]("org_id", OrgID),
		text("merchant_id", func(p *payment.Payment) *string { return &p.MerchantID }),
		text("merchant_transaction_id", func(p *payment.Payment) *string { return &p.TransactionID }),
		text("store_id", func(p *payment.Payment) *string { return &p.StoreID }),
		text("terminal_id", func(p *payment.Payment) *string { return &p.TerminalID }),
		text("order_id", func(p *payment.Payment) *string { return &p.OrderID }),
		number("amount", func(p *payment.Payment) *protocol.Paise { return &p.Amount }),
		text("solution", func(p *payment.Payment) *payment.Solution { return &p.Solution }),
		boolean("open_order", func(p *payment.Payment) *bool { return &p.Open }),
		text("short_order_id", func(p *payment.Payment) *string { return &p.ShortOrderID }),
		boolean("allow_card", func(p *payment.Payment) *bool { return &p.AllowCard }),
		boolean("allow_dqr", func(p *payment.Payment) *bool { return &p.AllowDQR }),
		boolean("auto_accept", func(p *payment.Payment) *bool { return &p.AutoAccept }),
		boolean("accepted", func(p *payment.Payment) *bool { return &p.Accepted }),
		text("context_terminal", func(p *payment.Payment) *string { return &p.ContextTerminal }),
		text("sub_merchant_id", func(p *payment.Payment) *string { return &p.SubMerchantID }),
		text("message", func(p *payment.Payment) *string { return &p.Message }),
		text("collect_by", func(p *payment.Payment) *string { return &p.CollectBy }),
		text("collect_from", func(p *payment.Payment) *protocol.VPA { return &p.CollectFrom }),
		text("original", func(p *payment.Payment) *string { return &p.Original }),
		number("refunded", func(p *payment.Payment) *protocol.Paise { return &p.Refunded }),
		instant("handover_by", func(p *payment.Payment) *time.Time { return &p.HandoverBy }),
		instant("handed_over_at", func(p *payment.Payment) *time.Time { return &p.HandedOverAt }),
		instant("started_at", func(p *payment.Payment) *time.Time { return &p.StartedAt }),
		instant("attend_at", func(p *payment.Payment) *time.Time { return &p.AttendAt }),
		instant("asked_at", func(p *payment.Payment) *time.Time { return &p.AskedAt }),
		text("instrument", func(p *payment.Payment) *protocol.PayMode { return &p.Instrument }),
		text("card_last4", func(p *payment.Payment) *string { return &p.CardLast4 }),
		text("card_network", func(p *payment.Payment) *string { return &p.CardNetwork }),
		text("card_type", func(p *payment.Payment) *string { return &p.CardType }),
		text("state", func(p *payment.Payment) *payment.State { return &p.State }),
		text("reason", func(p *payment.Payment) *string { return &p.Reason }),
		boolean("cancel_asked", func(p *payment.Payment) *bool { return &p.CancelAsked }),
		boolean("attempted", func(p *payment.Payment) *bool { return &p.Attempted }),
		text("payee_addr", func(p *payment.Payment) *protocol.VPA { return &p.Payee }),
		text("qr", func(p *payment.Payment) *string { return &p.QR }),
		instant("created_at", func(p *payment.Payment) *time.Time { return &p.CreatedAt }),
		instant("expires_at", func(p *payment.Payment) *time.Time { return &p.ExpiresAt }),
		instant("ended_at", func(p *payment.Payment) *time.Time { return &p.EndedAt }),
		instant("hold_until", func(p *payment.Payment) *time.Time { return &p.HoldUntil }),
		text("payer_addr", func(p *payment.Payment) *protocol.VPA { return &p.Payer }),
		text("reference", func(p *payment.Payment) *string { return &p.Reference }),
		text("upi_txn_id", func(p *payment.Payment) *string { return &p.UPITxnID }),
		number("settlement_amount", func(p *payment.Payment) *protocol.Paise { return &p.Settlement }),
		text("callback_url", func(p *payment.Payment) *string { return &p.CallbackURL }),
		text("callback_mode", func(p *payment.Payment) *string { return &p.CallbackMode }),
		text("signer", func(p *payment.Payment) *string { return &p.Signer }),
		text("signer_index", func(p *payment.Payment) *string { return &p.SignerIndex }),
		text("trace", func(p *payment.Payment) *string { return &p.Trace }),
		number("seq", func(p *payment.Payment) *int64 { return &p.Seq }),
		hash("hash", func(p *payment.Payment) *payment.Hash { return &p.Hash }),
	},
}

// Events is table transaction_events (PRD 4.1: event chain).
var Events = Table[payment.Record]{
	Name: "transaction_events", Key: []string{"transaction_id", "seq"},
	Columns: []Column[payment.Record]{
		text("transaction_id", func(r *payment.Record) *string { return &r.PaymentID }),
		number("seq", func(r *payment.Record) *int64 { return &r.Seq }),
		constant[payment.Record]("org_id", OrgID),
		text("event", func(r *payment.Record) *payment.Event { return &r.Event }),
		text("from_state", func(r *payment.Record) *payment.State { return &r.From }),
		text("to_state", func(r *payment.Record) *payment.State { return &r.To }),
		instant("at", func(r *payment.Record) *time.Time { return &r.At }),
		text("actor", func(r *payment.Record) *string { return &r.Actor }),
		text("reason", func(r *payment.Record) *string { return &r.Reason }),
		hash("prev_hash", func(r *payment.Record) *payment.Hash { return &r.PrevHash }),
		hash("hash", func(r *payment.Record) *payment.Hash { return &r.Hash }),
	},
}

// Terminals is table terminals.
var Terminals = Table[fleet.Terminal]{
	Name: "terminals", Key: []string{"merchant_id", "store_id", "terminal_id"}, Versioned: true,
	Columns: []Column[fleet.Terminal]{
		text("merchant_id", func(t *fleet.Terminal) *string { return &t.MerchantID }),
		text("store_id", func(t *fleet.Terminal) *string { return &t.StoreID }),
		text("terminal_id", func(t *fleet.Terminal) *string { return &t.TerminalID }),
		text("label", func(t *fleet.Terminal) *string { return &t.Label }),
		boolean("active", func(t *fleet.Terminal) *bool { return &t.Active }),
		boolean("integrated", func(t *fleet.Terminal) *bool { return &t.Integrated }),
		blob("public_key", func(t *fleet.Terminal) *[]byte { return &t.PublicKey }),
		blob("token_hash", func(t *fleet.Terminal) *[]byte { return &t.TokenHash }),
		number("payment_window_seconds", func(t *fleet.Terminal) *int64 { return &t.WindowSeconds }),
		text("busy", func(t *fleet.Terminal) *fleet.Busy { return &t.Busy }),
		text("language", func(t *fleet.Terminal) *string { return &t.Language }),
		number("seq", func(t *fleet.Terminal) *uint64 { return &t.Seq }),
		text("sale", func(t *fleet.Terminal) *string { return &t.Sale }),
		text("result", func(t *fleet.Terminal) *string { return &t.Result }),
		list("waiting", func(t *fleet.Terminal) *[]string { return &t.Waiting }),
		text("pull_id", func(t *fleet.Terminal) *string { return &t.Pull.ID }),
		text("pull_code", func(t *fleet.Terminal) *string { return &t.Pull.Code }),
		text("pull_outcome", func(t *fleet.Terminal) *protocol.PullOutcome { return &t.Pull.Outcome }),
		text("pull_by", func(t *fleet.Terminal) *string { return &t.Pull.By }),
		instant("pull_since", func(t *fleet.Terminal) *time.Time { return &t.Pull.Since }),
		instant("pull_at", func(t *fleet.Terminal) *time.Time { return &t.Pull.At }),
		number("acked_seq", func(t *fleet.Terminal) *uint64 { return &t.AckedSeq }),
		text("epoch", func(t *fleet.Terminal) *string { return &t.Epoch }),
		number("fact_seq", func(t *fleet.Terminal) *uint64 { return &t.FactSeq }),
		text("stored", func(t *fleet.Terminal) *string { return &t.Stored }),
		text("session", func(t *fleet.Terminal) *string { return &t.Session }),
		text("mode", func(t *fleet.Terminal) *protocol.Mode { return &t.Mode }),
		instant("last_seen", func(t *fleet.Terminal) *time.Time { return &t.LastSeen }),
		instant("gone_at", func(t *fleet.Terminal) *time.Time { return &t.GoneAt }),
		text("boot", func(t *fleet.Terminal) *string { return &t.Boot }),
		list("boots", func(t *fleet.Terminal) *[]string { return &t.Boots }),
		instant("shared_at", func(t *fleet.Terminal) *time.Time { return &t.SharedAt }),
	},
}

// Quotes is table qr_validations (PRD 4.2). base_amount is in hundredths of
// base_curr.
var Quotes = Table[quote.Quote]{
	Name: "qr_validations", Key: []string{"ver_token"}, Versioned: true,
	Fixed: fixed("org_id", "msg_id", "initiation_mode", "qr_medium", "validation_type", "payee_addr", "base_amount",
		"base_curr", "inr_amount_calc", "fx_curr", "fx_rate_e8", "fx_rate_at", "fx_source", "mcc", "net_inst_id", "created_at",
		"request_hash", "response_hash"),
	Columns: []Column[quote.Quote]{
		text("ver_token", func(q *quote.Quote) *string { return &q.Token }),
		text("org_id", func(q *quote.Quote) *string { return &q.OrgID }),
		text("msg_id", func(q *quote.Quote) *string { return &q.MsgID }),
		constant[quote.Quote]("initiation_mode", "16"),
		constant[quote.Quote]("qr_medium", "DYNAMIC"),
		{Name: "validation_type", Kind: Text, Text: func(q *quote.Quote) string { return q.Type() }},
		text("transaction_id", func(q *quote.Quote) *string { return &q.PaymentID }),
		text("payee_addr", func(q *quote.Quote) *protocol.VPA { return &q.Payee }),
		number("base_amount", func(q *quote.Quote) *int64 { return &q.Base }),
		text("base_curr", func(q *quote.Quote) *string { return &q.Currency }),
		number("inr_amount_calc", func(q *quote.Quote) *protocol.Paise { return &q.Amount }),
		text("fx_curr", func(q *quote.Quote) *string { return &q.Rate.Currency }),
		number("fx_rate_e8", func(q *quote.Quote) *int64 { return &q.Rate.E8 }),
		instant("fx_rate_at", func(q *quote.Quote) *time.Time { return &q.Rate.At }),
		text("fx_source", func(q *quote.Quote) *string { return &q.Rate.Source }),
		text("mcc", func(q *quote.Quote) *string { return &q.MCC }),
		text("net_inst_id", func(q *quote.Quote) *string { return &q.NetInstID }),
		instant("created_at", func(q *quote.Quote) *time.Time { return &q.CreatedAt }),
		instant("qr_expires_at", func(q *quote.Quote) *time.Time { return &q.ExpiresAt }),
		instant("used_at", func(q *quote.Quote) *time.Time { return &q.UsedAt }),
		text("used_by", func(q *quote.Quote) *string { return &q.UsedBy }),
		number("risk_score", func(q *quote.Quote) *int64 { return &q.RiskScore }),
		text("risk_reasons", func(q *quote.Quote) *string { return &q.RiskReasons }),
		instant("processed_at", func(q *quote.Quote) *time.Time { return &q.ProcessedAt }),
		number("event_seq", func(q *quote.Quote) *int64 { return &q.Seq }),
		hash("event_hash", func(q *quote.Quote) *[32]byte { return &q.Hash }),
		hash("request_hash", func(q *quote.Quote) *[32]byte { return &q.RequestHash }),
		hash("response_hash", func(q *quote.Quote) *[32]byte { return &q.ResponseHash }),
	},
}

// QuoteEvents is table qr_validation_events (PRD 4.1: event chain).
var QuoteEvents = Table[decide.QuoteEvent]{
	Name: "qr_validation_events", Key: []string{"ver_token", "seq"},
	Columns: []Column[decide.QuoteEvent]{
		text("ver_token", func(e *decide.QuoteEvent) *string { return &e.Token }),
		number("seq", func(e *decide.QuoteEvent) *int64 { return &e.Seq }),
		constant[decide.QuoteEvent]("org_id", OrgID),
		text("event", func(e *decide.QuoteEvent) *string { return &e.Event }),
		text("code", func(e *decide.QuoteEvent) *string { return &e.Code }),
		instant("at", func(e *decide.QuoteEvent) *time.Time { return &e.At }),
		hash("prev_hash", func(e *decide.QuoteEvent) *payment.Hash { return &e.PrevHash }),
		hash("hash", func(e *decide.QuoteEvent) *payment.Hash { return &e.Hash }),
	},
}

// Messages is table upi_messages: every message id that was ever answered.
var Messages = Table[decide.Message]{
	Name: "upi_messages", Key: []string{"org_id", "msg_id"},
	Columns: []Column[decide.Message]{
		text("org_id", func(m *decide.Message) *string { return &m.OrgID }),
		text("msg_id", func(m *decide.Message) *string { return &m.MsgID }),
		text("kind", func(m *decide.Message) *string { return &m.Kind }),
		text("code", func(m *decide.Message) *string { return &m.Code }),
		instant("at", func(m *decide.Message) *time.Time { return &m.At }),
	},
}

// ReqPays is table req_pays (PRD 4.3). base_amount is in hundredths of
// base_curr.
var ReqPays = Table[decide.ReqPay]{
	Name: "req_pays", Key: []string{"org_id", "txn_id"}, Versioned: true,
	Fixed: fixed("msg_id", "ver_token", "transaction_id", "amount", "base_amount", "base_curr", "payer_addr", "payee_addr",
		"code", "risk_score", "risk_reasons", "at", "request_hash"),
	Columns: []Column[decide.ReqPay]{
		text("org_id", func(r *decide.ReqPay) *string { return &r.OrgID }),
		text("txn_id", func(r *decide.ReqPay) *string { return &r.TxnID }),
		text("msg_id", func(r *decide.ReqPay) *string { return &r.MsgID }),
		text("ver_token", func(r *decide.ReqPay) *string { return &r.Token }),
		text("transaction_id", func(r *decide.ReqPay) *string { return &r.PaymentID }),
		number("amount", func(r *decide.ReqPay) *protocol.Paise { return &r.Amount }),
		number("base_amount", func(r *decide.ReqPay) *int64 { return &r.Base }),
		text("base_curr", func(r *decide.ReqPay) *string { return &r.Currency }),
		text("payer_addr", func(r *decide.ReqPay) *protocol.VPA { return &r.Payer }),
		text("payee_addr", func(r *decide.ReqPay) *protocol.VPA { return &r.Payee }),
		text("status", func(r *decide.ReqPay) *string { return &r.Status }),
		text("code", func(r *decide.ReqPay) *string { return &r.Code }),
		text("result", func(r *decide.ReqPay) *string { return &r.Result }),
		text("reference", func(r *decide.ReqPay) *string { return &r.Reference }),
		number("settlement_amount", func(r *decide.ReqPay) *protocol.Paise { return &r.Settlement }),
		number("risk_score", func(r *decide.ReqPay) *int64 { return &r.RiskScore }),
		text("risk_reasons", func(r *decide.ReqPay) *string { return &r.RiskReasons }),
		instant("due_at", func(r *decide.ReqPay) *time.Time { return &r.DueAt }),
		instant("at", func(r *decide.ReqPay) *time.Time { return &r.At }),
		hash("request_hash", func(r *decide.ReqPay) *[32]byte { return &r.RequestHash }),
		hash("response_hash", func(r *decide.ReqPay) *[32]byte { return &r.ResponseHash }),
	},
}

// Credits is table credits.
var Credits = Table[decide.Credit]{
	Name: "credits", Key: []string{"org_id", "txn_id"}, Versioned: true,
	Fixed: fixed("transaction_id", "amount", "at"),
	Columns: []Column[decide.Credit]{
		text("org_id", func(c *decide.Credit) *string { return &c.OrgID }),
		text("txn_id", func(c *decide.Credit) *string { return &c.TxnID }),
		text("transaction_id", func(c *decide.Credit) *string { return &c.PaymentID }),
		number("amount", func(c *decide.Credit) *protocol.Paise { return &c.Amount }),
		text("state", func(c *decide.Credit) *decide.CreditState { return &c.State }),
		instant("at", func(c *decide.Credit) *time.Time { return &c.At }),
	},
}

// ShortOrders is table short_orders: the latest OPEN order of each short id of
// a store.
var ShortOrders = Table[decide.ShortOrder]{
	Name: "short_orders", Key: []string{"merchant_id", "store_id", "short_order_id"}, Versioned: true,
	Columns: []Column[decide.ShortOrder]{
		text("merchant_id", func(o *decide.ShortOrder) *string { return &o.MerchantID }),
		text("store_id", func(o *decide.ShortOrder) *string { return &o.StoreID }),
		text("short_order_id", func(o *decide.ShortOrder) *string { return &o.Code }),
		text("transaction_id", func(o *decide.ShortOrder) *string { return &o.PaymentID }),
	},
}

// NetworkRequests is table network_requests as a decision adds to it: pending,
// due at once.
var NetworkRequests = Table[decide.NetworkRequest]{
	Name: "network_requests", Key: []string{"id"},
	Columns: []Column[decide.NetworkRequest]{
		text("id", func(r *decide.NetworkRequest) *string { return &r.ID }),
		text("kind", func(r *decide.NetworkRequest) *decide.NetworkKind { return &r.Kind }),
		text("transaction_id", func(r *decide.NetworkRequest) *string { return &r.PaymentID }),
		text("org_id", func(r *decide.NetworkRequest) *string { return &r.OrgID }),
		text("txn_id", func(r *decide.NetworkRequest) *string { return &r.TxnID }),
		number("amount", func(r *decide.NetworkRequest) *protocol.Paise { return &r.Amount }),
		instant("created_at", func(r *decide.NetworkRequest) *time.Time { return &r.At }),
		writeOnly(instant("due_at", func(r *decide.NetworkRequest) *time.Time { return &r.At })),
	},
}

// Callbacks is table callbacks as a decision adds to it: pending, due at once.
var Callbacks = Table[decide.Callback]{
	Name: "callbacks", Key: []string{"event_id"},
	Columns: []Column[decide.Callback]{
		text("event_id", func(c *decide.Callback) *string { return &c.EventID }),
		text("transaction_id", func(c *decide.Callback) *string { return &c.PaymentID }),
		text("merchant_id", func(c *decide.Callback) *string { return &c.MerchantID }),
		{Name: "lane", Kind: Text, Text: func(c *decide.Callback) string { return Lane(c.MerchantID, c.URL) }},
		text("url", func(c *decide.Callback) *string { return &c.URL }),
		CallbackState,
		text("method", func(c *decide.Callback) *string { return &c.Method }),
		instant("created_at", func(c *decide.Callback) *time.Time { return &c.At }),
		writeOnly(instant("due_at", func(c *decide.Callback) *time.Time { return &c.At })),
	},
}
