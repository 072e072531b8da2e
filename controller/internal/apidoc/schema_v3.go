package apidoc

// operationsV3 are the routes under /v3 (phonepe-api: Endpoints, Collect).
func operationsV3() []operation {
	begun := func(more ...field) *schema {
		return object("", append([]field{
			need("merchantId", id(64), ""), need("transactionId", id(37), "The merchant's id of it."), need("amount", paise(), docAmount),
			need("providerReferenceId", id(64), "Our own id of it."),
		}, more...)...)
	}
	refused := object("", need("merchantId", id(64), ""), need("transactionId", id(37), ""), need("amount", paise(), docAmount),
		need("paymentState", words("FAILED"), ""), need("payResponseCode", words("EXCESS_REFUND_AMOUNT", "ORIGINAL_NOT_PAID"), "More than is left of the payment; or it was never paid."))
	return []operation{
		{
			route: "POST /v3/qr/init", group: GroupV3, headers: callbackHeaders(), payload: refTo("QRInit"), callback: true,
			data:  begun(need("qrString", textOf("^upi://pay\\?"), "The text of the QR, to be drawn as it is: it is signed.")),
			codes: generalCodes(true, "SUCCESS", "INVALID_TRANSACTION_ID@417", "INVALID_TRANSACTION_ID@400"),
			doc:   "For a POS that has a screen of its own. No terminal is asked to do anything.",
		},
		{
			route: "POST /v3/qr/transaction/list", group: GroupV3, headers: merchantHeaders(), payload: refTo("ListRequest"), data: refTo("ListPage"),
			codes: generalCodes(true, "SUCCESS"),
			doc:   "Newest first, 10 at most, of the last 5 minutes where no time is named.",
		},
		{
			route: "POST /v3/charge", group: GroupV3, headers: callbackHeaders(), payload: refTo("Charge"), data: begun(), callback: true,
			codes: generalCodes(true, "SUCCESS", "INVALID_TRANSACTION_ID@417", "INVALID_TRANSACTION_ID@400"),
			doc:   "The customer's UPI app asks for consent. Nothing is final before the callback or a final status.",
		},
		{
			route: "POST /v3/charge/{merchantId}/{id}/remind", group: GroupV3, headers: merchantHeaders(), data: begun(),
			codes: pathCodes(true, "SUCCESS", "INVALID_TRANSACTION_ID@400", "TRANSACTION_NOT_FOUND", "PAYMENT_ALREADY_COMPLETED", "PAYMENT_ALREADY_ENDED"),
			doc:   "The customer is asked once more.",
		},
		{
			route: "POST /v3/charge/{merchantId}/{id}/cancel", group: GroupV3, headers: merchantHeaders(),
			data:  object("", need("merchantId", id(64), ""), need("merchantTransactionId", id(64), ""), need("transactionId", id(64), "The same."), may("terminalId", id(64), "")),
			codes: pathCodes(true, "SUCCESS", "CANCEL_REQUESTED", "INVALID_TRANSACTION_ID@400", "TRANSACTION_NOT_FOUND", "PAYMENT_ALREADY_COMPLETED", "PAYMENT_ALREADY_ENDED"),
			doc:   "Of a collect request, or of a QR from /v3/qr/init. CANCEL_REQUESTED: the customer is paying just now; if that succeeds it stands.",
		},
		{
			route: "GET /v3/transaction/{merchantId}/{id}/status", group: GroupV3, headers: merchantHeaders(), data: refTo("Transaction"),
			codes: pathCodes(true, "PAYMENT_SUCCESS", "PAYMENT_PENDING", "PAYMENT_ERROR", "PAYMENT_CANCELLED", "PAYMENT_DECLINED", "REQUEST_EXPIRED",
				"INVALID_TRANSACTION_ID@400", "TRANSACTION_NOT_FOUND"),
			doc: "Of a payment or of a refund. success is true for PAYMENT_SUCCESS alone. PAYMENT_ERROR is final: charge again, under a new id. The id may be the merchant's or ours.",
		},
		refundOperation("POST /v3/credit/backToSource", "Part of a payment may be given back, several times, and never more in all than was paid. The answer is PAYMENT_PENDING; its end is told by status, of the refund's own id, and by callback.", refused),
		refundOperation("POST /v3/credit/backToSource/", "The same; the path is signed without the slash at its end.", refused),
	}
}

