// Package signing is the ring of the controller's online keys: which of them
// signs now, which set of them terminals are to believe, and how one takes
// another's place under the root key (DESIGN 4; failure matrix R18).
//
// Every controller has a Ring. Package cmd opens it, runs it, and hands it to
// what signs (mqttlink, callback) and to what serves key sets (enrolment, the
// JWKS for merchants). The administration calls List, Create, Rotate and Retire,
// and writes into its audit log who did.
//
// # The life of a key
//
//   - next: Create has made it. It stands in the key set, so that every terminal
//     learns it, and signs nothing.
//   - active: Rotate has given it a time from which on it signs; at the earliest
//     Config.Delay after it was created, so that every controller has sent the
//     set with it to every terminal that is there.
//   - retiring: another key has become active. What it signed before, and is
//     still under way, verifies.
//   - retired: Retire has taken it out of the set. Terminals refuse it.
//
// The rows keep facts, the three times; the state is what follows from them at
// the database's time. So nobody has to flip a row at the minute of a rotation,
// and all controllers agree.
//
// # Why nothing forks and nothing goes back
//
// The version of the set rises with every change, which is saved only over the
// version that it was decided on: of two operators one is told ErrConflict.
// The version is at least the time in seconds since 1970. So a database that was
// restored from a copy, with a version that terminals have already left behind,
// is ahead of them again after its next change (Create is enough), and nobody
// has to visit them.
//
// Every controller signs the set itself, and gets the same bytes, since Ed25519
// and the form of the set leave no choice. The root signs only public keys
// whose private halves stand sealed in the database under their names: a row
// that somebody has slipped into the table stops the ring with ErrForged.
//
// # What does not follow at once
//
// A controller that has not yet read a change, at most RefreshEvery, signs with
// the key before. That key stands in the set until it is retired, at the
// earliest Config.Grace after its last use. Only a Retire that is forced can
// make terminals refuse what such a controller signs; they ask again, and get
// it signed by the next key.
package signing
