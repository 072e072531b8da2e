// Package web is what the simulator's pages, one terminal's and the demo's,
// have in common: who may call, how a mistake is answered, and how changes are
// pushed. Packages terminal and demo call it; it knows neither.
package web

import (
	"net"
	"net/http"
	"strings"
)

// The codes of a refused request. They are in the JSON of every answer that is
// not a success: {"code": ..., "message": ...}.
const (
	CodeNotFound   = "NOT_FOUND"
	CodeMethod     = "METHOD_NOT_ALLOWED"
	CodeBadValue   = "BAD_VALUE"
	CodeOrigin     = "FOREIGN_ORIGIN"
	CodeHost       = "FOREIGN_HOST"
	CodeConflict   = "CONFLICT"
	CodeBusy       = "BUSY"
	CodeUnverified = "UNVERIFIED"
)

// policy is the content security policy of both pages: everything they use is
// embedded in the binary, and no other host is ever asked for anything.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Guard lets a request through to next only when it is meant for this server.
//
// A page of another site that is open in the same browser can send requests to
// a loopback port, and can even get a name of its own to resolve to 127.0.0.1.
// So a request that changes something and has a foreign Origin is refused with
// FOREIGN_ORIGIN, and a request that came in over loopback must name a loopback
// host, else FOREIGN_HOST. A server that was told to listen elsewhere cannot
// know its names and takes any.
func Guard(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", policy)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		switch {
		case onLoopback(r) && !loopbackName(r.Host):
			Fail(w, http.StatusForbidden, CodeHost, "this address answers only as 127.0.0.1, [::1] or localhost")
		case cross.Check(r) != nil:
			Fail(w, http.StatusForbidden, CodeOrigin, "a page of another origin may not do this")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// onLoopback reports whether the connection was accepted on a loopback address.
// Where the server does not say, it is taken for one: the stricter case.
func onLoopback(r *http.Request) bool {
	address, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return true
	}
	host, _, err := net.SplitHostPort(address.String())
	if err != nil {
		return true
	}
	ip := net.ParseIP(host)
	return ip == nil || ip.IsLoopback()
}

// loopbackName reports whether a Host header names this machine's loopback.
func loopbackName(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
