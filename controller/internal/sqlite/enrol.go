package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/protocol"
)

var (
	enrolCodeShape  = newShape(table.EnrolCodes)
	revocationShape = newShape(table.Revocations)
)

const thisTerminal = " WHERE merchant_id = ? AND store_id = ? AND terminal_id = ?"

// activeTerminal says whether a terminal is switched on, or returns
// journal.ErrNotFound. It is called in a transaction.
func (w *writer) activeTerminal(ctx context.Context, id protocol.Identity) (active bool, err error) {
	s, err := w.statement(ctx, "SELECT active FROM terminals"+thisTerminal)
	if err != nil {
		return false, failed(err)
	}
	err = s.QueryRowContext(ctx, id.MerchantID, id.StoreID, id.TerminalID).Scan(&active)
	if errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("sqlite: terminal %s: %w", id, journal.ErrNotFound)
	}
	if err != nil {
		return false, failed(err)
	}
	return active, nil
}

// PutEnrolCode is enrol.Storage's.
func (db *DB) PutEnrolCode(ctx context.Context, code enrol.Code, lifetime time.Duration) (enrol.Code, error) {
	if err := table.EnrolCodes.Check([]enrol.Code{code}); err != nil {
		return enrol.Code{}, fmt.Errorf("sqlite: enrolment code: %w", err)
	}
	w := db.writer
	err := w.transact(ctx, func() error {
		active, err := w.activeTerminal(ctx, code.Identity)
		if err != nil {
			return err
		}
		if !active {
			return fmt.Errorf("sqlite: terminal %s is not active: %w", code.Identity, journal.ErrNotFound)
		}
		code.CreatedAt = now()
		code.ExpiresAt = code.CreatedAt.Add(lifetime)
		err = w.exec(ctx, `INSERT INTO enrol_codes (merchant_id, store_id, terminal_id, handle, mac, actor, created_at, expires_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (merchant_id, store_id, terminal_id) DO UPDATE SET handle = excluded.handle, mac = excluded.mac,
				actor = excluded.actor, created_at = excluded.created_at, expires_at = excluded.expires_at,
				wrong = 0, spent_by = NULL, spent_at = NULL`,
			code.MerchantID, code.StoreID, code.TerminalID, code.Handle, code.MAC, code.Actor,
			code.CreatedAt.UnixMicro(), code.ExpiresAt.UnixMicro())
		if err != nil {
			return failed(err)
		}
		return nil
	})
	return code, err
}

// TryEnrolCode is enrol.Storage's.
func (db *DB) TryEnrolCode(ctx context.Context, handle string, judge func(enrol.Found) (enrol.Outcome, error)) error {
	var verdict error
	w := db.writer
	err := w.transact(ctx, func() error {
		f, err := w.findEnrolCode(ctx, handle)
		if err != nil {
			return err
		}
		var out enrol.Outcome
		if out, verdict = judge(f); !out.Save {
			return errNothing
		}
		err = w.exec(ctx, "UPDATE enrol_codes SET wrong = ?, spent_by = ?, spent_at = ? WHERE handle = ?",
			out.Code.Wrong, blob(out.Code.SpentBy), micros(out.Code.SpentAt), handle)
		if err == nil && out.Enrol {
			id := f.Code.Identity
			err = w.exec(ctx, "UPDATE terminals SET public_key = ?, token_hash = ?, session = '', version = version + 1"+thisTerminal,
				blob(out.PublicKey), blob(out.TokenHash), id.MerchantID, id.StoreID, id.TerminalID)
		}
		if err != nil {
			return failed(err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return verdict
}

// findEnrolCode loads what stands under a handle. It is called in a transaction.
func (w *writer) findEnrolCode(ctx context.Context, handle string) (enrol.Found, error) {
	codes, err := selected(ctx, w, enrolCodeShape, "SELECT "+enrolCodeShape.names+" FROM enrol_codes WHERE handle = ?", handle)
	if err != nil {
		return enrol.Found{}, err
	}
	if len(codes) == 0 {
		return enrol.Found{}, fmt.Errorf("sqlite: enrolment code: %w", journal.ErrNotFound)
	}
	f := enrol.Found{Now: now(), Code: codes[0]}
	id := f.Code.Identity
	if f.Active, err = w.activeTerminal(ctx, id); err != nil {
		return enrol.Found{}, err
	}
	revoked, err := selected(ctx, w, revocationShape, "SELECT "+revocationShape.names+" FROM terminal_revocations"+thisTerminal,
		id.MerchantID, id.StoreID, id.TerminalID)
	if err == nil && len(revoked) > 0 {
		f.RevokedAt = revoked[0].At
	}
	return f, err
}

func selected[T any](ctx context.Context, w *writer, s shape[T], query string, args ...any) ([]T, error) {
	rows, err := w.query(ctx, query, args...)
	if err != nil {
		return nil, failed(err)
	}
	all, err := s.all(rows)
	if err != nil {
		return nil, failed(err)
	}
	return all, nil
}

// blob is NULL where there are no bytes.
func blob(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// Unenrol is enrol.Storage's.
func (db *DB) Unenrol(ctx context.Context, id protocol.Identity, actor string) error {
	if !table.Keepable(actor) {
		return fmt.Errorf("sqlite: unenrol: %w", journal.ErrText)
	}
	w := db.writer
	return w.transact(ctx, func() error {
		if _, err := w.activeTerminal(ctx, id); err != nil {
			return err
		}
		at := now().UnixMicro()
		// It is not connected any more, as far as the controller is concerned.
		err := w.exec(ctx, "UPDATE terminals SET public_key = NULL, token_hash = NULL, session = '', gone_at = ?, version = version + 1"+thisTerminal,
			at, id.MerchantID, id.StoreID, id.TerminalID)
		if err == nil {
			err = w.exec(ctx, "DELETE FROM enrol_codes"+thisTerminal, id.MerchantID, id.StoreID, id.TerminalID)
		}
		if err == nil {
			err = w.exec(ctx, `INSERT INTO terminal_revocations (merchant_id, store_id, terminal_id, at, actor) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT (merchant_id, store_id, terminal_id) DO UPDATE SET at = excluded.at, actor = excluded.actor`,
				id.MerchantID, id.StoreID, id.TerminalID, at, actor)
		}
		if err != nil {
			return failed(err)
		}
		return nil
	})
}

// Revoked is enrol.Storage's.
func (db *DB) Revoked(ctx context.Context) ([]enrol.Revocation, error) {
	rows, err := db.read.QueryContext(ctx, "SELECT "+revocationShape.names+` FROM terminal_revocations
		JOIN terminals USING (merchant_id, store_id, terminal_id) WHERE terminals.token_hash IS NULL`)
	if err != nil {
		return nil, fmt.Errorf("sqlite: revocations: %w", err)
	}
	all, err := revocationShape.all(rows)
	if err != nil {
		return nil, fmt.Errorf("sqlite: revocations: %w", err)
	}
	return all, nil
}
