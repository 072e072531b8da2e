-- The worker of the UPI network takes one row of a payment at a time, and an
-- alarm counts the rows that were given up.

-- +goose Up

CREATE INDEX network_requests_of_payment ON network_requests (transaction_id) WHERE state = 'pending';
CREATE INDEX network_requests_dead ON network_requests (created_at) WHERE state = 'dead';
