package sqlite

import "context"

// WriterPragma reads a number that is set on the connection that writes.
func (db *DB) WriterPragma(ctx context.Context, name string) (n int, err error) {
	err = db.writer.transact(ctx, func() error {
		return db.writer.conn.QueryRowContext(ctx, "PRAGMA "+name).Scan(&n)
	})
	return n, err
}
