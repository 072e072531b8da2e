// Package identity is who a terminal is and whom it believes: its Ed25519 key,
// which never leaves it, the token that the broker knows it by, the root key of
// its controller, pinned when it enrolled, and the online keys that the root
// key has signed since (DESIGN 4).
//
// A Store keeps them in a folder, or in memory. Package agent owns it, and
// hands its Credentials to package session, which alone calls Update.
//
// The certificates of servers are looked at at the time of package clock, so that
// a wall clock which is wrong by years does not keep a terminal from its broker.
package identity
