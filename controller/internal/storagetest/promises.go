package storagetest

import (
	"context"
	"errors"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/quote"
)

// PromiseStorage is a storage that the UPI network's door reads quotes of, many at
// once.
type PromiseStorage interface {
	Storage
	Promises(ctx context.Context, tokens []string) (map[string]quote.Promise, error)
}

// RunPromises runs their contract. open makes a storage that is migrated and empty.
func RunPromises(t *testing.T, open func(t *testing.T) PromiseStorage) {
	t.Helper()
	s := open(t)
	one, other := newQuote("one"), newQuote("other")
	other.OrgID, other.Amount, other.Base, other.Currency = "P", 8_345, 100, "USD"
	used := newQuote("used")
	used.UsedAt, used.UsedBy = day, "x"
	bench{s}.add(t, decide.Changes{NewQuotes: []quote.Quote{one, other, used}})
	for _, c := range []struct {
		name   string
		tokens []string
		want   map[string]quote.Promise
	}{
		{"none", nil, map[string]quote.Promise{}},
		{"one", []string{"one"}, map[string]quote.Promise{"one": {Token: "one", OrgID: "O", Amount: 100}}},
		{"several, one of them twice, and some that are not there", []string{"used", "nobody", "other", "one", "other", "", "' OR true --"},
			map[string]quote.Promise{
				"one": {Token: "one", OrgID: "O", Amount: 100}, "other": {Token: "other", OrgID: "P", Amount: 8_345},
				"used": {Token: "used", OrgID: "O", Amount: 100},
			}},
		{"what cannot be kept cannot be found, and hides nobody else", []string{"a\x00b", "one", "\xff"},
			map[string]quote.Promise{"one": {Token: "one", OrgID: "O", Amount: 100}}},
	} {
		found, err := s.Promises(t.Context(), c.tokens)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		same(t, c.name, found, c.want)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Promises(over, []string{"one"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}
