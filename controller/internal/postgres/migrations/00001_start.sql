-- Amounts are bigint paise. Times are the database's. Hashes are SHA-256. Ids
-- compare byte by byte (COLLATE "C"), so that rows are locked in the same order
-- everywhere. There are no foreign keys on the tables of the write path: they
-- would lock the rows that they point to, and every row is written by one
-- journal, which has loaded what it points to.
--
-- org_id, initiation_mode, qr_medium, ver_token, qr_expires_at, validation_type,
-- base_amount, inr_amount_calc, amount, settlement_amount and status are the
-- PRD's names (PRD 4.1, 4.2, 4.3).
--
-- Unique for ever, so never partitioned: transactions, upi_messages, req_pays,
-- credits. Partitioned by month, with a default partition so that a month that
-- nobody made room for stops no payment: events, the outbox, its log. Their
-- numbers are unique by the version of the row that they belong to.

-- +goose Up

CREATE TABLE merchants (
    id             text COLLATE "C" PRIMARY KEY,
    name           text NOT NULL,
    mcc            text NOT NULL,
    active         boolean NOT NULL,
    dqr            boolean NOT NULL,
    edc            boolean NOT NULL,
    payee_addr     text NOT NULL,
    callback_url   text NOT NULL,
    callback_hosts jsonb NOT NULL
);

CREATE TABLE stores (
    merchant_id text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    name        text NOT NULL,
    active      boolean NOT NULL,
    PRIMARY KEY (merchant_id, id)
);

-- A terminal's row is its outbox: it is to be told while seq > acked_seq.
CREATE TABLE terminals (
    merchant_id text COLLATE "C" NOT NULL,
    store_id    text COLLATE "C" NOT NULL,
    terminal_id text COLLATE "C" NOT NULL,
    label       text NOT NULL,
    active      boolean NOT NULL,
    integrated  boolean NOT NULL,
    public_key  bytea,
    token_hash  bytea,
    seq         bigint NOT NULL DEFAULT 0,
    sale        text NOT NULL DEFAULT '',
    result      text NOT NULL DEFAULT '',
    waiting     jsonb NOT NULL DEFAULT '[]',
    acked_seq   bigint NOT NULL DEFAULT 0,
    epoch       text NOT NULL DEFAULT '',
    fact_seq    bigint NOT NULL DEFAULT 0,
    session     text NOT NULL DEFAULT '',
    mode        text NOT NULL DEFAULT '',
    last_seen   timestamptz,
    gone_at     timestamptz,
    version     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, store_id, terminal_id)
) WITH (fillfactor = 60);
CREATE INDEX terminals_unacked ON terminals (merchant_id, store_id, terminal_id)
    WHERE seq > acked_seq AND public_key IS NOT NULL AND token_hash IS NOT NULL AND gone_at IS NULL;
CREATE INDEX terminals_waiting ON terminals (merchant_id, store_id, terminal_id) WHERE waiting <> '[]';

CREATE TABLE payees (
    vpa              text COLLATE "C" PRIMARY KEY,
    merchant_id      text COLLATE "C" NOT NULL,
    active           boolean NOT NULL,
    fee_basis_points bigint NOT NULL,
    acquirer_code    text NOT NULL
);

CREATE TABLE providers (id text COLLATE "C" PRIMARY KEY);

CREATE TABLE provider_merchants (
    provider_id text COLLATE "C" NOT NULL,
    merchant_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (provider_id, merchant_id)
);

CREATE TABLE organisations (
    id            text COLLATE "C" PRIMARY KEY,
    default_payee text NOT NULL,
    unsigned      boolean NOT NULL,
    certificates  jsonb NOT NULL
);

-- sealed is AES-256-GCM by the key file's key, bound to owner and index.
CREATE TABLE salt_keys (
    owner      text COLLATE "C" NOT NULL,
    key_index  text COLLATE "C" NOT NULL,
    sealed     bytea NOT NULL,
    not_before timestamptz,
    not_after  timestamptz,
    PRIMARY KEY (owner, key_index)
);

