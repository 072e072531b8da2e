package web_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

// through asks Guard and returns the status, and the code of a refusal.
func through(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	web.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })).ServeHTTP(w, r)
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("policy %q lets more in than what is embedded", policy)
	}
	if w.Code == http.StatusNoContent {
		return w.Code, ""
	}
	var failure web.Failure
	if err := json.Unmarshal(w.Body.Bytes(), &failure); err != nil || failure.Message == "" {
		t.Fatalf("refusal %q is not the JSON of a failure: %v", w.Body, err)
	}
	return w.Code, failure.Code
}

func TestGuardOrigin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, method, origin, site string
		want                       int
	}{
		{"a program says no origin", "POST", "", "", 204},
		{"our own page", "POST", "http://127.0.0.1:8090", "same-origin", 204},
		{"our own page, old browser", "POST", "http://127.0.0.1:8090", "", 204},
		{"typed by a person", "POST", "", "none", 204},
		{"another site", "POST", "https://evil.example", "cross-site", 403},
		{"another site, old browser", "POST", "https://evil.example", "", 403},
		{"another port of this machine", "POST", "http://127.0.0.1:9999", "same-site", 403},
		{"another port, old browser", "POST", "http://127.0.0.1:9999", "", 403},
		{"a page without an origin", "POST", "null", "", 403},
		{"another site that says it is ours", "POST", "http://127.0.0.1:8090.evil.example", "", 403},
		{"another site may look, the browser keeps it from reading", "GET", "https://evil.example", "cross-site", 204},
		{"another site that deletes", "DELETE", "https://evil.example", "", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(tt.method, "http://127.0.0.1:8090/power/off", nil)
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			if tt.site != "" {
				r.Header.Set("Sec-Fetch-Site", tt.site)
			}
			status, code := through(t, r)
			if status != tt.want {
				t.Fatalf("answered %d %s, want %d", status, code, tt.want)
			}
			if status == 403 && code != web.CodeOrigin {
				t.Fatalf("code %s, want %s", code, web.CodeOrigin)
			}
		})
	}
}

func TestGuardHost(t *testing.T) {
	t.Parallel()
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8090}
	loopback6 := &net.TCPAddr{IP: net.IPv6loopback, Port: 8090}
	elsewhere := &net.TCPAddr{IP: net.IPv4(192, 168, 1, 23), Port: 8090}
	for _, tt := range []struct {
		host  string
		local net.Addr
		want  int
	}{
		{"127.0.0.1:8090", loopback, 204},
		{"127.0.0.1", loopback, 204},
		{"127.9.9.9:1", loopback, 204},
		{"localhost:8090", loopback, 204},
		{"LOCALHOST", loopback, 204},
		{"[::1]:8090", loopback6, 204},
		{"[::1]", loopback6, 204},
		{"rebound.example:8090", loopback, 403},
		{"192.168.1.23:8090", loopback, 403},
		{"localhost.evil.example", loopback, 403},
		{"127.0.0.1.evil.example:8090", loopback, 403},
		{"", loopback, 403},
		{"192.168.1.23:8090", elsewhere, 204},
		{"counter.shop.example", elsewhere, 204},
		// A server that does not say where it was asked is taken for loopback.
		{"rebound.example", nil, 403},
		{"localhost", nil, 204},
	} {
		t.Run(tt.host, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"GET", "POST"} {
				r := httptest.NewRequest(method, "/state", nil)
				r.Host = tt.host
				if tt.local != nil {
					r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, tt.local))
				}
				status, code := through(t, r)
				if status != tt.want {
					t.Fatalf("%s answered %d %s, want %d", method, status, code, tt.want)
				}
				if status == 403 && code != web.CodeHost {
					t.Fatalf("code %s, want %s", code, web.CodeHost)
				}
			}
		})
	}
}
