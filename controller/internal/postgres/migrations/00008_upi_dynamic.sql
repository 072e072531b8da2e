-- UPI Dynamic whole (PRD 4): what an international quote was converted at, the
-- chain of a quote's events on its row, the score of the risk rules, messages
-- that are held while a merchant is waited for, and the trace of a payment.
-- base_amount is in hundredths of base_curr, inr_amount_calc in paise.

-- +goose Up

ALTER TABLE transactions ADD COLUMN trace text NOT NULL DEFAULT '';

ALTER TABLE qr_validations
    ADD COLUMN fx_rate_e8   bigint NOT NULL DEFAULT 0, -- rupees for one unit, times 10^8; 0: domestic
    ADD COLUMN fx_curr      text NOT NULL DEFAULT '',
    ADD COLUMN fx_rate_at   timestamptz,
    ADD COLUMN fx_source    text NOT NULL DEFAULT '',
    ADD COLUMN net_inst_id  text NOT NULL DEFAULT '',
    ADD COLUMN risk_score   bigint NOT NULL DEFAULT 0,
    ADD COLUMN risk_reasons text NOT NULL DEFAULT '',
    ADD COLUMN processed_at timestamptz,
    ADD COLUMN event_seq    bigint NOT NULL DEFAULT 0,
    ADD COLUMN event_hash   bytea;
UPDATE qr_validations SET processed_at = created_at;
UPDATE qr_validations AS q SET event_seq = e.seq, event_hash = e.hash
    FROM qr_validation_events AS e WHERE e.ver_token = q.ver_token AND e.seq = 1;
CREATE INDEX qr_validations_unprocessed ON qr_validations (created_at) WHERE processed_at IS NULL;
CREATE INDEX qr_validations_of_payment ON qr_validations (transaction_id, created_at) WHERE transaction_id <> '';

ALTER TABLE req_pays
    ADD COLUMN base_amount  bigint NOT NULL DEFAULT 0,
    ADD COLUMN base_curr    text NOT NULL DEFAULT 'INR',
    ADD COLUMN result       text NOT NULL DEFAULT '',
    ADD COLUMN reference    text NOT NULL DEFAULT '',
    ADD COLUMN risk_score   bigint NOT NULL DEFAULT 0,
    ADD COLUMN risk_reasons text NOT NULL DEFAULT '',
    ADD COLUMN due_at       timestamptz,
    ADD COLUMN version      bigint NOT NULL DEFAULT 0;
UPDATE req_pays SET base_amount = amount;
UPDATE req_pays AS r SET reference = t.reference FROM transactions AS t
    WHERE t.id = r.transaction_id AND r.status = 'SUCCESS';
CREATE INDEX req_pays_due ON req_pays (due_at) WHERE due_at IS NOT NULL;