-- Secrets of the controller itself, sealed and bound to their name.
CREATE TABLE secrets (
    name   text COLLATE "C" PRIMARY KEY,
    sealed bytea NOT NULL
);

-- Payments (PRD 4.1: payment records). state is ours, status the API's word.
CREATE TABLE transactions (
    id                      text COLLATE "C" PRIMARY KEY,
    org_id                  text COLLATE "C" NOT NULL,
    merchant_id             text COLLATE "C" NOT NULL,
    merchant_transaction_id text COLLATE "C" NOT NULL,
    store_id                text COLLATE "C" NOT NULL,
    terminal_id             text COLLATE "C" NOT NULL,
    order_id                text NOT NULL,
    amount                  bigint NOT NULL CHECK (amount > 0),
    solution                text NOT NULL CHECK (solution IN ('DQR_DEVICE', 'EDC', 'QR')),
    open_order              boolean NOT NULL,
    state                   text NOT NULL CHECK (state IN ('created', 'handed_over', 'presented', 'in_progress',
                                'parked', 'succeeded', 'failed', 'cancelled', 'expired')),
    status                  text NOT NULL GENERATED ALWAYS AS (CASE state WHEN 'succeeded' THEN 'SUCCESS'
                                WHEN 'failed' THEN 'FAILED' WHEN 'cancelled' THEN 'FAILED'
                                WHEN 'expired' THEN 'EXPIRED' ELSE 'PENDING' END) STORED,
    reason                  text NOT NULL,
    cancel_asked            boolean NOT NULL,
    attempted               boolean NOT NULL,
    payee_addr              text NOT NULL,
    qr                      text NOT NULL,
    created_at              timestamptz NOT NULL,
    expires_at              timestamptz NOT NULL,
    ended_at                timestamptz,
    hold_until              timestamptz,
    payer_addr              text NOT NULL,
    reference               text NOT NULL,
    upi_txn_id              text NOT NULL,
    settlement_amount       bigint NOT NULL,
    callback_url            text NOT NULL,
    callback_mode           text NOT NULL,
    signer                  text NOT NULL,
    signer_index            text NOT NULL,
    seq                     bigint NOT NULL,
    hash                    bytea NOT NULL,
    version                 bigint NOT NULL DEFAULT 0,
    UNIQUE (merchant_id, merchant_transaction_id)
) WITH (fillfactor = 80);
CREATE INDEX transactions_due ON transactions (expires_at) WHERE state IN ('created', 'handed_over', 'presented');

CREATE TABLE transaction_events (
    transaction_id text COLLATE "C" NOT NULL,
    seq            bigint NOT NULL CHECK (seq > 0),
    org_id         text COLLATE "C" NOT NULL,
    event          text NOT NULL,
    from_state     text NOT NULL,
    to_state       text NOT NULL,
    at             timestamptz NOT NULL,
    actor          text NOT NULL,
    reason         text NOT NULL,
    prev_hash      bytea NOT NULL,
    hash           bytea NOT NULL,
    PRIMARY KEY (transaction_id, seq, at)
) PARTITION BY RANGE (at);
CREATE TABLE transaction_events_default PARTITION OF transaction_events DEFAULT;

CREATE TABLE qr_validations (
    ver_token       text COLLATE "C" PRIMARY KEY,
    org_id          text COLLATE "C" NOT NULL,
    msg_id          text COLLATE "C" NOT NULL,
    initiation_mode text NOT NULL,
    qr_medium       text NOT NULL,
    validation_type text NOT NULL CHECK (validation_type IN ('DOMESTIC', 'INTERNATIONAL')),
    transaction_id  text COLLATE "C" NOT NULL,
    payee_addr      text NOT NULL,
    base_amount     bigint NOT NULL,
    base_curr       text NOT NULL,
    inr_amount_calc bigint NOT NULL,
    mcc             text NOT NULL,
    created_at      timestamptz NOT NULL,
    qr_expires_at   timestamptz NOT NULL,
    used_at         timestamptz,
    used_by         text NOT NULL,
    request_hash    bytea NOT NULL,
    response_hash   bytea NOT NULL,
    version         bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 85);

