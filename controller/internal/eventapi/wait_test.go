package eventapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/eventapi"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

// feed is a feed in memory whose reads are counted: the time of these tests is
// the bubble's.
type feed struct {
	mu    sync.Mutex
	rows  []journal.CallbackRow
	held  bool
	reads int
}

func (f *feed) CallbackFeed(_ context.Context, merchantID, after string, limit int) (journal.CallbackFeed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	c := journal.CallbackFeed{Now: time.Now(), Held: f.held}
	for _, r := range f.rows {
		if r.MerchantID == merchantID && !f.held && len(c.Rows) < limit && (after == "" || r.Cursor() != after) {
			c.Rows = append(c.Rows, r)
		}
	}
	return c, nil
}

func (f *feed) CallbackHorizon(context.Context) (time.Time, error) { return time.Now(), nil }

func (f *feed) set(held bool, events ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held, f.rows = held, nil
	for _, e := range events {
		f.rows = append(f.rows, journal.CallbackRow{EventID: e, PaymentID: "p", MerchantID: uat, CreatedAt: time.Now()})
	}
}

func (f *feed) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

// bubble runs a test with a door over a feed in memory.
func bubble(t *testing.T, test func(t *testing.T, d *door, f *feed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		people := merchant.New(merchant.Sandbox())
		f := &feed{}
		d := &door{API: eventapi.New(eventapi.Config{
			Feed: f, Directory: func() *merchant.Directory { return people },
			Verify: verifier(func() *merchant.Directory { return people }),
			Compose: func(context.Context, string, string, time.Time) (http.Header, []byte, error) {
				return http.Header{}, []byte("{}"), nil
			},
		})}
		gin.SetMode(gin.ReleaseMode)
		r := gin.New()
		d.Register(r)
		d.handler = r
		test(t, d, f)
	})
}

func TestWaitEndsEmpty(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d *door, f *feed) {
		began := time.Now()
		a := d.ask(t, uat, "", "wait=30")
		if a.status != http.StatusOK || len(a.Data.Events) > 0 || a.Data.Next == "" || time.Since(began) != 30*time.Second {
			t.Errorf("after %v: HTTP %d %s", time.Since(began), a.status, a.raw)
		}
		if n := f.count(); n < 20 || n > 40 {
			t.Errorf("the database was asked %d times in 30 s", n)
		}
		if d.Waiting() != 0 {
			t.Errorf("%d wait still", d.Waiting())
		}
	})
}

// What this controller commits is answered at once; what another commits, within
// a second; what is held, soon after it is free.
func TestWaitEndsWithAnEvent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		happen func(d *door, f *feed)
		within time.Duration
	}{
		{"committed here", func(d *door, f *feed) { f.set(false, "e1"); d.Committed(uat) }, 0},
		{"committed elsewhere", func(_ *door, f *feed) { f.set(false, "e1") }, time.Second},
		{"held for a while", func(d *door, f *feed) {
			f.set(true, "e1")
			d.Committed(uat)
			<-time.After(50 * time.Millisecond)
			f.set(false, "e1")
		}, 100 * time.Millisecond},
		{"another merchant's commits wake nobody", func(d *door, f *feed) {
			synctest.Wait()
			before := f.count()
			d.Committed(second)
			synctest.Wait()
			if f.count() != before {
				panic("woken")
			}
			f.set(false, "e1")
			d.Committed(uat)
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, d *door, f *feed) {
				go func() {
					<-time.After(7*time.Second + 300*time.Millisecond)
					c.happen(d, f)
				}()
				began := time.Now()
				a := d.ask(t, uat, "", "wait=30")
				took := time.Since(began) - 7300*time.Millisecond
				if !slices.Equal(a.events(), []string{"e1"}) || took < 0 || took > c.within {
					t.Errorf("%v after it: HTTP %d %s", took, a.status, a.raw)
				}
			})
		})
	}
}

// A client that goes away, and a server that stops, end the wait at once.
func TestWaitIsCutShort(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d *door, _ *feed) {
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan *httptest.ResponseRecorder)
		go func() {
			w := httptest.NewRecorder()
			d.handler.ServeHTTP(w, request(ctx, uat, "", "wait=30"))
			gone <- w
		}()
		stays := make(chan answer)
		go func() { stays <- d.ask(t, uat, "", "wait=30") }()
		synctest.Wait()
		if d.Waiting() != 2 {
			t.Fatalf("%d wait, want 2", d.Waiting())
		}
		began := time.Now()
		cancel()
		if w := <-gone; w.Body.Len() > 0 {
			t.Errorf("whoever has gone is told %s", w.Body)
		}
		d.Stop()
		d.Stop()
		if a := <-stays; a.status != http.StatusOK || len(a.Data.Events) > 0 {
			t.Errorf("HTTP %d %s", a.status, a.raw)
		}
		if a := d.ask(t, uat, "", "wait=30"); a.status != http.StatusOK {
			t.Errorf("after the stop: HTTP %d %s", a.status, a.raw)
		}
		if took := time.Since(began); took > 0 || d.Waiting() != 0 {
			t.Errorf("after %v %d wait still", took, d.Waiting())
		}
	})
}

// Of one merchant only so many requests wait; more are told to come again, and
// take no place from another merchant.
func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d *door, _ *feed) {
		var all sync.WaitGroup
		for range eventapi.MaxWaitingOfMerchant {
			all.Go(func() {
				if a := d.ask(t, uat, "", "wait=10"); a.status != http.StatusOK {
					t.Errorf("HTTP %d %s", a.status, a.raw)
				}
			})
		}
		synctest.Wait()
		if a := d.ask(t, uat, "", "wait=1"); a.status != http.StatusTooManyRequests || a.Code != "TOO_MANY_REQUESTS" ||
			a.header.Get("Retry-After") != "5" || !strings.Contains(a.Message, "wait") {
			t.Errorf("one too many: HTTP %d %s", a.status, a.raw)
		}
		if a := d.ask(t, uat, "", ""); a.status != http.StatusOK {
			t.Errorf("one that does not wait: HTTP %d %s", a.status, a.raw)
		}
		if a := d.ask(t, second, secondKey, "wait=1"); a.status != http.StatusOK {
			t.Errorf("another merchant: HTTP %d %s", a.status, a.raw)
		}
		all.Wait()
		if a := d.ask(t, uat, "", "wait=1"); a.status != http.StatusOK {
			t.Errorf("when there is a place again: HTTP %d %s", a.status, a.raw)
		}
	})
}
