-- Enrolment by codes, and its undoing. Both tables hold one row a terminal at
-- most, and every writer locks the terminal's own row first.

-- +goose Up

-- A code is kept as an HMAC under a sealed key: its secret part is short enough
-- to be tried out by whoever could compute what is stored.
CREATE TABLE enrol_codes (
    merchant_id text COLLATE "C" NOT NULL,
    store_id    text COLLATE "C" NOT NULL,
    terminal_id text COLLATE "C" NOT NULL,
    handle      text COLLATE "C" NOT NULL UNIQUE,
    mac         bytea NOT NULL,
    actor       text NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    wrong       bigint NOT NULL DEFAULT 0,
    spent_by    bytea,
    spent_at    timestamptz,
    PRIMARY KEY (merchant_id, store_id, terminal_id)
);

-- The latest revocation of each terminal. It has been carried out, or is to be,
-- while the terminal has no credentials.
CREATE TABLE terminal_revocations (
    merchant_id text COLLATE "C" NOT NULL,
    store_id    text COLLATE "C" NOT NULL,
    terminal_id text COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL,
    actor       text NOT NULL,
    PRIMARY KEY (merchant_id, store_id, terminal_id)
);
