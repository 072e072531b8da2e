-- The embedded twin of PostgreSQL's migration of this number.

-- +goose Up

CREATE TABLE enrol_codes (
    merchant_id TEXT NOT NULL,
    store_id    TEXT NOT NULL,
    terminal_id TEXT NOT NULL,
    handle      TEXT NOT NULL UNIQUE,
    mac         BLOB NOT NULL,
    actor       TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    wrong       INTEGER NOT NULL DEFAULT 0,
    spent_by    BLOB,
    spent_at    INTEGER,
    PRIMARY KEY (merchant_id, store_id, terminal_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE terminal_revocations (
    merchant_id TEXT NOT NULL,
    store_id    TEXT NOT NULL,
    terminal_id TEXT NOT NULL,
    at          INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    PRIMARY KEY (merchant_id, store_id, terminal_id)
) STRICT, WITHOUT ROWID;
