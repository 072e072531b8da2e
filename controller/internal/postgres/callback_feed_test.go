package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/postgres"
)

// makes applies a batch that makes one callback, whose time is age ago.
func makes(ctx context.Context, db *postgres.DB, event string, age time.Duration, before func() error) error {
	return db.Apply(ctx, journal.NewBatchID(), decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
		return decide.Changes{Callbacks: []decide.Callback{
			{EventID: event, MerchantID: "M", PaymentID: "p", URL: "https://pos.example.in/", At: s.Now.Add(-age)},
		}}, before()
	})
}

func nothing() error { return nil }

func shown(t *testing.T, db *postgres.DB) (events []string, held bool) {
	t.Helper()
	f, err := db.CallbackFeed(t.Context(), "M", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range f.Rows {
		events = append(events, r.EventID)
	}
	return events, f.Held
}

// A batch has taken its time and has not committed; another commits with a later
// time. The later one is not shown before the first has ended, whichever way: who
// had been shown it would never see the first. Any controller's feed knows.
func TestFeedWaitsForBatchesUnderWay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ends error
		want []string
	}{
		{"it commits", nil, []string{"first", "later"}},
		{"it is given up", errors.New("given up"), []string{"later"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dsn := migrated(t)
			db, other := openAt(t, dsn), openAt(t, dsn)
			taken, end := make(chan struct{}), make(chan error)
			first := make(chan error)
			go func() {
				first <- makes(t.Context(), db, "first", 0, func() error {
					close(taken)
					return <-end
				})
			}()
			<-taken
			if err := makes(t.Context(), other, "later", 0, nothing); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				for _, db := range []*postgres.DB{db, other} {
					if events, held := shown(t, db); len(events) > 0 || !held {
						t.Errorf("while the first is under way the feed shows %v, held %v", events, held)
					}
				}
			}
			end <- c.ends
			if err := <-first; !errors.Is(err, c.ends) {
				t.Fatal(err)
			}
			for {
				events, held := shown(t, other)
				if held {
					continue
				}
				if !slices.Equal(events, c.want) {
					t.Errorf("the feed shows %v, want %v", events, c.want)
				}
				return
			}
		})
	}
}

// A session that is no controller's, or a controller's that hides its start, can
// hold the feed back, but for 10 s at most.
func TestFeedWaitsForStrangersForAWhile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, role, application string }{
		{"an outsider", "", "psql"},
		{"a controller by another role", "galla_feed_twin", "galla-controller"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dsn := migrated(t)
			db, admin := openAt(t, dsn), raw(t, dsn)
			cfg := admin.Config().ConnConfig.Copy()
			cfg.RuntimeParams["application_name"] = c.application
			if c.role != "" {
				role := pgx.Identifier{c.role}.Sanitize()
				if _, err := admin.Exec(t.Context(), "CREATE ROLE "+role+" LOGIN PASSWORD 'for tests only'"); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if _, err := admin.Exec(context.WithoutCancel(t.Context()), "DROP ROLE "+role); err != nil {
						t.Error(err)
					}
				})
				cfg.User, cfg.Password = c.role, "for tests only"
			}
			stranger, err := pgx.ConnectConfig(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = stranger.Close(context.WithoutCancel(t.Context())) })
			if _, err := stranger.Exec(t.Context(), "BEGIN; SELECT 1"); err != nil {
				t.Fatal(err)
			}
			for event, age := range map[string]time.Duration{"old": 11 * time.Second, "young": 0} {
				if err := makes(t.Context(), db, event, age, nothing); err != nil {
					t.Fatal(err)
				}
			}
			// The superuser of the tests sees all; a controller's role does not.
			reader := db
			if c.role != "" {
				reader = openAt(t, plainRole(t, dsn))
			}
			events, held := shown(t, reader)
			if !slices.Equal(events, []string{"old"}) || !held {
				t.Errorf("the feed shows %v, held %v; want the old one", events, held)
			}
		})
	}
}

