package apidoc

// The payments of the story, as the examples call our ids of them.
const (
	docDQR  = "GP0DA4G2Q7PTUK1B8J5SR0C6E9LM"
	docQR   = "GP0DA4G3F1C6T0MKB2JH8V5N9QRS"
	docNext = "MDE3OTYx.cursor"

	docToken   = "550e8400-e29b-41d4-a716-446655440000"
	docTokenQR = "7c9e6679-7425-40de-944b-e07fc1f90ae7"

	docTokenDollars = "9b2d7f14-3c58-4e0a-a1d6-52f8e7c0b394"
	docTokenLate    = "2f1c8a60-5b7e-4d39-8e24-c6a90d1f7b53"
)

const (
	routeInit    = "POST /v1/payment/init"
	routeStatus  = "GET /v1/payment/{merchantId}/{id}/status"
	routeCancel  = "PUT /v1/payment/{merchantId}/{id}/cancel"
	routeStatus3 = "GET /v3/transaction/{merchantId}/{id}/status"
	routeRefund  = "POST /v3/credit/backToSource"
	routeVal     = "POST /api/v1/dynamic-qr/validate"
	routePay     = "POST /api/v1/dynamic-qr/pay"
	routeCheck   = "POST /api/v1/dynamic-qr/check"
	routeDynamic = "GET /api/v1/dynamic-qr/{id}"
)

// reqValQr asks whether a payment of ours may be paid. The RefUrl says that it is
// a dynamic QR; TxnRef says which.
func reqValQr(msgID, amount, paymentID string) string {
	return reqValQrOf(msgID, "INR", amount, "  <TxnRef>"+paymentID+"</TxnRef>\n")
}

// reqValQrOf asks about a QR; more are further elements, which name a payment, or
// whom a QR that was made elsewhere pays.
func reqValQrOf(msgID, currency, amount, more string) string {
	return "<ReqValQr>\n  <MsgID>" + msgID + "</MsgID>\n  <Ts>2026-12-01T10:30:00Z</Ts>\n  <OrgID>MER101</OrgID>\n  <Curr>" + currency + "</Curr>\n" +
		"  <Amount>" + amount + "</Amount>\n  <Mcc>5411</Mcc>\n  <RefUrl>aW5pdGlhdGlvbl9tb2RlPTE2</RefUrl>\n" + more + "</ReqValQr>"
}

func reqPay(msgID, txnID, token, amount string) string {
	return reqPayOf(msgID, txnID, token, "INR", amount, "merchant@upi")
}

func reqPayOf(msgID, txnID, token, currency, amount, payee string) string {
	return "<ReqPay>\n  <MsgID>" + msgID + "</MsgID>\n  <TxnID>" + txnID + "</TxnID>\n  <VerToken>" + token + "</VerToken>\n" +
		"  <Amount>" + amount + "</Amount>\n  <Curr>" + currency + "</Curr>\n  <PayerAddr>customer@upi</PayerAddr>\n  <PayeeAddr>" + payee + "</PayeeAddr>\n" +
		"  <Timestamp>2026-12-01T10:30:01Z</Timestamp>\n</ReqPay>"
}

func reqChkTxn(msgID, txnID string) string {
	return "<ReqChkTxn>\n  <MsgID>" + msgID + "</MsgID>\n  <Ts>2026-12-01T10:31:00Z</Ts>\n  <OrgID>MER101</OrgID>\n" +
		"  <OrgTxnID>" + txnID + "</OrgTxnID>\n</ReqChkTxn>"
}

