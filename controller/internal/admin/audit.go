package admin

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin/record"
)

// AuditEntry is a line of the audit log as it is shown.
type AuditEntry struct {
	ID     int64     `json:"id"`
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Source string    `json:"source"`
	Action string    `json:"action"`
	Target string    `json:"target"`
	// Changes is {"field":{"from":...,"to":...}}.
	Changes json.RawMessage `json:"changes"`
}

// AuditQuery asks for lines of the audit log, oldest first. Each field that is
// not its zero value narrows it.
type AuditQuery struct {
	Actor, Action, Target string
	Since, Until          time.Time
	// Last takes the newest lines, which still come oldest first.
	Last  bool
	After string
	Limit int
}

func viewEntry(e record.Entry) AuditEntry {
	changes := json.RawMessage(e.Details)
	if !json.Valid(changes) {
		changes = json.RawMessage("{}")
	}
	return AuditEntry{e.ID, e.At.UTC(), e.Actor, e.Source, e.Action, e.Target, changes}
}

// Audit lists lines of the audit log.
func (s *Service) Audit(ctx context.Context, q AuditQuery) (Page[AuditEntry], error) {
	var c checks
	c.that(q.Limit >= 1 && q.Limit <= MaxLimit, "limit", "must be a whole number from 1 to 200")
	for field, text := range map[string]string{"actor": q.Actor, "action": q.Action, "target": q.Target} {
		c.that(printable(text, 255), field, "must be printable")
	}
	after := int64(0)
	if q.After != "" && c.err == nil {
		after, c.err = number("after", q.After, 0, 1<<62)
	}
	if c.err != nil {
		return Page[AuditEntry]{}, c.err
	}
	limit := q.Limit + 1
	if q.Last {
		limit = q.Limit // nothing follows the last
	}
	rows, err := s.store.AuditPage(ctx, record.AuditQuery{
		Actor: q.Actor, Action: q.Action, Target: q.Target, Since: q.Since, Until: q.Until, After: after, Last: q.Last, Limit: limit,
	})
	return pageOf(rows, q.Limit, viewEntry, func(e record.Entry) string { return strconv.FormatInt(e.ID, 10) }), err
}
