// Package e2e is whole sessions over the real binaries: galla-controller and
// galla-sim as processes, PostgreSQL with Mosquitto and SQLite with the embedded
// broker, QRs decoded from panel pixels. Each session is a script of testdata;
// the commands they use are in the tests' own files.
//
// Every session runs on both stacks and knows of neither; one that needs a
// certificate at the broker, which only the embedded one has here, says so. What
// an operator does in them is typed as an operator types it: exec
// galla-controller ..., with the session's database in the environment.
package e2e