// examplesUPI are what the network asks beside a sale of ours: how it ended, QRs
// that were made elsewhere, another currency, a merchant who never answers; and
// what the merchant is told of them.
func examplesUPI() []Example {
	merchant := map[string]string{"X-MERCHANT-ID": "MERCHANTUAT"}
	about := func(name, id, summary string) Example {
		return Example{Name: name, Route: routeDynamic, Path: "/api/v1/dynamic-qr/" + id, Summary: summary, By: ByMerchant, Header: merchant, Changing: true}
	}
	status := func(name, id, summary string) Example {
		e := about(name, id, summary)
		e.Route, e.Path = e.Route+"/status", e.Path+"/status"
		return e
	}
	unknown := about("dynamic-unknown", "GP0NOBODYS", "Unknown, or another merchant's")
	unknown.Changing = false
	provider := status("dynamic-status", docToken, "By token, and signed by the POS provider")
	provider.By, provider.Header = ByProvider, nil
	return []Example{
		{Name: "dqr-check", Route: routeCheck, Summary: "The answer to ReqPay was lost", Body: reqChkTxn("MSG0000007", "TXN0000001")},
		{Name: "check-unknown", Route: routeCheck, Summary: "No such transaction", Body: reqChkTxn("MSG0000008", "TXN9999999")},
		about("dynamic-paid", docDQR, "By the tr of the QR, our id of the payment"), provider, unknown,
		{Name: "dollars-validate", Route: routeVal, Summary: "Another currency, and a QR that was made elsewhere",
			Body: reqValQrOf("MSG0000009", "USD", "12.00", "  <PayeeAddr>merchant@upi</PayeeAddr>\n"), Takes: map[string]string{"VerToken": docTokenDollars}},
		status("dynamic-pending", docTokenDollars, "Validated, and not paid yet"),
		{Name: "dollars-pay", Route: routePay, Summary: "As it was validated, in dollars", Body: reqPayOf("MSG0000010", "TXN0000004", docTokenDollars, "USD", "12.00", "merchant@upi")},
		about("dynamic-dollars", docTokenDollars, "Paid in another currency"),
		{Name: "late-validate", Route: routeVal, Summary: "A payee who will not answer in time",
			Body: reqValQrOf("MSG0000011", "INR", "1000.00", "  <PayeeAddr>gourmet@mercury</PayeeAddr>\n"), Takes: map[string]string{"VerToken": docTokenLate}},
		{Name: "late-pay", Route: routePay, Summary: "Answered when the time is up", Body: reqPayOf("MSG0000012", "TXN0000005", docTokenLate, "INR", "1000.00", "gourmet@mercury")},
		{Name: "late-check", Route: routeCheck, Summary: "The money went back", Body: reqChkTxn("MSG0000013", "TXN0000005")},
		status("dynamic-reversed", docTokenLate, "The money went back"),
	}
}

