package sqlite

import (
	"io/fs"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/seal"
)

// A file that has validations and payments of before: their chains go on, what
// was answered stays answered, and nothing is left to be processed.
func TestMigrationOfUPIDynamic(t *testing.T) {
	t.Parallel()
	box, err := seal.FromKey(make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "galla.db"), Box: box, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	own, err := open(db.path, "_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	p, err := goose.NewProvider(goose.DialectSQLite3, own, files, goose.WithDisableGlobalRegistry(true), goose.WithSlog(db.log))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	if _, err := own.ExecContext(t.Context(), `
		INSERT INTO qr_validations (ver_token, org_id, msg_id, initiation_mode, qr_medium, validation_type, transaction_id, payee_addr, base_amount,
			base_curr, inr_amount_calc, mcc, created_at, qr_expires_at, used_by, request_hash, response_hash)
			VALUES ('v', 'O', 'm', '16', 'DYNAMIC', 'DOMESTIC', 'p', 'shop@upi', 24500, 'INR', 24500, '5411', 1, 1, 'x', x'01', x'02');
		INSERT INTO qr_validation_events (ver_token, seq, org_id, event, code, at, prev_hash, hash)
			VALUES ('v', 1, 'O', 'validated', '00', 1, x'00', x'abababababababababababababababababababababababababababababababab');
		INSERT INTO transactions (id, org_id, merchant_id, merchant_transaction_id, store_id, terminal_id, order_id, amount, solution, open_order,
			state, reason, cancel_asked, attempted, payee_addr, qr, created_at, expires_at, payer_addr, reference, upi_txn_id,
			settlement_amount, callback_url, callback_mode, signer, signer_index, seq, hash)
			VALUES ('p', 'O', 'M', 'k', 's', 't', '', 24500, 'DQR_DEVICE', false, 'succeeded', '', false, true, '', '', 1, 1, '',
				'632600000001', 'x', 24377, '', '', '', '', 1, x'01');
		INSERT INTO req_pays (org_id, txn_id, msg_id, ver_token, transaction_id, amount, payer_addr, payee_addr, status, code, settlement_amount, at, request_hash, response_hash)
			VALUES ('O', 'x', 'm2', 'v', 'p', 24500, 'a', 'b', 'SUCCESS', '00', 24377, 1, x'01', x'02')`); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	q, err := db.Quote(t.Context(), "v")
	if err != nil || q.Seq != 1 || q.Hash[0] != 0xab || q.Base != 24500 || q.Amount != 24500 || q.Type() != "DOMESTIC" || q.ProcessedAt.IsZero() {
		t.Errorf("%+v %v", q, err)
	}
	r, err := db.ReqPay(t.Context(), decide.TxnKey{OrgID: "O", TxnID: "x"})
	if err != nil || r.Base != 24500 || r.Currency != "INR" || r.Reference != "632600000001" || r.Status != "SUCCESS" || !r.DueAt.IsZero() {
		t.Errorf("%+v %v", r, err)
	}
	if left, err := db.Unprocessed(t.Context(), 10); err != nil || len(left) != 0 {
		t.Errorf("left to be processed: %v %v", left, err)
	}
}
