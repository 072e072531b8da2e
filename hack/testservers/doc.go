// Package testservers starts the real servers that Galla's tests run against:
// PostgreSQL and Mosquitto, private to one test binary, on loopback only, on
// ports the kernel chooses.
//
// Tests of the controller and of firmware-sim call it; nothing that is shipped
// does. A missing server program is an error that names the package to
// install, never a skipped test.
//
// # What happens at the end
//
// No TestMain is needed. Every server has a guard, a small shell that holds the
// read end of a pipe whose other end lives in the test binary. However the
// binary ends (normally, by panic, by kill -9), the kernel closes the pipe and
// the guard stops the server and removes its folder. There are no goroutines
// left for a leak check to find.
//
// # A standby
//
// StartStandby gives a cluster a synchronous standby, which can be cut off
// (Detach), promoted once its primary was killed, and given a standby of its own.
// DSN names several servers at once.
//
// # Root
//
// PostgreSQL refuses to run as root, so a test binary that is root starts its
// servers as user postgres, or nobody where that one does not exist, and gives
// the folder to that user. The folder's parents must let that user through.
package testservers
