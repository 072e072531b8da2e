package payapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/payapi"
)

// TestNoRoom: a journal that takes nothing more is answered 503 with
// Retry-After, in the code that is not final; nothing is kept (DESIGN 3.1).
func TestNoRoom(t *testing.T) {
	d := newDoor(t)
	if err := d.Journal.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	a := d.init(nil)
	if a.status != 503 || a.Code != "INTERNAL_SERVER_ERROR" || a.Success || a.header.Get("Retry-After") == "" {
		t.Fatalf("%d %s, Retry-After %q", a.status, a.raw, a.header.Get("Retry-After"))
	}
	if b := d.status("MERCHANTUAT", "TXN0015985", merchantKey); b.Code != "INVALID_TRANSACTION_ID" {
		t.Errorf("it was kept: %s", b.raw)
	}
}

// TestAllowed: a merchant that asks too often is told to wait, and for how
// long, in the words of either vocabulary.
func TestAllowed(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for _, path := range []string{initPath, qrPath} {
		r := postTo(t, path, merchantKey, with(sample(nil), qrSample))
		w := httptest.NewRecorder()
		limited := payapi.New(payapi.Config{
			Journal: d.Journal, Reader: d.DB, Directory: d.Directory, LinkKey: d.LinkKey, Log: d.Log,
			Allow: func(merchantID string) (time.Duration, bool) {
				return 2500 * time.Millisecond, merchantID != "MERCHANTUAT"
			},
		})
		engine := newEngine(limited)
		engine.ServeHTTP(w, r)
		var a answer
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "3" || a.Code != "TOO_MANY_REQUESTS" {
			t.Errorf("%s: %d %s, Retry-After %s", path, w.Code, a.Code, w.Header().Get("Retry-After"))
		}
		if wrong := postTo(t, path, "wrong key", sample(nil)); true {
			w := httptest.NewRecorder()
			engine.ServeHTTP(w, wrong)
			if w.Code != http.StatusUnauthorized {
				t.Errorf("%s: an unsigned request used the merchant's share up: %d", path, w.Code)
			}
		}
	}
}
