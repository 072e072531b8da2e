package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal/table"
)

func (w *writer) save(ctx context.Context, l *loaded, c decide.Changes) error {
	for _, step := range []func() error{
		func() error { return insert(ctx, w, table.Payments, c.NewPayments) },
		func() error { return insert(ctx, w, table.Quotes, c.NewQuotes) },
		func() error { return insert(ctx, w, table.Events, c.Events) },
		func() error { return insert(ctx, w, table.QuoteEvents, c.QuoteEvents) },
		func() error { return insert(ctx, w, table.Messages, c.Messages) },
		func() error { return insert(ctx, w, table.ReqPays, c.NewReqPays) },
		func() error { return insert(ctx, w, table.Credits, c.NewCredits) },
		func() error { return insert(ctx, w, table.ShortOrders, c.NewShort) },
		func() error { return insert(ctx, w, table.NetworkRequests, c.Network) },
		func() error { return insert(ctx, w, table.Callbacks, c.Callbacks) },
		func() error {
			return update(ctx, w, table.Terminals, c.Terminals, func(i int) (int64, bool) {
				v, ok := l.terminals[c.Terminals[i].Identity]
				return v, ok
			})
		},
		func() error {
			return update(ctx, w, table.Payments, c.Payments, func(i int) (int64, bool) {
				v, ok := l.payments[c.Payments[i].ID]
				return v, ok
			})
		},
		func() error {
			return update(ctx, w, table.Quotes, c.Quotes, func(i int) (int64, bool) {
				v, ok := l.quotes[c.Quotes[i].Token]
				return v, ok
			})
		},
		func() error {
			return update(ctx, w, table.ShortOrders, c.Short, func(i int) (int64, bool) {
				v, ok := l.short[c.Short[i].ShortKey]
				return v, ok
			})
		},
		func() error {
			return update(ctx, w, table.Credits, c.Credits, func(i int) (int64, bool) {
				v, ok := l.credits[c.Credits[i].TxnKey]
				return v, ok
			})
		},
		func() error {
			return update(ctx, w, table.ReqPays, c.ReqPays, func(i int) (int64, bool) {
				v, ok := l.reqPays[c.ReqPays[i].TxnKey]
				return v, ok
			})
		},
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// chunks are how many rows one statement writes: few sizes, so that each is
// prepared once.
var chunks = []int{64, 8, 1}

// insert adds rows with as few statements as there may be.
func insert[T any](ctx context.Context, w *writer, t table.Table[T], rows []T) error {
	if err := t.Check(rows); err != nil {
		return err
	}
	head := "INSERT INTO " + t.Name + " (" + strings.Join(t.Names(), ", ") + ") VALUES "
	one := "(" + marks(len(t.Columns)) + ")"
	return chunked(rows, func(part []T, _ int) error {
		args := make([]any, 0, len(part)*len(t.Columns))
		for i := range part {
			for _, c := range t.Columns {
				args = append(args, value(c, &part[i]))
			}
		}
		return w.exec(ctx, head+one+strings.Repeat(", "+one, len(part)-1), args...)
	})
}

// update writes changed rows over the version that was loaded. A row that was
// not loaded, or has another version now, fails the batch: nobody but the
// journal changes these rows, and it has them locked.
func update[T any](ctx context.Context, w *writer, t table.Table[T], rows []T, version func(int) (int64, bool)) error {
	if err := t.Check(rows); err != nil {
		return err
	}
	keys, changing := t.KeyColumns(), t.Changing()
	columns := append(append([]table.Column[T](nil), keys...), changing...)
	one := "(" + marks(len(columns)+1) + ")"
	var set, where []string
	for i, c := range columns {
		if i < len(keys) {
			where = append(where, fmt.Sprintf("%s.%s = new.column%d", t.Name, c.Name, i+1))
		} else {
			set = append(set, fmt.Sprintf("%s = new.column%d", c.Name, i+1))
		}
	}
	where = append(where, fmt.Sprintf("%s.version = new.column%d", t.Name, len(columns)+1))
	return chunked(rows, func(part []T, from int) error {
		args := make([]any, 0, len(part)*(len(columns)+1))
		for i := range part {
			for _, c := range columns {
				args = append(args, value(c, &part[i]))
			}
			v, ok := version(from + i)
			if !ok {
				return fmt.Errorf("a row of %s is changed that was not loaded", t.Name)
			}
			args = append(args, v)
		}
		n, err := w.changed(ctx, "UPDATE "+t.Name+" SET "+strings.Join(set, ", ")+", version = version + 1 FROM (VALUES "+
			one+strings.Repeat(", "+one, len(part)-1)+") AS new WHERE "+strings.Join(where, " AND "), args...)
		if err == nil && n != int64(len(part)) {
			err = fmt.Errorf("%d of %d rows of %s were changed by somebody else", int64(len(part))-n, len(part), t.Name)
		}
		return err
	})
}

func chunked[T any](rows []T, write func(part []T, from int) error) error {
	from := 0
	for _, size := range chunks {
		for len(rows)-from >= size {
			if err := write(rows[from:from+size], from); err != nil {
				return err
			}
			from += size
		}
	}
	return nil
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
