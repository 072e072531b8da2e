// Package npci is the UPI network as a controller meets it. Client is a party
// that sends ReqValQr, ReqPay and ReqChkTxn over HTTP (PRD 8, upi-switch:
// Messages), reads the answers, and keeps its own books of what customers were
// debited and got back, so that a test can lay them beside the controller's.
// Network is the other direction: the banks behind the network, which take
// collect requests, refunds and questions of a controller, behave as each payer
// is told to, tell how a collect request ended, and keep books too.
//
// It knows of the controller only what crosses the wire, writes and reads XML
// with code of its own, and takes nothing on trust: an answer that does not
// belong to its request, or whose HTTP status contradicts its code, is an error,
// and what a controller asks for must be signed by it. The phone of firmware-sim,
// the demo, galla-sim npci and the end-to-end tests call it.
package npci
