package callback_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
)

// answering is the URL of a server that always answers with a status.
func answering(t *testing.T, status int) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(server.Close)
	return server.URL
}

// Every attempt is told, with what came of it, whether it got an answer or not.
func TestAttempted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, url, want string }{
		{"an answer of 503", answering(t, http.StatusServiceUnavailable), "pay-e1 attempt 1 http_status 503"},
		{"an answer of 204", answering(t, http.StatusNoContent), "pay-e1 attempt 1 delivered 204"},
		{"no URL that can be sent to", "ftp://h/", "pay-e1 attempt 1 bad_url 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var told []string
			firstAttempt(t, tt.url, func(c *callback.Config) {
				c.Attempted = func(d callback.Delivery, result string, status int, took time.Duration) {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, fmt.Sprintf("%s attempt %d %s %d", d.PaymentID, d.Attempt, result, status))
					if took < 0 || took > time.Minute {
						t.Errorf("it took %v", took)
					}
				}
			})
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(told, []string{tt.want}) {
				t.Errorf("told %q, want %q", told, tt.want)
			}
		})
	}
}
