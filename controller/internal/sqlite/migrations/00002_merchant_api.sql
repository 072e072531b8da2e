-- The twin of PostgreSQL's 00002. A CHECK cannot be changed here, so transactions
-- is copied.

-- +goose Up

CREATE TABLE transactions_new (
    id                      TEXT PRIMARY KEY,
    org_id                  TEXT NOT NULL,
    merchant_id             TEXT NOT NULL,
    merchant_transaction_id TEXT NOT NULL,
    store_id                TEXT NOT NULL,
    terminal_id             TEXT NOT NULL,
    order_id                TEXT NOT NULL,
    amount                  INTEGER NOT NULL CHECK (amount > 0),
    solution                TEXT NOT NULL CHECK (solution IN ('DQR_DEVICE', 'EDC', 'QR', 'QR_STRING', 'COLLECT', 'REFUND')),
    open_order              INTEGER NOT NULL,
    short_order_id          TEXT NOT NULL DEFAULT '',
    allow_card              INTEGER NOT NULL DEFAULT 0,
    allow_dqr               INTEGER NOT NULL DEFAULT 0,
    auto_accept             INTEGER NOT NULL DEFAULT 0,
    accepted                INTEGER NOT NULL DEFAULT 0,
    context_terminal        TEXT NOT NULL DEFAULT '',
    sub_merchant_id         TEXT NOT NULL DEFAULT '',
    message                 TEXT NOT NULL DEFAULT '',
    collect_by              TEXT NOT NULL DEFAULT '',
    collect_from            TEXT NOT NULL DEFAULT '',
    original                TEXT NOT NULL DEFAULT '',
    refunded                INTEGER NOT NULL DEFAULT 0 CHECK (refunded >= 0 AND refunded <= amount),
    handover_by             INTEGER,
    handed_over_at          INTEGER,
    started_at              INTEGER,
    attend_at               INTEGER,
    asked_at                INTEGER,
    instrument              TEXT NOT NULL DEFAULT '',
    card_last4              TEXT NOT NULL DEFAULT '',
    card_network            TEXT NOT NULL DEFAULT '',
    card_type               TEXT NOT NULL DEFAULT '',
    state                   TEXT NOT NULL CHECK (state IN ('created', 'handed_over', 'presented', 'in_progress',
                                'parked', 'succeeded', 'failed', 'cancelled', 'expired')),
    status                  TEXT NOT NULL GENERATED ALWAYS AS (CASE state WHEN 'succeeded' THEN 'SUCCESS'
                                WHEN 'failed' THEN 'FAILED' WHEN 'cancelled' THEN 'FAILED'
                                WHEN 'expired' THEN 'EXPIRED' ELSE 'PENDING' END) VIRTUAL,
    reason                  TEXT NOT NULL,
    cancel_asked            INTEGER NOT NULL,
    attempted               INTEGER NOT NULL,
    payee_addr              TEXT NOT NULL,
    qr                      TEXT NOT NULL,
    created_at              INTEGER NOT NULL,
    expires_at              INTEGER NOT NULL,
    ended_at                INTEGER,
    hold_until              INTEGER,
    payer_addr              TEXT NOT NULL,
    reference               TEXT NOT NULL,
    upi_txn_id              TEXT NOT NULL,
    settlement_amount       INTEGER NOT NULL,
    callback_url            TEXT NOT NULL,
    callback_mode           TEXT NOT NULL,
    signer                  TEXT NOT NULL,
    signer_index            TEXT NOT NULL,
    seq                     INTEGER NOT NULL,
    hash                    BLOB NOT NULL,
    version                 INTEGER NOT NULL DEFAULT 0,
    UNIQUE (merchant_id, merchant_transaction_id)
) STRICT;
INSERT INTO transactions_new (
    id, org_id, merchant_id, merchant_transaction_id, store_id, terminal_id, order_id, amount, solution, open_order, state, reason,
    cancel_asked, attempted, payee_addr, qr, created_at, expires_at, ended_at, hold_until, payer_addr, reference, upi_txn_id,
    settlement_amount, callback_url, callback_mode, signer, signer_index, seq, hash, version)
SELECT
    id, org_id, merchant_id, merchant_transaction_id, store_id, terminal_id, order_id, amount, solution, open_order, state, reason,
    cancel_asked, attempted, payee_addr, qr, created_at, expires_at, ended_at, hold_until, payer_addr, reference, upi_txn_id,
    settlement_amount, callback_url, callback_mode, signer, signer_index, seq, hash, version
FROM transactions;
DROP TABLE transactions;
ALTER TABLE transactions_new RENAME TO transactions;
CREATE INDEX transactions_due ON transactions (expires_at) WHERE state IN ('created', 'handed_over', 'presented');
CREATE INDEX transactions_attend ON transactions (attend_at) WHERE attend_at IS NOT NULL;
CREATE INDEX transactions_of_merchant ON transactions (merchant_id, created_at, id);
CREATE INDEX transactions_of_original ON transactions (original) WHERE original <> '';

ALTER TABLE terminals ADD COLUMN payment_window_seconds INTEGER NOT NULL DEFAULT 0;
ALTER TABLE terminals ADD COLUMN busy TEXT NOT NULL DEFAULT '';
ALTER TABLE terminals ADD COLUMN pull_id TEXT NOT NULL DEFAULT '';
ALTER TABLE terminals ADD COLUMN pull_code TEXT NOT NULL DEFAULT '';
ALTER TABLE terminals ADD COLUMN pull_outcome TEXT NOT NULL DEFAULT '';
ALTER TABLE terminals ADD COLUMN pull_by TEXT NOT NULL DEFAULT '';
ALTER TABLE terminals ADD COLUMN pull_since INTEGER;
ALTER TABLE terminals ADD COLUMN pull_at INTEGER;
ALTER TABLE terminals ADD COLUMN stored TEXT NOT NULL DEFAULT '';

ALTER TABLE credits ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
CREATE INDEX credits_open ON credits (at) WHERE state IN ('received', 'reversing', 'suspense');

CREATE TABLE short_orders (
    merchant_id    TEXT NOT NULL,
    store_id       TEXT NOT NULL,
    short_order_id TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    version        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, store_id, short_order_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE network_requests (
    id             TEXT PRIMARY KEY,
    kind           TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    org_id         TEXT NOT NULL,
    txn_id         TEXT NOT NULL,
    amount         INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    due_at         INTEGER NOT NULL,
    state          TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'dead')),
    attempts       INTEGER NOT NULL DEFAULT 0,
    leased_until   INTEGER,
    error          TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX network_requests_due ON network_requests (due_at) WHERE state = 'pending';
