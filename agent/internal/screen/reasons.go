package screen

import "strings"

// The texts of reasons: for each word that the protocol or the agent uses, what
// a cashier reads (phonepe-api: responseCode reasons).
const (
	wRejected     word = "reason.REJECTED_BY_CASHIER"
	wNotTaken     word = "reason.HANDOVER_TIMEOUT"
	wQRExpired    word = "reason.QR_EXPIRED"
	wByMerchant   word = "reason.CANCELLED_BY_MERCHANT"
	wSuperseded   word = "reason.SUPERSEDED"
	wCardDeclined word = "reason.CARD_DECLINED"
	wUPIDeclined  word = "reason.UPI"
	wNoKeys       word = "reason.NO_KEYS"
	wNoReader     word = "reason.NO_CARD_READER"
	wNoPayMode    word = "reason.NO_PAY_MODE"
	wRefused      word = "reason.TERMINAL_REFUSED"
	wPaidOther    word = "reason.AMOUNT_DIFFERS"
	wUnpaid       word = "reason.RESOLVED_UNPAID"
	wBadAmount    word = "reason.AMOUNT_INVALID"
	wBadQR        word = "reason.QR_INVALID"
	wQRDiffers    word = "reason.QR_AMOUNT_DIFFERS"
	wQRUnfit      word = "reason.QR_DOES_NOT_FIT"
	wContested    word = "reason.IDENTITY_IN_USE"
	wPanelFault   word = "reason.PANEL_FAULT"
	wPanelFix     word = "fix.PANEL_FAULT"
	wStorageFault word = "reason.STORAGE_FAULT"
	wStorageFix   word = "fix.STORAGE_FAULT"
)

// reasonWord finds the text of a reason, and whether there is one. The codes of
// UPI are many: they share one text, and the code is shown beside it.
func reasonWord(reason string) (word, bool) {
	if strings.HasPrefix(reason, "UPI:") {
		return wUPIDeclined, true
	}
	w := word("reason." + reason)
	known := has(w)
	return w, known
}

// reasonCode is what of a reason is shown as a code: the bank's, and what has
// no text. Empty when the text says it all.
func reasonCode(reason string) string {
	if code, upi := strings.CutPrefix(reason, "UPI:"); upi {
		return code
	}
	if _, known := reasonWord(reason); known {
		return ""
	}
	return reason
}

// fixWord is what to do about a fault.
func fixWord(reason string) word {
	w := word("fix." + reason)
	if known := has(w); known {
		return w
	}
	return wServiceFix
}
