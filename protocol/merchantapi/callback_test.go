package merchantapi_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/protocol/merchantapi"
	"github.com/galla-pay/galla/protocol/merchantapi/merchantapitest"
	"github.com/galla-pay/galla/protocol/xverify"
)

const (
	v1Answer = `{"success":true,"code":"SUCCESS","message":"m","data":{"merchantId":"MERCHANTUAT","transactionId":"T1","amount":100,"status":"SUCCESS","responseCode":"null"}}`
	v3Answer = `{"success":false,"code":"PAYMENT_ERROR","message":"m","data":{"merchantId":"MERCHANTUAT","transactionId":"Q1","amount":100,"paymentState":"FAILED","payResponseCode":"ZM"}}`
)

func notice(t *testing.T, s *merchantapitest.Server, answer string, at time.Time) (http.Header, []byte) {
	t.Helper()
	header, body, err := s.Callback([]byte(answer), merchantapitest.SaltKey, "event-1", at)
	if err != nil {
		t.Fatal(err)
	}
	return header, body
}

func TestVerify(t *testing.T) {
	t.Parallel()
	s, c := setup(t)
	for name, v := range map[string]*merchantapi.Verifier{
		"checksum":               {SaltKeys: map[int]string{1: merchantapitest.SaltKey}},
		"checksum and signature": {SaltKeys: map[int]string{1: merchantapitest.SaltKey, 2: "next"}, Keys: c.Keys()},
	} {
		header, body := notice(t, s, v1Answer, time.Now())
		got, err := v.Verify(t.Context(), header, body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.EventID != "event-1" || got.Code != "SUCCESS" || !got.Paid() || got.Transaction != nil || got.Payment.Amount != 100 {
			t.Errorf("%s: %+v", name, got)
		}
		if got.Attempted.IsZero() != (v.Keys == nil) {
			t.Errorf("%s: attempted %v", name, got.Attempted)
		}
		header, body = notice(t, s, v3Answer, time.Now())
		if got, err = v.Verify(t.Context(), header, body); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Paid() || got.Payment != nil || !got.Transaction.Final() || got.Transaction.Code != "PAYMENT_ERROR" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Every way in which a callback can be forged, replayed or broken; the first
// column of wants is with the checksum alone, the second with the signature.
func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	s, c := setup(t)
	sign := func(h http.Header, typ, event, stamp string, body []byte) {
		jws, err := s.Sign(typ, append([]byte(event+"."+stamp+"."), body...))
		if err != nil {
			t.Fatal(err)
		}
		h.Set("X-Galla-Signature", jws)
	}
	for _, row := range []struct {
		name   string
		change func(h http.Header, body *[]byte)
		passes bool // with the checksum alone
	}{
		{"nothing changed but the event", func(h http.Header, _ *[]byte) { h.Set("X-Galla-Event-Id", "event-2") }, true},
		{"nothing changed but the time", func(h http.Header, _ *[]byte) { h.Set("X-Galla-Timestamp", "1") }, true},
		{"no signature", func(h http.Header, _ *[]byte) { h.Del("X-Galla-Signature") }, true},
		{"an old one, signed then", func(h http.Header, b *[]byte) {
			h.Set("X-Galla-Timestamp", "946684800000")
			sign(h, "galla-callback", "event-1", "946684800000", *b)
		}, true},
		{"signed for another purpose", func(h http.Header, b *[]byte) {
			sign(h, "galla-down", "event-1", h.Get("X-Galla-Timestamp"), *b)
		}, true},
		{"payload in the signature", func(h http.Header, b *[]byte) {
			h.Set("X-Galla-Signature", strings.Replace(h.Get("X-Galla-Signature"), "..", ".e30.", 1))
		}, true},
		{"signature cut", func(h http.Header, _ *[]byte) {
			h.Set("X-Galla-Signature", h.Get("X-Galla-Signature")[:20])
		}, true},
		{"signature by none", func(h http.Header, _ *[]byte) {
			h.Set("X-Galla-Signature", "eyJhbGciOiJub25lIiwidHlwIjoiZ2FsbGEtY2FsbGJhY2sifQ..")
		}, true},
		{"another key's id", func(h http.Header, _ *[]byte) {
			const head = "eyJhbGciOiJFZERTQSIsImtpZCI6Im90aGVyIiwidHlwIjoiZ2FsbGEtY2FsbGJhY2sifQ"
			_, rest, _ := strings.Cut(h.Get("X-Galla-Signature"), ".")
			h.Set("X-Galla-Signature", head+"."+rest)
		}, true},
		{"a space in the body", func(_ http.Header, b *[]byte) { *b = bytes.Replace(*b, []byte(":"), []byte(": "), 1) }, true},
		{"no X-VERIFY", func(h http.Header, _ *[]byte) { h.Del("X-VERIFY") }, false},
		{"another key", func(h http.Header, b *[]byte) { h.Set("X-VERIFY", xverify.Header(response(*b), "", "guess", 1)) }, false},
		{"an empty key under an unknown index", func(h http.Header, b *[]byte) { h.Set("X-VERIFY", xverify.Header(response(*b), "", "", 7)) }, false},
		{"an unknown index", func(h http.Header, b *[]byte) {
			h.Set("X-VERIFY", xverify.Header(response(*b), "", merchantapitest.SaltKey, 2))
		}, false},
		{"another response", func(_ http.Header, b *[]byte) {
			*b = []byte(`{"response":"` + xverify.EncodeBody([]byte(strings.Replace(v1Answer, "100", "900", 1))) + `"}`)
		}, false},
		{"no response", func(_ http.Header, b *[]byte) { *b = []byte(`{}`) }, false},
		{"not JSON", func(_ http.Header, b *[]byte) { *b = []byte(`response=`) }, false},
		{"not base64", func(h http.Header, b *[]byte) {
			*b = []byte(`{"response":"%%%"}`)
			h.Set("X-VERIFY", xverify.Header("%%%", "", merchantapitest.SaltKey, 1))
		}, false},
		{"not an answer", func(h http.Header, b *[]byte) {
			text := xverify.EncodeBody([]byte(`{"amount":1}`))
			*b = []byte(`{"response":"` + text + `"}`)
			h.Set("X-VERIFY", xverify.Header(text, "", merchantapitest.SaltKey, 1))
		}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			header, body := notice(t, s, v1Answer, time.Now())
			row.change(header, &body)
			plain := &merchantapi.Verifier{SaltKeys: map[int]string{1: merchantapitest.SaltKey}}
			if _, err := plain.Verify(t.Context(), header, body); row.passes != (err == nil) || !row.passes && !errors.Is(err, merchantapi.ErrCallback) {
				t.Errorf("by the checksum: %v", err)
			}
			strict := &merchantapi.Verifier{SaltKeys: plain.SaltKeys, Keys: c.Keys()}
			if _, err := strict.Verify(t.Context(), header, body); !errors.Is(err, merchantapi.ErrCallback) {
				t.Errorf("by the signature: %v", err)
			}
		})
	}
}

func response(body []byte) string {
	return strings.TrimSuffix(strings.TrimPrefix(string(body), `{"response":"`), `"}`)
}

func TestHandler(t *testing.T) {
	t.Parallel()
	s, c := setup(t)
	taken, refuse := 0, error(nil)
	v := &merchantapi.Verifier{SaltKeys: map[int]string{1: merchantapitest.SaltKey}, Keys: c.Keys()}
	h := v.Handler(func(_ context.Context, got merchantapi.Callback) error {
		taken++
		return refuse
	})
	send := func(method string, header http.Header, body []byte) int {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, "/callback", bytes.NewReader(body))
		r.Header = header
		h.ServeHTTP(w, r)
		return w.Code
	}
	header, body := notice(t, s, v1Answer, time.Now())
	for _, row := range []struct {
		name   string
		method string
		header http.Header
		body   []byte
		refuse error
		want   int
		taken  int
	}{
		{"good", "POST", header, body, nil, 200, 1},
		{"good by PUT", "PUT", header, body, nil, 200, 1},
		{"not taken: it must come again", "POST", header, body, errors.New("database is away"), 500, 1},
		{"no header", "POST", http.Header{}, body, nil, 401, 0},
		{"too large", "POST", header, bytes.Repeat([]byte("x"), 65<<10), nil, 413, 0},
		{"GET", "GET", header, nil, nil, 405, 0},
	} {
		taken, refuse = 0, row.refuse
		if got := send(row.method, row.header, row.body); got != row.want || taken != row.taken {
			t.Errorf("%s: %d, taken %d times", row.name, got, taken)
		}
	}
	down := config(http.NotFoundHandler())
	v.Keys = open(t, down).Keys()
	if got := send("POST", header, body); got != http.StatusServiceUnavailable {
		t.Errorf("signing keys out of reach: %d", got)
	}
}

