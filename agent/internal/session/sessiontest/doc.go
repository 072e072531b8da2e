// Package sessiontest is what is at the other end of a terminal's session, with
// less behind it: an MQTT broker for one terminal, in memory, and a controller
// that signs real states. Tests of packages session and agent use it; nothing
// else may.
//
// Broker speaks MQTT 3.1.1 in the client library's own codec and can be told to
// behave badly. Controller is level-triggered as the real one is: a test says
// what is wanted, and reads which facts came.
package sessiontest
