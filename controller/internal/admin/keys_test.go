package admin_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

// TestKeysRotate: the next key is live at once and the old ones sign on for the
// overlap; a disabled key is worth nothing from then on (phonepe-api: Wire rules).
func TestKeysRotate(t *testing.T) {
	onBoth(t, func(t *testing.T, db storage) {
		s, ctx := admin.NewService(db), t.Context()
		shop(t, s)
		first, err := s.CreateKey(ctx, me, admin.NewKey{Owner: "SHOP1"})
		is(t, "create", err, "", "")
		later, err := s.CreateKey(ctx, me, admin.NewKey{Owner: "SHOP1", Index: 7, NotBefore: "2099-01-01T05:30:00+05:30", Secret: "the-merchants-own-secret"})
		is(t, "create", err, "", "")
		if first.Index != "1" || first.State != "live" || len(first.Secret) != 64 || later.State != "pending" || later.NotBefore.Format(time.RFC3339) != "2099-01-01T00:00:00Z" {
			t.Fatalf("%+v %+v", first, later)
		}
		hour := int64(3600)
		before, err := db.Now(ctx)
		is(t, "now", err, "", "")
		second, err := s.RotateKey(ctx, me, "SHOP1", admin.Rotation{OverlapSeconds: &hour})
		is(t, "rotate", err, "", "")
		if second.Index != "8" || second.State != "live" || second.NotAfter != nil || len(second.Ending) != 1 || second.Ending[0].Index != "1" || second.Secret == first.Secret {
			t.Fatalf("%+v", second)
		}
		if end := second.Ending[0].NotAfter.Sub(before); end < time.Hour || end > time.Hour+time.Minute {
			t.Errorf("the old key ends in %v", end)
		}
		third, err := s.RotateKey(ctx, me, "SHOP1", admin.Rotation{})
		is(t, "rotate", err, "", "")
		// The first ends no later than it was told to.
		if len(third.Ending) != 1 || third.Ending[0].Index != "8" || third.Ending[0].NotAfter.Sub(before) < 24*time.Hour {
			t.Errorf("%+v", third.Ending)
		}
		dir := directory(t, db)
		for index, secret := range map[string]merchant.Secret{"1": first.Secret, "7": "the-merchants-own-secret", "8": second.Secret, "9": third.Secret} {
			k, ok := dir.SaltKey("SHOP1", index)
			if !ok || k.Secret != secret || k.Live(before.Add(time.Minute)) != (index != "7") || k.Live(before.Add(2*time.Hour)) != (index == "8" || index == "9") ||
				k.Live(before.Add(25*time.Hour)) != (index == "9") {
				t.Errorf("key %s: %v, %v to %v", index, ok, k.NotBefore, k.NotAfter)
			}
		}
		ended, err := s.DisableKey(ctx, me, "SHOP1", "8")
		is(t, "disable", err, "", "")
		now, err := db.Now(ctx)
		is(t, "now", err, "", "")
		k, _ := directory(t, db).SaltKey("SHOP1", "8")
		if ended.State != "ended" || k.Live(now) || k.Secret != second.Secret {
			t.Errorf("a disabled key is %+v", ended)
		}
		again, err := s.DisableKey(ctx, me, "SHOP1", "8")
		is(t, "disable again", err, "", "")
		if !again.NotAfter.Equal(*ended.NotAfter) {
			t.Error("an ended key ended again")
		}
		_, err = s.CreateKey(ctx, me, admin.NewKey{Owner: "SHOP1", Index: 8})
		is(t, "an index again", err, admin.CodeExists, "")

		// An overlap of nothing: the old keys end at once.
		none := int64(0)
		fourth, err := s.RotateKey(ctx, me, "SHOP1", admin.Rotation{OverlapSeconds: &none})
		is(t, "rotate", err, "", "")
		if len(fourth.Ending) != 2 || fourth.Ending[0].State != "ended" {
			t.Errorf("%+v", fourth.Ending)
		}
		for len(second.Ending) < 20 { // until there are too many that have not ended
			if _, err = s.CreateKey(ctx, me, admin.NewKey{Owner: "SHOP1"}); err != nil {
				break
			}
			second.Ending = append(second.Ending, admin.SaltKey{})
		}
		is(t, "a ninth key", err, admin.CodeConflict, "")
		_, err = s.CreateProvider(ctx, me, admin.NewProvider{ProviderID: "VENDOR"})
		is(t, "provider", err, "", "")
		_, err = s.CreateKey(ctx, me, admin.NewKey{Owner: "VENDOR", Index: 999_999})
		is(t, "the last index", err, "", "")
		_, err = s.RotateKey(ctx, me, "VENDOR", admin.Rotation{})
		is(t, "after the last index", err, admin.CodeConflict, "")
	})
}

// TestRotatedAtOnce: people who rotate one owner's keys at the same moment each
// get a key of their own.
func TestRotatedAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, db storage) {
		s := admin.NewService(db)
		shop(t, s)
		const people = 6
		indexes := make([]string, people)
		var all sync.WaitGroup
		for i := range people {
			all.Go(func() {
				made, err := s.RotateKey(t.Context(), me, "SHOP1", admin.Rotation{})
				if err != nil {
					t.Error(err)
				}
				indexes[i] = made.Index
			})
		}
		all.Wait()
		slices.Sort(indexes)
		if !slices.Equal(indexes, []string{"1", "2", "3", "4", "5", "6"}) {
			t.Errorf("indexes %v", indexes)
		}
	})
}
