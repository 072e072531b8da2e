package table

import (
	"slices"
	"strings"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// stateIndexes are the indexes of payments of some states, each with its condition
// word by word: no more than that has a database see that the index fits.
var stateIndexes = []struct {
	states []payment.State
	words  string
	open   bool
}{
	{[]payment.State{payment.Created, payment.HandedOver, payment.Presented}, "state IN ('created', 'handed_over', 'presented')", true},
	{[]payment.State{payment.InProgress, payment.Parked}, "state IN ('in_progress', 'parked')", true},
	{[]payment.State{payment.Failed, payment.Cancelled, payment.Expired}, "state IN ('failed', 'cancelled', 'expired')", false},
}

// EverybodyWhere is PaymentWhere for the administration's lists: everybody's
// payments, all or those of a state, page by page. Those of a state that has no end
// are few, and are in the order of their time. All others are in the order of our
// ids, in which is the time that each was drawn at: of everybody's rows there is no
// other index, and without one each page would sort them all. false says that the
// query asks for something else.
func EverybodyWhere(q journal.PaymentQuery, mark func(n int) string, at func(any) any) (text string, args []any, ok bool) {
	other := q
	other.State, other.AfterTime, other.AfterID, other.Newest, other.Limit = "", time.Time{}, "", false, 0
	if other != (journal.PaymentQuery{}) {
		return "", nil, false
	}
	arg := func(v any) string {
		args = append(args, v)
		return mark(len(args))
	}
	conditions := []string{"true"}
	if !slices.Contains(payment.States, q.State) { // nobody has to look for that in every row
		conditions = append(conditions, "false")
	}
	byTime := false
	for _, index := range stateIndexes {
		if slices.Contains(index.states, q.State) {
			conditions, byTime = append(conditions, index.words), index.open
		}
	}
	if q.State != payment.None {
		conditions = append(conditions, "state = "+arg(string(q.State)))
	}
	than, down := " > ", ""
	if q.Newest {
		than, down = " < ", " DESC"
	}
	order := "id" + down
	switch {
	case byTime:
		order = "created_at" + down + ", id" + down
		if !q.AfterTime.IsZero() {
			after := arg(at(q.AfterTime))
			conditions = append(conditions, "(created_at, id)"+than+"("+after+", "+arg(q.AfterID)+")")
		}
	case !q.AfterTime.IsZero():
		conditions = append(conditions, "id"+than+arg(q.AfterID))
	}
	limit := arg(pageOf(q))
	return "WHERE " + strings.Join(conditions, " AND ") + " ORDER BY " + order + " LIMIT " + limit, args, true
}

// pageOf is how many rows a page has at most.
func pageOf(q journal.PaymentQuery) int {
	const most = 200
	if q.Limit <= 0 || q.Limit > most {
		return most
	}
	return q.Limit
}
