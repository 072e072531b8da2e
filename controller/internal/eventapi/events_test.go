package eventapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/eventapi"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol/xverify"
)

// Each identity sees what is its own and nothing else, and the refusals do not
// tell one reason from another.
func TestWhoMayRead(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil, func(data *merchant.Data) {
		data.Merchants = append(data.Merchants, merchant.Merchant{ID: "CLOSED", Name: "Closed"})
		data.SaltKeys = append(data.SaltKeys, merchant.SaltKey{Owner: "CLOSED", Index: "1", Secret: "closed-key"},
			merchant.SaltKey{Owner: uat, Index: "7", Secret: "old-key", NotAfter: time.Unix(1, 0)})
	})
	d.sell(t, uat, "uat-1", "uat-2")
	d.sell(t, second, "second-1")
	d.sell(t, cogwave, "cogwave-1")
	verify := func(key, path string, index int) string { return xverify.Header("", path, key, index) }
	const refused = `{"success":false,"code":"UNAUTHORIZED","message":"checksum verification failed","data":null}`
	for _, tt := range []struct {
		name     string
		merchant string
		key      string
		header   []string
		status   int
		want     []string // events
	}{
		{"the merchant", uat, merchantKey, nil, 200, []string{"uat-1", "uat-2"}},
		{"another merchant", second, secondKey, nil, 200, []string{"second-1"}},
		{"another merchant for this one", uat, secondKey, nil, 401, nil},
		{"its provider", uat, providerKey, []string{"X-PROVIDER-ID", provider}, 200, []string{"uat-1", "uat-2"}},
		{"its provider for another of its merchants", cogwave, providerKey, []string{"X-PROVIDER-ID", provider}, 200, []string{"cogwave-1"}},
		{"a provider for a merchant not its own", second, providerKey, []string{"X-PROVIDER-ID", provider}, 401, nil},
		{"the merchant as a provider", uat, merchantKey, []string{"X-PROVIDER-ID", provider}, 401, nil},
		{"a provider without saying so", uat, providerKey, nil, 401, nil},
		{"a provider that is none", uat, providerKey, []string{"X-PROVIDER-ID", "NOBODY"}, 401, nil},
		{"a merchant that is none", "NOBODY", merchantKey, nil, 401, nil},
		{"nobody", uat, "guess", nil, 401, nil},
		{"without X-VERIFY", uat, "", []string{"X-VERIFY", ""}, 401, nil},
		{"an index that is none", uat, "", []string{"X-VERIFY", verify(merchantKey, eventapi.Path, 2)}, 401, nil},
		{"a key that is over", uat, "", []string{"X-VERIFY", verify("old-key", eventapi.Path, 7)}, 401, nil},
		{"another path", uat, "", []string{"X-VERIFY", verify(merchantKey, "/v1/event", 1)}, 401, nil},
		{"the query is no part of it", uat, "", []string{"X-VERIFY", verify(merchantKey, eventapi.Path+"?limit=50", 1)}, 401, nil},
	} {
		a := d.ask(t, tt.merchant, tt.key, "limit=50", tt.header...)
		if a.status != tt.status || !slices.Equal(a.events(), tt.want) || tt.status == 401 && a.raw != refused {
			t.Errorf("%s: HTTP %d %s", tt.name, a.status, a.raw)
		}
	}
	if a := d.ask(t, "CLOSED", "closed-key", ""); a.status != 400 || a.Code != "INVALID_MERCHANT_ID" {
		t.Errorf("a merchant that is closed: HTTP %d %s", a.status, a.raw)
	}
	if a := d.ask(t, "", "", ""); a.status != 400 || a.Code != "BAD_REQUEST" || !strings.Contains(a.Message, "X-MERCHANT-ID") {
		t.Errorf("no merchant is named: HTTP %d %s", a.status, a.raw)
	}
}

// What the feed says is what the callback would: method, body and headers.
func TestEventIsTheCallback(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	before := time.Now()
	d.sell(t, uat, "e1")
	a := d.ask(t, uat, "", "")
	if a.status != http.StatusOK || !a.Success || a.Code != "SUCCESS" || len(a.Data.Events) != 1 {
		t.Fatalf("HTTP %d %s", a.status, a.raw)
	}
	e := a.Data.Events[0]
	if e.EventID != "e1" || e.Method != "POST" || e.Body != `{"response":"<pay-e1>"}` || e.Headers["X-VERIFY"] != "sum###1" ||
		e.Headers["X-Galla-Event-Id"] != "e1" || e.Headers["X-Galla-Timestamp"] == "" {
		t.Errorf("event %+v", e)
	}
	if at := time.UnixMilli(e.CreatedAt); at.Before(before.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
		t.Errorf("created at %v", at)
	}
	if e.Cursor != a.Data.Next {
		t.Errorf("next is %q, the event's cursor %q", a.Data.Next, e.Cursor)
	}
	if c := a.header.Get("Cache-Control"); c != "no-store" {
		t.Errorf("Cache-Control %q", c)
	}
}

