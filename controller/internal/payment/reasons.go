package payment

// ReasonRow is a row of Reasons.
type ReasonRow struct {
	// Reason is the word as the API says it; a prefix ends in a colon and is
	// followed by somebody else's code.
	Reason string
	// Meaning is a plain sentence: what happened, for who wrote the POS.
	Meaning string
}

// Reasons lists every reason with its meaning, in the order in which a sale can
// come to them. It is the one table of this vocabulary (phonepe-api: Status data,
// responseCode).
var Reasons = []ReasonRow{
	{ReasonHandoverTimeout, "No terminal took the request within its handover time. It was shown to nobody."},
	{ReasonTerminalRefused, "The terminal could not take the request, for example without a card reader."},
	{ReasonRejectedByCashier, "The cashier rejected the request on the terminal."},
	{ReasonSuperseded, "A newer sale took the display before anybody began to pay this one."},
	{ReasonCancelledByMerchant, "The POS took the request back."},
	{ReasonQRExpired, "Nobody began to pay before the time was up."},
	{ReasonCardDeclined, "The card was declined."},
	{ReasonUPIPrefix, "The UPI network declined the payment; its code follows the colon, as in UPI:IP08."},
	{ReasonAmountDiffers, "Another amount than this one was approved. It does not count, and goes back."},
	{ReasonCollectDeclined, "The customer declined the collect request."},
	{ReasonCollectExpired, "The customer did not answer the collect request in time. Money that still comes goes back."},
	{ReasonResolvedUnpaid, "Nobody could say how the attempt ended, until the network gave evidence that it was not paid."},
}
