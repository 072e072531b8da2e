package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/protocol"
)

var (
	enrolCodeShape  = newShape(table.EnrolCodes)
	revocationShape = newShape(table.Revocations)
)

const (
	// The terminal's row is locked first, by all that enrols it or shuts it out,
	// as by the journal (DESIGN 3.1), so that none of them meets another half done.
	lockCounter = `SELECT active, clock_timestamp() FROM terminals
		WHERE merchant_id = $1 AND store_id = $2 AND terminal_id = $3 FOR UPDATE`
	putEnrolCode = `INSERT INTO enrol_codes (merchant_id, store_id, terminal_id, handle, mac, actor, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (merchant_id, store_id, terminal_id) DO UPDATE SET handle = excluded.handle, mac = excluded.mac,
			actor = excluded.actor, created_at = excluded.created_at, expires_at = excluded.expires_at,
			wrong = 0, spent_by = NULL, spent_at = NULL`
	ownerOfHandle   = "SELECT merchant_id, store_id, terminal_id FROM enrol_codes WHERE handle = $1"
	saveEnrolCode   = "UPDATE enrol_codes SET wrong = $2, spent_by = $3, spent_at = $4 WHERE handle = $1"
	giveCredentials = `UPDATE terminals SET public_key = $4, token_hash = $5, session = '', version = version + 1
		WHERE merchant_id = $1 AND store_id = $2 AND terminal_id = $3`
	// It is not connected any more, as far as the controller is concerned.
	takeCredentials = `UPDATE terminals SET public_key = NULL, token_hash = NULL, session = '', gone_at = clock_timestamp(),
			version = version + 1
		WHERE merchant_id = $1 AND store_id = $2 AND terminal_id = $3`
	dropEnrolCode  = "DELETE FROM enrol_codes WHERE merchant_id = $1 AND store_id = $2 AND terminal_id = $3"
	noteRevocation = `INSERT INTO terminal_revocations (merchant_id, store_id, terminal_id, at, actor)
		VALUES ($1, $2, $3, clock_timestamp(), $4)
		ON CONFLICT (merchant_id, store_id, terminal_id) DO UPDATE SET at = excluded.at, actor = excluded.actor`
)

// change does a piece of work in a transaction of a reader's connection, which
// is on disk when it has committed and does not wait for ever for a lock. As
// with ask, it must not mind to be done twice.
func (db *DB) change(ctx context.Context, what string, do func(tx pgx.Tx) error) error {
	return db.ask(ctx, what, func(c *pgxpool.Conn) error {
		return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT set_config('lock_timeout', '2s', true), set_config('synchronous_commit', 'on', true)")
			if err != nil {
				return err
			}
			return do(tx)
		})
	})
}

// lockTerminalOf locks a terminal's row, or returns journal.ErrNotFound.
func lockTerminalOf(ctx context.Context, tx pgx.Tx, id protocol.Identity) (active bool, now time.Time, err error) {
	err = tx.QueryRow(ctx, lockCounter, id.MerchantID, id.StoreID, id.TerminalID).Scan(&active, &now)
	if errors.Is(err, pgx.ErrNoRows) {
		err = journal.ErrNotFound
	}
	return active, now.UTC(), err
}

// PutEnrolCode is enrol.Storage's.
func (db *DB) PutEnrolCode(ctx context.Context, code enrol.Code, lifetime time.Duration) (enrol.Code, error) {
	if err := table.EnrolCodes.Check([]enrol.Code{code}); err != nil {
		return enrol.Code{}, fmt.Errorf("postgres: enrolment code: %w", err)
	}
	err := db.change(ctx, "enrolment code", func(tx pgx.Tx) error {
		active, now, err := lockTerminalOf(ctx, tx, code.Identity)
		if err != nil {
			return err
		}
		if !active {
			return journal.ErrNotFound
		}
		code.CreatedAt, code.ExpiresAt = now, now.Add(lifetime)
		_, err = tx.Exec(ctx, putEnrolCode, code.MerchantID, code.StoreID, code.TerminalID, code.Handle, code.MAC, code.Actor,
			code.CreatedAt, code.ExpiresAt)
		return err
	})
	return code, err
}

