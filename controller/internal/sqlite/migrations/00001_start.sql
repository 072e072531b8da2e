-- The embedded twin of the PostgreSQL schema: the same tables and columns, with
-- SQLite's types. Amounts are paise. Times are microseconds since 1970, NULL
-- where there is none. Lists are JSON arrays. Hashes are SHA-256.
--
-- org_id, initiation_mode, qr_medium, ver_token, qr_expires_at, validation_type,
-- base_amount, inr_amount_calc, amount, settlement_amount and status are the
-- PRD's names (PRD 4.1, 4.2, 4.3).

-- +goose Up

CREATE TABLE merchants (
    id             TEXT PRIMARY KEY,
    name           TEXT NOT NULL,
    mcc            TEXT NOT NULL,
    active         INTEGER NOT NULL,
    dqr            INTEGER NOT NULL,
    edc            INTEGER NOT NULL,
    payee_addr     TEXT NOT NULL,
    callback_url   TEXT NOT NULL,
    callback_hosts TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE stores (
    merchant_id TEXT NOT NULL,
    id          TEXT NOT NULL,
    name        TEXT NOT NULL,
    active      INTEGER NOT NULL,
    PRIMARY KEY (merchant_id, id)
) STRICT, WITHOUT ROWID;

-- A terminal's row is its outbox: it is to be told while seq > acked_seq.
CREATE TABLE terminals (
    merchant_id TEXT NOT NULL,
    store_id    TEXT NOT NULL,
    terminal_id TEXT NOT NULL,
    label       TEXT NOT NULL,
    active      INTEGER NOT NULL,
    integrated  INTEGER NOT NULL,
    public_key  BLOB,
    token_hash  BLOB,
    seq         INTEGER NOT NULL DEFAULT 0,
    sale        TEXT NOT NULL DEFAULT '',
    result      TEXT NOT NULL DEFAULT '',
    waiting     TEXT NOT NULL DEFAULT '[]',
    acked_seq   INTEGER NOT NULL DEFAULT 0,
    epoch       TEXT NOT NULL DEFAULT '',
    fact_seq    INTEGER NOT NULL DEFAULT 0,
    session     TEXT NOT NULL DEFAULT '',
    mode        TEXT NOT NULL DEFAULT '',
    last_seen   INTEGER,
    gone_at     INTEGER,
    version     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, store_id, terminal_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX terminals_unacked ON terminals (merchant_id, store_id, terminal_id)
    WHERE seq > acked_seq AND public_key IS NOT NULL AND token_hash IS NOT NULL AND gone_at IS NULL;
CREATE INDEX terminals_waiting ON terminals (merchant_id, store_id, terminal_id) WHERE waiting <> '[]';

CREATE TABLE payees (
    vpa              TEXT PRIMARY KEY,
    merchant_id      TEXT NOT NULL,
    active           INTEGER NOT NULL,
    fee_basis_points INTEGER NOT NULL,
    acquirer_code    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE providers (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE provider_merchants (
    provider_id TEXT NOT NULL,
    merchant_id TEXT NOT NULL,
    PRIMARY KEY (provider_id, merchant_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE organisations (
    id            TEXT PRIMARY KEY,
    default_payee TEXT NOT NULL,
    unsigned      INTEGER NOT NULL,
    certificates  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- sealed is AES-256-GCM by the key file's key, bound to owner and index.
CREATE TABLE salt_keys (
    owner      TEXT NOT NULL,
    key_index  TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    not_before INTEGER,
    not_after  INTEGER,
    PRIMARY KEY (owner, key_index)
) STRICT, WITHOUT ROWID;

-- Secrets of the controller itself, sealed and bound to their name.
CREATE TABLE secrets (
    name   TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Payments (PRD 4.1: payment records). state is ours, status the API's word.
CREATE TABLE transactions (
    id                      TEXT PRIMARY KEY,
    org_id                  TEXT NOT NULL,
    merchant_id             TEXT NOT NULL,
    merchant_transaction_id TEXT NOT NULL,
    store_id                TEXT NOT NULL,
    terminal_id             TEXT NOT NULL,
    order_id                TEXT NOT NULL,
    amount                  INTEGER NOT NULL CHECK (amount > 0),
    solution                TEXT NOT NULL CHECK (solution IN ('DQR_DEVICE', 'EDC', 'QR')),
    open_order              INTEGER NOT NULL,
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
CREATE INDEX transactions_due ON transactions (expires_at) WHERE state IN ('created', 'handed_over', 'presented');

CREATE TABLE transaction_events (
    transaction_id TEXT NOT NULL,
    seq            INTEGER NOT NULL CHECK (seq > 0),
    org_id         TEXT NOT NULL,
    event          TEXT NOT NULL,
    from_state     TEXT NOT NULL,
    to_state       TEXT NOT NULL,
    at             INTEGER NOT NULL,
    actor          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    prev_hash      BLOB NOT NULL,
    hash           BLOB NOT NULL,
    PRIMARY KEY (transaction_id, seq)
) STRICT;

CREATE TABLE qr_validations (
    ver_token       TEXT PRIMARY KEY,
    org_id          TEXT NOT NULL,
    msg_id          TEXT NOT NULL,
    initiation_mode TEXT NOT NULL,
    qr_medium       TEXT NOT NULL,
    validation_type TEXT NOT NULL CHECK (validation_type IN ('DOMESTIC', 'INTERNATIONAL')),
    transaction_id  TEXT NOT NULL,
    payee_addr      TEXT NOT NULL,
    base_amount     INTEGER NOT NULL,
    base_curr       TEXT NOT NULL,
    inr_amount_calc INTEGER NOT NULL,
    mcc             TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    qr_expires_at   INTEGER NOT NULL,
    used_at         INTEGER,
    used_by         TEXT NOT NULL,
    request_hash    BLOB NOT NULL,
    response_hash   BLOB NOT NULL,
    version         INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE qr_validation_events (
    ver_token TEXT NOT NULL,
    seq       INTEGER NOT NULL CHECK (seq > 0),
    org_id    TEXT NOT NULL,
    event     TEXT NOT NULL,
    code      TEXT NOT NULL,
    at        INTEGER NOT NULL,
    prev_hash BLOB NOT NULL,
    hash      BLOB NOT NULL,
    PRIMARY KEY (ver_token, seq)
) STRICT;

-- Message ids, transaction ids and credits are unique for ever.
CREATE TABLE upi_messages (
    org_id TEXT NOT NULL,
    msg_id TEXT NOT NULL,
    kind   TEXT NOT NULL,
    code   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (org_id, msg_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE req_pays (
    org_id            TEXT NOT NULL,
    txn_id            TEXT NOT NULL,
    msg_id            TEXT NOT NULL,
    ver_token         TEXT NOT NULL,
    transaction_id    TEXT NOT NULL,
    amount            INTEGER NOT NULL,
    payer_addr        TEXT NOT NULL,
    payee_addr        TEXT NOT NULL,
    status            TEXT NOT NULL CHECK (status IN ('SUCCESS', 'FAILED', 'PENDING', 'REVERSED')),
    code              TEXT NOT NULL,
    settlement_amount INTEGER NOT NULL,
    at                INTEGER NOT NULL,
    request_hash      BLOB NOT NULL,
    response_hash     BLOB NOT NULL,
    PRIMARY KEY (org_id, txn_id)
) STRICT;

CREATE TABLE credits (
    org_id         TEXT NOT NULL,
    txn_id         TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    amount         INTEGER NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('received', 'applied', 'reversing', 'reversed', 'suspense')),
    at             INTEGER NOT NULL,
    PRIMARY KEY (org_id, txn_id)
) STRICT, WITHOUT ROWID;

-- The callback outbox. A row can be leased from free_at on: the later of its
-- due time and the end of its lease.
CREATE TABLE callbacks (
    event_id       TEXT PRIMARY KEY,
    transaction_id TEXT NOT NULL,
    merchant_id    TEXT NOT NULL,
    lane           TEXT NOT NULL,
    url            TEXT NOT NULL,
    method         TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    state          TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts       INTEGER NOT NULL DEFAULT 0,
    first_at       INTEGER,
    due_at         INTEGER NOT NULL,
    leased_until   INTEGER,
    free_at        INTEGER GENERATED ALWAYS AS (max(due_at, coalesce(leased_until, due_at))) VIRTUAL
) STRICT;
CREATE INDEX callbacks_due ON callbacks (lane, due_at, event_id) WHERE state = 'pending';
CREATE INDEX callbacks_free ON callbacks (lane, free_at) WHERE state = 'pending';

-- Its delivery log: written before an attempt is sent, completed after it.
CREATE TABLE callback_attempts (
    event_id    TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    result      TEXT NOT NULL DEFAULT '',
    http_status INTEGER NOT NULL DEFAULT 0,
    error       TEXT NOT NULL DEFAULT '',
    took        INTEGER NOT NULL DEFAULT 0, -- nanoseconds
    PRIMARY KEY (event_id, attempt)
) STRICT;

-- Ids of batches that were committed (DESIGN 3.1: commit unknown).
CREATE TABLE batches (
    id BLOB PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_at ON batches (at);
