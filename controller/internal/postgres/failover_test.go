package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/hack/testservers"
)

// What happens while the standby is there, away and back again.
func TestStandby(t *testing.T) {
	t.Parallel()
	p := startPair(t, testservers.WithoutFsync())
	t.Run("a commit that does not wait", func(t *testing.T) { commitThatDoesNotWait(t, p.in(t)) })
	t.Run("an administrator's commit", func(t *testing.T) { administration(t, p.in(t)) })
	t.Run("a batch that is given up", func(t *testing.T) { batchThatIsGivenUp(t, p.in(t)) })
	t.Run("which host", func(t *testing.T) { whichHost(t, p.in(t)) })
}

// A commit whose wait for the standby ends before the standby has it is done, is
// seen by everybody, and is lost with the primary: whatever ended the wait, nobody
// is told that it is committed, until the standby has it.
func commitThatDoesNotWait(t *testing.T, p *pair) {
	db := p.open()
	mustSave(t, db, journal.NewBatchID(), "first")
	for i, end := range []string{"pg_cancel_backend", "pg_terminate_backend"} {
		id, batch := "p"+end, journal.NewBatchID()
		p.detach()
		done, _ := saving(t, db, batch, id)
		p.exec(p.outsider, "SELECT "+end+"($1)", p.waiter(p.outsider, "SyncRep"))
		if err := <-done; !errors.Is(err, journal.ErrCommitUnknown) {
			t.Errorf("after %s: Apply = %v, want ErrCommitUnknown", end, err)
		}
		p.until("the commit to be seen", func() bool { ok, err := there(t, db, id); return ok && err == nil })

		// The question waits for the standby, too; cut off or cancelled, it says nothing.
		answers, cancel := asking(t, db, batch)
		pid := p.waiter(p.outsider, "SyncRep")
		if i == 0 {
			p.exec(p.outsider, "SELECT pg_cancel_backend($1)", pid)
		} else {
			cancel()
		}
		if a := <-answers; a.err == nil {
			t.Errorf("after %s: Committed = %v while the standby has nothing of it", end, a.committed)
		}
		p.attach()
		if committed, err := db.Committed(t.Context(), batch); err != nil || !committed {
			t.Errorf("after %s: Committed = %v, %v; want true once the standby has it", end, committed, err)
		}
	}
	if n := p.cancelled(); n != 2 { // a question that is cut off is not cancelled
		t.Errorf("%d waits were cancelled, want two:\n%s", n, p.primary.Log())
	}
}

// The same for what an administrator changes, while others take their turns at the
// connections: whoever has one next must not wipe out what it was warned of.
func administration(t *testing.T, p *pair) {
	db := p.open()
	p.detach()
	busy, idle := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for busy.Err() == nil {
				_ = db.Ping(busy)
			}
		})
	}
	done := make(chan error, 1)
	go func() {
		done <- db.Administer(t.Context(), record.Needs{}, func(record.Snapshot) (record.Changes, error) {
			return record.Changes{Audit: []record.Entry{{At: time.Now(), Details: "{}"}}}, nil
		})
	}()
	p.exec(p.outsider, "SELECT pg_cancel_backend($1)", p.waiter(p.outsider, "SyncRep"))
	if err := <-done; !errors.Is(err, journal.ErrCommitUnknown) {
		t.Errorf("Administer = %v, want ErrCommitUnknown", err)
	}
	idle()
	others.Wait()
	p.attach()
}

