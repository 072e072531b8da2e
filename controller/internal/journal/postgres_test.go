package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/hack/testservers"
)

// Two controllers race on the same new keys: of each key one wins and the other
// is told that it is a duplicate, and nobody is told anything else.
func TestTwoControllersRaceOnTheSameNewKeys(t *testing.T) {
	t.Parallel()
	const keys, callers = 150, 8
	dsn := newDatabase(t)
	var names []string
	for i := range callers {
		names = append(names, fmt.Sprint("t", i))
	}
	var journals []*journal.Journal
	metrics := &counter{}
	for range 2 {
		db := openDSN(t, dsn)
		seedTerminals(t, db, names...)
		journals = append(journals, start(t, journal.Config{Storage: db, Writers: 2, Metrics: metrics}))
	}
	var won, duplicate [keys]atomic.Int32
	var race sync.WaitGroup
	for c := range callers {
		for who, j := range journals {
			race.Go(func() {
				for _, k := range rand.Perm(keys) {
					d := initOf(fmt.Sprintf("p%d-%d-%d", who, c, k), names[c])
					d.Payment.TransactionID = fmt.Sprint("key", k)
					switch _, err := journal.Do(t.Context(), j, d); {
					case err == nil:
						won[k].Add(1)
					case errors.Is(err, decide.ErrDuplicate):
						duplicate[k].Add(1)
					default:
						t.Errorf("key %d: %v", k, err)
					}
				}
			})
		}
	}
	race.Wait()
	for k := range keys {
		if won[k].Load() != 1 || duplicate[k].Load() != 2*callers-1 {
			t.Errorf("key %d was won %d times and refused %d times", k, won[k].Load(), duplicate[k].Load())
		}
	}
	t.Logf("tried again: %s", metrics)
}

// Three controllers change the same few terminals, two and three at once, in
// every order: no deadlock, no lost change, nobody refused.
func TestHotTerminalsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	const controllers, callers, times = 3, 12, 15
	dsn := newDatabase(t)
	names := []string{"t0", "t1", "t2", "t3", "t4"}
	var journals []*journal.Journal
	for range controllers {
		db := openDSN(t, dsn)
		seedTerminals(t, db, names...)
		journals = append(journals, start(t, journal.Config{Storage: db, Writers: 2}))
	}
	var counted [5]atomic.Uint64
	var hot sync.WaitGroup
	for c := range callers {
		hot.Go(func() {
			for i := range times {
				picked := rand.Perm(len(names))[:1+i%3]
				var some []string
				for _, k := range picked {
					some = append(some, names[k])
				}
				if _, err := journal.Do(t.Context(), journals[c%controllers], count(some...)); err != nil {
					t.Error(err)
					continue
				}
				for _, k := range picked {
					counted[k].Add(1)
				}
			}
		})
	}
	hot.Wait()
	db := openDSN(t, dsn)
	for k, name := range names {
		if x, err := db.Terminal(t.Context(), terminal(name)); err != nil || x.Seq != counted[k].Load() {
			t.Errorf("%s counts %d, %v; want %d", name, x.Seq, err, counted[k].Load())
		}
	}
	outsider := connect(t, dsn)
	var deadlocks int
	err := outsider.QueryRow(t.Context(), "SELECT pg_stat_force_next_flush(), deadlocks FROM pg_stat_database WHERE datname = current_database()").
		Scan(nil, &deadlocks)
	if err != nil || deadlocks != 0 {
		t.Errorf("%d deadlocks, %v", deadlocks, err)
	}
}

// An outsider holds a row: decisions on it wait and are carried out when it is
// let go in time, or are answered ErrBusy; all others go on.
func TestRowLockedByAnOutsider(t *testing.T) {
	t.Parallel()
	dsn := newDatabase(t)
	db := openDSN(t, dsn)
	names := []string{"locked", "a", "b", "c", "d"}
	seedTerminals(t, db, names...)
	j := start(t, journal.Config{Storage: db, Writers: 1})
	outsider := connect(t, dsn)

	for _, c := range []struct {
		name string
		held time.Duration
		want error
	}{
		{"let go in time", 300 * time.Millisecond, nil},
		{"kept", 6 * time.Second, journal.ErrBusy},
	} {
		tx, err := outsider.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), "SELECT 1 FROM terminals WHERE terminal_id = 'locked' FOR UPDATE"); err != nil {
			t.Fatal(err)
		}
		let := time.After(c.held)
		stuck := make(chan error, 3)
		for range 3 {
			go func() {
				_, err := journal.Do(t.Context(), j, count("locked"))
				stuck <- err
			}()
		}
		var done []error
		others := 0
		for len(done) < 3 {
			began := time.Now()
			if _, err := journal.Do(t.Context(), j, count(names[1+others%4])); err != nil {
				t.Fatalf("%s: another decision = %v", c.name, err)
			}
			// Far below what it would be behind the lock. Not tight: the machine is shared.
			if took := time.Since(began); took > time.Second {
				t.Errorf("%s: another decision took %v", c.name, took)
			}
			others++
			select {
			case err := <-stuck:
				done = append(done, err)
			case <-let:
				if err := tx.Rollback(t.Context()); err != nil {
					t.Fatal(err)
				}
				let = nil
			default:
			}
		}
		if let != nil {
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, err := range done {
			if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
				t.Errorf("%s: a decision on the row = %v, want %v", c.name, err, c.want)
			}
		}
		t.Logf("%s: %d others meanwhile", c.name, others)
	}
	waitFor(t, "the row to work again", func() bool {
		_, err := journal.Do(t.Context(), j, count("locked"))
		return err == nil
	})
}