// Signing keys are kept, but a key that was retired is not believed for ever,
// and strangers' key ids do not make the client ask the server each time.
func TestSigningKeysAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, asked := merchantapitest.New(nil), 0
		c := open(t, config(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			s.ServeHTTP(w, r)
		})))
		v := &merchantapi.Verifier{SaltKeys: map[int]string{1: merchantapitest.SaltKey}, Keys: c.Keys()}
		verify := func(wantAsked int, stranger bool) {
			t.Helper()
			header, body := notice(t, s, v1Answer, time.Now())
			if stranger {
				_, rest, _ := strings.Cut(header.Get("X-Galla-Signature"), ".")
				header.Set("X-Galla-Signature", "eyJhbGciOiJFZERTQSIsImtpZCI6Im90aGVyIiwidHlwIjoiZ2FsbGEtY2FsbGJhY2sifQ."+rest)
			}
			if _, err := v.Verify(t.Context(), header, body); (err != nil) != stranger {
				t.Error(err)
			}
			if asked != wantAsked {
				t.Errorf("asked %d times, want %d", asked, wantAsked)
			}
		}
		verify(1, false)
		verify(1, false)
		verify(1, true)
		time.Sleep(11 * time.Second)
		verify(2, true)
		verify(2, true)
		time.Sleep(5*time.Minute + time.Second)
		verify(3, false)
	})
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`:                                      true,
		`{"keys":[{"kty":"EC","crv":"P-256","kid":"b"},{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`: true,
		`{"keys":[]}`: false,
		`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"c2hvcnQ"}]}`: false,
		`[]`: false,
		``:   false,
	} {
		if _, err := merchantapi.ParseKeys([]byte(text)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// The whole way: the server tells the URL of the request when the payment ends.
func TestCallbackArrives(t *testing.T) {
	t.Parallel()
	s := merchantapitest.New(nil)
	server := httptest.NewServer(s)
	defer server.Close()
	cfg := config(s)
	cfg.BaseURL, cfg.HTTP = server.URL, server.Client()
	c := open(t, cfg)
	got := make(chan merchantapi.Callback, 2)
	v := &merchantapi.Verifier{SaltKeys: map[int]string{1: merchantapitest.SaltKey}, Keys: c.Keys()}
	shop := httptest.NewServer(v.Handler(func(_ context.Context, cb merchantapi.Callback) error {
		got <- cb
		return nil
	}))
	defer shop.Close()
	c = c.WithCallback(shop.URL + "/paid")
	must[merchantapi.Accepted](t)(c.InitDQR(t.Context(), dqr("T1", 100)))
	must[merchantapi.Accepted](t)(c.QRInit(t.Context(), qr("Q1", 100)))
	for _, id := range []string{"T1", "Q1"} {
		if err := s.Settle(merchantapitest.MerchantID, id, "SUCCESS", ""); err != nil {
			t.Fatal(err)
		}
		s.Wait()
		if cb := <-got; !cb.Paid() || cb.EventID == "" {
			t.Errorf("%s: %+v", id, cb)
		}
	}
}
