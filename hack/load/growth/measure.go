package growth

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// touched is how many blocks have been touched in the database.
func (s *site) touched(ctx context.Context) (int64, error) {
	text, err := s.query(ctx, `SELECT sum(coalesce(heap_blks_read + heap_blks_hit, 0) + coalesce(idx_blks_read + idx_blks_hit, 0)
		+ coalesce(toast_blks_read + toast_blks_hit, 0)) FROM pg_statio_user_tables;`)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// piece is something that is asked of a site. Its time is do's alone; its blocks are
// those of before and after too, which may be nil.
type piece struct {
	name              string
	before, do, after func(ctx context.Context, s *site) error
}

// pieces are what the life of payments is made of, and at last nothing at all.
func pieces() []piece {
	var pulled [2]order // by site; the sites are asked one after the other
	of := func(s *site) *order {
		if s == s.h.sites[0] {
			return &pulled[0]
		}
		return &pulled[1]
	}
	return []piece{
		{name: "init", do: func(ctx context.Context, s *site) error { return s.init(ctx) }},
		{name: "status of an old payment", do: func(ctx context.Context, s *site) error { return s.status(ctx) }},
		{name: "ReqValQr and ReqPay", do: func(ctx context.Context, s *site) error { _, err := s.pay(ctx); return err }},
		{
			name:   "claim of an OPEN order (blocks: with its init and cancel)",
			before: func(ctx context.Context, s *site) (err error) { *of(s), err = s.open(ctx); return err },
			do:     func(_ context.Context, s *site) error { return s.claim(*of(s)) },
			after:  func(ctx context.Context, s *site) error { return s.cancel(ctx, of(s).id) },
		},
		{name: "sweeps and outbox, at rest"},
	}
}

// compare asks both sites for the same things in turn, and prints what each took.
func (h *house) compare(ctx context.Context, out io.Writer, rounds int) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "work\tmedian %s\tmedian %s\tratio\tblocks %[1]s\tblocks %[2]s\tratio\n", h.sites[0].database, h.sites[1].database)
	before, err := h.sites[1].readWhole(ctx)
	if err != nil {
		return err
	}
	for _, p := range pieces() {
		took, blocks, err := h.inTurn(ctx, rounds, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if p.do == nil {
			fmt.Fprintf(table, "%s\t-\t-\t-\t%.1f/s\t%.1f/s\t%.2f\n", p.name, blocks[0], blocks[1], blocks[1]/max(blocks[0], 1))
			continue
		}
		fmt.Fprintf(table, "%s\t%.2f ms\t%.2f ms\t%.2f\t%.1f\t%.1f\t%.2f\n", p.name, milliseconds(took[0]), milliseconds(took[1]),
			float64(took[1])/float64(took[0]), blocks[0], blocks[1], blocks[1]/max(blocks[0], 1))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	after, err := h.sites[1].readWhole(ctx)
	if err != nil {
		return err
	}
	var found []string
	for name, rows := range after {
		if rows > before[name] {
			found = append(found, fmt.Sprintf("%s (%d rows)", name, rows-before[name]))
		}
	}
	slices.Sort(found)
	if len(found) == 0 {
		found = []string{"none"}
	}
	fmt.Fprintf(out, "\ntables of more than %d rows that were read one row after another: %s\n", manyRows, strings.Join(found, ", "))
	return nil
}

// manyRows make a table one that is not to be read whole.
const manyRows = 10_000

// readWhole is how many rows were read by reading a table whole, for each table that
// has many.
func (s *site) readWhole(ctx context.Context) (map[string]int64, error) {
	text, err := s.query(ctx, fmt.Sprintf("SELECT relname || ' ' || seq_tup_read FROM pg_stat_user_tables WHERE n_live_tup > %d AND schemaname = 'public';", manyRows))
	if err != nil {
		return nil, err
	}
	read := map[string]int64{}
	for line := range strings.Lines(text) {
		var name string
		var rows int64
		if _, err := fmt.Sscan(line, &name, &rows); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		read[name] = rows
	}
	return read, nil
}

// inTurn does a piece so many times at each site, A B A B, and returns the
// medians of the times and the blocks of one; nil is doing nothing for a while, and
// returns blocks a second. The blocks are those of the work alone: what the
// controller does by itself in the same time is taken off.
func (h *house) inTurn(ctx context.Context, rounds int, p piece) (took [2]time.Duration, blocks [2]float64, err error) {
	var each [2][]time.Duration
	idle, err := h.blocksOf(ctx, func() error { return nil })
	if err != nil || p.do == nil {
		return took, idle, err
	}
	busy, err := h.blocksOf(ctx, func() error {
		for n := range rounds {
			for i := range h.sites {
				if n%2 == 1 {
					i = 1 - i
				}
				d, err := p.once(ctx, h.sites[i])
				if err != nil {
					return err
				}
				each[i] = append(each[i], d)
			}
		}
		return nil
	})
	for i := range each {
		if err == nil {
			slices.Sort(each[i])
			took[i] = each[i][len(each[i])/2]
			// Both are for a second; the work's are for one piece.
			blocks[i] = max(busy[i]-idle[i], 0) * h.lasted.Seconds() / float64(rounds)
		}
	}
	return took, blocks, err
}

// once does the piece and returns how long do took.
func (p piece) once(ctx context.Context, s *site) (took time.Duration, err error) {
	if p.before != nil {
		err = p.before(ctx, s)
	}
	if err == nil {
		began := time.Now()
		err = p.do(ctx, s)
		took = time.Since(began)
	}
	if err == nil && p.after != nil {
		err = p.after(ctx, s)
	}
	return took, err
}

// rest is how long it takes until every connection has handed in what it has counted.
const rest = 12 * time.Second

// blocksOf is how many blocks a second are touched while something is done and
// until all of it is counted.
func (h *house) blocksOf(ctx context.Context, do func() error) (rate [2]float64, err error) {
	var before [2]int64
	for i, s := range h.sites {
		if before[i], err = s.touched(ctx); err != nil {
			return rate, err
		}
	}
	began := time.Now()
	if err := do(); err != nil {
		return rate, err
	}
	select {
	case <-ctx.Done():
		return rate, ctx.Err()
	case <-time.After(rest):
	}
	h.lasted = time.Since(began)
	for i, s := range h.sites {
		after, err := s.touched(ctx)
		if err != nil {
			return rate, err
		}
		rate[i] = float64(after-before[i]) / h.lasted.Seconds()
	}
	return rate, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
