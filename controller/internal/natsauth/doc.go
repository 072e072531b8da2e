// Package natsauth answers NATS servers that ask who may log in and what they
// may do: NATS's auth callout (DESIGN section 4). It is package brokerauth in the
// words of NATS: who may come in and which topics are his is decided there.
//
// The command makes a Service, runs it beside the connection that carries the
// messages (package mqttlink), and cuts terminals by a brokerauth.Kicker with the
// Service's KickSecret: NATS ends the session that has a client id when another
// logs in with it, at whichever node of the cluster.
//
// # The answers
//
// A server asks on $SYS.REQ.USER.AUTH of the callout's account, by a token that
// it signs, and is answered by one that our issuer key signs. A terminal is let
// in over MQTT alone and granted exactly its own topics as NATS subjects, plus
// the deliveries that the server makes for its own subscription. Everybody else
// is answered no, at once. Whatever cannot be read, or is not from a server, is
// not answered: the server gives up after its own time, and lets nobody in.
// Controllers share the questions as one queue group.
//
// # The broker's side
//
// NATS takes no client id with dots: see ClientID.
//
// deploy/nats/nats.conf is what this wants of a server. The controllers' own
// users stand in its auth_users and are never asked about. It works with accounts
// written in the configuration, not with operators and their JWTs.
package natsauth
