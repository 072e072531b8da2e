-- What keeps a database of years as cheap as one of days: the months that were
-- detached, from when on callbacks are pending, and indexes for the few rows that
-- are still open or that can go. Indexes are built beside writers, so this is no
-- transaction; what a migration that was cut short has left is made again.

-- +goose NO TRANSACTION
-- +goose Up

-- The months whose rows do not stand in their table any more. Where dropped_at is
-- NULL they stand in detached_<table>_<yyyy>_<mm>.
CREATE TABLE IF NOT EXISTS archived_months (
    parent      text COLLATE "C" NOT NULL,
    month       date NOT NULL,
    detached_at timestamptz NOT NULL,
    dropped_at  timestamptz,
    PRIMARY KEY (parent, month)
);

-- No callback that was made before since is pending. Whoever makes an older one
-- pending again moves it back in the same transaction.
CREATE TABLE IF NOT EXISTS callbacks_open (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    since timestamptz NOT NULL
);
INSERT INTO callbacks_open (since) VALUES ('-infinity') ON CONFLICT DO NOTHING;

-- Payments that a customer began and nobody ended.
DROP INDEX CONCURRENTLY IF EXISTS transactions_begun;
CREATE INDEX CONCURRENTLY transactions_begun ON transactions (state, created_at, id) WHERE state IN ('in_progress', 'parked');

-- Rows that the network outbox is done with.
DROP INDEX CONCURRENTLY IF EXISTS network_requests_done;
CREATE INDEX CONCURRENTLY network_requests_done ON network_requests (created_at) WHERE state = 'done';
