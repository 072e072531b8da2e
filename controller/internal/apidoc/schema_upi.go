package apidoc

// operationsUPI are the messages of the UPI network (upi-switch: Messages).
func operationsUPI() []operation {
	codes := func(more ...string) []string {
		return append([]string{"00", "BR", "ZF", "ZD", "ZQ", "ZR", "YH", "PE", "X7"}, append(more, "96", "96@503")...)
	}
	return []operation{
		{
			route: "POST /api/v1/dynamic-qr/validate", group: GroupUPI, summary: "ReqValQr: may this QR be paid?",
			doc:     "Asked by the customer's bank before it pays; a Status of 00 gives the token that ReqPay needs. A message id is good once for ever, but one that is answered BR or ZF is not used up.",
			payload: refTo("ReqValQr"), data: refTo("RespValQr"), codes: codes(),
		},
		{
			route: "POST /api/v1/dynamic-qr/pay", group: GroupUPI, summary: "ReqPay: pay what was validated",
			doc:     "Amount, currency and payee must be those that were validated. A token is good for one attempt. Status 00 with a Result other than SUCCESS means that the message was processed and nothing was paid.",
			payload: refTo("ReqPay"), data: refTo("RespPay"), codes: codes("ZE", "IP05", "IP08", "IP10"),
		},
		{
			route: "POST /api/v1/dynamic-qr/check", group: GroupUPI, summary: "ReqChkTxn: how did a ReqPay end?",
			doc:     "For who lost the answer to a ReqPay: a message that is sent again is ZD. It changes nothing, but its own MsgID is used up. Status 00 means that the transaction is known; how it ended is in TxnStatus.",
			payload: refTo("ReqChkTxn"), data: refTo("RespChkTxn"), codes: []string{"00", "BR", "ZF", "ZD", "ZQ", "96", "96@503"},
		},
		{
			route: "POST /api/v1/collect/result", group: GroupUPI, summary: "ReqCollectResult: how a collect request of ours ended",
			doc:     "Told by the network that the collect request went to. Status 00 means that the message was taken; of money that fits no open request Result says that it goes back.",
			payload: refTo("ReqCollectResult"), data: refTo("RespCollectResult"), codes: []string{"00", "BR", "ZF", "ZD", "ZQ", "96", "96@503"},
		},
		{
			route: "GET /api/v1/dynamic-qr/certificate", group: GroupUPI, summary: "The certificate of our own signatures",
			doc: "For the network, to check our answers and requests with. PEM.", also: map[int]*schema{200: text()}, media: "application/x-pem-file",
		},
	}
}