// examplesV1 is a sale on a display, from the request to the callback, and
// requests to an EDC terminal.
func examplesV1() []Example {
	const (
		dqr = `{"merchantId":"MERCHANTUAT","storeId":"teststore1","terminalId":"testterminal1","merchantTransactionId":"BILL-42-1","orderId":"BILL-42","amount":24500,"solutionType":"DQR_DEVICE","expiresIn":180}`
		// The seconds and the amount as texts, as real clients send them.
		edc   = `{"merchantId":"MERCHANTUAT","storeId":"MS2603301457425143586306","terminalId":"MST2603301758302811969831","merchantTransactionId":"BILL-43-1","orderId":"BILL-43","amount":"24500","solutionType":"EDC","integrationMappingType":"ONE_TO_ONE","paymentModes":["CARD","DQR"],"timeAllowedForHandoverToTerminalSeconds":"60","autoAccept":true}`
		order = `{"merchantId":"MERCHANTUAT","storeId":"teststore1","merchantTransactionId":"BILL-44-1","orderId":"BILL-44","amount":24500,"solutionType":"EDC","integrationMappingType":"OPEN","paymentModes":["CARD","DQR"],"shortOrderId":"0042"}`
		again = `{"merchantId":"MERCHANTUAT","storeId":"teststore1","merchantTransactionId":"BILL-45-1","orderId":"BILL-45","amount":24500,"solutionType":"EDC","integrationMappingType":"OPEN","paymentModes":["CARD","DQR"],"shortOrderId":"0042"}`
		older = `{"merchantId":"MERCHANTUAT","storeId":"MS2403212004046998204201","terminalId":"MST2405301213090857163565","transactionId":"BILL-46-1","orderId":"BILL-46","amount":24500,"integrationMappingType":"ONE_TO_ONE","paymentModes":["CARD"]}`
		bad   = `{"merchantId":"MERCHANTUAT","storeId":"teststore1","terminalId":"testterminal1","merchantTransactionId":"BILL-47-1","orderId":"BILL-47","amount":0,"solutionType":"DQR_DEVICE"}`
	)
	status := func(name, id, summary string) Example {
		return Example{Name: name, Route: routeStatus, Path: "/v1/payment/MERCHANTUAT/" + id + "/status", Summary: summary, By: ByMerchant}
	}
	first := status("dqr-pending", "BILL-42-1", "Pending")
	first.Takes = map[string]string{"data.phonepeTransactionId": docDQR}
	return []Example{
		{Name: "dqr-init", Route: routeInit, Summary: "A sale on a display", By: ByMerchant, Body: dqr, Header: map[string]string{"X-CALLBACK-URL": CallbackURL}},
		{Name: "dqr-again", Route: routeInit, Summary: "The same id once more", By: ByMerchant, Body: dqr},
		{Name: "bad-amount", Route: routeInit, Summary: "An amount that cannot be", By: ByMerchant, Body: bad},
		{Name: "not-signed", Route: routeInit, Summary: "A wrong key", By: ByStranger, Body: dqr},
		first,
		{Name: "dqr-validate", Route: routeVal, Summary: "The customer's bank asks", Body: reqValQr("MSG0000001", "245.00", docDQR), Takes: map[string]string{"VerToken": docToken}},
		{Name: "other-amount-validate", Route: routeVal, Summary: "Another amount than the payment's", Body: reqValQr("MSG0000002", "245.01", docDQR)},
		{Name: "dqr-pay", Route: routePay, Summary: "It pays", Body: reqPay("MSG0000003", "TXN0000001", docToken, "245.00")},
		{Name: "dqr-pay-again", Route: routePay, Summary: "The token is spent", Body: reqPay("MSG0000004", "TXN0000002", docToken, "245.00")},
		status("dqr-paid", "BILL-42-1", "Paid"),
		status("unknown", "BILL-99-1", "No such payment"),
		{Name: "dqr-cancel-paid", Route: routeCancel, Path: "/v1/payment/MERCHANTUAT/BILL-42-1/cancel", Summary: "Too late: it is paid", By: ByMerchant},
		{Name: "edc-init", Route: routeInit, Summary: "A sale on an EDC terminal, signed by the POS provider", By: ByProvider, Body: edc},
		{Name: "open-init", Route: routeInit, Summary: "An order for any terminal of the store", By: ByMerchant, Body: order},
		{Name: "open-again", Route: routeInit, Summary: "A short order id that is in use", By: ByMerchant, Body: again},
		{Name: "edc-cancel", Route: routeCancel, Path: "/v1/payment/MERCHANTUAT/BILL-43-1/cancel", Summary: "Taken back", By: ByMerchant},
		status("edc-cancelled", "BILL-43-1", "Cancelled"),
		{Name: "older-init", Route: "POST /v1/edc/transaction/init", Summary: "A card sale", By: ByMerchant, Body: older},
		{Name: "older-status", Route: "GET /v1/edc/transaction/{merchantId}/{id}/status", Path: "/v1/edc/transaction/MERCHANTUAT/BILL-46-1/status", Summary: "Pending", By: ByMerchant},
		{Name: "older-status-post", Route: "POST /v1/edc/transaction/{merchantId}/{id}/status", Path: "/v1/edc/transaction/MERCHANTUAT/BILL-46-1/status", Summary: "Pending", By: ByMerchant},
		{Name: "search", Route: "POST /v1/edc/transaction/status", Summary: "By id", By: ByMerchant,
			Body: `{"merchantId":"MERCHANTUAT","terminalId":"testterminal1","merchantTransactionId":"BILL-42-1"}`},
		{Name: "details", Route: "POST /v1/transactions/details", Summary: "The first page", By: ByMerchant, Body: `{"merchantId":"MERCHANTUAT","storeId":"teststore1","size":1}`},
	}
}

// examplesV3 is a QR that is paid and given back in part, and a collect request.
func examplesV3() []Example {
	status := func(name, id, summary string) Example {
		return Example{Name: name, Route: routeStatus3, Path: "/v3/transaction/MERCHANTUAT/" + id + "/status", Summary: summary, By: ByMerchant}
	}
	charge := func(name, verb, summary string) Example {
		return Example{Name: name, Route: "POST /v3/charge/{merchantId}/{id}/" + verb, Path: "/v3/charge/MERCHANTUAT/BILL-52-1/" + verb, Summary: summary, By: ByMerchant}
	}
	refund := func(name, id, amount, summary string) Example {
		return Example{Name: name, Route: routeRefund, Summary: summary, By: ByMerchant,
			Body: `{"merchantId":"MERCHANTUAT","transactionId":"` + id + `","originalTransactionId":"BILL-51-1","amount":` + amount + `}`}
	}
	slash := refund("refund-slash", "BILL-51-R3", "500", "The path with its slash, signed without")
	slash.Route += "/"
	return []Example{
		{Name: "qr-init", Route: "POST /v3/qr/init", Summary: "A QR to draw", By: ByMerchant, Takes: map[string]string{"data.providerReferenceId": docQR},
			Body: `{"merchantId":"MERCHANTUAT","transactionId":"BILL-51-1","merchantOrderId":"BILL-51","amount":10000,"expiresIn":180,"storeId":"teststore1","terminalId":"POS-7"}`},
		status("qr-pending", "BILL-51-1", "Pending"),
		{Name: "qr-validate", Route: routeVal, Summary: "The QR of a POS", Body: reqValQr("MSG0000005", "100.00", docQR), Takes: map[string]string{"VerToken": docTokenQR}},
		{Name: "qr-pay", Route: routePay, Summary: "The QR of a POS", Body: reqPay("MSG0000006", "TXN0000003", docTokenQR, "100.00")},
		status("qr-paid", "BILL-51-1", "Paid"),
		refund("refund", "BILL-51-R1", "4000", "A part of it"),
		refund("refund-too-much", "BILL-51-R2", "6001", "More than is left"),
		slash,
		status("refund-pending", "BILL-51-R1", "A refund"),
		{Name: "list", Route: "POST /v3/qr/transaction/list", Summary: "The newest one", By: ByMerchant, Body: `{"merchantId":"MERCHANTUAT","size":1,"amount":10000}`},
		{Name: "charge", Route: "POST /v3/charge", Summary: "By VPA", By: ByMerchant,
			Body: `{"merchantId":"MERCHANTUAT","transactionId":"BILL-52-1","merchantOrderId":"BILL-52","amount":10000,"instrumentType":"VPA","instrumentReference":"customer@upi","message":"Your order at the counter","expiresIn":180}`},
		charge("charge-remind", "remind", "Once more"),
		charge("charge-cancel", "cancel", "Taken back"),
		status("charge-cancelled", "BILL-52-1", "Cancelled"),
		status("not-found", "BILL-99-1", "No such payment"),
	}
}

