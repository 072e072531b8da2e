package apidoc

// What the routes of v1 and v3 have in common (phonepe-api: Wire rules).

func merchantHeaders(more ...field) []field {
	return append([]field{
		need("X-VERIFY", textOf("^[0-9A-Fa-f]{64}###[1-9][0-9]{0,5}$"),
			"hex(SHA256(payload + path + saltKey)) + ### + saltIndex. The payload is the base64 text of request exactly as it is sent, and empty where there is no body; the path is the route alone, without host, query, deployment prefix and trailing slash."),
		may("X-PROVIDER-ID", id(64), "The POS provider, where its key signs instead of the merchant's. It must be mapped to the merchant."),
	}, more...)
}

func callbackHeaders() []field {
	return merchantHeaders(
		may("X-CALLBACK-URL", &schema{Type: "string", Format: "uri", MaxLength: ptr(2048)},
			"Where the end of the payment is told; wins over the merchant's registered URL. Outside the sandbox https, on a host that is registered for the merchant."),
		may("X-CALL-MODE", words("POST", "PUT").usually("POST"), "The method of the callback."),
	)
}

// generalCodes can be the answer to any signed request with a payload.
func generalCodes(v3 bool, more ...string) []string {
	unauthorized := "UNAUTHORIZED"
	if v3 {
		unauthorized = "AUTHORIZATION_FAILED"
	}
	return append(more, unauthorized, "BAD_REQUEST", "BAD_REQUEST@413", "TOO_MANY_REQUESTS", "INTERNAL_SERVER_ERROR", "INTERNAL_SERVER_ERROR@503")
}

// pathCodes can be the answer to any request without one.
func pathCodes(v3 bool, more ...string) []string {
	unauthorized := "UNAUTHORIZED"
	if v3 {
		unauthorized = "AUTHORIZATION_FAILED"
	}
	return append(more, unauthorized, "BAD_REQUEST@413", "TOO_MANY_REQUESTS", "INTERNAL_SERVER_ERROR", "INTERNAL_SERVER_ERROR@503")
}

const (
	docTransactionID = "The merchant's id of the payment: unique for ever, also after a refusal of the network."
	docOrderID       = "The merchant's own order; it may repeat."
	docAmount        = "Whole paise."
	docAsked         = "Epoch milliseconds: when it was asked for."
	docSince         = "Epoch milliseconds; below 100000000000 it is taken for seconds."
)

func amountAsked() *schema { return orText(whole(1, 10_000_000_000)) }

// operationsV1 are the routes under /v1 that a POS signs (phonepe-api: Endpoints).
func operationsV1() []operation {
	initData := object("", need("merchantId", id(64), ""), need("transactionId", id(39), "The merchant's id of it."), need("amount", paise(), docAmount))
	cancelled := object("", need("merchantId", id(64), ""), need("merchantTransactionId", id(64), ""), need("transactionId", id(64), "The same."),
		may("terminalId", id(64), "Where a terminal has it."))
	initCodes := []string{
		"SUCCESS", "DUPLICATE_TRANSACTION_ID", "INVALID_TRANSACTION_ID", "INVALID_MERCHANT_ID", "INVALID_STORE_ID", "INVALID_TERMINAL_ID",
		"SOLUTION_NOT_ENABLED", "INTEGRATEDMODE_NOT_ENABLED_ON_TERMINAL", "INVALID_AMOUNT", "INVALID_INTEGRATION_MAPPING_TYPE",
		"INVALID_PAYMENT_MODES", "INVALID_TERMINAL_HANDOVER_TIME", "SHORT_CODE_IS_REQUIRED", "SHORT_CODE_NOT_REQUIRED",
		"INVALID_SHORTCODE_LENGTH", "SHORT_CODE_ALREADY_USED",
	}
	const statusDoc = "Any known payment answers SUCCESS, however it stands: the truth is data.status. The id may be the merchant's or ours."
	status := func(route string, doc string) operation {
		return operation{
			route: route, group: GroupV1, doc: doc, headers: merchantHeaders(), data: refTo("PaymentStatus"),
			codes: pathCodes(false, "SUCCESS", "INVALID_TRANSACTION_ID"),
		}
	}
	return []operation{
		{
			route: "POST /v1/payment/init", group: GroupV1, headers: callbackHeaders(), payload: refTo("PaymentInit"), data: initData,
			codes: generalCodes(false, initCodes...), callback: true,
			doc: "The payment is asked for whether or not the terminal is there: it takes the request when it is. The answer comes when the request is stored; how it goes on is told by status and callback.",
		},
		{
			route: "POST /v1/edc/transaction/init", group: GroupV1, headers: callbackHeaders(), payload: refTo("PaymentInit"), data: initData,
			codes: generalCodes(false, initCodes...), callback: true,
			doc: "As /v1/payment/init with solutionType EDC, and the id in transactionId.",
		},
		status("GET /v1/payment/{merchantId}/{id}/status", statusDoc+" Ask first after 20 to 25 s, then every 3 s for 30 s, every 6 s for 60 s, every 10 s for 60 s, every 30 s for 60 s, and every minute until it is final."),
		status("GET /v1/edc/transaction/{merchantId}/{id}/status", statusDoc),
		status("POST /v1/edc/transaction/{merchantId}/{id}/status", statusDoc+" A body is of no account and is not signed."),
		{
			route: "POST /v1/edc/transaction/status", group: GroupV1, headers: merchantHeaders(), payload: refTo("Search"), data: list(refTo("PaymentStatus")),
			codes: generalCodes(false, "SUCCESS", "INVALID_MERCHANT_ID", "INVALID_TERMINAL_ID", "INVALID_TRANSACTION_ID", "INVALID_AMOUNT"),
			doc:   "By merchantTransactionId or by rrn; the id wins. Newest first, 100 at most, of the last 24 hours where no time is named.",
		},
		{
			route: "PUT /v1/payment/{merchantId}/{id}/cancel", group: GroupV1, headers: merchantHeaders(), data: cancelled,
			codes: pathCodes(false, "SUCCESS", "CANCEL_REQUESTED", "INVALID_TRANSACTION_ID", "PAYMENT_ALREADY_COMPLETED", "PAYMENT_ALREADY_ENDED"),
			doc:   "SUCCESS: it is over, nobody can pay it any more. CANCEL_REQUESTED: the customer is paying just now; if that succeeds it stands, else the payment ends cancelled.",
		},
		{
			route: "POST /v1/transactions/details", group: GroupV1, headers: merchantHeaders(), payload: refTo("Details"), data: refTo("DetailsPage"),
			codes: generalCodes(false, "SUCCESS", "INVALID_MERCHANT_ID", "INVALID_STORE_ID", "INVALID_TERMINAL_ID"),
			doc:   "Oldest first, 50 at most a page; searchAfter of an answer asks for the next page. Of the last 24 hours where no time is named.",
		},
		dynamic("GET /api/v1/dynamic-qr/{id}", "DynamicQR", "What was validated and what it led to, in the words of the network's side: amounts are rupees, times are UTC."),
		dynamic("GET /api/v1/dynamic-qr/{id}/status", "DynamicQRStatus", "The same, of the payment alone."),
	}
}

