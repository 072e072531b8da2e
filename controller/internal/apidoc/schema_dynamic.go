package apidoc

// hash is a SHA-256 in hex.
func hash() *schema { return textOf("^[0-9a-f]{64}$") }

// rupees is money in rupees, as the UPI side writes it.
func rupees() *schema { return textOf(`^[0-9]+(\.[0-9]{1,2})?$`) }

func moment() *schema { return &schema{Type: "string", Format: "date-time"} }

// dynamicStatus are the fields of both answers about a Dynamic QR.
func dynamicStatus() fields {
	return fields{
		need("status", words("PENDING", "SUCCESS", "FAILED", "EXPIRED", "REVERSED"), "Final unless PENDING; but FAILED with the result TIMEOUT becomes REVERSED when the customer's money is back."),
		may("reason", text(), "Why it ended without success; see States and reasons."),
		may("result", words("TIMEOUT"), "As RespPay said it."),
		may("txn_id", text(), "The network's id of the attempt."),
		need("settlement_amount", rupees(), "What the merchant gets; 0.00 where nothing was paid."),
		may("rrn", text(), "On success: the reference number."),
	}
}

// dynamicSchema is a row of qr_validations with what it led to (PRD 4.2, 4.3).
func dynamicSchema() *schema {
	f := fields{
		need("id", text(), "As it was asked for."),
		may("org_id", id(64), "Who validated the QR."), may("msg_id", text(), "By which message."),
		need("merchant_id", id(64), ""),
		may("transaction_id", id(64), "Our id of the payment, the tr of its QR. Of a QR made elsewhere once it is paid."),
		may("merchant_transaction_id", text(), "The merchant's id of it; of a QR made elsewhere the network's."),
		need("initiation_mode", words("16"), ""), need("qr_medium", words("DYNAMIC"), ""),
		may("ver_token", text(), "The token of the latest validation. Not there while nobody has scanned the QR, and then nothing else of a validation is."),
		need("qr_expires_at", moment(), "When the token ends; before there is one, the QR."),
		may("validation_type", words("DOMESTIC", "INTERNATIONAL"), ""),
		need("base_amount", rupees(), "What the customer was quoted, in base_curr."), need("base_curr", textOf("^[A-Z]{3}$"), ""),
		need("inr_amount_calc", rupees(), "What it is in rupees."),
		may("fx_rate", textOf(`^[0-9]+(\.[0-9]+)?$`), "INTERNATIONAL: rupees for one base_curr."), may("fx_rate_at", moment(), "INTERNATIONAL: of when the rate is."),
		need("payee_addr", text(), ""), may("mcc", text(), "As the message said it."), may("net_inst_id", text(), "Our institution in the network."),
		may("risk_score", whole(0, 100), "What the risk rules say; not there until they were asked."), may("risk_reasons", text(), "Which of them had a part in it."),
		need("created_at", moment(), "When it was validated; before that, asked for."), may("used_at", moment(), "When the token was spent."),
		may("request_hash", hash(), "SHA-256 of ReqValQr."), may("response_hash", hash(), "SHA-256 of RespValQr."),
		may("event_seq", atLeast(1), "Events of the validation so far."), may("event_hash", hash(), "The last one's, which contains those before it."),
	}
	return object("A Dynamic QR with its latest validation.", append(f, dynamicStatus()...)...)
}
