package callback

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// A row that can never be sent says why, without quoting the URL.
func TestTarget(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, url, method, event, want string }{
		{"https", "https://pos.example.in/cb?t=canary", "", "e1", ""},
		{"http", "http://pos.example.in", "POST", "e1", ""},
		{"put", "https://pos.example.in:8443/cb", "PUT", "e1", ""},
		{"scheme in capitals", "HTTPS://POS.EXAMPLE.IN/", "", "e1", ""},
		{"IPv6", "https://[2606:4700::1111]/", "", "e1", ""},
		{"longest", "https://pos.example.in/" + strings.Repeat("a", MaxURL-23), "", "e1", ""},
		{"too long", "https://pos.example.in/" + strings.Repeat("a", MaxURL-22), "", "e1", "above the limit"},
		{"empty", "", "", "e1", "neither http nor https"},
		{"no scheme", "//pos.example.in/canary", "", "e1", "neither http nor https"},
		{"file", "file:///etc/canary", "", "e1", "neither http nor https"},
		{"gopher", "gopher://127.0.0.1:6379/_canary", "", "e1", "neither http nor https"},
		{"javascript", "javascript:alert('canary')", "", "e1", "neither http nor https"},
		{"opaque", "http:canary", "", "e1", "no host"},
		{"no host", "http:///canary", "", "e1", "no host"},
		{"port alone", "http://:80/canary", "", "e1", "no host"},
		{"userinfo", "https://canary@pos.example.in/", "", "e1", "user information"},
		{"userinfo and password", "https://pos.example.in:canary@127.0.0.1/", "", "e1", "user information"},
		{"empty userinfo", "https://@pos.example.in/canary", "", "e1", "user information"},
		{"line break", "https://pos.example.in/\r\ncanary: 1", "", "e1", "cannot be read"},
		{"NUL", "https://pos.example.in/\x00canary", "", "e1", "cannot be read"},
		{"space in the host", "https://pos example.in/canary", "", "e1", "cannot be read"},
		{"percent in the host", "https://127.0.0.1%252f@canary/", "", "e1", "user information"},
		{"space in the query", "https://pos.example.in/?canary x", "", "e1", "cannot be read"},
		{"bad port", "https://pos.example.in:canary/", "", "e1", "cannot be read"},
		{"bad IPv6", "https://[::1/canary", "", "e1", "cannot be read"},
		{"GET", "https://pos.example.in/", "GET", "e1", "neither POST nor PUT"},
		{"method with a line break", "https://pos.example.in/", "POST / HTTP/1.1\r\nX: canary", "e1", "neither POST nor PUT"},
		{"event id with a dot", "https://pos.example.in/", "", "e1.canary", "event id"},
		{"event id with a line break", "https://pos.example.in/", "", "e1\r\nX: canary", "event id"},
		{"no event id", "https://pos.example.in/", "", "", "event id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := parseTarget(Delivery{URL: tt.url, Method: tt.method, EventID: tt.event})
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
				t.Fatalf("error %v, want %q and no word of the URL", err, tt.want)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New("plain"), "plain"},
		{errors.New("two\nlines\x00 and ₹"), "two?lines? and ?"},
		{&url.Error{Op: "Post", URL: "https://h/?token=canary", Err: errors.New("EOF")}, "EOF"},
		{fmt.Errorf("send: %w", &url.Error{Op: "Post", URL: "https://h/?token=canary", Err: errors.New("EOF")}), "EOF"},
		{errors.New(strings.Repeat("é", 1000)), strings.Repeat("?", MaxError)},
	} {
		if got := errorText(tt.err); got != tt.want {
			t.Errorf("errorText(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestResultsAreDistinct(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range Results() {
		if r == "" || seen[r] {
			t.Errorf("result %q is there twice", r)
		}
		seen[r] = true
	}
}

// What is accepted means the same to whoever reads it again: scheme, host and
// port do not move, and nothing in it can end a header line.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{
		"https://pos.example.in/cb", "http://127.1/", "http://2130706433/", "http://[::ffff:127.0.0.1]/",
		"http://0?0 ", "http://a@b/", "http://127.0.0.1%252f@h/", "http://h\\@evil/", "https://h#@evil/", "http://[fe80::1%25lo]/",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := parseTarget(Delivery{URL: raw, EventID: "e1"})
		if err != nil {
			if u != nil {
				t.Fatal("a target beside an error")
			}
			return
		}
		again, err := url.Parse(u.String())
		if err != nil {
			t.Fatalf("%q is sent as %q, which cannot be read: %v", raw, u, err)
		}
		if again.Scheme != u.Scheme || again.Host != u.Host || again.User != nil || again.Hostname() == "" {
			t.Fatalf("%q is sent as %q, which is another place", raw, u)
		}
		if strings.ContainsAny(u.String(), "\r\n\x00 ") {
			t.Fatalf("%q is sent as %q", raw, u)
		}
	})
}
