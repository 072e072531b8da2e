package signing_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/signing"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// TestForgedRows: a key that somebody writes into the table never gets into a
// set, whether it has a seed of its own or not; the last reading stands.
func TestForgedRows(t *testing.T) {
	t.Parallel()
	onEveryStorage(t, func(t *testing.T, connect func() signing.Storage) {
		db := connect()
		r := open(t, db)
		key, set, version := r.Current()
		stored, err := db.SigningKeys(t.Context())
		must(t, err)
		forged := signing.Key{ID: "online-key-2", Public: protocoltest.Public("thief"), CreatedAt: stored.Now, ActivatedAt: stored.Now}
		must(t, db.SaveSigningKey(t.Context(), version, version+100, forged))
		stands := func(what string, want error) {
			t.Helper()
			err := r.Refresh(t.Context())
			if err == nil || want != nil && !errors.Is(err, want) {
				t.Errorf("%s: %v", what, err)
			}
			if k, s, v := r.Current(); k.ID != key.ID || !bytes.Equal(s, set) || v != version {
				t.Errorf("%s: the last reading does not stand", what)
			}
			if _, err := signing.Open(t.Context(), db, signing.Config{}); err == nil {
				t.Errorf("%s: a controller starts", what)
			}
		}
		stands("without a seed", nil)
		seed := sha256.Sum256([]byte("another seed"))
		_, err = db.PutSecret(t.Context(), "online-key-2", seed[:])
		must(t, err)
		stands("with another's seed", signing.ErrForged)
	})
}

// TestRestoredDatabase: a database that is put back to a copy of yesterday has
// keys that terminals have left behind. A running ring does not go back; and
// after one Create the terminals follow again, without a visit.
func TestRestoredDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newShelf()
		running := open(t, db)
		x := terminal{root: rootOf(running)}
		yesterday := db.copy()
		old := running.Signer()
		for n := range 3 {
			time.Sleep(time.Hour)
			_, err := running.Create(t.Context())
			must(t, err)
			_, err = running.Rotate(t.Context(), true)
			must(t, err)
			_, err = running.Retire(t.Context(), fmt.Sprint("online-key-", n+1), true)
			must(t, err)
		}
		must(t, x.follow(running.KeySet()))
		newest := running.Signer()
		time.Sleep(time.Hour)
		db.restore(yesterday)

		if err := running.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "create a signing key") {
			t.Errorf("back to yesterday: %v", err)
		}
		if running.Signer().ID != newest.ID {
			t.Error("a running ring went back")
		}
		restarted := open(t, db)
		must(t, x.follow(restarted.KeySet()))
		if err := x.believes(restarted.Signer()); restarted.Signer().ID != old.ID || !errors.Is(err, protocol.ErrUnknownKey) {
			t.Fatalf("the terminal went back to a key of yesterday: %v", err)
		}
		_, err := restarted.Create(t.Context())
		must(t, err)
		must(t, x.follow(restarted.KeySet()))
		must(t, x.believes(restarted.Signer()))
		must(t, running.Refresh(t.Context()))
		if !bytes.Equal(running.KeySet(), restarted.KeySet()) || running.Signer().ID != old.ID {
			t.Error("a ring that was running meanwhile does not follow")
		}
	})
}

// TestAbandonedSeed: a Create that failed after it had made its seed leaves
// nothing that the next one trips over.
func TestAbandonedSeed(t *testing.T) {
	t.Parallel()
	db := newShelf()
	r := open(t, db)
	left := protocoltest.Key("left behind")
	_, err := db.PutSecret(t.Context(), "online-key-2", left.Private.Seed())
	must(t, err)
	info, err := r.Create(t.Context())
	must(t, err)
	if info.KeyID != left.ID {
		t.Errorf("made %s, want the key of the seed that is there, %s", info.KeyID, left.ID)
	}
}