// Following next from answer to answer shows every event once, in order, however
// long each page is; at the end next stays where it is.
func TestFollowingTheCursor(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	var all []string
	for i := range 23 {
		all = append(all, fmt.Sprintf("e%02d", i))
	}
	d.sell(t, uat, all...)
	for _, limit := range []int{1, 5, 23, 100} {
		var seen []string
		query := ""
		for {
			a := d.ask(t, uat, "", query+fmt.Sprintf("&limit=%d", limit))
			if a.status != http.StatusOK || len(a.Data.Events) > limit {
				t.Fatalf("HTTP %d %s", a.status, a.raw)
			}
			seen = append(seen, a.events()...)
			if len(a.Data.Events) == 0 {
				if again := d.ask(t, uat, "", after(a.Data.Next, "")); again.Data.Next != a.Data.Next || len(again.Data.Events) > 0 {
					t.Errorf("limit %d: the end moves: %s", limit, again.raw)
				}
				break
			}
			query = after(a.Data.Next, "")
		}
		if !slices.Equal(seen, all) {
			t.Errorf("limit %d: saw %v", limit, seen)
		}
	}
	// An empty feed has a next that is good as well.
	a := d.ask(t, second, secondKey, "")
	d.sell(t, second, "s1")
	if b := d.ask(t, second, secondKey, after(a.Data.Next, "")); !slices.Equal(b.events(), []string{"s1"}) {
		t.Errorf("after the empty feed: %s", b.raw)
	}
}

// since begins at a time: 0 is from now on.
func TestSince(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	d.sell(t, uat, "old")
	a := d.ask(t, uat, "", "since=0")
	if a.status != http.StatusOK || len(a.Data.Events) > 0 {
		t.Fatalf("HTTP %d %s", a.status, a.raw)
	}
	d.sell(t, uat, "new")
	if b := d.ask(t, uat, "", after(a.Data.Next, "")); !slices.Equal(b.events(), []string{"new"}) {
		t.Errorf("from now on: %s", b.raw)
	}
	b := d.ask(t, uat, "", "since=60&limit=1")
	if !slices.Equal(b.events(), []string{"old"}) {
		t.Errorf("of the last minute: %s", b.raw)
	}
	// The answer says where that was, so that it can be asked for again.
	if c := d.ask(t, uat, "", after(b.Data.After, "")); !slices.Equal(c.events(), []string{"old", "new"}) || c.Data.After != b.Data.After {
		t.Errorf("from the same place: %s", c.raw)
	}
}

// Every code of the table is reached, and the table has no row twice.
func TestCodes(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *eventapi.Config) {
		c.Allow = func(merchantID string) (time.Duration, bool) { return 1500 * time.Millisecond, merchantID != second }
	}, func(data *merchant.Data) { data.Merchants[1].Active = false })
	d.sell(t, uat, "good", "bad")
	d.compose = func(eventID string) error {
		if eventID == "bad" {
			return errors.New("the salt key is gone, canary")
		}
		return nil
	}
	first := d.ask(t, uat, "", "")
	if !slices.Equal(first.events(), []string{"good"}) {
		t.Fatalf("what comes before the event that cannot be made: %s", first.raw)
	}
	reached := map[string]bool{}
	for _, tt := range []struct {
		code   string
		status int
		a      answer
	}{
		{"SUCCESS", 200, first},
		{"UNAUTHORIZED", 401, d.ask(t, uat, "guess", "")},
		{"INVALID_MERCHANT_ID", 400, d.ask(t, cogwave, "", "")},
		{"BAD_REQUEST", 400, d.ask(t, uat, "", "limit=0")},
		{"TOO_MANY_REQUESTS", 429, d.ask(t, second, secondKey, "")},
		{"INTERNAL_SERVER_ERROR", 500, d.ask(t, uat, "", after(first.Data.Next, ""))},
	} {
		reached[tt.code] = true
		if tt.a.status != tt.status || tt.a.Code != tt.code || tt.a.Message == "" || strings.Contains(tt.a.raw, "canary") ||
			!strings.Contains(tt.a.raw, `"data":`) || tt.a.header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: HTTP %d %s", tt.code, tt.a.status, tt.a.raw)
		}
		if tt.status == 429 && tt.a.header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After %q", tt.a.header.Get("Retry-After"))
		}
	}
	seen := map[string]bool{}
	for _, row := range eventapi.Codes() {
		c := string(row.Code)
		if seen[c] || !reached[c] {
			t.Errorf("%s is in the table twice or has no row here", c)
		}
		seen[c] = true
	}
}
