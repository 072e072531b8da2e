package testservers

import (
	"context"
	"testing"
)

// What was committed on the primary is on the standby, also when the primary is
// killed; the standby can be written to once it is promoted, and waits for nobody.
func TestStandbyHasAllThatWasCommitted(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	must(t, primary.Exec(t.Context(), "postgres", "CREATE TABLE kept (n int)"))
	for range 20 {
		must(t, primary.Exec(t.Context(), "postgres", "INSERT INTO kept VALUES (1)"))
	}
	refused(t, standby.Exec(t.Context(), "postgres", "INSERT INTO kept VALUES (1)"), "25006")
	primary.Kill()
	must(t, standby.Promote(t.Context()))
	must(t, standby.Exec(t.Context(), "postgres", "SELECT 1 / (count(*) = 20)::int FROM kept"))
	must(t, standby.Exec(t.Context(), "postgres", "INSERT INTO kept VALUES (1)"))
}

// A commit waits while the standby is away, is seen by nobody, and goes on when it
// is back.
func TestPrimaryWaitsForItsStandby(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	must(t, primary.Exec(t.Context(), "postgres", "CREATE TABLE late (n int)"))
	must(t, standby.Detach(t.Context()))
	done := make(chan error, 1)
	go func() {
		done <- primary.Exec(context.WithoutCancel(t.Context()), "postgres", "INSERT INTO late VALUES (1)")
	}()
	must(t, primary.holds(t.Context(), "a commit to wait", "count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))
	must(t, primary.Exec(t.Context(), "postgres", "SELECT 1 / (count(*) = 0)::int FROM late"))
	select {
	case err := <-done:
		t.Fatalf("the commit did not wait: %v", err)
	default:
	}
	must(t, standby.Attach(t.Context()))
	must(t, <-done)
	must(t, primary.Exec(t.Context(), "postgres", "SELECT 1 / (count(*) = 1)::int FROM late"))
}

// A standby may be made of one that was promoted.
func TestStandbyOfAStandby(t *testing.T) {
	t.Parallel()
	first, second := pair(t)
	first.Kill()
	must(t, second.Promote(t.Context()))
	third, err := second.StartStandby(t.Context(), "")
	must(t, err)
	t.Cleanup(third.Stop)
	must(t, second.Exec(t.Context(), "postgres", "CREATE TABLE kept (n int)"))
	second.Kill()
	must(t, third.Promote(t.Context()))
	must(t, third.Exec(t.Context(), "postgres", "INSERT INTO kept VALUES (1)"))
	if got, want := DSN("postgres", second, third), "postgres://galla@"+second.Addr()+","+third.Addr()+"/postgres?sslmode=disable"; got != want {
		t.Errorf("DSN = %s, want %s", got, want)
	}
}

// pair starts a primary and its standby.
func pair(t *testing.T) (primary, standby *Postgres) {
	t.Helper()
	primary, err := StartPostgres(t.Context(), "", WithoutFsync())
	must(t, err)
	t.Cleanup(primary.Stop)
	standby, err = primary.StartStandby(t.Context(), "")
	must(t, err)
	t.Cleanup(standby.Stop)
	return primary, standby
}