// The connection is lost between COMMIT and its answer, in every way there is.
func TestConnectionLostAtCommit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault fault
		tries int // how often the decision ran
	}{
		{"it had committed", loseAnswer, 1},
		{"it had not", loseCommit, 2},
		{"it was still under way and is waited for", delayCommit, 1},
		{"it comes too late and never commits", delayWithBatch, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dsn := newDatabase(t)
			late := make(chan struct{})
			seedTerminals(t, openDSN(t, dsn), "t1")
			db := openDSN(t, startProxy(t, dsn, late, passOn, c.fault))
			m := &counter{}
			told := make(chan decide.Changes, 4)
			j := start(t, journal.Config{Storage: db, Writers: 1, Metrics: m, OnCommit: func(c decide.Changes) { told <- c }})
			if _, err := journal.Do(t.Context(), j, count("t1")); err != nil { // statements get prepared
				t.Fatal(err)
			}
			<-told
			outsider := connect(t, dsn)
			switch c.fault {
			case delayCommit: // let it come once the question waits for it
				go func() {
					waitFor(t, "the question to wait for the commit", func() bool { return waiting(t, dsn) })
					close(late)
				}()
			case delayWithBatch: // let it come once its id has been taken away from it
				go func() {
					waitFor(t, "the question to be answered", func() bool {
						var ids int
						err := outsider.QueryRow(t.Context(), "SELECT count(*) FROM batches").Scan(&ids)
						return err == nil && ids == 2
					})
					close(late)
				}()
			}
			tries := 0
			d := count("t1")
			do := d.do
			d.do = func(tx *decide.Tx) (uint64, error) {
				tries++
				return do(tx)
			}
			n, err := journal.Do(t.Context(), j, d)
			if err != nil || n != 2 {
				t.Fatalf("Do = %d, %v; want 2", n, err)
			}
			if changes := <-told; len(changes.Terminals) != 1 || changes.Terminals[0].Seq != 2 {
				t.Errorf("told of %+v", changes)
			}
			if tries != c.tries || m.unknown.Load() != 1 {
				t.Errorf("ran %d times with %d unknown commits, want %d and 1", tries, m.unknown.Load(), c.tries)
			}
			if n, err := journal.Do(t.Context(), j, count("t1")); err != nil || n != 3 {
				t.Fatalf("the next = %d, %v; want 3", n, err)
			}
		})
	}
}

// waiting reports whether somebody waits for a transaction to end.
func waiting(t testing.TB, dsn string) bool {
	conn := connect(t, dsn)
	var n int
	err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
		AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO batches%'`).Scan(&n)
	return err == nil && n > 0
}

// The database is killed under load and comes back: what was answered is kept,
// once, and what was refused is not there.
func TestDatabaseKilledUnderLoad(t *testing.T) {
	t.Parallel()
	pg, err := testservers.StartPostgres(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pg.Stop)
	dsn := pg.NewDatabase(t)
	db := openDSN(t, dsn)
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	names := []string{"t0", "t1", "t2", "t3"}
	seedTerminals(t, db, names...)
	m := &counter{}
	j := start(t, journal.Config{Storage: db, Writers: 2, Metrics: m})

	ctx, stop := context.WithCancel(t.Context())
	type outcome struct {
		id  string
		err error
	}
	var mu sync.Mutex
	var outcomes []outcome
	var after atomic.Int64 // successes since the restart
	var restarted atomic.Bool
	var load sync.WaitGroup
	for c := range 16 {
		load.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprintf("p%d-%d", c, i)
				_, err := journal.Do(t.Context(), j, initOf(id, names[c%4]))
				mu.Lock()
				outcomes = append(outcomes, outcome{id, err})
				mu.Unlock()
				if err == nil && restarted.Load() {
					after.Add(1)
				}
			}
		})
	}
	enough := func(n int) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(outcomes) > n
		}
	}
	waitFor(t, "some load", enough(200))
	pg.Kill()
	waitFor(t, "the journal to notice", func() bool { return m.away.Load()+m.unknown.Load() > 0 })
	if err := pg.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	restarted.Store(true)
	waitFor(t, "the load to go on", func() bool { return after.Load() > 100 })
	stop()
	load.Wait()

	kept, failed := 0, 0
	for _, o := range outcomes {
		_, err := db.PaymentByID(t.Context(), o.id)
		there := err == nil
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			t.Fatal(err)
		}
		switch {
		case o.err == nil && !there:
			t.Errorf("%s was answered and is lost", o.id)
		case errors.Is(o.err, journal.ErrUnavailable) && there:
			t.Errorf("%s was refused and is there", o.id)
		case o.err != nil && !errors.Is(o.err, journal.ErrUnavailable) && !errors.Is(o.err, journal.ErrUnknown):
			t.Errorf("%s was answered %v", o.id, o.err)
		}
		if there {
			kept++
			verify(t, db, o.id)
		} else {
			failed++
		}
	}
	t.Logf("%d kept, %d refused; tried again: %s", kept, failed, m)
}

// connect is an outsider's connection.
func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.WithoutCancel(t.Context()), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
