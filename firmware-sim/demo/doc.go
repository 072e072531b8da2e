// Package demo is the whole of Galla on one machine: the controller as a child
// process, two simulated terminals, a till that asks for money, a phone that
// pays it, a catcher for the merchant's callbacks, and a page to play with.
//
// cmd/galla-sim calls Run. The demo talks to the controller as everybody does,
// over HTTP and MQTT; it is the till, the customer and the merchant in one, and
// keeps their three views apart.
//
// The terminals have two kinds of panel, a Dynamic-QR display's and an EDC
// terminal's; the script plays all of its scenes on both.
//
// # Magic
//
// With Config.Magic sales end by themselves, as the paise of their amounts say
// (package magic). Of that, what a merchant's server does to a callback is done
// here, by the catcher. Without it nothing happens by itself.
//
// # When the controller dies
//
// The controller may be killed at any moment. The demo starts it again on the
// same addresses and the same database and goes on, with the means that the API
// gives to everybody: a request whose answer was lost is looked up by status
// before it is made again under the same transaction id, and a phone whose
// answer was lost looks at the terminal and the status before it pays again.
package demo