func examplesEvents() []Example {
	ask := func(name, query, summary string) Example {
		return Example{Name: name, Route: "GET /v1/events", Path: "/v1/events" + query, Summary: summary, By: ByMerchant, Header: map[string]string{"X-MERCHANT-ID": "MERCHANTUAT"}}
	}
	first := ask("events", "?limit=1", "The first that there is")
	first.Takes = map[string]string{"data.next": docNext}
	bad := ask("events-bad", "?limit=1000", "A parameter out of range")
	return []Example{
		first, ask("events-next", "?after="+docNext+"&limit=1", "What follows it"), bad,
		{Name: "keys", Route: "GET /v1/keys", Summary: "The keys of now"},
	}
}

func examplesDevice() []Example {
	return []Example{
		{Name: "sandbox-enrol", Route: "POST /device/v1/sandbox-enrol", Summary: "A terminal of the sandbox",
			Body: `{"merchantId":"MERCHANTUAT","storeId":"teststore1","terminalId":"testterminal1","publicKey":"A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="}`},
		{Name: "sandbox-enrol-nobody", Route: "POST /device/v1/sandbox-enrol", Summary: "No such terminal",
			Body: `{"merchantId":"MERCHANTUAT","storeId":"teststore1","terminalId":"nobody","publicKey":"A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="}`},
		{Name: "enrol-wrong", Route: "POST /device/v1/enrol", Summary: "A code that nobody made", Body: exampleEnrolment},
		{Name: "broker-deny", Route: "POST /broker/v1/auth", Summary: "A wrong token", By: ByBroker,
			Body: `{"clientid":"MERCHANTUAT.teststore1.testterminal1","username":"MERCHANTUAT.teststore1.testterminal1","password":"guessed"}`},
		{Name: "broker-allow", Route: "POST /broker/v1/acl", Summary: "Its own command topic", By: ByBroker,
			Body: `{"clientid":"MERCHANTUAT.teststore1.testterminal1","username":"MERCHANTUAT.teststore1.testterminal1","action":"subscribe","topic":"galla/v1/MERCHANTUAT.teststore1.testterminal1/command","qos":1}`},
		{Name: "broker-deny-topic", Route: "POST /broker/v1/acl", Summary: "Another's topic", By: ByBroker,
			Body: `{"clientid":"MERCHANTUAT.teststore1.testterminal1","username":"MERCHANTUAT.teststore1.testterminal1","action":"subscribe","topic":"galla/v1/+/command","qos":1}`},
	}
}

