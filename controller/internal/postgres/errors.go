package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// failed says what an error that came before the commit was sent means for a
// batch.
func failed(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	return kind(pg, err)
}

// kind judges by SQLSTATE.
func kind(pg *pgconn.PgError, err error) error {
	switch {
	case pg.Code == "23505", pg.Code == "40P01", pg.Code == "40001":
		return fmt.Errorf("postgres: %w: %w", journal.ErrAgain, err)
	case pg.Code == "55P03": // lock_timeout
		return fmt.Errorf("postgres: %w: %w", journal.ErrLocked, err)
	case pg.Code == "22021", pg.Code == "22P05": // NUL byte, not UTF-8
		return fmt.Errorf("postgres: %w: %w", journal.ErrText, err)
	case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "57P"), strings.HasPrefix(pg.Code, "53"),
		pg.Code == "25006", pg.Code == "25P03":
		// Connection; being shut down or started; out of disk, memory or
		// connections; read-only after a failover; idle for too long.
		return fmt.Errorf("postgres: %w: %w", journal.ErrAway, err)
	case pg.Code == "22012":
		return fmt.Errorf("postgres: rows were changed by somebody else: %w", err)
	}
	return fmt.Errorf("postgres: %w", err)
}

// fatal reports whether the server ended the session with this error.
func fatal(pg *pgconn.PgError) bool {
	return pg.SeverityUnlocalized == "FATAL" || pg.SeverityUnlocalized == "PANIC"
}
