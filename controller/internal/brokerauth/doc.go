// Package brokerauth is the door that an existing MQTT broker asks who may log
// in and what they may do, over HTTP in the form of EMQX 5 (DESIGN section 4);
// and a Kicker, which cuts a terminal's connection at any broker.
//
// The command registers it and makes the Kicker; both share one secret with the
// broker's configuration. What Door decides stands in Admission and Topics, for
// package natsauth too, which answers the same questions of NATS.
//
// # The answers
//
// Every answer is 200 with a result of allow or deny, also to a caller without
// the secret, to a body that cannot be read, and while the database is away.
// EMQX takes any other status for "ignore" and asks the next in its chain, which
// by its default lets everybody do everything.
//
// # The broker's side
//
// In EMQX 5, terminals' authenticator and authorizer are of type http, method
// post, with the header "authorization: Bearer SECRET" and the bodies
//
//	{"clientid": "${clientid}", "username": "${username}", "password": "${password}"}
//	{"clientid": "${clientid}", "username": "${username}", "topic": "${topic}",
//	 "action": "${action}", "qos": "${qos}", "retain": "${retain}"}
//
// The controllers' own user stands before them in both chains, in the built-in
// database: this door knows terminals only. It may publish and subscribe to
// galla/v1/#, and subscribe to $share/galla/galla/v1/#, by which controllers share
// the reports; without that right each of them hears every report.
// authorization.no_match is deny.
// Answers that the broker caches hold for a connection, and end with it: see
// Kicker.
package brokerauth
