package apidoc

// meanings say in plain words when a code is answered, and what to do. The
// messages of the tables are as they are documented for POSes, and not always of
// help. The administration's table speaks for itself.
func meanings() map[Group]map[string]string {
	return map[Group]map[string]string{
		GroupV1: {
			"SUCCESS":                                "The request was taken, or the question is answered: how the payment stands is in data.status.",
			"UNAUTHORIZED":                           "X-VERIFY does not fit. Unknown merchant, unknown salt index, a key that has ended, a provider that is not mapped to the merchant and a wrong checksum are all answered alike. In the sandbox data.debug has the text that was hashed.",
			"DUPLICATE_TRANSACTION_ID":               "The merchant has used this id before, for whatever. If the first answer was lost, ask for the status; a new payment needs a new id.",
			"INVALID_TRANSACTION_ID":                 "The id is missing, too long or of other characters; on status and cancel also: the merchant has no such payment. With 404: it has no Dynamic QR of this id.",
			"INVALID_MERCHANT_ID":                    "The merchant is disabled.",
			"INVALID_STORE_ID":                       "The merchant has no such store, or it is disabled.",
			"INVALID_TERMINAL_ID":                    "The store has no such terminal, or it is disabled.",
			"SOLUTION_NOT_ENABLED":                   "The merchant is not enabled for displays, or not for EDC terminals.",
			"INTEGRATEDMODE_NOT_ENABLED_ON_TERMINAL": "The terminal is standalone: it takes no requests from a POS.",
			"INVALID_AMOUNT":                         "Not 1 to 10000000000 paise; or, where only a QR is possible, not 100 to 800000.",
			"INVALID_INTEGRATION_MAPPING_TYPE":       "Neither ONE_TO_ONE nor OPEN.",
			"INVALID_PAYMENT_MODES":                  "Not a list of CARD and DQR with one of them at least.",
			"INVALID_TERMINAL_HANDOVER_TIME":         "timeAllowedForHandoverToTerminalSeconds is not 1 to 600.",
			"SHORT_CODE_IS_REQUIRED":                 "An OPEN order needs a shortOrderId.",
			"SHORT_CODE_NOT_REQUIRED":                "A ONE_TO_ONE request has a shortOrderId, which is for OPEN orders alone.",
			"INVALID_SHORTCODE_LENGTH":               "shortOrderId is not a text of 4 to 8 digits.",
			"SHORT_CODE_ALREADY_USED":                "A live order of the store has this shortOrderId. It is free again when that one is taken or over.",
			"CANCEL_REQUESTED":                       "The customer is paying just now. If that succeeds the payment stands, else it ends cancelled: ask for the status until it is final.",
			"PAYMENT_ALREADY_COMPLETED":              "It was paid. To give the money back, refund it.",
			"PAYMENT_ALREADY_ENDED":                  "It ended without success, by something else than this cancel; the message says by what.",
			"TOO_MANY_REQUESTS":                      "Wait as many seconds as Retry-After says.",
			"BAD_REQUEST":                            "The body, a header or a field is not as it must be; the message names it. With 413: the body is larger than 64 KiB.",
			"INTERNAL_SERVER_ERROR":                  "Not final: the request may have been taken. Ask for the status before trying again. With 503: busy, wait as Retry-After says.",
		},
		GroupV3: {
			"SUCCESS":                   "The request was taken, or the question is answered.",
			"PAYMENT_SUCCESS":           "Paid. The only status whose success is true.",
			"PAYMENT_PENDING":           "Not final: ask again. A refund begins so.",
			"PAYMENT_ERROR":             "Final: it was not paid, charge again under a new id. Of a refund: payResponseCode says why it cannot be.",
			"PAYMENT_CANCELLED":         "Final: the POS took it back.",
			"PAYMENT_DECLINED":          "Final: the customer declined.",
			"REQUEST_EXPIRED":           "Final: nobody began to pay in time.",
			"CANCEL_REQUESTED":          "The customer is paying just now. If that succeeds the payment stands, else it ends cancelled.",
			"BAD_REQUEST":               "The body, a header or a field is not as it must be; the message says which. An unknown store and an amount out of range are answered so too. With 413: the body is larger than 64 KiB.",
			"AUTHORIZATION_FAILED":      "X-VERIFY does not fit; see UNAUTHORIZED of v1.",
			"INVALID_TRANSACTION_ID":    "With 417: the merchant has used this id before. If the first answer was lost, ask for the status; a new payment needs a new id. With 400: the id is missing, too long or of other characters.",
			"TRANSACTION_NOT_FOUND":     "The merchant has no payment or refund of this id.",
			"PAYMENT_ALREADY_COMPLETED": "It was paid. To give the money back, refund it.",
			"PAYMENT_ALREADY_ENDED":     "It ended without success, by something else than this request; the message says by what.",
			"TOO_MANY_REQUESTS":         "Wait as many seconds as Retry-After says.",
			"INTERNAL_SERVER_ERROR":     "Not final: the request may have been taken. Ask for the status before trying again. With 503: busy, wait as Retry-After says.",
		},
		GroupEvents: {
			"SUCCESS":               "The events after the cursor; none where nothing happened.",
			"UNAUTHORIZED":          "X-VERIFY does not fit; see UNAUTHORIZED of v1.",
			"INVALID_MERCHANT_ID":   "The merchant is disabled.",
			"BAD_REQUEST":           "X-MERCHANT-ID is missing, or a parameter is not as it must be; the message says which.",
			"TOO_MANY_REQUESTS":     "Too many requests, or too many that wait. Wait as many seconds as Retry-After says.",
			"INTERNAL_SERVER_ERROR": "Ask again with the same cursor. With 503: busy, wait as Retry-After says.",
		},
		GroupUPI: {
			"00":   "The message was processed; of ReqPay: paid, unless Result says otherwise.",
			"BR":   "The message is not well-formed or not complete; Message says what is missing. Its MsgID is not used up.",
			"ZF":   "The organisation is not known, the signature is missing or wrong, or the QR's own signature is not ours. The MsgID is not used up.",
			"ZD":   "MsgID, TxnID or token was used before, or the QR's payment is already attempted or over.",
			"ZQ":   "Not a dynamic QR, not one of ours, or of another amount than its payment. To ReqChkTxn: no such transaction.",
			"ZR":   "Nobody here has the payee's VPA.",
			"YH":   "The merchant or payee is not active, or the merchant's check fails; or a risk rule refuses the validation.",
			"PE":   "The QR or the token is past its time. The boundary instant is expired.",
			"X7":   "Above 8000 rupees, or above the lower limit that was set; of another currency, when changed into rupees.",
			"ZE":   "Nobody was given this token, or amount, currency or payee differ from what was validated.",
			"IP05": "The acquirer declined: do not honour; or a risk rule refuses the payment.",
			"IP08": "The acquirer declined, by the payer's bank.",
			"IP10": "The acquirer could not process it.",
			"96":   "Our own failure. Ask how it ended before trying again. With 503: busy, wait as Retry-After says.",
		},
		GroupDevice: {
			"BAD_REQUEST":           "The body cannot be read, or the code, the key or the proof has not its form.",
			"INVALID_TERMINAL_ID":   "There is no such terminal, or it is disabled.",
			"FORBIDDEN":             "The code is wrong, used or too old: ask the operator for a new one. Without a code: not from this machine.",
			"TOO_MANY_REQUESTS":     "Too many tries. Wait as many seconds as Retry-After says.",
			"INTERNAL_SERVER_ERROR": "Nothing was used up: try again, after as many seconds as Retry-After says.",
		},
	}
}

