package storagetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/signing"
)

// SigningKeys runs the contract of the ring's rows. open makes a storage that is
// migrated and empty.
func SigningKeys(t *testing.T, open func(t *testing.T) signing.Storage) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, signing.Storage)
	}{
		{"at first there is no key and no version", noKeys},
		{"a key is kept as it is", keyKept},
		{"only what happened to a key changes", keyChanges},
		{"a change over another version is refused whole", staleChange},
		{"the version never goes back", versionRises},
		{"of many changes over one version one is saved", changeRace},
		{"what cannot be kept is refused whole", badKeyID},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

func stored(t *testing.T, s signing.Storage) signing.Stored {
	t.Helper()
	got, err := s.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func saved(t *testing.T, s signing.Storage, from, to uint64, k signing.Key) {
	t.Helper()
	if err := s.SaveSigningKey(t.Context(), from, to, k); err != nil {
		t.Fatal(err)
	}
}

func onlineKey(n int) signing.Key {
	return signing.Key{ID: fmt.Sprint("online-key-", n), Public: []byte(strings.Repeat(string(rune('a'+n)), 32)), CreatedAt: day}
}

func noKeys(t *testing.T, s signing.Storage) {
	before := time.Now().Add(-time.Minute)
	got := stored(t, s)
	if got.Version != 0 || len(got.Keys) != 0 {
		t.Fatalf("an empty ring is %+v", got)
	}
	// The database's clock, which is this machine's.
	if got.Now.Before(before) || got.Now.After(time.Now().Add(time.Minute)) || got.Now.Location() != time.UTC || got.Now != micro(got.Now) {
		t.Errorf("it is %v", got.Now)
	}
}

func keyKept(t *testing.T, s signing.Storage) {
	want := []signing.Key{onlineKey(1), onlineKey(2), onlineKey(3)}
	want[1].ActivatedAt = day.Add(time.Hour)
	want[2].ActivatedAt, want[2].RetiredAt = day.Add(2*time.Hour+time.Microsecond), day.Add(3*time.Hour)
	const high = 1_795_000_000
	for n, k := range want {
		saved(t, s, []uint64{0, 1, high}[n], []uint64{1, high, high + 1}[n], k)
	}
	got := stored(t, s)
	slices.SortFunc(got.Keys, func(a, b signing.Key) int { return strings.Compare(a.ID, b.ID) })
	if got.Version != high+1 || !reflect.DeepEqual(got.Keys, want) {
		t.Fatalf("kept %+v, want %+v", got, want)
	}
}

func keyChanges(t *testing.T, s signing.Storage) {
	k := onlineKey(1)
	saved(t, s, 0, 1, k)
	changed := onlineKey(7)
	changed.ID, changed.CreatedAt = k.ID, day.Add(time.Hour)
	changed.ActivatedAt, changed.RetiredAt = day.Add(2*time.Hour), day.Add(3*time.Hour)
	saved(t, s, 1, 2, changed)
	k.ActivatedAt, k.RetiredAt = changed.ActivatedAt, changed.RetiredAt
	if got := stored(t, s); got.Version != 2 || !reflect.DeepEqual(got.Keys, []signing.Key{k}) {
		t.Fatalf("kept %+v, want %+v", got, k)
	}
	// A time can be taken back, as that of a key which never signed.
	k.ActivatedAt = time.Time{}
	saved(t, s, 2, 3, k)
	if got := stored(t, s); !reflect.DeepEqual(got.Keys, []signing.Key{k}) {
		t.Fatalf("kept %+v, want %+v", got, k)
	}
}

func staleChange(t *testing.T, s signing.Storage) {
	saved(t, s, 0, 5, onlineKey(1))
	want := stored(t, s)
	retired := onlineKey(1)
	retired.RetiredAt = day
	for _, from := range []uint64{0, 1, 4, 6} {
		for _, k := range []signing.Key{onlineKey(2), retired} {
			if err := s.SaveSigningKey(t.Context(), from, 9, k); !errors.Is(err, signing.ErrConflict) {
				t.Errorf("over version %d: %v", from, err)
			}
		}
	}
	if got := stored(t, s); got.Version != 5 || !reflect.DeepEqual(got.Keys, want.Keys) {
		t.Fatalf("refused, and now it is %+v", got)
	}
}

func versionRises(t *testing.T, s signing.Storage) {
	saved(t, s, 0, 5, onlineKey(1))
	for _, to := range []uint64{0, 4, 5} {
		if err := s.SaveSigningKey(t.Context(), 5, to, onlineKey(2)); !errors.Is(err, signing.ErrConflict) {
			t.Errorf("from version 5 to %d: %v", to, err)
		}
	}
	if got := stored(t, s); got.Version != 5 || len(got.Keys) != 1 {
		t.Fatalf("refused, and now it is %+v", got)
	}
}

func changeRace(t *testing.T, s signing.Storage) {
	saved(t, s, 0, 1, onlineKey(1))
	const writers = 8
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() { errs[n] = s.SaveSigningKey(t.Context(), 1, 2, onlineKey(n+2)) })
	}
	wg.Wait()
	won := -1
	for n, err := range errs {
		switch {
		case err == nil && won < 0:
			won = n
		case !errors.Is(err, signing.ErrConflict):
			t.Errorf("writer %d: %v", n, err)
		}
	}
	got := stored(t, s)
	if got.Version != 2 || len(got.Keys) != 2 || won < 0 ||
		!slices.ContainsFunc(got.Keys, func(k signing.Key) bool { return reflect.DeepEqual(k, onlineKey(won+2)) }) {
		t.Fatalf("writer %d has won, and kept is %+v", won, got)
	}
}

func badKeyID(t *testing.T, s signing.Storage) {
	for _, id := range []string{"a\x00b", "\xff"} {
		k := onlineKey(1)
		k.ID = id
		if err := s.SaveSigningKey(t.Context(), 0, 1, k); !errors.Is(err, journal.ErrText) {
			t.Errorf("id %q: %v", id, err)
		}
	}
	if got := stored(t, s); got.Version != 0 || len(got.Keys) != 0 {
		t.Fatalf("refused, and now it is %+v", got)
	}
}
