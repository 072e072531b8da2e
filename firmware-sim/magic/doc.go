// Package magic makes sales end by themselves, each as the paise of its amount
// say, so that whoever writes a till can see every end without a customer, a
// cashier or a broken cable (terminal-ux: the 60-second demo). It acts only where
// galla-sim was given --magic; the controller knows nothing of it.
//
// Table says what happens; it is pure. A Driver makes it happen at one terminal:
// it watches what is on the glass and is the customer, the cashier, the hand at
// the plugs and the till. What the merchant's server does to a callback is that
// server's own part: package demo has one.
package magic
