// Package cardlink is the driver of a certified card reader that speaks the
// protocol of protocol/cardlink, over a serial line or TCP: it makes an
// agent.CardReader of it. cmd/galla-agent opens one where the configuration
// names it; firmware-sim/card is a reader to try it with.
//
// A Reader keeps the line open by itself and opens it again when it broke,
// waiting RetryLeast at first and RetryMost at the most. What a payment came to
// is never guessed: a line that dies in the middle of an approval ends Pay with
// an error that is not an answer, and the agent asks Last, over the next line.
//
// Nothing that a reader says is trusted further than its form, and no text of it
// is logged but the code of its own errors (failure matrix T23). What it says of
// another payment than it was asked for is dropped, and said in the log without
// the words.
package cardlink
