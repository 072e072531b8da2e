package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/signing"
)

// saveSigningKey saves a key where the version of the set is still the one that
// the change was decided on. Of two at once the second waits for the first's
// commit, and then finds another version.
var saveSigningKey = func() string {
	t := table.SigningKeys
	insert, _ := strings.CutSuffix(newSaver(t).insertOne, ")")
	insert = strings.Replace(insert, "VALUES (", "SELECT ", 1)
	var set []string
	for _, c := range t.Changing() {
		set = append(set, c.Name+" = excluded."+c.Name)
	}
	return "WITH won AS (UPDATE signing_key_set SET version = $7::bigint WHERE version = $6::bigint AND version < $7::bigint RETURNING 1) " +
		insert + " FROM won ON CONFLICT (id) DO UPDATE SET " + strings.Join(set, ", ")
}()

// SigningKeys is signing.Storage's.
func (db *DB) SigningKeys(ctx context.Context) (signing.Stored, error) {
	var s signing.Stored
	var version int64
	var now time.Time
	err := db.ask(ctx, "signing keys", func(c *pgxpool.Conn) error {
		s = signing.Stored{}
		b := &pgx.Batch{}
		b.Queue(beginReading)
		b.Queue("SELECT version, clock_timestamp() FROM signing_key_set").QueryRow(func(row pgx.Row) error {
			return row.Scan(&version, &now)
		})
		everything(b, table.SigningKeys, &s.Keys)
		b.Queue("COMMIT")
		return c.SendBatch(ctx, b).Close()
	})
	s.Version, s.Now = uint64(version), now.UTC()
	return s, err
}

// SaveSigningKey is signing.Storage's. Where the connection is lost, it is tried
// once more, and may then tell ErrConflict of its own change.
func (db *DB) SaveSigningKey(ctx context.Context, from, to uint64, k signing.Key) error {
	if err := table.SigningKeys.Check([]signing.Key{k}); err != nil {
		return err
	}
	var args []any
	for _, c := range table.SigningKeys.Columns {
		args = append(args, value(c, &k))
	}
	args = append(args, int64(from), int64(to))
	return db.ask(ctx, "signing key", func(c *pgxpool.Conn) error {
		done, err := c.Exec(ctx, saveSigningKey, args...)
		if err == nil && done.RowsAffected() == 0 {
			return signing.ErrConflict
		}
		return err
	})
}
