// Package broker is the embedded MQTT broker: the hardened way for terminals to
// reach a controller that runs on one machine.
//
// cmd/galla-controller makes it and serves it; mqttlink publishes commands
// through it and is handed what terminals report. Nobody else calls it, and no
// MQTT client but a terminal ever logs in: the controller itself is inside.
//
// # What it does
//
// It carries 16 KiB messages between the controller and terminals that have
// proved who they are, and it keeps nothing: no retained message, no queue, no
// session that outlives its connection (DESIGN section 4). A terminal is its
// identity, which is its client id and its user name. It may write one topic
// (report), read one topic (command), and leave one last will (presence).
// Whatever else it tries ends the connection and is counted under a Reason; only
// a subscription to a foreign topic is answered, with the failure code that
// MQTT has for it.
//
// # Why mochi is used from the inside
//
// mochi supplies the MQTT packets and sessions. As it comes, it delivers last
// wills to topics that their sender may not write, lets one user take the
// client id and the queued messages of another, allocates what a length field
// claims before anybody has logged in, and waits for ever for a CONNECT
// (failure matrix, section 0). Reading its source for this package found more:
//
//   - Two connections of one client id race. The end of the old one may remove
//     the entry of the new one, which then stays connected and never gets a
//     message again.
//
//   - A SUBSCRIBE of MQTT 5 that is one byte short panics, and with it the process.
//
//   - Accept errors that pass, such as too many open files, end the listener.
//
//   - A failed write is logged and the client kept.
//
//   - Inbound and outbound packet ids share one table: a SUBSCRIBE whose id
//     equals that of an unacknowledged command is refused.
//
//   - Log lines hold whole packets, passwords included.
//
//   - A client has two goroutines. One waits under frames of 5.8 KiB, because mochi
//     passes packets of 800 bytes by value, so that its stack stays at 16 KiB; the
//     other waits for something to write, with 8 KiB.
//
//   - A command's packet id is given out under the lock that a write to the same
//     terminal holds: one that does not read holds up whoever publishes to it.
//
// So mochi is handed one packet at a time: it decodes what a terminal sends and
// answers subscriptions and reports. Its listeners, loops, queues, last wills,
// takeovers, $SYS topics and log are not used:
//
//   - socket.go reads the first bytes of a connection itself: anything but a
//     CONNECT of MQTT 3.1.1 of modest size never reaches mochi. It owns the
//     deadlines, and waits for each packet to begin.
//   - connect.go and packets.go are the rules: what a CONNECT and what a later
//     packet may say. They are pure.
//   - hook.go is the one hook, deny by default.
//   - sessions.go is the table of who is logged in. A newcomer waits until the
//     session it replaces has ended completely, so mochi never sees a takeover.
//   - outbox.go is the commands on their way to one terminal.
//   - hands.go is who does the work, so that ten thousand waiting terminals have
//     small stacks.
//   - broker.go accepts, closes and publishes; serve.go is one connection from its
//     first byte to its last will.
package broker
