// Package demo is the whole of Galla on one machine: the controller as a child
// process, two simulated terminals, a till that asks for money, a phone that
// pays it, a catcher for the merchant's callbacks, and a page to play with.
//
// cmd/galla-sim calls Run. The demo talks to the controller as everybody does,
// over HTTP and MQTT; it is the till, the customer and the merchant in one, and
// keeps their three views apart.
//
// # When the controller dies
//
// The controller may be killed at any moment. The demo starts it again on the
// same addresses and the same database and goes on, with the means that the API
// gives to everybody: a request whose answer was lost is looked up by status
// before it is made again under the same transaction id, and a phone whose
// answer was lost looks at the terminal and the status before it pays again.
package demo
