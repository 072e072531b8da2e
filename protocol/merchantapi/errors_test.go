package merchantapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/protocol/merchantapi"
	"github.com/galla-pay/galla/protocol/merchantapi/merchantapitest"
)

// What may go wrong with an init, and what the caller is told. Nothing but 429
// is ever sent a second time.
func TestInitGoesWrong(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		fault   string
		unknown bool
		code    string
		sent    int
		exists  bool // afterwards, at the server
	}{
		{merchantapitest.LostBefore, true, "", 1, false},
		{merchantapitest.LostAfter, true, "", 1, true},
		{merchantapitest.Internal, true, "INTERNAL_SERVER_ERROR", 1, true},
		{merchantapitest.Busy, true, "INTERNAL_SERVER_ERROR", 1, false},
		{merchantapitest.Page, true, "", 1, false},
		{merchantapitest.Redirect, true, "", 1, false},
		{merchantapitest.OtherAnswer, true, "", 1, true},
		{merchantapitest.TooMany, false, "", 2, true}, // waited, then taken
	} {
		t.Run(row.fault, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := setup(t)
				s.Fail("T1", row.fault)
				_, err := c.InitDQR(t.Context(), dqr("T1", 100))
				if errors.Is(err, merchantapi.ErrUnknown) != row.unknown || row.unknown == (err == nil) {
					t.Fatalf("init: %v", err)
				}
				var fault *merchantapi.Error
				if errors.As(err, &fault) != (row.code != "") || fault != nil && (fault.Code != row.code || fault.RequestID == "") {
					t.Errorf("init: %#v", err)
				}
				if n := len(s.Requests("T1")); n != row.sent {
					t.Errorf("sent %d times", n)
				}
				_, err = c.Status(t.Context(), "T1")
				if row.exists != (err == nil) || !row.exists && !merchantapi.NotFound(err) {
					t.Errorf("status afterwards: %v", err)
				}
				// A request that never arrived may be sent again under its own id;
				// one that did is refused as a duplicate, so nobody pays twice.
				_, err = c.InitDQR(t.Context(), dqr("T1", 100))
				if row.exists != merchantapi.Duplicate(err) || !row.exists && err != nil {
					t.Errorf("the same id again: %v", err)
				}
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s, c := setup(t)
	wrongStore := dqr("T1", 100)
	wrongStore.StoreID = "elsewhere"
	_, err := c.InitDQR(t.Context(), wrongStore)
	var e *merchantapi.Error
	if !errors.As(err, &e) || e.Code != "INVALID_STORE_ID" || e.HTTPStatus != 400 || e.RequestID == "" || errors.Is(err, merchantapi.ErrUnknown) {
		t.Errorf("%v", err)
	}
	if text := err.Error(); !strings.Contains(text, "INVALID_STORE_ID") || !strings.Contains(text, e.RequestID) {
		t.Errorf("it says %q", text)
	}
	cfg := config(s)
	cfg.SaltKey = "wrong"
	if _, err := open(t, cfg).Status(t.Context(), "T1"); !errors.As(err, &e) || e.Code != "UNAUTHORIZED" {
		t.Errorf("wrong key on v1: %v", err)
	}
	if _, err := open(t, cfg).TransactionStatus(t.Context(), "T1"); !errors.As(err, &e) || e.Code != "AUTHORIZATION_FAILED" {
		t.Errorf("wrong key on v3: %v", err)
	}
	if _, err := c.TransactionStatus(t.Context(), "T1"); !merchantapi.NotFound(err) || merchantapi.Duplicate(err) {
		t.Errorf("unknown on v3: %v", err)
	}
	if _, err := c.Status(t.Context(), "T1"); !merchantapi.NotFound(err) || merchantapi.Duplicate(err) {
		t.Errorf("unknown on v1: %v", err)
	}
}

// Answers that look like ours and are not.
func TestAnswersThatAreNotTheAPIs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, body string
		status     int
	}{
		{"empty", "", 200},
		{"half", `{"success":true,"co`, 200},
		{"array", `[]`, 200},
		{"no success", `{"code":"SUCCESS","data":{}}`, 200},
		{"refusal without a code", `{"success":false}`, 400},
		{"success without data", `{"success":true,"code":"SUCCESS"}`, 200},
		{"success with null", `{"success":true,"code":"SUCCESS","data":null}`, 200},
		{"success in an error", `{"success":true,"code":"SUCCESS","data":{"merchantId":"MERCHANTUAT","transactionId":"T1","amount":100}}`, 502},
		{"other amount", `{"success":true,"code":"SUCCESS","data":{"merchantId":"MERCHANTUAT","transactionId":"T1","amount":101}}`, 200},
		{"other merchant", `{"success":true,"code":"SUCCESS","data":{"merchantId":"OTHER","transactionId":"T1","amount":100}}`, 200},
		{"amount with a fraction", `{"success":true,"code":"SUCCESS","data":{"merchantId":"MERCHANTUAT","transactionId":"T1","amount":100.5}}`, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := open(t, config(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
			})))
			if _, err := c.InitDQR(t.Context(), dqr("T1", 100)); !errors.Is(err, merchantapi.ErrUnknown) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	answer := func(header, body string, good int) (http.Handler, *int) {
		sent := 0
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if sent++; sent > good {
				_, _ = w.Write([]byte(`{"success":true,"code":"SUCCESS","data":{"merchantId":"MERCHANTUAT","transactionId":"T1","amount":100}}`))
				return
			}
			if header != "" {
				w.Header().Set("Retry-After", header)
			}
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(body))
		}), &sent
	}
	const ours = `{"success":false,"code":"TOO_MANY_REQUESTS","message":"Too many requests","data":null}`
	// The bubble's time begins at 2000-01-01 00:00:00 UTC.
	for _, row := range []struct {
		name, header, body string
		refusals           int
		deadline           time.Duration
		took               time.Duration
		sent               int
		retryAfter         time.Duration // of the error; 0: it went through
	}{
		{"seconds", "2", ours, 1, 0, 2 * time.Second, 2, 0},
		{"a date", "Sat, 01 Jan 2000 00:00:05 GMT", ours, 1, 0, 5 * time.Second, 2, 0},
		{"a date that has been", "Fri, 31 Dec 1999 23:59:00 GMT", ours, 1, 0, time.Second, 2, 0},
		{"nothing said", "", ours, 1, 0, time.Second, 2, 0},
		{"a gateway's own page", "1", "slow down", 1, 0, time.Second, 2, 0},
		{"again and again", "1", ours, 99, 0, 3 * time.Second, 4, time.Second},
		{"too long to wait here", "31", ours, 1, 0, 0, 1, 31 * time.Second},
		{"longer than the context", "10", ours, 1, 5 * time.Second, 0, 1, 10 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h, sent := answer(row.header, row.body, row.refusals)
				ctx := t.Context()
				if row.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, row.deadline)
					defer cancel()
				}
				start := time.Now()
				_, err := open(t, config(h)).InitDQR(ctx, dqr("T1", 100))
				if took := time.Since(start); took != row.took || *sent != row.sent {
					t.Errorf("took %v, sent %d times; want %v, %d", took, *sent, row.took, row.sent)
				}
				var e *merchantapi.Error
				if row.retryAfter == 0 {
					if err != nil {
						t.Error(err)
					}
				} else if !errors.As(err, &e) || e.RetryAfter != row.retryAfter || e.HTTPStatus != 429 || errors.Is(err, merchantapi.ErrUnknown) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

