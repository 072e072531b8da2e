-- A callback without a URL is in state 'none': nobody sends it, but its
-- merchant's feed shows it. resent_after is how many attempts had been made when
-- it was last resent: the outcome of one of those moves nothing any more.
-- SQLite cannot change a CHECK: the table is made anew.

-- +goose Up

CREATE TABLE callbacks_new (
    event_id       TEXT PRIMARY KEY,
    transaction_id TEXT NOT NULL,
    merchant_id    TEXT NOT NULL,
    lane           TEXT NOT NULL,
    url            TEXT NOT NULL,
    method         TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    state          TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead', 'none')),
    attempts       INTEGER NOT NULL DEFAULT 0,
    first_at       INTEGER,
    due_at         INTEGER NOT NULL,
    leased_until   INTEGER,
    free_at        INTEGER GENERATED ALWAYS AS (max(due_at, coalesce(leased_until, due_at))) VIRTUAL,
    resent_after   INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO callbacks_new (event_id, transaction_id, merchant_id, lane, url, method, created_at, state, attempts, first_at, due_at, leased_until)
    SELECT event_id, transaction_id, merchant_id, lane, url, method, created_at, state, attempts, first_at, due_at, leased_until FROM callbacks;
DROP TABLE callbacks;
ALTER TABLE callbacks_new RENAME TO callbacks;
CREATE INDEX callbacks_due ON callbacks (lane, due_at, event_id) WHERE state = 'pending';
CREATE INDEX callbacks_free ON callbacks (lane, free_at) WHERE state = 'pending';

-- A merchant's feed and list; everybody's list; a payment's.
CREATE INDEX callbacks_of_merchant ON callbacks (merchant_id, created_at, event_id);
CREATE INDEX callbacks_made ON callbacks (created_at, event_id);
CREATE INDEX callbacks_of_payment ON callbacks (transaction_id);
CREATE INDEX callbacks_dead ON callbacks (created_at, event_id) WHERE state = 'dead';
