-- The twin of PostgreSQL's 00007.

-- +goose Up

CREATE INDEX network_requests_of_payment ON network_requests (transaction_id) WHERE state = 'pending';
CREATE INDEX network_requests_dead ON network_requests (created_at) WHERE state = 'dead';
