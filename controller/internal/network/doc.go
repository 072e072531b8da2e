// Package network is the back door to the UPI network: it takes the rows of the
// network outbox that are due, sends each as a signed message, and submits what
// the answer decides (DESIGN 3.1; phonepe-api: Collect, Refund; failure matrix
// R3, R13, I9). What the network tells of its own accord comes in by upiapi.
//
// It leases the row, commits, sends, decides, records, and never holds a lock
// across HTTP. A crash anywhere in between makes a message go out twice, with a
// MsgID of its own and the same TxnID, and a decision be made twice; the network
// moves a TxnID once, and every decision is idempotent. Any number of controllers
// may run a Worker on one outbox. Of a payment one row is under way at a time.
//
// Only the wiring of the controller calls this package. It is a door: it knows
// neither SQL nor a storage nor another door.
//
// # What is sent
//
// XML in the form that package upixml describes, by POST, with an enveloped
// XML-DSig signature of ours; the answer is signed by the organisation, in the
// sandbox it may be unsigned. Answers have Status, Message where it is not 00,
// and Ts; Codes says what each Status means. The paths are below the network's
// base URL.
//
//	/api/v1/collect  ReqCollect: MsgID Ts OrgID TxnID Kind PayerAddr|PayerMobile
//	                 PayeeAddr Amount Curr Note ExpireAfter
//	                 TxnID is our payment. Kind is NEW, REMIND or CANCEL. 00 says that
//	                 the payer's bank has it; a refusal of NEW fails the payment as
//	                 UPI:<code>. A NEW that comes twice is one request; a NEW that
//	                 comes after its CANCEL is none.
//	/api/v1/refund   ReqRefund: MsgID Ts OrgID TxnID OrgTxnID Type Amount PayeeAddr
//	                 TxnID is the refund, and is moved once. OrgTxnID is the original
//	                 at the network: its UPI TxnID, or the RRN of one without. Type is
//	                 REFUND or REVERSAL. 00 comes with the Rrn; PENDING says that it
//	                 is not known yet; a refusal says that nothing was moved.
//	/api/v1/check    ReqChkTxn: MsgID Ts OrgID OrgTxnID
//	                 OrgTxnID is a TxnID of the above, or of a ReqPay. 00 comes with
//	                 TxnStatus and Amount; SUCCESS with the Rrn and, of a collect
//	                 request, with CreditTxnID, the TxnID of the money; ZQ says that
//	                 it is not known.
//
// # How long
//
// An attempt has 10 s. After one that settled nothing the next comes in 1, 2, 4
// and so on up to 60 s. A collect request is sent until its time is up, a cancel
// until then too, a reminder for 5 minutes, a question for 2 hours, a refund for
// a day, after which it is given up and somebody has to look at it; a reversal is
// given up only when the network refuses it.
package network
