package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// failed says what an error means where nothing was committed.
func failed(err error) error {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return kind(pg, err)
	}
	if lost(err) {
		return fmt.Errorf("%w: %w", journal.ErrAway, err)
	}
	return err
}

// kind judges by SQLSTATE.
func kind(pg *pgconn.PgError, err error) error {
	switch {
	case pg.Code == "23505", pg.Code == "40P01", pg.Code == "40001":
		return fmt.Errorf("%w: %w", journal.ErrAgain, err)
	case pg.Code == "55P03": // lock_timeout
		return fmt.Errorf("%w: %w", journal.ErrLocked, err)
	case pg.Code == "22021", pg.Code == "22P05": // NUL byte, not UTF-8
		return fmt.Errorf("%w: %w", journal.ErrText, err)
	case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "57P"), strings.HasPrefix(pg.Code, "53"),
		pg.Code == "25006", pg.Code == "25P03":
		// Connection; being shut down or started; out of disk, memory or
		// connections; read-only after a failover; idle for too long.
		return fmt.Errorf("%w: %w", journal.ErrAway, err)
	case pg.Code == "22012":
		return fmt.Errorf("rows were changed by somebody else: %w", err)
	}
	return err
}

// lost reports whether an error says that the connection is gone or the
// database away, so that the same may work on another connection.
func lost(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return errors.Is(kind(pg, err), journal.ErrAway)
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.Is(err, errDemoted) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err)
}

// gone reports whether an error says that the server has gone, is going or is no
// primary any more, so that no other connection to it is worth anything. One that
// is out of disk or memory is still the one.
func gone(err error) bool {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return pg.Code == "25006" || strings.HasPrefix(pg.Code, "57P") || strings.HasPrefix(pg.Code, "08")
	}
	return errors.Is(err, journal.ErrAway) || lost(err)
}

// fatal reports whether the server ended the session with this error.
func fatal(pg *pgconn.PgError) bool {
	return pg.SeverityUnlocalized == "FATAL" || pg.SeverityUnlocalized == "PANIC"
}
