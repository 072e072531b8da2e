// Package mosquitto administers terminals on an existing Mosquitto broker,
// through its dynamic-security plug-in over MQTT (DESIGN section 4).
//
// Where terminals reach their controllers by Mosquitto instead of the embedded
// broker, Mosquitto must know who may log in. cmd/galla-controller makes a
// DynSec; enrolment calls Provision, revocation calls Revoke. Messages to and
// from terminals do not pass here: that is mqttlink, with a connection of its own.
//
// # What Mosquitto is told
//
// Nobody may do anything unless a role says so (EnsureDefaults). A terminal is
// one client whose user name and client id are its identity, so that nobody can
// throw it out by taking its client id (failure matrix section 0, item 2), and
// one role that holds its three topics, without wildcards. Mosquitto 2.0 has no
// %u in the plug-in's rules, hence a role for each. The controller is one client
// with a role of its own (EnsureController).
//
// Mosquitto judges a last will like a publish, so that a terminal may also
// publish on its own presence topic, which the embedded broker refuses. It can
// only slander itself: presence is a hint, not a fact.
//
// # Failures
//
// Every method may be called again, by anybody, at any time: what is right
// already stays. A connection that is lost during a call is made again and the
// call repeated, until its context ends. Errors name the command of the plug-in.
package mosquitto
