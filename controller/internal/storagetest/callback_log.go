package storagetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback/callbacktest"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
)

// CallbackLog is what a storage tells of its outbox.
type CallbackLog interface {
	Callbacks(ctx context.Context, q journal.CallbackQuery) ([]journal.CallbackRow, error)
	CallbackAttempts(ctx context.Context, eventID string) ([]journal.CallbackAttempt, error)
	ResendCallbacks(ctx context.Context, q journal.CallbackQuery) (int, error)
	CallbackQueue(ctx context.Context) (journal.CallbackQueue, error)
	CallbackFeed(ctx context.Context, merchantID, after string, limit int) (journal.CallbackFeed, error)
	CallbackHorizon(ctx context.Context) (time.Time, error)
}

// CallbackStore is a storage whose outbox can also be filled as no decision
// does.
type CallbackStore interface {
	Storage
	outboxRows
	CallbackLog
	AddCallback(ctx context.Context, r callbacktest.Row) error
}

// outboxRows is Callbacks under a name that its methods do not have.
type outboxRows = Callbacks

// RunCallbackLog is the contract of CallbackLog.
func RunCallbackLog(t *testing.T, open func(t *testing.T) CallbackStore) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, log)
	}{
		{"the list, by each field and in order", listCallbacks},
		{"pages, while rows are added", pageCallbacks},
		{"questions that cannot be understood", badCallbackQueries},
		{"the delivery log", logOfAttempts},
		{"resend by event, payment, state, time, list and page", resendCallbacks},
		{"the queue", queueOfCallbacks},
		{"the feed is the merchant's alone and in order, with what is sent, dead and without a URL", feedOfMerchant},
		{"whoever follows the feed misses nothing and gets nothing twice", followFeed},
		{"the horizon is not after now, and what comes after it is in the feed", horizonOfFeed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			c.test(t, log{s, bench{s}})
		})
	}
}

// began is when the callbacks of these tests were made: long ago, since the feed
// does not show what is yet to come.
var began = time.Date(2021, 3, 4, 5, 6, 7, 123456000, time.UTC)

// log is a storage whose errors fail the test where none is wanted.
type log struct {
	CallbackStore
	bench bench
}

// made adds callbacks as a decision does, the i-th i seconds after began.
func (l log) made(t *testing.T, merchant string, from, to int) {
	t.Helper()
	var c decide.Changes
	for i := from; i < to; i++ {
		c.Callbacks = append(c.Callbacks, decide.Callback{
			EventID: fmt.Sprintf("EV%02d", i), PaymentID: fmt.Sprint("p", i), MerchantID: merchant,
			URL: fmt.Sprintf("https://pos%d.example.in/cb?secret=1", i), Method: "PUT", At: began.Add(time.Duration(i) * time.Second),
		})
	}
	l.bench.add(t, c)
}