CREATE TABLE qr_validation_events (
    ver_token text COLLATE "C" NOT NULL,
    seq       bigint NOT NULL CHECK (seq > 0),
    org_id    text COLLATE "C" NOT NULL,
    event     text NOT NULL,
    code      text NOT NULL,
    at        timestamptz NOT NULL,
    prev_hash bytea NOT NULL,
    hash      bytea NOT NULL,
    PRIMARY KEY (ver_token, seq, at)
) PARTITION BY RANGE (at);
CREATE TABLE qr_validation_events_default PARTITION OF qr_validation_events DEFAULT;

-- Message ids, transaction ids and credits are unique for ever.
CREATE TABLE upi_messages (
    org_id text COLLATE "C" NOT NULL,
    msg_id text COLLATE "C" NOT NULL,
    kind   text NOT NULL,
    code   text NOT NULL,
    at     timestamptz NOT NULL,
    PRIMARY KEY (org_id, msg_id)
);

CREATE TABLE req_pays (
    org_id            text COLLATE "C" NOT NULL,
    txn_id            text COLLATE "C" NOT NULL,
    msg_id            text COLLATE "C" NOT NULL,
    ver_token         text COLLATE "C" NOT NULL,
    transaction_id    text COLLATE "C" NOT NULL,
    amount            bigint NOT NULL,
    payer_addr        text NOT NULL,
    payee_addr        text NOT NULL,
    status            text NOT NULL CHECK (status IN ('SUCCESS', 'FAILED', 'PENDING', 'REVERSED')),
    code              text NOT NULL,
    settlement_amount bigint NOT NULL,
    at                timestamptz NOT NULL,
    request_hash      bytea NOT NULL,
    response_hash     bytea NOT NULL,
    PRIMARY KEY (org_id, txn_id)
);

CREATE TABLE credits (
    org_id         text COLLATE "C" NOT NULL,
    txn_id         text COLLATE "C" NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    amount         bigint NOT NULL,
    state          text NOT NULL CHECK (state IN ('received', 'applied', 'reversing', 'reversed', 'suspense')),
    at             timestamptz NOT NULL,
    PRIMARY KEY (org_id, txn_id)
);

-- The callback outbox. A row can be leased from the later of its due time and
-- the end of its lease.
CREATE TABLE callbacks (
    event_id       text COLLATE "C" NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    merchant_id    text COLLATE "C" NOT NULL,
    lane           text COLLATE "C" NOT NULL,
    url            text NOT NULL,
    method         text NOT NULL,
    created_at     timestamptz NOT NULL,
    state          text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts       bigint NOT NULL DEFAULT 0,
    first_at       timestamptz,
    due_at         timestamptz NOT NULL,
    leased_until   timestamptz,
    PRIMARY KEY (event_id, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE callbacks_default PARTITION OF callbacks DEFAULT;
CREATE INDEX callbacks_due ON callbacks (lane, due_at, event_id) WHERE state = 'pending';
CREATE INDEX callbacks_free ON callbacks (lane, greatest(due_at, leased_until)) WHERE state = 'pending';

-- Its delivery log: written before an attempt is sent, completed after it.
CREATE TABLE callback_attempts (
    event_id    text COLLATE "C" NOT NULL,
    attempt     bigint NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    result      text NOT NULL DEFAULT '',
    http_status bigint NOT NULL DEFAULT 0,
    error       text NOT NULL DEFAULT '',
    took        bigint NOT NULL DEFAULT 0, -- nanoseconds
    PRIMARY KEY (event_id, attempt, started_at)
) PARTITION BY RANGE (started_at);
CREATE TABLE callback_attempts_default PARTITION OF callback_attempts DEFAULT;

-- Ids of batches that were committed (DESIGN 3.1: commit unknown).
CREATE TABLE batches (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX batches_at ON batches (at);