// schemasUPI are the messages' forms. Elements may stand in any order.
func schemasUPI() fields {
	message := func(name, doc string, f ...field) field {
		s := object(doc, f...)
		s.XML = &xmlName{name}
		return field{name: name, schema: s}
	}
	key := func() *schema { return textOf("^[A-Za-z0-9._-]{1,64}$") }
	when := moment
	vpa := func() *schema { return textOf("^[A-Za-z0-9._-]+@[A-Za-z0-9.-]{2,64}$") }
	const signature = "XML-DSig, enveloped: exclusive C14N, RSA-SHA256, one reference to the whole document. In the sandbox a registered organisation may leave it out."
	return fields{
		message("ReqValQr", "The question whether a QR may be paid.",
			need("MsgID", key(), "Unique for ever within the organisation, over all messages."), need("Ts", when(), ""), need("OrgID", key(), "Who asks, and signs."),
			need("Curr", textOf("^[A-Z]{3}$"), "INR, or another currency where there are rates of exchange."), need("Amount", rupees(), "In Curr, 1.00 at least."), need("Mcc", textOf("^[0-9]{4}$"), "Informational."),
			need("RefUrl", text(), "Base64 of the QR's whole link, or of its query alone. Its mode must be 16."), may("PayeeAddr", vpa(), "The same as pa of the link."),
			may("TxnRef", textOf("^[A-Za-z0-9._-]{1,35}$"), "The same as tr of the link: our id of the payment."), may("Signature", &schema{}, signature)),
		message("RespValQr", "The answer to ReqValQr.",
			may("MsgID", text(), "That of the message, where it could be read."), need("Status", text(), "A code; 00 is yes."), may("Message", text(), "What is wrong."),
			may("VerToken", text(), "With 00: what ReqPay is to bring, once."), may("ExpiresAt", when(), "With 00: when the token ends."),
			may("BaseAmount", rupees(), "With 00 and another currency than INR: what was asked for."), may("BaseCurr", textOf("^[A-Z]{3}$"), "Its currency."),
			may("FxRate", textOf(`^[0-9]+(\.[0-9]+)?$`), "Rupees for one BaseCurr."), may("InrAmount", rupees(), "What is to be paid, in rupees."), need("Ts", when(), ""), may("Signature", &schema{}, "")),
		message("ReqPay", "The payment of what was validated.",
			need("MsgID", key(), ""), need("TxnID", key(), "The network's id of the transaction; good once."), need("VerToken", text(), "From RespValQr."),
			need("Amount", rupees(), "As it was validated, in the same currency."), need("Curr", textOf("^[A-Z]{3}$"), ""), need("PayerAddr", vpa(), "The customer."), need("PayeeAddr", vpa(), "As it was validated."),
			need("Timestamp", when(), ""), may("Signature", &schema{}, signature)),
		message("RespPay", "The answer to ReqPay.",
			may("MsgID", text(), ""), need("Status", text(), "A code; 00 means that the message was processed."), may("Message", text(), "What is wrong."),
			may("Result", words("TIMEOUT", "REVERSED", "FAILED"), "With 00, where the outcome is not success."), may("TxnID", text(), ""),
			need("SettlementAmount", rupees(), "What the merchant gets; 0.00 where nothing was paid."), need("Timestamp", when(), ""), may("Signature", &schema{}, "")),
		message("ReqChkTxn", "The question how a ReqPay ended.",
			need("MsgID", key(), ""), need("Ts", when(), ""), need("OrgID", key(), "Who asks, and signs: the organisation of the ReqPay."), need("OrgTxnID", key(), "The ReqPay's TxnID."),
			may("Signature", &schema{}, signature)),
		message("RespChkTxn", "The answer to ReqChkTxn.",
			may("MsgID", text(), ""), need("Status", text(), "A code; 00: the transaction is known. ZQ: it is not."), may("Message", text(), "What is wrong."), may("TxnID", text(), "OrgTxnID."),
			may("TxnStatus", words("SUCCESS", "FAILED", "PENDING", "REVERSED"), "With 00: how it ended. PENDING: the merchant is still waited for."),
			may("Amount", rupees(), "With 00: what was to be paid, in rupees."), may("SettlementAmount", rupees(), "With 00: what the merchant gets."), may("Rrn", text(), "Of a success."),
			need("Ts", when(), ""), may("Signature", &schema{}, "")),
		message("ReqCollectResult", "How a collect request ended.",
			need("MsgID", key(), ""), need("Ts", when(), ""), need("OrgID", key(), "The network that the request went to."), need("OrgTxnID", key(), "Our payment: the request's TxnID."),
			need("TxnID", key(), "The bank's own."), need("Status", words("SUCCESS", "DECLINED", "EXPIRED"), ""), need("Amount", rupees(), "What was asked for, or paid."),
			may("PayerAddr", vpa(), "Of a success."), may("Rrn", textOf("^[A-Za-z0-9]{1,35}$"), "Of a success."), may("Signature", &schema{}, signature)),
		message("RespCollectResult", "The answer to ReqCollectResult.",
			may("MsgID", text(), ""), need("Status", text(), "A code; 00 means that the message was taken."), may("Message", text(), "What is wrong."), may("Result", text(), "With 00, where the money goes back."),
			may("TxnID", text(), ""), need("Ts", when(), ""), may("Signature", &schema{}, "")),
	}
}
