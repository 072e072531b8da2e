-- The twin of PostgreSQL's 00009.

-- +goose Up

CREATE TABLE fee_schedules (
    merchant_id  TEXT NOT NULL,
    mcc          TEXT NOT NULL,
    basis_points INTEGER NOT NULL,
    min_fee      INTEGER NOT NULL,
    max_fee      INTEGER NOT NULL,
    rounding     TEXT NOT NULL,
    PRIMARY KEY (merchant_id, mcc)
) STRICT, WITHOUT ROWID;

CREATE INDEX transactions_ended ON transactions (ended_at) WHERE ended_at IS NOT NULL;
