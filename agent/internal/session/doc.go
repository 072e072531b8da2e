// Package session is a terminal's side of the terminal protocol over MQTT 3.1.1
// (DESIGN 4): connect, subscribe, ask for the state, take signed states, say
// what is.
//
// Package agent owns the one Session. Its event loop says what is by Tell, and
// hears what came by News and Take; neither ever blocks. Run does the rest in
// its own goroutine: everything that must be repeated (the sync until it is
// answered, a report until its facts are acknowledged, a pull, the heartbeat) is
// repeated here.
//
// Nothing that reaches the event loop is unverified: a State was signed by a
// key of the key set, for this terminal. What does not verify is counted,
// logged at most once a minute, and changes nothing.
//
// # Doubts
//
// The state is asked for after every one: a new connection, a key that is not
// known, messages that had to be dropped, a wall clock that has jumped (the device
// may have slept). Each sync has the boot id of this start, so that a controller
// notices two devices with one identity; a device that has such a twin notices by
// itself that its connections are taken away, and says so in Down.
//
// # The client library
//
// paho.mqtt.golang has traps (libraries: paho). So: a new client for each
// connection, without its reconnecting and without its store; no waiting in its
// handlers, which only put messages into a bounded queue; one publish at a time
// and never without a limit; and below it a wire that bounds what it reads and
// how long it writes, and that can be cut without a farewell.
package session
