package idle

import (
	"context"
	"flag"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
	"time"
)

// What waits, as the report calls it.
const (
	onPostgreSQL = "controller on PostgreSQL"
	onSQLite     = "controller on SQLite"
	terminal     = "terminal"
	postgreSQL   = "PostgreSQL"
)

// Options say what to measure.
type Options struct {
	Terminals  int           // in PostgreSQL, at least 1; one more is switched on
	Settle     time.Duration // before anything is counted
	For        time.Duration // how long it is counted, above 0
	Controller string        // program; "": it is built
	Sim        string        // galla-sim; "": it is built
}

// Figures are what a second of waiting costs.
type Figures struct {
	Programs []Program
	// Transactions a second at PostgreSQL, the controller's alone; a statement by
	// itself is one. Rows is how many rows it read for them.
	Transactions, Rows float64
}

// Program is one of those that wait.
type Program struct {
	Name string
	// CPU is how many milliseconds of a core's second it takes; 10 are one per cent.
	CPU      float64
	Switches float64 // context switches a second
	Calls    float64 // reads, writes and their kin a second
}

// CPU is the program's of that name; 0 where there is none.
func (f Figures) CPU(name string) float64 {
	for _, p := range f.Programs {
		if p.Name == name {
			return p.CPU
		}
	}
	return 0
}

// Run is the command: galla's programs wait, and out is told what that costs.
func Run(ctx context.Context, args []string, out io.Writer) error {
	o := Options{}
	flags := flag.NewFlagSet("idle", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.IntVar(&o.Terminals, "terminals", 10_000, "how many terminals the controller on PostgreSQL knows")
	flags.DurationVar(&o.Settle, "settle", 10*time.Second, "how long nothing is counted")
	flags.DurationVar(&o.For, "for", 30*time.Second, "how long it is counted")
	flags.StringVar(&o.Controller, "controller", "", "a galla-controller that is built already")
	flags.StringVar(&o.Sim, "sim", "", "a galla-sim that is built already")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || o.Terminals < 1 || o.For <= 0 || o.Settle < 0 {
		return fmt.Errorf("idle: wants at least one terminal, and a time to count")
	}
	f, err := Measure(ctx, o)
	if err != nil {
		return fmt.Errorf("idle: %w", err)
	}
	fmt.Fprintf(out, "%d terminals in the database, one of them connected; %v counted after %v; %d cores\n\n", o.Terminals+1, o.For, o.Settle, runtime.NumCPU())
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "WAITS\tCPU ms/s\tSWITCHES/s\tREADS+WRITES/s")
	for _, p := range f.Programs {
		fmt.Fprintf(t, "%s\t%.2f\t%.1f\t%.1f\n", p.Name, p.CPU, p.Switches, p.Calls)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nAt PostgreSQL: %.1f transactions a second, which read %.1f rows.\n", f.Transactions, f.Rows)
	return err
}

// reading is what all counters say at one moment.
type reading struct {
	at                 time.Time
	costs              map[string]cost
	transactions, rows int64
}

// names are the programs in the order of the report.
func names() []string { return []string{onPostgreSQL, postgreSQL, onSQLite, terminal} }

// Measure starts everything, waits, and stops it again.
func Measure(ctx context.Context, o Options) (Figures, error) {
	var f Figures
	h, err := openHouse(ctx, o)
	if err != nil {
		return f, err
	}
	defer h.close()
	if err := pause(ctx, o.Settle); err != nil {
		return f, err
	}
	before, err := h.read(ctx)
	if err != nil {
		return f, err
	}
	if err := pause(ctx, o.For); err != nil {
		return f, err
	}
	after, err := h.read(ctx)
	if err != nil {
		return f, err
	}
	seconds := after.at.Sub(before.at).Seconds()
	for _, name := range names() {
		c := after.costs[name].since(before.costs[name])
		f.Programs = append(f.Programs, Program{
			Name: name, CPU: float64(c.cpu.Microseconds()) / 1000 / seconds,
			Switches: float64(c.switches) / seconds, Calls: float64(c.calls) / seconds,
		})
	}
	f.Transactions = float64(after.transactions-before.transactions) / seconds
	f.Rows = float64(after.rows-before.rows) / seconds
	return f, nil
}

// read reads all counters: PostgreSQL's own last in the first reading's favour, for
// the question costs it a process.
func (h *house) read(ctx context.Context) (r reading, err error) {
	r = reading{at: time.Now(), costs: map[string]cost{}}
	for name, pid := range h.programs {
		if r.costs[name], err = processCost("/proc", pid); err != nil {
			return r, fmt.Errorf("%s: %w", name, err)
		}
	}
	if r.costs[postgreSQL], err = treeCost("/proc", h.database); err != nil {
		return r, err
	}
	r.transactions, r.rows, err = h.transactions(ctx)
	return r, err
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
