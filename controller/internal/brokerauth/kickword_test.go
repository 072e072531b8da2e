package brokerauth

import (
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// TestPasswordsOfAKick: good for one terminal, by one secret, for seconds; with
// any byte changed for nobody.
func TestPasswordsOfAKick(t *testing.T) {
	t.Parallel()
	const secret = "a bearer secret of tests"
	us := protocol.Identity{MerchantID: "M", StoreID: "s", TerminalID: "t"}
	other := protocol.Identity{MerchantID: "M", StoreID: "s", TerminalID: "u"}
	now := time.Date(2026, 11, 21, 10, 30, 0, 0, time.UTC)
	word := newKick(secret, us, now)
	for _, row := range []struct {
		name, secret string
		id           protocol.Identity
		at           time.Time
		ok           bool
	}{
		{"as it is", secret, us, now, true},
		{"on a clock that is behind", secret, us, now.Add(-20 * time.Second), true},
		{"at its end", secret, us, now.Add(kickLifetime), false},
		{"long before", secret, us, now.Add(-time.Hour), false},
		{"for another terminal", secret, other, now, false},
		{"by another secret", "another", us, now, false},
	} {
		if goodKick(row.secret, row.id, word, row.at) != row.ok {
			t.Errorf("%s: %v", row.name, !row.ok)
		}
	}
	if !isKick(word) || len(word) > 128 {
		t.Errorf("%q", word)
	}
	for i := range word {
		bad := []byte(word)
		bad[i] ^= 1
		if isKick(string(bad)) && goodKick(secret, us, string(bad), now) {
			t.Errorf("byte %d changed, and still good", i)
		}
	}
	for _, bad := range []string{"", "kick.", "kick.AAAA", word + "AAAA"} {
		if goodKick(secret, us, bad, now) {
			t.Errorf("%q is good", bad)
		}
	}
}
