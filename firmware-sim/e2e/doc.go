// Package e2e is whole sessions over the real binaries: galla-controller and
// galla-sim as processes, PostgreSQL with Mosquitto and SQLite with the embedded
// broker, QRs decoded from panel pixels. Each session is a script of testdata;
// the commands they use are in the tests' own files.
//
// Every session runs on both stacks and knows of neither; one that needs a
// certificate at the broker, which only the embedded one has here, or two
// controllers, which need a broker of their own, says so. A third stack, PostgreSQL
// with three nodes of NATS, is for a session of its own, in which nodes are killed, and
// for those about who may come in. Where many terminals are wanted there is a fleet of
// them in one process beside those of which every state is kept. NATS's server is a
// library: each node is the test binary once more, with the configuration that
// deploy/nats ships. What an operator does in them is typed as an operator types it:
// exec galla-controller ..., with the session's database in the environment.
//
// # The failure matrix
//
// The sessions s02 to s10 are its steps, r08 to r24 its races and odd cases; each of
// their sections that begins with a cell's name, "# S5.B: ", is that cell.
// testdata/matrix.golden says of every cell that is the terminal's what shows it, and
// TestFailureMatrix that it is there. The session day is a cashier's whole day, at
// whose end all books agree.
//
// # Time
//
// No session depends on how fast anything is: what must come is waited for with
// patience, and the log says how long it took. A terminal's states are all kept as
// they come, so that none is missed that lasts for seconds only, and what must not
// come is looked for among all of them. What is over after a time of its own, a QR
// or a bank's answer, is given so much of it that a machine may stand still
// meanwhile. Only one thing is bounded, since it is promised to people: how long
// terminals take to come back when a broker, or a node of one, was killed.
//
// With the race detector the programs under test have it, too, and what it finds in
// them fails the session.
package e2e
