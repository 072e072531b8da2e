-- The twin of PostgreSQL's 00012: indexes for the few rows that are still open or
-- that can go. Nothing is kept by month here, so nothing is detached.

-- +goose Up

CREATE INDEX transactions_begun ON transactions (state, created_at, id) WHERE state IN ('in_progress', 'parked');
CREATE INDEX network_requests_done ON network_requests (created_at) WHERE state = 'done';