// ends leases the row and records its end.
func (l log) ends(t *testing.T, event, state string) {
	t.Helper()
	rows, err := l.Callbacks(t.Context(), journal.CallbackQuery{EventID: event})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%s is %v, %v", event, rows, err)
	}
	n := strings.TrimPrefix(event, "EV")
	lane := fmt.Sprintf("%s pos%s.example.in:443", rows[0].MerchantID, strings.TrimPrefix(n, "0"))
	if n == "00" {
		lane = rows[0].MerchantID + " pos0.example.in:443"
	}
	d, err := l.LeaseCallbacks(t.Context(), 1, time.Minute, journal.CallbackFilter{OnlyLanes: []string{lane}})
	if err != nil || len(d) != 1 || d[0].EventID != event {
		t.Fatalf("leased %v, %v; want %s", d, err, event)
	}
	err = l.RecordCallbacks(t.Context(), []journal.CallbackOutcome{{EventID: event, Attempt: d[0].Attempt, State: state,
		Next: time.Hour, Result: "http_status", HTTPStatus: 500, Error: "HTTP 500", Took: 7 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
}

func (l log) list(t *testing.T, q journal.CallbackQuery) []string {
	t.Helper()
	rows, err := l.Callbacks(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return eventIDs(rows)
}

func (l log) listed(t *testing.T, what string, q journal.CallbackQuery, want ...string) {
	t.Helper()
	if got := l.list(t, q); !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func eventIDs(rows []journal.CallbackRow) []string {
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.EventID)
	}
	return ids
}

func listCallbacks(t *testing.T, l log) {
	l.made(t, merchantB, 4, 5)
	l.made(t, merchantA, 0, 4)
	// Rows of one moment come by their event ids.
	l.bench.add(t, decide.Changes{Callbacks: []decide.Callback{
		{EventID: "EV04b", PaymentID: "p9", MerchantID: merchantA, URL: "http://pos.example.in/", At: began.Add(4 * time.Second)},
		{EventID: "EV04A", PaymentID: "p9", MerchantID: merchantA, URL: "http://pos.example.in/", At: began.Add(4 * time.Second)},
	}})
	l.ends(t, "EV01", journal.CallbackDelivered)
	l.ends(t, "EV02", journal.CallbackDead)
	l.ends(t, "EV03", journal.CallbackPending)
	all := []string{"EV00", "EV01", "EV02", "EV03", "EV04", "EV04A", "EV04b"}
	l.listed(t, "all", journal.CallbackQuery{}, all...)
	l.listed(t, "merchant", journal.CallbackQuery{MerchantID: merchantB}, "EV04")
	l.listed(t, "event", journal.CallbackQuery{EventID: "EV02"}, "EV02")
	l.listed(t, "event of another merchant", journal.CallbackQuery{EventID: "EV02", MerchantID: merchantB})
	l.listed(t, "payment", journal.CallbackQuery{PaymentID: "p9"}, "EV04A", "EV04b")
	l.listed(t, "several events", journal.CallbackQuery{EventIDs: []string{"EV03", "EV00", "nobody"}}, "EV00", "EV03")
	l.listed(t, "no events", journal.CallbackQuery{EventIDs: []string{}})
	for state, want := range map[string][]string{
		"pending": {"EV00", "EV03", "EV04", "EV04A", "EV04b"}, "delivered": {"EV01"}, "dead": {"EV02"}, "none": nil,
	} {
		l.listed(t, state, journal.CallbackQuery{State: state}, want...)
	}
	l.listed(t, "since", journal.CallbackQuery{Since: began.Add(3 * time.Second)}, all[3:]...)
	l.listed(t, "until", journal.CallbackQuery{Until: began.Add(3 * time.Second)}, all[:3]...)
	l.listed(t, "between", journal.CallbackQuery{Since: began.Add(time.Second), Until: began.Add(3 * time.Second), State: "dead"}, "EV02")
	l.listed(t, "limit", journal.CallbackQuery{Limit: 2}, all[:2]...)

	rows, err := l.Callbacks(t.Context(), journal.CallbackQuery{Until: began.Add(2 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		at := began.Add(time.Duration(i) * time.Second)
		want := journal.CallbackRow{EventID: all[i], PaymentID: fmt.Sprint("p", i), MerchantID: merchantA, Method: "PUT",
			URL: fmt.Sprintf("https://pos%d.example.in/cb?secret=1", i), State: []string{"pending", "delivered"}[i], Attempts: int64(i),
			CreatedAt: at, DueAt: at}
		if rows[i] != want {
			t.Errorf("row %+v, want %+v", rows[i], want)
		}
	}
	if r, err := l.Callbacks(t.Context(), journal.CallbackQuery{EventID: "EV03"}); err != nil || !r[0].DueAt.After(l.bench.now(t).Add(59*time.Minute)) {
		t.Errorf("the next attempt is not due in an hour: %+v, %v", r, err)
	}
}

func pageCallbacks(t *testing.T, l log) {
	l.made(t, merchantA, 10, 30)
	after, seen := "", []string{}
	for page := 0; ; page++ {
		rows, err := l.Callbacks(t.Context(), journal.CallbackQuery{After: after, Limit: 6})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			break
		}
		seen = append(seen, eventIDs(rows)...)
		after = rows[len(rows)-1].Cursor()
		// An earlier one is not on a later page, and a later one is at its end.
		l.made(t, merchantA, page, page+1)
		if page < 3 {
			l.made(t, merchantA, 30+page, 31+page)
		}
	}
	want := []string{}
	for i := 10; i < 33; i++ {
		want = append(want, fmt.Sprintf("EV%02d", i))
	}
	if !slices.Equal(seen, want) {
		t.Errorf("the pages hold %v, want %v", seen, want)
	}
}

func badCallbackQueries(t *testing.T, l log) {
	for what, q := range map[string]journal.CallbackQuery{
		"unknown state":  {State: "lost"},
		"limit":          {Limit: journal.MaxCallbacks + 1},
		"negative limit": {Limit: -1},
		"cursor":         {After: "nonsense"},
		"many events":    {EventIDs: make([]string, journal.MaxCallbacks+1)},
		"NUL":            {MerchantID: "a\x00b"},
		"not UTF-8":      {EventID: "a\xff"},
	} {
		if rows, err := l.Callbacks(t.Context(), q); !errors.Is(err, journal.ErrCallbackQuery) || rows != nil {
			t.Errorf("%s: Callbacks = %v, %v", what, rows, err)
		}
		if n, err := l.ResendCallbacks(t.Context(), q); !errors.Is(err, journal.ErrCallbackQuery) || n != 0 {
			t.Errorf("%s: ResendCallbacks = %v, %v", what, n, err)
		}
	}
	if _, err := l.CallbackFeed(t.Context(), merchantA, "nonsense", 1); !errors.Is(err, journal.ErrCallbackQuery) {
		t.Errorf("cursor: CallbackFeed = %v", err)
	}
	for _, event := range []string{"nobody", "", "a\x00b"} {
		if a, err := l.CallbackAttempts(t.Context(), event); !errors.Is(err, journal.ErrNotFound) || a != nil {
			t.Errorf("CallbackAttempts(%q) = %v, %v", event, a, err)
		}
	}
}

func logOfAttempts(t *testing.T, l log) {
	l.made(t, merchantA, 1, 3)
	if a, err := l.CallbackAttempts(t.Context(), "EV01"); err != nil || len(a) != 0 {
		t.Fatalf("before the first: %v, %v", a, err)
	}
	before := l.bench.now(t)
	l.ends(t, "EV01", journal.CallbackDead)
	if n, err := l.ResendCallbacks(t.Context(), journal.CallbackQuery{EventID: "EV01"}); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	d, err := l.LeaseCallbacks(t.Context(), 1, time.Minute, journal.CallbackFilter{OnlyLanes: []string{merchantA + " pos1.example.in:443"}})
	if err != nil || len(d) != 1 {
		t.Fatal(d, err)
	}
	a, err := l.CallbackAttempts(t.Context(), "EV01")
	if err != nil || len(a) != 2 {
		t.Fatalf("attempts %+v, %v; want two", a, err)
	}
	if a[0].StartedAt.Before(before) || a[0].FinishedAt.Before(a[0].StartedAt) || a[1].StartedAt.Before(a[0].FinishedAt) {
		t.Errorf("times of %+v", a)
	}
	want := []journal.CallbackAttempt{
		{Attempt: 1, StartedAt: a[0].StartedAt, FinishedAt: a[0].FinishedAt, Result: "http_status", HTTPStatus: 500, Error: "HTTP 500", Took: 7 * time.Millisecond},
		{Attempt: 2, StartedAt: d[0].LeasedAt},
	}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("attempts %+v, want %+v", a, want)
	}
}

func resendCallbacks(t *testing.T, l log) {
	resend := func(what string, want int, q journal.CallbackQuery) {
		t.Helper()
		if n, err := l.ResendCallbacks(t.Context(), q); err != nil || n != want {
			t.Fatalf("%s: %d are resent, %v; want %d", what, n, err, want)
		}
	}
	l.made(t, merchantA, 0, 6)
	l.made(t, merchantB, 6, 8)
	if err := l.AddCallback(t.Context(), callbacktest.Row{EventID: "none", PaymentID: "p1", MerchantID: merchantA}); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		l.ends(t, fmt.Sprintf("EV%02d", i), journal.CallbackDead)
	}
	resend("unknown", 0, journal.CallbackQuery{EventID: "nobody"})
	resend("without a URL", 0, journal.CallbackQuery{EventID: "none"})
	resend("another merchant's", 0, journal.CallbackQuery{EventID: "EV00", MerchantID: merchantB})
	resend("one", 1, journal.CallbackQuery{EventID: "EV00"})
	resend("a payment's, but not its notice without a URL", 1, journal.CallbackQuery{PaymentID: "p1"})
	l.listed(t, "pending", journal.CallbackQuery{State: "pending"}, "EV00", "EV01")
	resend("a limit takes the oldest", 2, journal.CallbackQuery{State: "dead", Limit: 2})
	l.listed(t, "still dead", journal.CallbackQuery{State: "dead"}, "EV04", "EV05", "EV06", "EV07")
	resend("those listed that are still dead", 1, journal.CallbackQuery{EventIDs: []string{"EV00", "EV04"}, State: "dead"})
	resend("since and until", 1, journal.CallbackQuery{Since: began.Add(5 * time.Second), Until: began.Add(6 * time.Second)})
	resend("a merchant's dead", 2, journal.CallbackQuery{MerchantID: merchantB, State: "dead"})
	resend("all, pending and not", 8, journal.CallbackQuery{})
	rows, err := l.Callbacks(t.Context(), journal.CallbackQuery{Limit: 1, EventID: "EV03"})
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	resend("a page", 3, journal.CallbackQuery{After: rows[0].Cursor(), Limit: 3})
	for i := range 8 {
		l.ends(t, fmt.Sprintf("EV%02d", i), journal.CallbackDelivered)
	}
	l.listed(t, "delivered once more", journal.CallbackQuery{State: "delivered"},
		"EV00", "EV01", "EV02", "EV03", "EV04", "EV05", "EV06", "EV07")
}

func queueOfCallbacks(t *testing.T, l log) {
	queue := func() journal.CallbackQueue {
		t.Helper()
		q, err := l.CallbackQueue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	if q := queue(); q != (journal.CallbackQueue{}) {
		t.Errorf("an empty outbox: %+v", q)
	}
	add := func(event string, ago time.Duration) {
		t.Helper()
		err := l.AddCallback(t.Context(), callbacktest.Row{EventID: event, PaymentID: "p", MerchantID: "M" + event, Lane: "M" + event + " x:443",
			URL: "https://x/", DueIn: -ago})
		if err != nil {
			t.Fatal(err)
		}
	}
	add("later", -time.Hour)
	if q := queue(); q != (journal.CallbackQueue{Pending: 1}) {
		t.Errorf("one that is not due: %+v", q)
	}
	add("e1", time.Minute)
	add("e2", time.Hour)
	if q := queue(); q.Pending != 3 || q.Oldest < time.Hour || q.Oldest > time.Hour+time.Minute {
		t.Errorf("two that are due: %+v", q)
	}
	if _, err := l.LeaseCallbacks(t.Context(), 1, time.Minute, journal.CallbackFilter{}); err != nil {
		t.Fatal(err)
	}
	if q := queue(); q.Pending != 3 || q.Oldest < time.Minute || q.Oldest > 2*time.Minute {
		t.Errorf("the oldest is being sent: %+v", q)
	}
}