// A batch that is given up is not cancelled: it goes on waiting for the standby, is
// seen by nobody meanwhile, and nobody can say how it will end. Its connection is
// used again afterwards; a database that is closed leaves it to the server.
func batchThatIsGivenUp(t *testing.T, p *pair) {
	db, closed, before := p.open(), p.open(), p.cancelled()
	mustSave(t, db, journal.NewBatchID(), "p0")
	p.detach()
	batch := journal.NewBatchID()
	for i, by := range []struct {
		db    *postgres.DB
		batch journal.BatchID
		id    string
	}{{db, batch, "p1"}, {closed, journal.NewBatchID(), "p2"}} {
		done, giveUp := saving(t, by.db, by.batch, by.id)
		p.wait(p.outsider, i+1)
		giveUp()
		if err := <-done; !errors.Is(err, journal.ErrCommitUnknown) {
			t.Errorf("%s: Apply = %v, want ErrCommitUnknown", by.id, err)
		}
	}
	answers, giveUp := asking(t, db, batch)
	p.waiter(p.outsider, "transactionid") // for the batch
	giveUp()
	if a := <-answers; a.err == nil {
		t.Errorf("Committed = %v while the batch waits", a.committed)
	}
	if err := closed.Close(); err != nil { // does not wait for it
		t.Error(err)
	}
	for _, id := range []string{"p1", "p2"} {
		if ok, err := there(t, db, id); ok || err != nil {
			t.Errorf("%s is seen while it waits: %v, %v", id, ok, err)
		}
	}
	p.attach()
	for _, id := range []string{"p1", "p2"} {
		p.until(id+" to be there", func() bool { ok, err := there(t, db, id); return ok && err == nil })
	}
	if committed, err := db.Committed(t.Context(), batch); err != nil || !committed {
		t.Errorf("Committed = %v, %v; want true", committed, err)
	}
	p.until("the connection to be free again", func() bool { return db.Writers().Stat().AcquiredConns() == 0 })
	mustSave(t, db, journal.NewBatchID(), "p3")
	if n := p.cancelled(); n != before {
		t.Errorf("a wait was cancelled:\n%s", p.primary.Log())
	}
}

// Whoever asks twice gets the same answer: what the first question left behind, cut
// off or not, is not taken for the batch, which never comes in any more.
func TestQuestionIsNotTakenForTheBatch(t *testing.T) {
	t.Parallel()
	db := open(t)
	never, done := journal.NewBatchID(), journal.NewBatchID()
	mustSave(t, db, done, "p1")
	for range 3 {
		for batch, want := range map[journal.BatchID]bool{never: false, done: true} {
			if committed, err := db.Committed(t.Context(), batch); err != nil || committed != want {
				t.Errorf("Committed = %v, %v; want %v", committed, err, want)
			}
		}
	}
	if err := saved(t.Context(), db, never, "p2"); !errors.Is(err, journal.ErrAgain) {
		t.Errorf("a batch that never will be: Apply = %v, want ErrAgain", err)
	}
	if ok, err := there(t, db, "p2"); ok || err != nil {
		t.Errorf("a batch that never will be is there: %v, %v", ok, err)
	}
}