func TestDocumentedSchedule(t *testing.T) {
	t.Parallel()
	var asks []string
	at := time.Duration(0)
	for wait := range merchantapi.DocumentedSchedule().Delays() {
		if at += wait; at > 6*time.Minute {
			break
		}
		asks = append(asks, fmt.Sprint(int(at.Seconds())))
	}
	const want = "20 23 26 29 32 35 38 41 44 47 50 56 62 68 74 80 86 92 98 104 110 120 130 140 150 160 170 200 230 290 350"
	if got := strings.Join(asks, " "); got != want {
		t.Errorf("asks at %s\nwant    %s", got, want)
	}
}

func TestPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := setup(t)
		start := time.Now()
		s.Fail("T1", "", merchantapitest.LostBefore, merchantapitest.Internal, merchantapitest.Busy, merchantapitest.Page,
			merchantapitest.OtherAnswer, merchantapitest.TooMany)
		must[merchantapi.Accepted](t)(c.InitDQR(t.Context(), dqr("T1", 100)))
		time.AfterFunc(58*time.Second, func() {
			if err := s.Settle(merchantapitest.MerchantID, "T1", "SUCCESS", ""); err != nil {
				t.Error(err)
			}
		})
		p := must[merchantapi.Payment](t)(c.Poll(t.Context(), "T1", nil))
		// 20 s, every 3 s to 50 s, then every 6 s: 56 and 62. The 429 in between
		// was waited out for a second.
		if took := time.Since(start); !p.Paid() || took != 63*time.Second {
			t.Errorf("%s after %v", p.Status, took)
		}
	})
}

func TestPollOfAnInitThatWasLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := setup(t)
		s.Fail("T1", merchantapitest.LostBefore)
		if _, err := c.InitDQR(t.Context(), dqr("T1", 100)); !errors.Is(err, merchantapi.ErrUnknown) {
			t.Fatal(err)
		}
		if _, err := c.Poll(t.Context(), "T1", merchantapi.QuickSchedule()); !merchantapi.NotFound(err) {
			t.Errorf("it never arrived: %v", err)
		}
	})
}

func TestPollEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := setup(t)
		must[merchantapi.Accepted](t)(c.QRInit(t.Context(), merchantapi.QRSale{TransactionID: "Q1", Amount: 100}))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		tx, err := c.PollTransaction(ctx, "Q1", nil)
		if !errors.Is(err, merchantapi.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) || tx.Code != "PAYMENT_PENDING" {
			t.Errorf("%+v, %v", tx, err)
		}
		short := merchantapi.Schedule{{Every: time.Second, For: 3 * time.Second}}
		if tx, err = c.PollTransaction(t.Context(), "Q1", short); !errors.Is(err, merchantapi.ErrUnknown) || tx.Code != "PAYMENT_PENDING" {
			t.Errorf("a schedule with an end: %+v, %v", tx, err)
		}
	})
}

func TestPollSeesExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := setup(t)
		must[merchantapi.Accepted](t)(c.QRInit(t.Context(), qr("Q1", 100)))
		tx := must[merchantapi.Transaction](t)(c.PollTransaction(t.Context(), "Q1", nil))
		if tx.Code != "REQUEST_EXPIRED" || tx.Paid() {
			t.Errorf("%+v", tx)
		}
	})
}
