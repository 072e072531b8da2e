// Package e2e is whole sessions over the real binaries: galla-controller and
// galla-sim as processes, PostgreSQL with Mosquitto and SQLite with the embedded
// broker, QRs decoded from panel pixels. Each session is a script of testdata;
// the commands they use are in the tests' own files.
//
// Every session runs on both stacks, and knows of none.
package e2e
