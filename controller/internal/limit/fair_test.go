package limit_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/limit"
)

// TestTheNoisyDoNotSlowTheQuiet: two parties share a desk that serves one
// request at a time, in order, 1,000 a second. The quiet one asks 20 times a
// second; the noisy one asks 3,000 times. What counts is how much longer the
// quiet one waits than when it is alone. Without the limit it waits longer and
// longer, so this test can fail.
func TestTheNoisyDoNotSlowTheQuiet(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	rate := limit.Rate{Count: 50, Per: time.Second, Burst: 20}
	type kind struct {
		name         string
		desk         func(rate limit.Rate, serve gin.HandlerFunc) http.Handler
		quiet, noisy func() *http.Request
	}
	from := func(remote, merchant, terminal string) func() *http.Request {
		return func() *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(merchant))
			r.RemoteAddr = remote
			r.Header.Set("Terminal", terminal)
			return r
		}
	}
	config := func(rate limit.Rate) limit.Config {
		return limit.Config{Kind: "party", Rate: rate, Log: slog.New(slog.DiscardHandler)}
	}
	for _, k := range []kind{
		{"addresses", func(rate limit.Rate, serve gin.HandlerFunc) http.Handler {
			r := gin.New()
			r.POST("/", limit.Addresses(limit.New[netip.Prefix](config(rate))), serve)
			return r
		}, from("192.0.2.1:1", "M1", "t1"), from("192.0.2.2:1", "M1", "t1")},
		{"merchants behind one address", func(rate limit.Rate, serve gin.HandlerFunc) http.Handler {
			l := limit.New[string](config(rate))
			r := gin.New()
			r.POST("/", func(c *gin.Context) {
				merchant, _ := io.ReadAll(c.Request.Body)
				if wait, ok := l.Allow(string(merchant)); !ok {
					limit.Refuse(c, wait)
				}
			}, serve)
			return r
		}, from("192.0.2.1:1", "M1", "t1"), from("192.0.2.1:1", "M2", "t1")},
		{"terminals of one merchant", func(rate limit.Rate, serve gin.HandlerFunc) http.Handler {
			l := limit.New[string](config(rate))
			r := gin.New()
			r.POST("/", func(c *gin.Context) {
				if _, ok := l.Allow(c.GetHeader("Terminal")); !ok {
					c.Abort() // a report is dropped without a word, and comes again
				}
			}, serve)
			return r
		}, from("192.0.2.1:1", "M1", "t1"), from("192.0.2.1:1", "M1", "t2")},
	} {
		t.Run(k.name, func(t *testing.T) {
			// waits is how long the quiet one's requests took, over 3 s.
			waits := func(rate limit.Rate, withNoise bool) (all []time.Duration) {
				synctest.Test(t, func(t *testing.T) {
					desk := make(chan struct{}, 1) // serves in order, as the journal does
					h := k.desk(rate, func(c *gin.Context) {
						desk <- struct{}{}
						time.Sleep(time.Millisecond)
						<-desk
						c.Status(http.StatusNoContent)
					})
					end := time.Now().Add(3 * time.Second)
					var asked sync.WaitGroup
					ask := func(request func() *http.Request, every time.Duration, done func(*httptest.ResponseRecorder, time.Duration)) {
						for time.Now().Before(end) {
							asked.Go(func() {
								start, w := time.Now(), httptest.NewRecorder()
								h.ServeHTTP(w, request())
								done(w, time.Since(start))
							})
							time.Sleep(every)
						}
					}
					if withNoise {
						asked.Go(func() {
							ask(k.noisy, time.Second/3000, func(*httptest.ResponseRecorder, time.Duration) {})
						})
					}
					var mu sync.Mutex
					ask(k.quiet, 50*time.Millisecond, func(w *httptest.ResponseRecorder, took time.Duration) {
						if w.Code != http.StatusNoContent {
							t.Errorf("the quiet one was answered %d", w.Code)
						}
						mu.Lock()
						all = append(all, took)
						mu.Unlock()
					})
					asked.Wait()
				})
				slices.Sort(all)
				return all
			}
			alone, noise, unlimited := waits(rate, false), waits(rate, true), waits(limit.Rate{}, true)
			at := func(all []time.Duration, share float64) float64 {
				return float64(all[int(share*float64(len(all)-1))])
			}
			median, worst := at(noise, 0.5)/at(alone, 0.5), at(noise, 0.95)/at(alone, 0.95)
			if without := at(unlimited, 0.5) / at(alone, 0.5); without < 100 {
				t.Errorf("without a limit the quiet one waits only %.1f times as long: the noise is no noise", without)
			}
			if median > 1.5 || worst > 3 {
				t.Errorf("the quiet one waits %.1f times as long as alone, and %.1f times in 1 case of 20", median, worst)
			}
		})
	}
}

// TestRefusal is the documented answer.
func TestRefusal(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	synctest.Test(t, func(t *testing.T) {
		l := limit.New[netip.Prefix](limit.Config{
			Kind: "address", Rate: limit.Rate{Count: 1, Per: time.Minute, Burst: 1}, Log: slog.New(slog.DiscardHandler),
		})
		reached := 0
		r := gin.New()
		r.GET("/", limit.Addresses(l), func(c *gin.Context) { reached++ })
		ask := func(remote string) *httptest.ResponseRecorder {
			req, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
			req.RemoteAddr = remote
			r.ServeHTTP(w, req)
			return w
		}
		ask("192.0.2.1:1000")
		time.Sleep(30_500 * time.Millisecond)
		w := ask("192.0.2.1:1001") // another port is the same party
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "30" || reached != 1 {
			t.Errorf("%d, Retry-After %q, %d reached", w.Code, w.Header().Get("Retry-After"), reached)
		}
		const body = `{"success":false,"code":"TOO_MANY_REQUESTS","message":"Too many requests. Please wait and send the request again.","data":null}`
		if got := w.Body.String(); got != body || !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: %s", w.Header().Get("Content-Type"), got)
		}
		wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(wait) * time.Second) // who does as told is let in
		for _, remote := range []string{"192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:1", "127.0.0.1:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::1]:1"} {
			if w := ask(remote); w.Code != http.StatusOK {
				t.Errorf("%s: %d", remote, w.Code)
			}
		}
		for _, remote := range []string{"192.0.2.1:1", "[::ffff:192.0.2.2]:1", "[2001:db8::ffff:2]:1"} {
			if w := ask(remote); w.Code != http.StatusTooManyRequests {
				t.Errorf("%s: %d", remote, w.Code)
			}
		}
	})
}

func TestRetryAfterIsWholeSecondsRoundedUp(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "1", 1: "1", time.Second - 1: "1", time.Second: "1", time.Second + 1: "2", 90 * time.Second: "90", math.MaxInt64 - time.Second: "9223372036",
	} {
		if got := limit.RetryAfter(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}

func TestAddressesCountByCustomer(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.7:1": "192.0.2.7/32", "[::ffff:192.0.2.7]:2": "192.0.2.7/32",
		"[2001:db8:1:2:3:4:5:6]:3": "2001:db8:1:2::/64", "[2001:db8:1:2:ffff::1]:4": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:5": "fe80::/64", "[::1]:1": "::1/128", "127.0.0.1:1": "127.0.0.1/32",
		"": "invalid Prefix", "pipe": "invalid Prefix", "@": "invalid Prefix", "name:80": "invalid Prefix",
	} {
		if got := limit.Address(remote).String(); got != want {
			t.Errorf("%q counts as %s, want %s", remote, got, want)
		}
	}
}
