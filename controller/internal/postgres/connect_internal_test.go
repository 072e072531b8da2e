package postgres

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/hack/testservers"
)

// What a DSN of one host or several comes to.
func TestDSN(t *testing.T) {
	for _, c := range []struct {
		dsn     string
		hosts   int
		share   time.Duration // of connectLimit, for each host
		checked bool          // a server is taken only if it is what the DSN wants
		follows bool
	}{
		{"postgres://u@a/db", 1, 3 * time.Second, true, false},
		{"postgres://u@a/db?sslmode=prefer", 1, 3 * time.Second, true, false},
		{"postgres://u@a:1,a:2/db", 2, 1500 * time.Millisecond, true, false},
		{"postgres://u@a,b/db?sslmode=prefer", 2, 1500 * time.Millisecond, true, false},
		{"host=a,b,c user=u", 3, time.Second, true, false},
		{"postgres://u@a,b,c,d/db", 4, time.Second, true, false},
		{"postgres://u@a,b/db?connect_timeout=7", 2, 7 * time.Second, true, false},
		{"postgres://u@a,b/db?target_session_attrs=read-write", 2, 1500 * time.Millisecond, true, false},
		{"postgres://u@a,b/db?target_session_attrs=primary", 2, 1500 * time.Millisecond, true, false},
		{"postgres://u@a,b/db?target_session_attrs=any", 2, 1500 * time.Millisecond, false, true},
		{"host=a,b target_session_attrs = 'any'", 2, 1500 * time.Millisecond, false, true},
		{"postgres://u@a,b/db?target_session_attrs=prefer-standby", 2, 1500 * time.Millisecond, true, true},
		{"postgres://u@a/db?target_session_attrs=read-only", 1, 3 * time.Second, true, true},
	} {
		cfg, hosts, err := parse(c.dsn)
		if err != nil {
			t.Errorf("%s: %v", c.dsn, err)
			continue
		}
		if hosts != c.hosts || cfg.ConnConfig.ConnectTimeout != c.share || (cfg.ConnConfig.ValidateConnect != nil) != c.checked || readOnly(c.dsn) != c.follows {
			t.Errorf("%s: %d hosts, %v each, checked %v, follows %v; want %+v",
				c.dsn, hosts, cfg.ConnConfig.ConnectTimeout, cfg.ConnConfig.ValidateConnect != nil, readOnly(c.dsn), c)
		}
	}
	t.Setenv("PGTARGETSESSIONATTRS", "any")
	if !readOnly("postgres://u@a,b/db") || readOnly("postgres://u@a,b/db?target_session_attrs=read-write") {
		t.Error("the environment must count where the DSN is silent")
	}
}

// What cannot be read is told without what it may hold.
func TestBadDSNKeepsItsPassword(t *testing.T) {
	_, _, err := parse("postgres://u:hunter2@a:port/db")
	if err == nil || err.Error() != "postgres: the database URL cannot be read" {
		t.Errorf("got %v", err)
	}
}

// A server that leaves, or can be written to no more, is left; one that has a
// problem of its own is not, for there is no other.
func TestGone(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&pgconn.PgError{Code: "25006"}, true}, {&pgconn.PgError{Code: "57P01"}, true}, {&pgconn.PgError{Code: "57P02"}, true},
		{&pgconn.PgError{Code: "57P03"}, true}, {&pgconn.PgError{Code: "08006"}, true}, {errDemoted, true},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, true}, {journal.ErrAway, true},
		{&pgconn.PgError{Code: "53100"}, false}, {&pgconn.PgError{Code: "53300"}, false}, {&pgconn.PgError{Code: "23505"}, false},
		{&pgconn.PgError{Code: "55P03"}, false}, {&pgconn.PgError{Code: "57014"}, false}, {errors.New("anything"), false}, {nil, false},
	} {
		if got := gone(c.err); got != c.want {
			t.Errorf("gone(%v) = %v, want %v", c.err, got, c.want)
		}
	}
	if !lost(errDemoted) || !errors.Is(failed(errDemoted), journal.ErrAway) {
		t.Error("a server that is demoted must count as away")
	}
}

// A steady connection asks for no cancellation, whoever wants it to; another does.
func TestSteadyConnections(t *testing.T) {
	t.Parallel()
	dsn := testservers.SharedPostgres(t).NewDatabase(t)
	for _, steady := range []bool{true, false} {
		p, err := pool(t.Context(), dsn, pooling{size: 1, steady: steady})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		conn, err := p.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Conn().PgConn().CancelRequest(t.Context()); errors.Is(err, errSteady) != steady {
			t.Errorf("steady %v: CancelRequest = %v", steady, err)
		}
		conn.Release()
	}
}

// A warning is kept for whoever has the connection, and not for the next.
func TestWarnings(t *testing.T) {
	t.Parallel()
	p, err := pool(t.Context(), testservers.SharedPostgres(t).NewDatabase(t), pooling{size: 1, steady: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	for _, c := range []struct {
		level string
		want  bool
	}{{"NOTICE", false}, {"WARNING", true}, {"INFO", false}} {
		conn, err := p.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "DO $$ BEGIN RAISE "+c.level+" 'so so'; END $$"); err != nil {
			t.Fatal(err)
		}
		if err := warned(conn.Conn()); (err != nil) != c.want {
			t.Errorf("after %s: warned = %v", c.level, err)
		}
		conn.Release()
	}
	if plain, err := pgx.Connect(t.Context(), p.Config().ConnString()); err != nil || warned(plain) != nil {
		t.Errorf("a connection of somebody else: %v", err)
	} else {
		_ = plain.Close(t.Context())
	}
}
