-- The twin of PostgreSQL's 00008.

-- +goose Up

ALTER TABLE transactions ADD COLUMN trace TEXT NOT NULL DEFAULT '';

ALTER TABLE qr_validations ADD COLUMN fx_rate_e8 INTEGER NOT NULL DEFAULT 0;
ALTER TABLE qr_validations ADD COLUMN fx_curr TEXT NOT NULL DEFAULT '';
ALTER TABLE qr_validations ADD COLUMN fx_rate_at INTEGER;
ALTER TABLE qr_validations ADD COLUMN fx_source TEXT NOT NULL DEFAULT '';
ALTER TABLE qr_validations ADD COLUMN net_inst_id TEXT NOT NULL DEFAULT '';
ALTER TABLE qr_validations ADD COLUMN risk_score INTEGER NOT NULL DEFAULT 0;
ALTER TABLE qr_validations ADD COLUMN risk_reasons TEXT NOT NULL DEFAULT '';
ALTER TABLE qr_validations ADD COLUMN processed_at INTEGER;
ALTER TABLE qr_validations ADD COLUMN event_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE qr_validations ADD COLUMN event_hash BLOB;
UPDATE qr_validations SET processed_at = created_at;
UPDATE qr_validations SET event_seq = e.seq, event_hash = e.hash
    FROM qr_validation_events AS e WHERE e.ver_token = qr_validations.ver_token AND e.seq = 1;
CREATE INDEX qr_validations_unprocessed ON qr_validations (created_at) WHERE processed_at IS NULL;
CREATE INDEX qr_validations_of_payment ON qr_validations (transaction_id, created_at) WHERE transaction_id <> '';

ALTER TABLE req_pays ADD COLUMN base_amount INTEGER NOT NULL DEFAULT 0;
ALTER TABLE req_pays ADD COLUMN base_curr TEXT NOT NULL DEFAULT 'INR';
ALTER TABLE req_pays ADD COLUMN result TEXT NOT NULL DEFAULT '';
ALTER TABLE req_pays ADD COLUMN reference TEXT NOT NULL DEFAULT '';
ALTER TABLE req_pays ADD COLUMN risk_score INTEGER NOT NULL DEFAULT 0;
ALTER TABLE req_pays ADD COLUMN risk_reasons TEXT NOT NULL DEFAULT '';
ALTER TABLE req_pays ADD COLUMN due_at INTEGER;
ALTER TABLE req_pays ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
UPDATE req_pays SET base_amount = amount;
UPDATE req_pays SET reference = t.reference FROM transactions AS t
    WHERE t.id = req_pays.transaction_id AND req_pays.status = 'SUCCESS';
CREATE INDEX req_pays_due ON req_pays (due_at) WHERE due_at IS NOT NULL;
