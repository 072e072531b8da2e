package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback/callbacktest"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
)

func (l log) feed(t *testing.T, merchant, after string, limit int) journal.CallbackFeed {
	t.Helper()
	f, err := l.CallbackFeed(t.Context(), merchant, after, limit)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func feedOfMerchant(t *testing.T, l log) {
	l.made(t, merchantA, 0, 3)
	l.made(t, merchantB, 3, 5)
	if err := l.AddCallback(t.Context(), callbacktest.Row{EventID: "none", PaymentID: "p1", MerchantID: merchantA}); err != nil {
		t.Fatal(err)
	}
	l.ends(t, "EV00", journal.CallbackDelivered)
	l.ends(t, "EV01", journal.CallbackDead)
	for _, c := range []struct {
		merchant, after string
		limit           int
		want            []string
	}{
		{merchantB, "", 10, []string{"EV03", "EV04"}},
		{merchantB, "", 1, []string{"EV03"}},
		{"nobody", "", 10, nil},
		{merchantA, journal.CallbackCursor{At: began.Add(time.Second), EventID: "EV01"}.String(), 1, []string{"EV02"}},
		{merchantA, journal.CallbackCursor{At: began.Add(time.Second)}.String(), 2, []string{"EV01", "EV02"}},
		{merchantB, journal.CallbackCursor{At: began.Add(time.Second), EventID: "EV01"}.String(), 1, []string{"EV03"}},
	} {
		if f := l.feed(t, c.merchant, c.after, c.limit); !slices.Equal(eventIDs(f.Rows), c.want) {
			t.Errorf("%s after %q: %v, want %v", c.merchant, c.after, eventIDs(f.Rows), c.want)
		}
	}
	// The notice without a URL was made just now; it is there once now is past.
	for {
		f := l.feed(t, merchantA, "", 10)
		if f.Held {
			continue
		}
		want := []string{"EV00", "EV01", "EV02", "none"}
		if got := eventIDs(f.Rows); !slices.Equal(got, want) {
			t.Errorf("the feed holds %v, want %v", got, want)
		}
		return
	}
}

// Writers make callbacks at once while others follow the feed; each follower has
// all of them, once, in one order.
func followFeed(t *testing.T, l log) {
	const writers, batches = 4, 25
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range batches {
				for {
					err := l.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
						var c decide.Changes
						for n := range 1 + i%3 {
							id := fmt.Sprintf("%d-%d-%d", w, i, n)
							c.Callbacks = append(c.Callbacks, decide.Callback{EventID: id, PaymentID: id, MerchantID: merchantA, URL: "https://x/", At: s.Now})
						}
						return c, nil
					})
					if err == nil {
						break
					}
					if !errors.Is(err, journal.ErrAgain) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	const all = writers * (batches/3*6 + 1) // 25 batches: eight times 1+2+3, and one more
	follow := func(limit int) (seen []string) {
		after := ""
		for len(seen) < all && t.Context().Err() == nil && !t.Failed() {
			f, err := l.CallbackFeed(t.Context(), merchantA, after, limit)
			if err != nil {
				t.Error(err)
				return
			}
			for _, r := range f.Rows {
				seen, after = append(seen, r.EventID), r.Cursor()
			}
		}
		return seen
	}
	var following sync.WaitGroup
	got := make([][]string, 3)
	for i := range got {
		following.Go(func() { got[i] = follow(1 + 7*i) })
	}
	writing.Wait()
	following.Wait()
	for {
		f := l.feed(t, merchantA, "", 2*all)
		if f.Held {
			continue
		}
		want := eventIDs(f.Rows)
		if len(want) != all {
			t.Fatalf("%d were made, want %d", len(want), all)
		}
		for i, seen := range got {
			if !slices.Equal(seen, want) {
				t.Errorf("follower %d saw %v, want %v", i, seen, want)
			}
		}
		return
	}
}

func horizonOfFeed(t *testing.T, l log) {
	at, err := l.CallbackHorizon(t.Context())
	if err != nil || at.After(l.bench.now(t)) {
		t.Fatalf("the horizon is %v, %v", at, err)
	}
	l.bench.must(t, decide.Needs{}, func(s decide.Snapshot) decide.Changes {
		return decide.Changes{Callbacks: []decide.Callback{{EventID: "EV1", MerchantID: merchantA, URL: "https://x/", At: s.Now}}}
	})
	for {
		f := l.feed(t, merchantA, journal.CallbackCursor{At: at}.String(), 10)
		if f.Held {
			continue
		}
		if got := eventIDs(f.Rows); !slices.Equal(got, []string{"EV1"}) {
			t.Errorf("after the horizon come %v", got)
		}
		return
	}
}