// stateMeanings say what a payment's state means. A POS sees the word beside it;
// operators see the state.
func stateMeanings() map[string]string {
	return map[string]string{
		"created":     "Asked for. No terminal has taken it yet; a QR from v3 and a collect request need none.",
		"handed_over": "A terminal has it. The cashier may still have to accept it, or the customer to choose.",
		"presented":   "The QR is on the glass, or a card is asked for.",
		"in_progress": "The customer has begun to pay. The QR is dead from now on, whatever comes of it.",
		"parked":      "Begun, and nobody has been able to say for 30 minutes how it ended. It is settled by evidence of the network; the terminal has long been free.",
		"succeeded":   "Paid.",
		"failed":      "Not paid: declined, rejected at the terminal, or refused by it.",
		"cancelled":   "Not paid: taken back by the POS, or replaced on its display by a newer sale.",
		"expired":     "Not paid: nobody took it or began to pay in time.",
	}
}

// columnMeanings say what the columns of a settlement file have.
func columnMeanings() map[string]string {
	return map[string]string{
		"merchantId":            "Who was paid.",
		"storeId":               "Empty for a QR that was made elsewhere.",
		"terminalId":            "The terminal, or what the POS called it; empty where there was none.",
		"type":                  "SALE, or REFUND, whose amounts are below zero.",
		"merchantTransactionId": "The merchant's id; of a QR that was made elsewhere the network's.",
		"transactionId":         "Our id of it.",
		"orderId":               "The merchant's own order.",
		"upiTxnId":              "The network's id of the attempt.",
		"rrn":                   "The reference number.",
		"instrument":            "DQR for all that UPI paid, or CARD, which its acquirer settles.",
		"payee":                 "The VPA that was paid.",
		"mcc":                   "The merchant's category.",
		"amount":                "Rupees with two decimals.",
		"fee":                   "Rupees. A refund has none.",
		"settlement":            "Rupees: amount less fee.",
		"endedAt":               "When it ended, in the time of India.",
	}
}
