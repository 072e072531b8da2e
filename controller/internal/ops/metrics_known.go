package ops

// The words below have their series from the start, with the value 0. A counter
// that begins at 1 hides its first event from rate() and increase(), and with
// these it is the first event that is the alarm. They are examples of what may
// come, not a limit: words that are not listed are admitted as ever.

// paymentWords are the states of a payment (DESIGN 3.2).
func paymentWords() []string {
	return []string{
		"created", "handed_over", "presented", "in_progress", "parked", "succeeded", "failed", "cancelled", "expired",
	}
}

// creditWords are the states of a credit (DESIGN 3.2).
func creditWords() []string {
	return []string{"received", "applied", "timed_out", "reversing", "reversed", "suspense"}
}

// terminalWords are what becomes of terminals' messages, as far as it is a worry.
func terminalWords() []string {
	return []string{"identity_shared", "report_refused", "report_dropped", "report_limited", "publish_failed", "bad_topic"}
}

// networkWords are the messages that we send to the UPI network.
func networkWords() []string {
	return []string{"COLLECT", "COLLECT_REMIND", "COLLECT_CANCEL", "REFUND", "REVERSAL", "ASK"}
}

// outboxWords are the outboxes.
func outboxWords() []string { return []string{"callbacks", "network"} }

// upiMessageWords are the messages that the UPI network sends.
func upiMessageWords() []string {
	return []string{"ReqValQr", "ReqPay", "ReqChkTxn", "ReqCollectResult"}
}

// upiCodeWords are the codes of PRD 3.5 and 6, and BR.
func upiCodeWords() []string {
	return []string{"00", "BR", "ZF", "ZD", "ZQ", "ZR", "YH", "PE", "X7", "ZE", "IP05", "IP08", "IP10", "96"}
}

// upiResultWords are the results of ReqPay (upi-switch: Messages).
func upiResultWords() []string {
	return []string{"SUCCESS", "TIMEOUT", "REVERSED", "FAILED", "PENDING"}
}
