package quote

import (
	"testing"
	"time"
)

// TestExpired: the boundary instant is expired (upi-switch).
func TestExpired(t *testing.T) {
	end := time.UnixMicro(1_000_000)
	q := Quote{ExpiresAt: end}
	if q.Expired(end.Add(-time.Microsecond)) || !q.Expired(end) {
		t.Error("the boundary instant must be expired, the one before it not")
	}
}