// dynamic is a route about a Dynamic QR (upi-switch: Tables and lookups).
func dynamic(route, data, doc string) operation {
	return operation{
		route: route, group: GroupV1, data: refTo(data), codes: pathCodes(false, "SUCCESS", "INVALID_TRANSACTION_ID@404"),
		doc:     doc + " An unknown id and another merchant's are answered alike: 404.",
		headers: append([]field{may("X-MERCHANT-ID", id(64), "Whose QR; it or X-PROVIDER-ID must be there, and says whose key signs. A provider alone asks for any of its merchants.")}, merchantHeaders()...),
	}
}

// schemasV1 are the forms that several routes share.
func schemasV1() fields {
	row := transactionSchema("A payment with what the accounts want of it.",
		may("storeId", id(64), ""), may("terminalId", id(64), ""), need("transactionDate", millis(), docAsked),
		may("transactionLevelSettlement", object("Of a success: whether the payee has the money. UPI credits with the payment, a card's acquirer later.",
			need("settlementText", text(), ""), need("toBeSettledDate", atLeast(0).orNull(), ""), need("status", words("SETTLED", "PENDING"), ""),
			need("transactionSettlementDetails", list(object("", need("utr", text(), ""), need("status", words("SETTLED"), ""), need("settlementDate", millis(), "Epoch milliseconds."), need("settlementAmount", atLeast(0), docAmount))), "")), ""),
		may("instrumentLevelSettlementDetails", &schema{Type: "object", Description: "Of a success, by ACCOUNT or CARD.", AdditionalProperties: object("",
			need("totalAmount", paise(), docAmount), need("settlementAmount", atLeast(0), "Paise: less the fee."), may("utr", text(), ""))}, ""),
		may("refundTransactionDetails", list(refTo("RefundRow")), "What was given back, or is promised."))
	return fields{
		{name: "Debug", schema: object("Only in the sandbox.", need("debug", object("",
			need("signedString", text(), "What was hashed, up to the salt key."), need("saltIndex", text(), ""), need("header", text(), "What to do about X-VERIFY.")), ""))},
		{name: "DynamicQR", schema: dynamicSchema()},
		{name: "DynamicQRStatus", schema: object("How the payment of a Dynamic QR stands.", dynamicStatus()...)},
		{name: "PaymentInit", schema: initSchema()},
		{name: "PaymentStatus", schema: statusSchema()},
		{name: "Search", schema: object("The payload of a search.",
			need("merchantId", id(64), ""), need("terminalId", id(64), ""), may("merchantTransactionId", id(64), "This or rrn must be given; this wins."),
			may("rrn", id(64), "The reference number of a payment that succeeded."), may("amount", amountAsked(), docAmount),
			may("startTimestamp", orText(millis()), docSince+" Usually 24 hours before the end."), may("endTimestamp", orText(millis()), docSince+" Usually now."))},
		{name: "Details", schema: object("The payload of a question for payments with settlement and refunds.",
			need("merchantId", id(64), ""), may("storeId", id(64), ""), may("terminalId", id(64), ""), may("size", orText(whole(1, 50).usually(50)), "Rows of a page."),
			may("startTimestamp", orText(millis()), docSince+" Usually 24 hours before the end."), may("endTimestamp", orText(millis()), docSince+" Usually now."),
			may("searchAfter", refTo("SearchAfter").orNull(), "That of the answer before."))},
		{name: "SearchAfter", schema: object("Where a page ends. Empty: nothing is certain yet, ask again.", may("timestamp", orText(atLeast(0)), "Epoch milliseconds."), may("transactionId", id(64), "Of the page's last row."))},
		{name: "DetailsPage", schema: object("", need("transactionDetails", list(refTo("DetailsRow")), ""), need("totalResult", atLeast(0), "Rows of this page."),
			need("searchAfter", refTo("SearchAfter").orNull(), "Asks for the next page; null where this is the last."))},
		{name: "DetailsRow", schema: row},
		{name: "RefundRow", schema: transactionSchema("A refund of it.", need("merchantTransactionId", id(64), "The refund's own id."), need("transactionType", words("REFUND"), ""),
			need("originalTransactionId", text(), "The merchant's id of the payment."), need("transactionDate", millis(), docAsked))},
	}
}