func refundOperation(route, doc string, refused *schema) operation {
	return operation{
		route: route, group: GroupV3, headers: callbackHeaders(), payload: refTo("RefundRequest"), data: refTo("Transaction"), doc: doc, callback: true,
		more:  map[string]*schema{"PAYMENT_ERROR": refused},
		codes: generalCodes(true, "PAYMENT_PENDING", "PAYMENT_ERROR", "INVALID_TRANSACTION_ID@417", "INVALID_TRANSACTION_ID@400", "TRANSACTION_NOT_FOUND"),
	}
}

// schemasV3 are the forms that several routes share.
func schemasV3() fields {
	common := func(doc string, more ...field) *schema {
		return object(doc, append([]field{
			need("merchantId", id(64), "Who is to be paid."), need("transactionId", id(37), docTransactionID),
			need("amount", amountAsked(), docAmount),
			may("storeId", id(64), "Must be a store of the merchant's."), may("terminalId", id(64), "The POS's own word; told again in status."),
			may("subMerchantId", id(64), ""), may("message", upTo(256), "For the customer; 256 bytes at most."),
		}, more...)...)
	}
	return fields{
		{name: "QRInit", schema: common("The payload of a request for a QR.",
			may("merchantOrderId", id(64), docOrderID+" By default the transaction id."),
			may("expiresIn", orText(whole(1, 1<<31).usually(180)), "Seconds until nobody can begin to pay; more than 1800 is held to 1800."),
			may("gstBreakup", &schema{Type: []string{"object", "null"}}, "Taken, and of no account."), may("invoiceDetails", &schema{Type: []string{"object", "null"}}, "Taken, and of no account."))},
		{name: "Charge", schema: common("The payload of a collect request.",
			need("merchantOrderId", id(64), docOrderID),
			need("instrumentType", words("VPA", "MOBILE"), ""), need("instrumentReference", text(), "The customer's VPA, like name@bank, or mobile number of 10 digits."),
			may("expiresIn", orText(whole(1, 1<<31).usually(2592000)), "Seconds until the request ends; 30 days at most. 180 is good for a counter."),
			may("email", text(), ""), may("shortName", text(), ""))},
		{name: "ListRequest", schema: object("The payload of a question for the latest payments.",
			need("merchantId", id(64), ""), may("size", orText(whole(1, 10).usually(10)), ""), may("storeId", id(64), ""), may("terminalId", id(64), ""),
			may("amount", amountAsked(), docAmount), may("startTimestamp", orText(millis()), docSince+" Usually 5 minutes ago."),
			may("qrCodeId", text(), "That of a transactionContext."), may("last4Digits", text(), "The end of our id or of the UTR."))},
		{name: "ListPage", schema: object("", need("resultCount", atLeast(0), ""), need("startTimestamp", millis(), "Epoch milliseconds."), need("endTimestamp", millis(), "Epoch milliseconds."),
			need("transactions", list(transactionSchema("", need("transactionDate", millis(), docAsked))), ""))},
		{name: "Transaction", schema: transactionSchema("How a payment or refund stands. It is also what a callback carries.")},
		{name: "RefundRequest", schema: refundSchema()},
	}
}

func refundSchema() *schema {
	s := object("The payload of a refund.",
		need("merchantId", id(64), ""), need("transactionId", id(37), "The refund's own id: a new one, unique for ever among payments too."),
		may("originalTransactionId", id(64), "The merchant's id of the payment. This or providerReferenceId must be given, or both, of one payment."),
		may("providerReferenceId", id(64), "Our own id of the payment."), need("amount", amountAsked(), docAmount), may("message", upTo(256), ""))
	s.AnyOf = []*schema{{Required: []string{"originalTransactionId"}}, {Required: []string{"providerReferenceId"}}}
	return s
}

// transactionSchema is how v3 says that a payment or refund stands, with what a
// list has besides.
func transactionSchema(doc string, more ...field) *schema {
	return object(doc, append([]field{
		need("transactionId", text(), docTransactionID), need("merchantId", id(64), ""), need("merchantOrderId", text(), docOrderID), need("providerReferenceId", id(64), "Our own id of it."),
		need("amount", paise(), docAmount), need("paymentState", words("COMPLETED", "PENDING", "FAILED"), "Final unless PENDING."),
		need("payResponseCode", text(), "SUCCESS, PAYMENT_PENDING, or the reason; see States and reasons."),
		may("paymentModes", list(object("", need("mode", words("ACCOUNT", "CARD"), ""), may("type", words("ACCOUNT", "CARD"), "In lists: the same as mode."), need("amount", paise(), docAmount), may("utr", text(), "The network's reference."))), "On success."),
		need("transactionContext", object("", may("storeId", id(64), ""), may("terminalId", id(64), ""), may("qrCodeId", id(64), "Our own id, where there was a QR.")), ""),
	}, more...)...)
}
