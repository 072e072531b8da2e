package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/retention"
)

// retentionFlags say how long months of events and callbacks stay in their tables.
type retentionFlags struct {
	Retention     retention.Policy `default:"keep" placeholder:"keep|13months|400d" help:"How long a month of events, callbacks and their delivery log stays after its end. keep: for ever; events are the audit chain. Else a month that is over for so long, and of which nothing is pending or unfinished, is detached: it becomes a table of its own, detached_TABLE_YYYY_MM, for you to archive and drop, and is not found by the API, the feed and the verbs any more. Payments, quotes and credits always stay. PostgreSQL only."`
	RetentionDrop bool             `help:"Drop months as soon as they are detached. They are gone for good."`
}

// policy is what the flags say.
func (f retentionFlags) policy() (retention.Policy, error) {
	p := f.Retention
	p.Drop = f.RetentionDrop
	if p.Drop && p.Keeps() {
		return p, errors.New("--retention-drop: --retention keep never detaches anything to drop")
	}
	return p, nil
}

// setRetention tells the database, before the first Tidy.
func (f retentionFlags) setRetention(db retained) error {
	p, err := f.policy()
	if err != nil {
		return err
	}
	if err := db.SetRetention(p); err != nil {
		return fmt.Errorf("--retention: %w", err)
	}
	return nil
}

// retained is what a storage knows of months.
type retained interface {
	SetRetention(p retention.Policy) error
	Archived(ctx context.Context, table string) (before time.Time, err error)
	TableSizes(ctx context.Context) ([]retention.Table, error)
}

// verifyEvents checks a payment's events against its row, and returns the time
// before which its events are archived; the zero time where all are there. The
// payment's own row says where its chain ends, so that what is left of it is proved
// by its hashes as the whole is; what was archived is proved by the hash that the
// first of these builds on.
func verifyEvents(ctx context.Context, db retained, row payment.Payment, events []payment.Record) (archived time.Time, err error) {
	if len(events) > 0 && events[0].Seq == 1 {
		state, err := payment.VerifyChain(events)
		if err == nil && state != row.State {
			err = fmt.Errorf("payment %s is %s, its events say %s", row.ID, row.State, state)
		}
		return archived, err
	}
	archived, err = db.Archived(ctx, "transaction_events")
	switch {
	case err != nil:
		return archived, err
	case !row.CreatedAt.Before(archived): // nothing of it can have been archived
		return archived, fmt.Errorf("payment %s: its first events are missing", row.ID)
	case len(events) == 0:
		return archived, nil
	}
	for i, e := range events {
		if e.Sum() != e.Hash || i > 0 && (e.Seq != events[i-1].Seq+1 || e.PrevHash != events[i-1].Hash || e.From != events[i-1].To) {
			return archived, fmt.Errorf("event %d of %s: the chain is broken", e.Seq, row.ID)
		}
	}
	if last := events[len(events)-1]; last.Seq != row.Seq || last.Hash != row.Hash || last.To != row.State {
		return archived, fmt.Errorf("payment %s: its events end at %d in %s, the payment says %d in %s", row.ID, last.Seq, last.To, row.Seq, row.State)
	}
	return archived, nil
}

// storageCommand tells how large the database is.
type storageCommand struct {
	databaseFlags
	JSON bool `name:"json" help:"Print one JSON object a line, in bytes."`
}

// tableSize is a table's size as it is printed.
type tableSize struct {
	Table          string     `json:"table"`
	Rows           *int64     `json:"rows"` // null: unknown
	Bytes          int64      `json:"bytes"`
	IndexBytes     int64      `json:"indexBytes"`
	Months         int        `json:"months"`
	OldestMonth    string     `json:"oldestMonth"`
	NoMonth        int64      `json:"rowsWithoutMonth"`
	ArchivedBefore *time.Time `json:"archivedBefore"`
	Detached       bool       `json:"detached"`
}

// Run prints sizes.
func (c storageCommand) Run(ctx context.Context, out io.Writer) error {
	return c.withCallbacks(ctx, func(db storage) error {
		tables, err := db.TableSizes(ctx)
		if err != nil {
			return err
		}
		return printSizes(printer{w: out, json: c.JSON}, tables)
	})
}

func printSizes(p printer, tables []retention.Table) error {
	type line struct {
		Table    string `json:"table"`
		Rows     string `json:"rows"`
		Size     string `json:"size"`
		Indexes  string `json:"indexes"`
		Months   string `json:"months"`
		Oldest   string `json:"oldest"`
		Archived string `json:"archived-before"`
	}
	list := newRows[line](p)
	all := retention.Table{Name: "all"}
	for _, t := range tables {
		all.Bytes, all.IndexBytes = all.Bytes+t.Bytes, all.IndexBytes+t.IndexBytes
		if p.json {
			if err := p.line(sizeObject(t)); err != nil {
				return err
			}
			continue
		}
		l := line{Table: t.Name, Rows: "-", Size: byteText(t.Bytes), Indexes: byteText(t.IndexBytes), Months: "-", Oldest: "-", Archived: "-"}
		if t.Rows >= 0 {
			l.Rows = fmt.Sprintf("~%d", t.Rows)
		}
		if t.Months > 0 {
			l.Months, l.Oldest = fmt.Sprint(t.Months), t.Oldest.Format("2006-01")
		}
		if t.Default > 0 {
			l.Months += fmt.Sprintf(" (%d rows in none)", t.Default)
		}
		if !t.Archived.IsZero() {
			l.Archived = t.Archived.Format(time.DateOnly)
		}
		if err := list.add([]line{l}); err != nil {
			return err
		}
	}
	if p.json {
		return nil
	}
	if err := list.add([]line{{Table: "all", Rows: "-", Size: byteText(all.Bytes), Indexes: byteText(all.IndexBytes), Months: "-", Oldest: "-", Archived: "-"}}); err != nil {
		return err
	}
	return list.end()
}

func sizeObject(t retention.Table) tableSize {
	o := tableSize{Table: t.Name, Bytes: t.Bytes, IndexBytes: t.IndexBytes, Months: t.Months, NoMonth: t.Default, Detached: t.Detached}
	if t.Rows >= 0 {
		o.Rows = &t.Rows
	}
	if t.Months > 0 {
		o.OldestMonth = t.Oldest.Format("2006-01")
	}
	if !t.Archived.IsZero() {
		o.ArchivedBefore = &t.Archived
	}
	return o
}

// byteText is a size for people: 1.5 GB is 1,500,000,000 bytes.
func byteText(n int64) string {
	const kilo = 1000
	if n < kilo {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n)/kilo, 0
	for size >= kilo && unit < 3 {
		size, unit = size/kilo, unit+1
	}
	return fmt.Sprintf("%.1f %s", size, []string{"kB", "MB", "GB", "TB"}[unit])
}