// plainRole makes a role as an operator's: no superuser, with the tables.
func plainRole(t *testing.T, dsn string) string {
	t.Helper()
	admin := raw(t, dsn)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := "galla_plain_" + strings.ToLower(strings.Trim(u.Path, "/"))
	role := pgx.Identifier{name}.Sanitize()
	for _, sql := range []string{
		"CREATE ROLE " + role + " LOGIN PASSWORD 'for tests only'",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + role,
	} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+role+"; DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	u.User = url.UserPassword(name, "for tests only")
	return u.String()
}

// What looks into the outbox goes by index, in a table of 20,000 callbacks.
func TestPlansOfTheCallbackLog(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	db, outsider := openAt(t, dsn), raw(t, dsn)
	for _, fill := range []string{
		"CREATE TABLE callbacks_long_ago PARTITION OF callbacks FOR VALUES FROM ('2020-01-01') TO ('2020-02-01')",
		`INSERT INTO callbacks (event_id, transaction_id, merchant_id, lane, url, method, created_at, due_at, state)
			SELECT 'e' || i, 'p' || i, 'M' || i % 50, 'M' || i % 50 || ' x:443', '', '', now() - i * interval '1 second', now(),
				CASE i % 100 WHEN 0 THEN 'pending' WHEN 1 THEN 'dead' ELSE 'delivered' END
			FROM generate_series(1, 20000) AS i`,
		`INSERT INTO callback_attempts (event_id, attempt, started_at) SELECT 'e' || i, 1, now() FROM generate_series(1, 20000) AS i`,
		"ANALYZE",
	} {
		if _, err := outsider.Exec(t.Context(), fill); err != nil {
			t.Fatal(err)
		}
	}
	for name, query := range postgres.CallbackStatements {
		lines := plan(t, db, false, query)
		for _, line := range lines {
			if strings.Contains(line, "Seq Scan on") && !empty.MatchString(line) {
				t.Errorf("%s: %s", name, line)
			}
		}
		index := map[string]string{
			"the feed":     "Subplans Removed", // months that are past the cursor are not looked into
			"a merchant's": "merchant_id_created_at_event_id_idx",
			"everybody's":  "created_at_event_id_idx", "a payment's": "transaction_id_idx", "an event": "_pkey",
		}[name]
		if !strings.Contains(strings.Join(lines, "\n"), index) {
			t.Errorf("%s: no %s:\n%s", name, index, strings.Join(lines, "\n"))
		}
	}
}

// Resends and the records of attempts lock the same rows in the same order.
func TestResendBesideRecords(t *testing.T) {
	t.Parallel()
	db := open(t)
	const rows = 60
	var c decide.Changes
	for i := range rows {
		// Their ids and their times run against each other.
		c.Callbacks = append(c.Callbacks, decide.Callback{EventID: fmt.Sprintf("e%02d", rows-i), MerchantID: fmt.Sprint("M", i), PaymentID: "p",
			URL: "https://pos.example.in/", At: time.Unix(int64(i), 0)})
	}
	err := db.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) { return c, nil })
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		for range 30 {
			if n, err := db.ResendCallbacks(t.Context(), journal.CallbackQuery{}); err != nil || n != rows {
				done <- fmt.Errorf("resent %d: %w", n, err)
				return
			}
		}
		done <- nil
	}()
	for running := true; running; {
		leased, err := db.LeaseCallbacks(t.Context(), rows, time.Minute, journal.CallbackFilter{})
		if err != nil {
			t.Fatal(err)
		}
		var outcomes []journal.CallbackOutcome
		for _, d := range leased {
			outcomes = append(outcomes, journal.CallbackOutcome{EventID: d.EventID, Attempt: d.Attempt, State: journal.CallbackDead})
		}
		if err := db.RecordCallbacks(t.Context(), outcomes); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
	}
}
