package payapi_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payapi"
)

// FuzzParseObject: two readers, one meaning (failure matrix T11). parseObject
// takes a text if and only if the second reader does, and reads the same.
func FuzzParseObject(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"a":1,"b":[{"c":null}],"d":"\u0061\ud83d\ude00"}`, `{"amount":50000,"AMOUNT":100}`, `{"\u017ftoreId":1,"storeId":2}`,
		`{"a":1}{"a":2}`, `{"a":{"b":1,"b":2}}`, `{"k":1,"\u212a":2}`, `{"i":1,"\u0131":2,"\u0130":3}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`,
		`{"\ud800":1,"\ud801":2}`, "\ufeff{}", `{"a":1,}`, `{"a":01}`, `{"a":1e400}`, `null`, "{\"a\x00\":1}", `{"a":tru}`,
		strings.Repeat(`{"a":`, 16) + "1" + strings.Repeat("}", 16), strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17),
		`{"a":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + "}", `{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + "}",
	} {
		f.Add([]byte(text))
	}
	const maxDepth = 16
	f.Fuzz(func(t *testing.T, text []byte) {
		ours, err := payapi.ParseObject(text)
		theirs, depth, ok := readObject(text)
		if (err == nil) != (ok && depth <= maxDepth) {
			t.Fatalf("ours says %v, the second reader %v (depth %d)", err, ok, depth)
		}
		if err != nil {
			return
		}
		if len(ours) != len(theirs) {
			t.Fatalf("%d keys, the second reader has %d", len(ours), len(theirs))
		}
		for key, raw := range ours {
			s := &second{text: string(raw)}
			v, err := s.value(1)
			if want, there := theirs[key]; err != nil || !there || !reflect.DeepEqual(v, want) {
				t.Errorf("%q is %s, the second reader has %v", key, raw, want)
			}
		}
	})
}

// TestEveryFoldIsOneKey: two letters that Unicode folds onto one are one letter
// of a key, for every letter that there is.
func TestEveryFoldIsOneKey(t *testing.T) {
	t.Parallel()
	pairs := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			pairs++
			if _, err := payapi.ParseObject(fmt.Appendf(nil, `{"x%cy":1,"x%cy":2}`, r, other)); err == nil {
				t.Errorf("%U and %U are two keys", r, other)
			}
		}
	}
	if pairs < 2000 {
		t.Errorf("only %d pairs", pairs)
	}
}

// ledger is a storage that tells what was saved, as soon as it is.
type ledger struct {
	journal.Storage
	mu    sync.Mutex
	saved []decide.Changes
}

func (l *ledger) Apply(ctx context.Context, id journal.BatchID, needs decide.Needs, run func(decide.Snapshot) (decide.Changes, error)) error {
	var changes decide.Changes
	err := l.Storage.Apply(ctx, id, needs, func(s decide.Snapshot) (c decide.Changes, err error) {
		changes, err = run(s)
		return changes, err
	})
	if err == nil && !changes.Empty() {
		l.mu.Lock()
		l.saved = append(l.saved, changes)
		l.mu.Unlock()
	}
	return err
}

// take takes what was saved since it was asked last.
func (l *ledger) take() []decide.Changes {
	l.mu.Lock()
	defer l.mu.Unlock()
	saved := l.saved
	l.saved = nil
	return saved
}

// newJournal makes a journal that is closed with the test.
func newJournal(t testing.TB, cfg journal.Config) *journal.Journal {
	t.Helper()
	j, err := journal.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- j.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := j.Close(context.Background()); err != nil {
			t.Error(err)
		}
		<-done
	})
	return j
}

// newLedgerDoor is a door whose journal writes into a ledger.
func newLedgerDoor(t testing.TB, change ...func(*merchant.Data)) (*door, *ledger) {
	t.Helper()
	house := doortest.New(t, change...)
	l := &ledger{Storage: house.DB}
	j := newJournal(t, journal.Config{Storage: l, Log: house.Log})
	gin.SetMode(gin.ReleaseMode)
	r := gin.New() // without recovery: a panic is a failure
	r.Use(payapi.RequestID)
	payapi.New(payapi.Config{
		Journal: j, Reader: house.DB, Directory: house.Directory, LinkKey: house.LinkKey, OrgID: "MER101", Sandbox: true, Log: house.Log,
	}).Register(r)
	return &door{t: t, handler: r, House: house}, l
}
