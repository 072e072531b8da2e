-- The twin of PostgreSQL's 00013: the payments that came to nothing, for the
-- administration's lists of everybody's.

-- +goose Up

CREATE INDEX transactions_in_vain ON transactions (state, id) WHERE state IN ('failed', 'cancelled', 'expired');
