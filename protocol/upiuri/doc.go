// Package upiuri builds, reads, signs and verifies the upi://pay link that a
// QR carries (upi-switch: The QR and the payee):
//
//	upi://pay?ver=01&mode=16&pa=…&pn=…&mc=…&tr=…&am=…&mam=…&cu=INR&mid=…&msid=…&mtid=…&orgid=MER101&QRts=…&QRexpire=…&sign=…
//
// The controller builds and signs links and judges those that come back in a
// ReqValQr; the agent only reads them; the phone of firmware-sim reads what it
// saw on a panel. The package holds no keys and reads no clock.
//
// # Why so strict
//
// A link is read by programs that nobody here has seen, and two readers that
// disagree about a link are an attack: one shows the amount, the other takes
// it. So whatever could be read in two ways is refused instead of guessed: a
// key given twice or twice but for its case, a key of ours in another case, a
// broken percent escape, a semicolon, a raw space, anything after sign. A plus
// sign is a plus sign (RFC 3986), never a space: UPI links are no web forms,
// and the zone of a time, +05:30, is often sent raw.
package upiuri