// TryEnrolCode is enrol.Storage's.
func (db *DB) TryEnrolCode(ctx context.Context, handle string, judge func(enrol.Found) (enrol.Outcome, error)) error {
	if !table.Keepable(handle) {
		return fmt.Errorf("postgres: enrolment code: %w", journal.ErrNotFound)
	}
	var verdict error
	err := db.change(ctx, "enrolment code", func(tx pgx.Tx) error {
		verdict = nil
		var id protocol.Identity
		err := tx.QueryRow(ctx, ownerOfHandle, handle).Scan(&id.MerchantID, &id.StoreID, &id.TerminalID)
		if errors.Is(err, pgx.ErrNoRows) {
			return journal.ErrNotFound
		}
		if err != nil {
			return err
		}
		active, now, err := lockTerminalOf(ctx, tx, id)
		if err != nil {
			return err
		}
		f := enrol.Found{Now: now, Active: active}
		// Again, now that it cannot change: another code may have come between.
		codes, err := selected(ctx, tx, enrolCodeShape, "SELECT "+enrolCodeShape.names+
			" FROM enrol_codes WHERE handle = $1 AND merchant_id = $2 AND store_id = $3 AND terminal_id = $4",
			handle, id.MerchantID, id.StoreID, id.TerminalID)
		if err != nil {
			return err
		}
		if len(codes) == 0 {
			return journal.ErrNotFound
		}
		f.Code = codes[0]
		revoked, err := selected(ctx, tx, revocationShape, "SELECT "+revocationShape.names+
			" FROM terminal_revocations WHERE merchant_id = $1 AND store_id = $2 AND terminal_id = $3",
			id.MerchantID, id.StoreID, id.TerminalID)
		if err != nil {
			return err
		}
		if len(revoked) > 0 {
			f.RevokedAt = revoked[0].At
		}
		var out enrol.Outcome
		if out, verdict = judge(f); !out.Save {
			return nil
		}
		b := &pgx.Batch{}
		b.Queue(saveEnrolCode, handle, out.Code.Wrong, blob(out.Code.SpentBy), instant(out.Code.SpentAt))
		if out.Enrol {
			b.Queue(giveCredentials, id.MerchantID, id.StoreID, id.TerminalID, blob(out.PublicKey), blob(out.TokenHash))
		}
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return err
	}
	return verdict
}

func selected[T any](ctx context.Context, tx pgx.Tx, s shape[T], query string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return s.all(rows)
}

// Unenrol is enrol.Storage's.
func (db *DB) Unenrol(ctx context.Context, id protocol.Identity, actor string) error {
	if !table.Keepable(actor) {
		return fmt.Errorf("postgres: unenrol: %w", journal.ErrText)
	}
	return db.change(ctx, "unenrol", func(tx pgx.Tx) error {
		if _, _, err := lockTerminalOf(ctx, tx, id); err != nil {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(takeCredentials, id.MerchantID, id.StoreID, id.TerminalID)
		b.Queue(dropEnrolCode, id.MerchantID, id.StoreID, id.TerminalID)
		b.Queue(noteRevocation, id.MerchantID, id.StoreID, id.TerminalID, actor)
		return tx.SendBatch(ctx, b).Close()
	})
}

// Revoked is enrol.Storage's.
func (db *DB) Revoked(ctx context.Context) (all []enrol.Revocation, err error) {
	err = db.ask(ctx, "revocations", func(c *pgxpool.Conn) (err error) {
		all, err = revocationShape.query(ctx, c, "SELECT "+revocationShape.names+` FROM terminal_revocations
			JOIN terminals USING (merchant_id, store_id, terminal_id) WHERE terminals.token_hash IS NULL`)
		return err
	})
	return all, err
}