func initSchema() *schema {
	s := object("The payload of a payment request. Fields of the other solution and unknown fields are ignored; a key given twice, twice but for its case, or a second value is refused.",
		need("merchantId", id(64), "Who is to be paid."),
		need("storeId", id(64), ""),
		may("terminalId", id(64), "The terminal that is to take it. Optional for an OPEN order alone; there it is checked, and binds nothing."),
		may("merchantTransactionId", id(39), docTransactionID),
		may("transactionId", id(39), "Another name for merchantTransactionId."),
		need("orderId", id(64), docOrderID),
		need("amount", amountAsked(), docAmount+" By QR 100 (one rupee) to 800000; more or less than that by card only."),
		may("solutionType", words("DQR_DEVICE", "DQR", "EDC"), "DQR_DEVICE or its other name DQR: a display. EDC: a payment terminal. Without it, an integrationMappingType means EDC."),
		may("expiresIn", orText(whole(1, 1<<31).usually(180)), "Display: seconds until nobody can begin to pay; more than 1800 is held to 1800."),
		may("integrationMappingType", words("ONE_TO_ONE", "OPEN"), "EDC: pushed to terminalId, or waiting for any terminal of the store to pull it by shortOrderId."),
		may("paymentModes", &schema{Type: "array", Items: words("CARD", "DQR"), MinItems: ptr(1)}, "EDC: how the customer may pay."),
		may("timeAllowedForHandoverToTerminalSeconds", orText(whole(1, 600).usually(60)), "EDC: how long a terminal may take to take the request."),
		may("autoAccept", &schema{AnyOf: []*schema{boolean(), textOf("^(?i:true|false)?$")}}, "EDC: true skips the cashier's confirmation. Usually false."),
		may("shortOrderId", textOf("^([0-9]{4,8})?$"), "OPEN: 4 to 8 digits, as text, for leading zeros matter; unique among the store's live orders. Refused for ONE_TO_ONE."),
	)
	s.AnyOf = []*schema{{Required: []string{"merchantTransactionId"}}, {Required: []string{"transactionId"}}}
	return s
}

func statusSchema() *schema {
	return object("How a payment stands. It is also what a callback carries.",
		need("merchantId", id(64), ""), may("storeId", id(64), ""), may("terminalId", id(64), "The terminal that has it; not there while nobody has claimed an OPEN order."),
		need("orderId", text(), docOrderID), need("merchantOrderId", text(), "The same as orderId."),
		need("transactionId", text(), "The same as merchantTransactionId."), need("merchantTransactionId", text(), docTransactionID),
		need("phonepeTransactionId", id(64), "Our own id of it: the tr of its QR."),
		may("referenceNumber", text(), "On success: the UTR of UPI, the RRN of a card."),
		may("paymentMode", words("CARD", "DQR"), "Once the customer has begun to pay."),
		need("amount", paise(), docAmount), need("status", words("PENDING", "SUCCESS", "FAILED", "EXPIRED"), "Final unless PENDING."),
		may("responseCode", text(), `Once it is final: the text "null" on success, else the reason; see States and reasons.`),
		may("paymentInstruments", list(refTo("Instrument")), "On success: what was paid with."),
		need("timestamp", millis(), "Epoch milliseconds: when it ended, or began while it is pending."))
}

func schemasShared() fields {
	return fields{{name: "Instrument", schema: object("",
		need("type", words("CARD", "ACCOUNT"), ""), need("amount", paise(), docAmount), may("upiTransactionId", text(), "ACCOUNT: the network's id of the attempt."),
		may("last4Digits", textOf("^[0-9]{4}$"), "CARD"), may("cardNetwork", text(), "CARD: VISA, MASTERCARD, RUPAY ..."), may("cardType", text(), "CARD: CREDIT or DEBIT."))}}
}
