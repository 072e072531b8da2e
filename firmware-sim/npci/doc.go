// Package npci is the UPI network as a controller meets it, and the banks behind
// it. Client is a party that sends ReqValQr, ReqPay and ReqChkTxn over HTTP (PRD
// 8, upi-switch: Messages), in the PRD's dialect or in NPCI's own, and reads the
// answers. Network is the other direction: the banks, which take collect
// requests, refunds and questions of a controller, behave as each payer is told
// to, and tell how a collect request ended; it also passes on what customers'
// apps send.
//
// It knows of the controller only what crosses the wire, writes and reads XML
// with code of its own, and takes nothing on trust: an answer that does not
// belong to its request, or whose HTTP status contradicts its code, is an error,
// and what a controller asks for must be signed by it. The phone of firmware-sim,
// the demo, galla-sim npci and the end-to-end tests call it.
//
// # One purchase
//
//  1. Client.Journey sends a ReqValQr. One without an answer is sent again, with
//     another MsgID: it moves nothing.
//  2. The customer is debited in the Books, and then the ReqPay is sent, once.
//  3. Its answer says that the merchant is paid, or the customer has the money
//     back. No answer, 96 and TIMEOUT say nothing.
//  4. Then Client.Settle asks by ReqChkTxn, with growing pauses, until the
//     controller knows. A ReqPay that it never heard of, and not for a while
//     either, was lost on its way, and the customer has the money back.
//  5. A reversal or refund that the controller sends to the Network on the same
//     Books gives that money back, once.
//
// Books therefore have of every customer what they were debited and what came
// back, and of every payment what the merchant is settled. Client.Reconcile lays
// them beside the controller's, Ledger.CompareSettlement beside its settlement
// file; at the end of any session they agree to the paisa.
package npci