// The primary is killed and the standby promoted. What was answered is there; of
// what was not answered the new primary says the truth; meanwhile the database is
// away, and nothing old is read. The old primary, back by mistake, answers no
// commit.
func TestFailover(t *testing.T) {
	t.Parallel()
	p := startPair(t, testservers.WithoutFsync())
	db := p.open()
	kept, lost := journal.NewBatchID(), journal.NewBatchID()
	mustSave(t, db, kept, "kept")
	if ok, err := there(t, db, "kept"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	p.detach()
	done, giveUp := saving(t, db, lost, "lost")
	p.waiter(p.outsider, "SyncRep")
	giveUp()
	if err := <-done; !errors.Is(err, journal.ErrCommitUnknown) {
		t.Fatalf("Apply = %v, want ErrCommitUnknown", err)
	}
	p.primary.Kill()

	for what, err := range map[string]error{
		"a batch": saved(t.Context(), db, journal.NewBatchID(), "never"), "a read": errOf(there(t, db, "kept")),
		"a question": errOf(db.Committed(t.Context(), kept)),
	} {
		if !errors.Is(err, journal.ErrAway) {
			t.Errorf("without a primary, %s = %v, want ErrAway", what, err)
		}
	}
	if err := p.standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	for batch, want := range map[journal.BatchID]bool{kept: true, lost: false} {
		if committed, err := db.Committed(t.Context(), batch); err != nil || committed != want {
			t.Errorf("at the new primary: Committed = %v, %v; want %v", committed, err, want)
		}
	}
	p.until("the new primary to take a batch", func() bool { return saved(t.Context(), db, journal.NewBatchID(), "new") == nil })
	for id, want := range map[string]bool{"kept": true, "lost": false, "never": false, "new": true} {
		if ok, err := there(t, db, id); err != nil || ok != want {
			t.Errorf("%s is there: %v, %v; want %v", id, ok, err, want)
		}
	}

	if err := p.primary.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	stale, at := p.open(p.primary), p.connect(p.primary)
	done, giveUp = saving(t, stale, journal.NewBatchID(), "stale")
	p.waiter(at, "SyncRep")
	giveUp()
	if err := <-done; !errors.Is(err, journal.ErrCommitUnknown) {
		t.Errorf("the old primary: Apply = %v, want ErrCommitUnknown", err)
	}
	answers, giveUp := asking(t, stale, lost)
	p.wait(at, 2)
	giveUp()
	if a := <-answers; a.err == nil {
		t.Errorf("the old primary: Committed = %v", a.committed)
	}
}

func errOf(_ bool, err error) error { return err }

// A primary that becomes read-only, without ending anybody's connection, is left for
// the one that was promoted: by batches, by readers, by those who only read, and
// for good.
func TestPrimaryThatBecomesReadOnly(t *testing.T) {
	t.Parallel()
	p := startPair(t, testservers.WithoutFsync())
	db, reader, writer := p.open(), p.open(), p.open()
	mustSave(t, db, journal.NewBatchID(), "old")
	for _, from := range []*postgres.DB{db, reader, writer} {
		if ok, err := there(t, from, "old"); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	p.exec(p.outsider, "ALTER SYSTEM SET default_transaction_read_only = on")
	p.exec(p.outsider, "SELECT pg_reload_conf()")
	p.until("a batch to be refused", func() bool {
		err := saved(t.Context(), db, journal.NewBatchID(), "refused")
		if err == nil { // it does not know yet
			return false
		}
		if !errors.Is(err, journal.ErrAway) {
			t.Errorf("at a server that became read-only: Apply = %v, want ErrAway", err)
		}
		return true
	})
	writer.Writers().Reset() // so that its next batch needs a connection, and gets none
	if err := saved(t.Context(), writer, journal.NewBatchID(), "refused"); !errors.Is(err, journal.ErrAway) {
		t.Errorf("where nobody can be written to: Apply = %v, want ErrAway", err)
	}
	for _, who := range []*postgres.DB{db, writer} {
		p.until("no connection to be used again", func() bool {
			return who.Writers().Stat().TotalConns() == 0 && who.Readers().Stat().TotalConns() == 0
		})
	}
	if err := p.standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := saved(t.Context(), p.open(p.standby), journal.NewBatchID(), "new"); err != nil {
		t.Fatal(err)
	}
	if ok, err := there(t, db, "new"); !ok || err != nil {
		t.Errorf("what the new primary has is there: %v, %v", ok, err)
	}
	mustSave(t, db, journal.NewBatchID(), "newer")
	// Nobody has told this one; the first thing that the old server answers it does.
	p.until("the new payment to be read", func() bool { ok, err := there(t, reader, "new"); return ok && err == nil })
	p.until("nobody to be connected to the old primary", func() bool {
		var n int
		err := p.outsider.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'galla-controller'").Scan(&n)
		return err == nil && n == 0
	})
}

// Which of its hosts a database is opened at, and what is said about them.
func whichHost(t *testing.T, p *pair) {
	var said bytes.Buffer
	opened := func(dsn string) *postgres.DB {
		t.Helper()
		cfg := config(t, dsn)
		cfg.Log = slog.New(slog.NewTextHandler(&said, nil))
		db, err := postgres.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	standbyFirst := testservers.DSN("postgres", p.standby, p.primary) + patience
	db := opened(standbyFirst)
	mustSave(t, db, journal.NewBatchID(), "written")
	if err := db.Migrate(t.Context()); err != nil { // on connections of its own
		t.Error(err)
	}
	if said.Len() > 0 {
		t.Errorf("a standby is waited for, and yet it said: %s", &said)
	}
	if _, err := postgres.Open(t.Context(), config(t, p.standby.DSN("postgres"))); !errors.Is(err, journal.ErrAway) {
		t.Errorf("a standby alone: Open = %v, want ErrAway", err)
	}
	// A report may be read where it does no harm.
	reading := opened(standbyFirst + "&target_session_attrs=any")
	p.until("the standby to show the payment", func() bool { ok, err := there(t, reading, "written"); return ok && err == nil })
	if err := saved(t.Context(), reading, journal.NewBatchID(), "not written"); !errors.Is(err, journal.ErrAway) {
		t.Errorf("at a standby: Apply = %v, want ErrAway", err)
	}
	p.primary.Kill()
	if err := p.standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	opened(p.dsn())
	if !strings.Contains(said.String(), "a failover may lose what was answered") {
		t.Errorf("nobody is waited for, and it said: %q", &said)
	}
}
