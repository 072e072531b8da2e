package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// writer is the one connection that writes, with its prepared statements.
type writer struct {
	db   *sql.DB
	turn chan struct{} // holds one token: whoever has it may use the rest

	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

func newWriter(path string) (*writer, error) {
	db, err := open(path, "_txlock=immediate")
	if err != nil {
		return nil, err
	}
	w := &writer{db: db, turn: make(chan struct{}, 1)}
	w.turn <- struct{}{}
	return w, nil
}

// transact runs do in a transaction that may write from its start.
//
// What do returns is returned as it is, after a rollback. errNothing rolls back
// and is no error.
func (w *writer) transact(ctx context.Context, do func() error) error {
	select {
	case <-w.turn:
	case <-ctx.Done():
		return fmt.Errorf("sqlite: %w", ctx.Err())
	}
	defer func() { w.turn <- struct{}{} }()
	if err := w.connect(ctx); err != nil {
		return fmt.Errorf("sqlite: %w: %w", journal.ErrAway, err)
	}
	if err := w.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		w.drop() // it is not known to be outside a transaction
		return failed(err)
	}
	ended := false
	defer func() {
		if !ended { // do panicked
			w.drop()
		}
	}()
	err := do()
	ended = true
	if err == nil {
		// No context: a commit that has begun is seen through.
		if err = w.exec(context.WithoutCancel(ctx), "COMMIT"); err == nil {
			return nil
		}
		if c := code(err) & 0xff; c != sqlite3.SQLITE_BUSY && c != sqlite3.SQLITE_FULL {
			w.drop()
			return fmt.Errorf("sqlite: %w: %w", journal.ErrCommitUnknown, err)
		}
		err = failed(err)
	}
	if back := w.exec(context.WithoutCancel(ctx), "ROLLBACK"); back != nil {
		w.drop()
	}
	if errors.Is(err, errNothing) {
		return nil
	}
	return err
}

// errNothing says that there is nothing to save.
var errNothing = errors.New("nothing to save")

// failed says what an error of a statement means for a batch.
func failed(err error) error {
	if c := code(err) & 0xff; isUnique(err) || c == sqlite3.SQLITE_BUSY || c == sqlite3.SQLITE_LOCKED {
		return fmt.Errorf("sqlite: %w: %w", journal.ErrAgain, err)
	}
	return fmt.Errorf("sqlite: %w", err)
}

func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	w.conn, w.prepared = conn, map[string]*sql.Stmt{}
	return nil
}

// drop closes the connection; the next transaction makes a new one.
func (w *writer) drop() {
	for _, s := range w.prepared {
		_ = s.Close() // what cannot be closed goes with the connection
	}
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
	w.conn, w.prepared = nil, nil
}

func (w *writer) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	s := w.prepared[query]
	if s == nil {
		var err error
		if s, err = w.conn.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		w.prepared[query] = s
	}
	return s, nil
}

func (w *writer) exec(ctx context.Context, query string, args ...any) error {
	_, err := w.changed(ctx, query, args...)
	return err
}

// changed runs a statement and says how many rows it changed.
func (w *writer) changed(ctx context.Context, query string, args ...any) (int64, error) {
	s, err := w.statement(ctx, query)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (w *writer) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := w.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (w *writer) close() error {
	<-w.turn // for ever: nobody writes after this
	if w.conn != nil {
		for _, s := range w.prepared {
			_ = s.Close()
		}
		if err := w.conn.Close(); err != nil {
			return errors.Join(err, w.db.Close())
		}
	}
	return w.db.Close()
}
