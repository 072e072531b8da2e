package table

import (
	"cmp"
	"fmt"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// CheckNetworkOutcome refuses an outcome that no storage can keep: with
// journal.ErrText where a text is not Keepable, and where its state is none.
func CheckNetworkOutcome(o journal.NetworkOutcome) error {
	if !Keepable(o.ID) || !Keepable(o.Error) {
		return fmt.Errorf("network outcome: %w", journal.ErrText)
	}
	switch o.State {
	case journal.NetworkPending, journal.NetworkDone, journal.NetworkDead:
		return nil
	}
	return fmt.Errorf("network outcome: %q is no state of a row", o.State)
}

// FirstMade orders rows of the network outbox by their making.
func FirstMade(a, b journal.NetworkDelivery) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
}
