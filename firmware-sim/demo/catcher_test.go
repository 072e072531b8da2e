package demo

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol/xverify"
)

// callback is a request as a controller sends it: inner is base64'd and signed.
func callback(inner, key string, index int, event string) *http.Request {
	response := xverify.EncodeBody([]byte(inner))
	r := httptest.NewRequest("POST", "/callback", strings.NewReader(`{"response":"`+response+`"}`))
	r.Header.Set("X-VERIFY", xverify.Header(response, "", key, index))
	if event != "" {
		r.Header.Set("X-Galla-Event-Id", event)
	}
	return r
}

const success = `{"success":true,"code":"SUCCESS","message":"ok","data":{"merchantId":"MERCHANTUAT","merchantTransactionId":"TXN-1",` +
	`"amount":24500,"status":"SUCCESS","responseCode":"null","referenceNumber":"612345678901","paymentInstruments":[]}}`

// Only a final status that is signed with the merchant's key is believed.
func TestCatcher(t *testing.T) {
	t.Parallel()
	pending := strings.Replace(success, `"status":"SUCCESS"`, `"status":"PENDING"`, 1)
	for _, tt := range []struct {
		name    string
		request func() *http.Request
		status  int
	}{
		{"good", func() *http.Request { return callback(success, sandboxKey, 1, "E1") }, 200},
		{"unknown fields beside it", func() *http.Request {
			response := xverify.EncodeBody([]byte(success))
			r := httptest.NewRequest("POST", "/callback", strings.NewReader(`{"more":1,"response":"`+response+`"}`))
			r.Header.Set("X-VERIFY", xverify.Header(response, "", sandboxKey, 1))
			r.Header.Set("X-Galla-Event-Id", "E1")
			return r
		}, 200},
		{"another key", func() *http.Request { return callback(success, "sandbox-provider-key", 1, "E1") }, 401},
		{"another index", func() *http.Request { return callback(success, sandboxKey, 2, "E1") }, 401},
		{"not signed", func() *http.Request {
			r := callback(success, sandboxKey, 1, "E1")
			r.Header.Del("X-VERIFY")
			return r
		}, 401},
		{"signed with a path, as requests are", func() *http.Request {
			r := callback(success, sandboxKey, 1, "E1")
			r.Header.Set("X-VERIFY", xverify.Header(xverify.EncodeBody([]byte(success)), "/callback", sandboxKey, 1))
			return r
		}, 401},
		{"a body changed on the way", func() *http.Request {
			r := callback(success, sandboxKey, 1, "E1")
			forged := xverify.EncodeBody([]byte(strings.Replace(success, "24500", "99900", 1)))
			r.Body = io.NopCloser(strings.NewReader(`{"response":"` + forged + `"}`))
			return r
		}, 401},
		{"no event id", func() *http.Request { return callback(success, sandboxKey, 1, "") }, 400},
		{"not final", func() *http.Request { return callback(pending, sandboxKey, 1, "E1") }, 400},
		{"no payment", func() *http.Request { return callback(`{"data":{"status":"SUCCESS"}}`, sandboxKey, 1, "E1") }, 400},
		{"no status", func() *http.Request {
			return callback(`{"data":{"merchantTransactionId":"TXN-1"}}`, sandboxKey, 1, "E1")
		}, 400},
		{"not JSON inside", func() *http.Request { return callback(`hello`, sandboxKey, 1, "E1") }, 400},
		{"data is no object", func() *http.Request { return callback(`{"data":7}`, sandboxKey, 1, "E1") }, 400},
		{"not JSON", func() *http.Request { return httptest.NewRequest("POST", "/callback", strings.NewReader("response=1")) }, 400},
		{"empty", func() *http.Request { return httptest.NewRequest("POST", "/callback", nil) }, 400},
		{"too long", func() *http.Request {
			return callback(success+strings.Repeat(" ", callbackLimit), sandboxKey, 1, "E1")
		}, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := NewCatcher(NewTimeline(io.Discard))
			w := httptest.NewRecorder()
			c.ServeHTTP(w, tt.request())
			if w.Code != tt.status {
				t.Fatalf("answered %d %s, want %d", w.Code, w.Body, tt.status)
			}
			got, _ := c.Got("TXN-1")
			if believed := tt.status == 200; (len(got) == 1) != believed || (c.Refused() == 0) != believed {
				t.Fatalf("believed %d, refused %d", len(got), c.Refused())
			}
			if len(got) == 1 && (got[0].EventID != "E1" || got[0].Status.Amount != 24_500 || got[0].Status.ReferenceNumber != "612345678901") {
				t.Fatalf("read as %+v", got[0])
			}
		})
	}
}

func TestCatcherTells(t *testing.T) {
	t.Parallel()
	c := NewCatcher(NewTimeline(io.Discard))
	none, changed := c.Got("TXN-1")
	if len(none) != 0 {
		t.Fatalf("Got = %v", none)
	}
	for range 2 {
		c.ServeHTTP(httptest.NewRecorder(), callback(success, sandboxKey, 1, "E1"))
	}
	<-changed
	entries, _ := c.timeline.After(0)
	if len(entries) != 2 || entries[0].Payment != "TXN-1" ||
		entries[0].What != "received: SUCCESS ₹245.00, event E1, X-VERIFY good" ||
		entries[1].What != "received: SUCCESS ₹245.00, event E1, X-VERIFY good, number 2" {
		t.Fatalf("timeline %+v", entries)
	}
}
