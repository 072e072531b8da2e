// Package enrol gives terminals their credentials by codes, and takes them away
// again (DESIGN section 4; failure matrix T2, T3, I11).
//
// An operator makes a code for one terminal; whoever runs galla-agent enroll
// with it gets the terminal's credentials, once, within ten minutes. The rules
// of codes are pure: see Found.Judge. A Registrar applies them over a Storage,
// which loads and saves and decides nothing. A Watcher in every running
// controller cuts off terminals whose credentials another process has taken
// away.
//
// The doors and the command use a Registrar; the command runs a Watcher.
//
// # How a code is kept
//
// A code's secret part is 40 bits: whoever has a copy of the database and could
// compute what is stored would try all of them within minutes, for a plain hash
// and even for a slow one. So what is stored is an HMAC, whose key is a sealed
// secret of the controller: the database alone is not enough.
//
// # How a code cannot be guessed
//
// Its first group is a handle, which finds the row; five wrong secrets for a
// handle void the code, so that a guess is right with a chance of 5 in 2^40. The
// door bounds tries by address and altogether, so that nobody can void other
// people's codes by counting through the million handles.
package enrol
