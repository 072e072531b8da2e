package eventapi_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/eventapi"
	"github.com/galla-pay/galla/controller/internal/journal"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	cursor := journal.CallbackCursor{At: time.UnixMicro(1700000000123456), EventID: "EV-1_a"}.String()
	for _, tt := range []struct {
		raw  string
		want eventapi.Query
		says string
	}{
		{"", eventapi.Query{Limit: 50}, ""},
		{"after=" + cursor, eventapi.Query{After: cursor, Limit: 50}, ""},
		{"after=" + cursor + "&limit=1&wait=30", eventapi.Query{After: cursor, Limit: 1, Wait: 30 * time.Second}, ""},
		{"since=0", eventapi.Query{FromNow: true, Limit: 50}, ""},
		{"since=2592000&limit=100&wait=0", eventapi.Query{FromNow: true, Since: eventapi.MaxSince, Limit: 100}, ""},
		{"unknown=1&x", eventapi.Query{Limit: 50}, ""},
		{"after=", eventapi.Query{}, "after"},
		{"after=nonsense", eventapi.Query{}, "after"},
		{"after=" + cursor + "%3D", eventapi.Query{}, "after"},
		{"after=" + cursor + "&since=1", eventapi.Query{}, "not both"},
		{"after=" + cursor + "&after=" + cursor, eventapi.Query{}, "more than once"},
		{"limit=0", eventapi.Query{}, "limit must be a whole number from 1 to 100"},
		{"limit=101", eventapi.Query{}, "limit"},
		{"limit=", eventapi.Query{}, "limit"},
		{"limit=1e1", eventapi.Query{}, "limit"},
		{"limit=+1", eventapi.Query{}, "limit"},
		{"limit=01", eventapi.Query{}, "limit"},
		{"limit=99999999999999999999", eventapi.Query{}, "limit"},
		{"wait=31", eventapi.Query{}, "wait must be a whole number from 0 to 30"},
		{"wait=-1", eventapi.Query{}, "wait"},
		{"since=2592001", eventapi.Query{}, "since"},
		{"since=1h", eventapi.Query{}, "since"},
		{"limit=5%zz", eventapi.Query{}, "cannot be read"},
		{"limit=5;wait=1", eventapi.Query{}, "cannot be read"},
	} {
		q, err := eventapi.ParseQuery(tt.raw)
		if tt.says == "" && (err != nil || q != tt.want) || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%q: %+v, %v", tt.raw, q, err)
		}
	}
}

// Whatever is taken is within bounds, and is what strconv and net/url say of it.
func FuzzQuery(f *testing.F) {
	cursor := journal.CallbackCursor{At: time.UnixMicro(1), EventID: "e"}.String()
	for _, seed := range []string{"", "limit=5&wait=3", "after=" + cursor, "since=60", "limit=%35", "limit=5&limit=6", "after=&x=%", "wait=３"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := eventapi.ParseQuery(raw)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "BAD_REQUEST: ") {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		values, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("%q is taken, and cannot be read: %v", raw, err)
		}
		number := func(name string, fallback int) int {
			if !values.Has(name) {
				return fallback
			}
			n, err := strconv.ParseUint(values.Get(name), 10, 31)
			if err != nil {
				t.Fatalf("%q: %s is taken, and is no number: %v", raw, name, err)
			}
			return int(n)
		}
		want := eventapi.Query{After: values.Get("after"), FromNow: values.Has("since"), Since: time.Duration(number("since", 0)) * time.Second,
			Wait: time.Duration(number("wait", 0)) * time.Second, Limit: number("limit", 50)}
		if q != want || q.Limit < 1 || q.Limit > 100 || q.Wait > 30*time.Second || q.Since > eventapi.MaxSince || q.FromNow && q.After != "" {
			t.Fatalf("%q is taken as %+v", raw, q)
		}
		if q.After != "" {
			if c, err := journal.ParseCallbackCursor(q.After); err != nil || c.String() != q.After {
				t.Fatalf("%q: cursor %v, %v", raw, c, err)
			}
		}
	})
}