// examplesAdmin make a shop, from nothing to its first terminal.
func examplesAdmin() []Example {
	ask := func(name, route, path, summary, body string) Example {
		return Example{Name: name, Route: route, Path: path, Summary: summary, By: ByAdmin, Body: body}
	}
	const p = "/admin/v1"
	nobody := ask("admin-nobody", "GET "+p+"/whoami", "", "Without a token", "")
	nobody.By = ""
	return []Example{
		ask("admin-whoami", "GET "+p+"/whoami", "", "Whose token this is", ""),
		nobody,
		ask("admin-merchant", "POST "+p+"/merchants", "", "A merchant", `{"merchantId":"SHOP1","name":"Corner Shop","mcc":"5411","dqr":true,"edc":true,"payee":"shop1@upi","callbackHosts":["pos.example.in"]}`),
		ask("admin-merchant-again", "POST "+p+"/merchants", "", "The id is taken", `{"merchantId":"SHOP1","name":"Corner Shop","mcc":"5411","payee":"shop1@upi"}`),
		ask("admin-merchant-bad", "POST "+p+"/merchants", "", "A field that is wrong", `{"merchantId":"SHOP2","name":"Corner Shop","mcc":"grocer","payee":"shop2@upi"}`),
		ask("admin-store", "POST "+p+"/stores", "", "Its store", `{"merchantId":"SHOP1","storeId":"STORE1","name":"High Street"}`),
		ask("admin-terminal", "POST "+p+"/terminals", "", "Its terminal", `{"merchantId":"SHOP1","storeId":"STORE1","terminalId":"T1","label":"Counter 1"}`),
		ask("admin-key", "POST "+p+"/keys", "", "Its salt key, told this once", `{"owner":"SHOP1"}`),
		ask("admin-keys", "GET "+p+"/keys", p+"/keys?owner=SHOP1", "Without its secret", ""),
		ask("admin-rotate", "POST "+p+"/keys/{owner}/rotate", p+"/keys/SHOP1/rotate", "Both sign for an hour", `{"overlapSeconds":3600}`),
		ask("admin-provider", "PUT "+p+"/providers/{providerId}/merchants/{merchantId}", p+"/providers/MERCHANTPROVIDER/merchants/SHOP1", "Its POS provider", ""),
		ask("admin-show", "GET "+p+"/terminals/{merchantId}/{storeId}/{terminalId}", p+"/terminals/SHOP1/STORE1/T1", "Not enrolled yet", ""),
		ask("admin-change", "PATCH "+p+"/terminals/{merchantId}/{storeId}/{terminalId}", p+"/terminals/SHOP1/STORE1/T1", "A minute to pay", `{"paymentWindowSeconds":60}`),
		ask("admin-fee", "PUT "+p+"/fees/{merchantId}/{mcc}", p+"/fees/SHOP1/*", "Its fee: a half per cent, ₹50 at most", `{"basisPoints":50,"capPaise":5000,"rounding":"half_even"}`),
		ask("admin-fees", "GET "+p+"/fees", p+"/fees?merchantId=SHOP1", "The fee schedules of it", ""),
		ask("admin-organisation", "POST "+p+"/organisations", "", "A bank of the UPI network", `{"organisationId":"BANK1","certificates":["`+exampleCertificate+`"]}`),
		ask("admin-certificate", "POST "+p+"/organisations/{organisationId}/certificates/rotate", p+"/organisations/BANK1/certificates/rotate", "Its next certificate, beside the one that is live", `{"certificate":"`+exampleNextCertificate+`"}`),
		ask("admin-certificate-again", "POST "+p+"/organisations/{organisationId}/certificates", p+"/organisations/BANK1/certificates", "It is there already", `{"certificate":"`+exampleNextCertificate+`"}`),
		ask("admin-certificate-gone", "DELETE "+p+"/organisations/{organisationId}/certificates/{fingerprint}", p+"/organisations/BANK1/certificates/"+exampleFingerprint, "The old one, when the bank has changed over", ""),
		ask("admin-missing", "GET "+p+"/merchants/{merchantId}", p+"/merchants/NOBODY", "No such merchant", ""),
		ask("admin-audit", "GET "+p+"/audit", p+"/audit?action=terminal.update", "What was changed", ""),
	}
}

func examplesOps() []Example {
	return []Example{
		{Name: "healthz", Route: "GET /healthz", Summary: "Alive"},
		{Name: "readyz", Route: "GET /readyz", Summary: "Ready"},
	}
}

// exampleEnrolment is the golden request of package protocoltest.
const exampleEnrolment = `{"code":"K7QP-3XMD-9RTV","publicKey":"p387Wm590MCcw53crplKW0PMyCqNcBHpwhFvcy9rsmM=","proof":"eyJhbGciOiJFZERTQSIsImtpZCI6ImhEeVpSdWNsczNTZjZqcjQiLCJ0eXAiOiJnYWxsYS1lbnJvbCJ9.eyJ2IjoxLCJjb2RlIjoiSzdRUC0zWE1ELTlSVFYifQ.4e0Yn8FghQ5LPms31ReaJD3g6ZdvcLWOaD20G4Mq5cD5yNDgFVCzuciXk6XY-Wim7lMBNlnzFVQN45hybVrqAA"}`
